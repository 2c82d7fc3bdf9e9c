"""Indicator mode: flags obeyed, value unchanged, beams required, 1 d for 1 s, middle of 2 s."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

import pytest

from hal.contract.types import NS_PER_S, IndicatorReading, MonotonicNs, Tri
from terminal.core.types import Weighed, WeighFlag
from terminal.weighing import Pipeline
from tests.unit.weighing.test_pipeline import params

STEP_NS = NS_PER_S // 10


class Display:
    """Ten frames a second into one pipeline."""

    def __init__(self, beams: bool = True) -> None:
        self.pipe = Pipeline(params(beams))
        self.now_ns = NS_PER_S

    def show(
        self,
        masses: Iterable[int | None],
        *,
        motion: Tri = Tri.UNKNOWN,
        overload: Tri = Tri.NO,
        zero: Tri = Tri.UNKNOWN,
        beam: Tri = Tri.NO,
    ) -> Weighed:
        out = None
        for kg in masses:
            now = MonotonicNs(self.now_ns)
            reading = IndicatorReading(now, kg, motion, overload, zero, Tri.NO, b"=%d" % (kg or 0))
            out = self.pipe.feed_indicator([reading], beam, Tri.NO, now) or out
            self.now_ns += STEP_NS
        assert out is not None
        return out


def test_the_value_is_passed_on_unchanged_even_off_the_division() -> None:
    display = Display()
    display.show([0] * 25)
    out = display.show([48_991] * 12)
    assert out.held_kg == 48_991
    assert out.gross_kg == 48_991


def test_a_cut_between_two_frames_ends_the_hold() -> None:
    display = Display()
    display.show([0] * 25)
    assert display.show([48_980] * 30).held_kg == 48_980
    for beam in (Tri.YES, Tri.NO):
        now = MonotonicNs(display.now_ns - STEP_NS // 2)
        assert display.pipe.feed_indicator([], beam, Tri.NO, now) is None
    assert display.show([48_980]).held_kg is None
    again = display.show([48_980] * 30)
    assert again.held_kg == 48_980
    assert again.held_since_ns > display.now_ns - 30 * STEP_NS


@pytest.mark.parametrize(
    ("masses", "keywords"),
    [
        ([48_980] * 30, {"motion": Tri.YES}),
        ([48_980] * 30, {"overload": Tri.YES}),
        ([48_980] * 30, {"beam": Tri.YES}),
        ([48_980] * 30, {"beam": Tri.UNKNOWN}),
        ([None] * 30, {}),
        ([48_980, 49_020] * 15, {}),
        ([48_980] * 9, {}),
        ([100_200] * 30, {}),
    ],
)
def test_nothing_is_held(masses: list[int | None], keywords: dict[str, Tri]) -> None:
    display = Display()
    display.show([0] * 25)
    assert display.show(masses, **keywords).held_kg is None


def test_of_a_display_that_swings_by_a_division_the_middle_is_taken() -> None:
    display = Display()
    display.show([0] * 25)
    display.show([20_000] * 3, beam=Tri.YES)
    held = {display.show([kg]).held_kg for kg in [49_000, 48_980, 48_980, 49_000, 48_980] * 8}
    assert held == {None, 48_980}


def test_without_beams_nothing_is_held() -> None:
    display = Display(beams=False)
    display.show([0] * 25)
    assert display.show([30_000] * 40).held_kg is None


def test_its_own_motion_flag_is_enough_and_faster() -> None:
    display = Display()
    display.show([0] * 25)
    display.show([20_000, 30_000], motion=Tri.YES)
    assert display.show([30_000] * 6, motion=Tri.NO).held_kg == 30_000


def test_a_load_from_the_start_has_no_zero_reference() -> None:
    out = Display().show([30_000] * 40)
    assert out.held_kg is None
    assert out.flags & WeighFlag.NO_ZERO_REF


def test_the_hold_ends_with_the_load() -> None:
    display = Display()
    display.show([0] * 25)
    assert display.show([30_000] * 20).held_kg == 30_000
    assert display.show([29_000] * 2).held_kg is None


def test_a_silent_instrument_says_nothing() -> None:
    display = Display()
    display.show([0] * 25)
    last = display.show([30_000] * 20)
    out = display.pipe.feed_indicator(
        [], Tri.NO, Tri.NO, MonotonicNs(display.now_ns + 2 * NS_PER_S)
    )
    assert out is not None
    assert (out.held_kg, out.gross_kg, out.motion) == (None, None, Tri.UNKNOWN)
    assert out.at_ns == last.at_ns, "silence must not pass for a fresh weight (I5)"


def test_frames_out_of_order_are_dropped() -> None:
    display = Display()
    last = display.show([0] * 25)
    stale = IndicatorReading(MonotonicNs(NS_PER_S), 7_000, Tri.NO, Tri.NO, Tri.NO, Tri.NO, b"")
    now = MonotonicNs(display.now_ns)
    assert display.pipe.feed_indicator([stale], Tri.NO, Tri.NO, now) is None
    assert dataclasses.replace(last).gross_kg == 0


def test_the_frames_behind_a_hold_go_into_the_journal_once() -> None:
    display = Display()
    display.show([0] * 25)
    display.show([20_000] * 3, beam=Tri.YES)
    display.show([48_980] * 25)
    (event,) = [e for e in display.pipe.drain_events() if e.kind == "indicator_frames"]
    assert event.detail == f"21 x {b'=48980'.hex()}"
    assert not display.pipe.drain_events()
