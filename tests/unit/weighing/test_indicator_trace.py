"""An indicator's kept frames weigh as they did: its flags, the beams, its silences obeyed."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hal.contract.types import NS_PER_MS, NS_PER_S, IndicatorReading, MonotonicNs, Tri
from terminal.core.types import Weighed, WeightSource
from terminal.raw_samples import NO_FRAME, NO_VALUE, SAID, Packed, pack_frames, unpack
from terminal.weighing import Pipeline, TraceError, WeighParams, weigh_trace
from terminal.weighing.tracemeta import meta_text
from terminal.weighing.zero import ZeroState
from tests.unit.weighing.test_pipeline import params

TICK_NS = 10 * NS_PER_MS
KG = 30_020
NO_ZERO = ZeroState((), 0.0, MonotonicNs(0))
ZERO = ZeroState((0.0,), 0.0, MonotonicNs(NS_PER_S))


def indicator(beams: bool = True) -> WeighParams:
    return replace(params(beams), source=WeightSource.INDICATOR, rate_hz=10.0)


class Lane:
    """Ticks of a lane with an indicator: what it held, and what a file of its frames says."""

    def __init__(self, zero: ZeroState = NO_ZERO) -> None:
        self.params, self.zero = indicator(), zero
        self.pipe, self.now_ns = Pipeline(self.params), 20 * NS_PER_S
        self.rows: list[Packed] = []
        self.held: list[tuple[int, int]] = []
        self.beams = (Tri.UNKNOWN, Tri.UNKNOWN)

    def tick(self, readings: list[IndicatorReading], entry: Tri, leave: Tri = Tri.NO) -> None:
        now_ns = MonotonicNs(self.now_ns)
        changed_ns = None if (entry, leave) == self.beams else now_ns
        self.beams = entry, leave
        self.rows += unpack(pack_frames(readings, entry, leave, changed_ns))
        weighed: Weighed | None = self.pipe.feed_indicator(readings, entry, leave, now_ns)
        if weighed is not None and weighed.held_kg is not None:
            hold = (weighed.held_kg, weighed.held_since_ns)
            self.held += [] if hold in self.held else [hold]
        self.now_ns += TICK_NS

    def show(
        self, seconds: float, kg: int | None, *, entry: Tri = Tri.NO, period: int = 10, **said: Tri
    ) -> None:
        """A frame every period ticks, a little older than the tick that took it."""
        flags = {"motion": Tri.NO, "overload": Tri.NO, "zero": Tri.UNKNOWN, "net": Tri.NO} | said
        for tick in range(round(seconds * NS_PER_S / TICK_NS)):
            at_ns = MonotonicNs(self.now_ns - 3 * NS_PER_MS)
            frame = [IndicatorReading(at_ns, kg, **flags, raw=b"")]
            self.tick(frame if tick % period == 0 else [], entry)

    def wait(self, seconds: float, entry: Tri = Tri.NO) -> None:
        self.show(seconds, None, entry=entry, period=1_000_000_000)

    def file(self, path: Path) -> Path:
        counts = [[np.nan if row.counts == NO_VALUE else float(row.counts)] for row in self.rows]
        np.savez(
            path,
            t=[row.at_ns / NS_PER_S for row in self.rows],
            counts=np.array(counts),
            flags=np.array([[row.flags] for row in self.rows], dtype=np.uint8),
            beam_entry=[bool(row.beams & 1) for row in self.rows],
            beam_exit=[bool(row.beams & 2) for row in self.rows],
            meta=meta_text(self.params, self.zero, ()),
        )
        return path

    def same(self, folder: Path) -> list[int]:
        """The masses, when the file gives the very same at the same frames."""
        releases = weigh_trace(self.file(folder / "i.npz"))["releases"]
        told = [(release["displayed_kg"], round(release["t"] * NS_PER_S)) for release in releases]
        assert told == self.held
        return [kg for kg, _ in told]


def arrive(lane: Lane) -> None:
    lane.show(3, 0)
    lane.show(2, KG // 2, entry=Tri.YES, motion=Tri.YES)


def test_every_flag_and_its_octet_are_one(tmp_path: Path) -> None:
    assert len(SAID) == 81
    assert NO_FRAME not in SAID
    lane = Lane()
    arrive(lane)
    lane.show(3, KG)
    assert lane.same(tmp_path) == [KG]


@pytest.mark.parametrize(
    ("said", "masses"),
    [
        ({"motion": Tri.YES}, [KG + 20]),
        ({"overload": Tri.YES}, [KG + 20]),
        ({"overload": Tri.UNKNOWN}, [KG]),
    ],
)
def test_the_instruments_flags_are_obeyed(
    tmp_path: Path, said: dict[str, Tri], masses: list[int]
) -> None:
    lane = Lane()
    arrive(lane)
    lane.show(4, KG, **said)
    lane.show(4, KG + 20)
    assert lane.same(tmp_path) == masses


def test_a_frame_without_a_value_is_none(tmp_path: Path) -> None:
    lane = Lane()
    arrive(lane)
    lane.show(3, KG)
    lane.show(0.1, None)
    lane.show(3, KG)
    assert lane.same(tmp_path) == [KG, KG]


@pytest.mark.parametrize("beam", [Tri.YES, Tri.UNKNOWN])
def test_a_beam_cut_between_two_frames_is_in_the_file(tmp_path: Path, beam: Tri) -> None:
    lane = Lane()
    arrive(lane)
    lane.show(3, KG)
    lane.show(0.05, KG)
    lane.wait(0.02, entry=beam)
    lane.show(3, KG)
    assert lane.same(tmp_path) == [KG, KG]


def test_a_silent_display_is_stale_in_the_file_too(tmp_path: Path) -> None:
    lane = Lane()
    arrive(lane)
    lane.show(3, KG)
    lane.wait(5)
    lane.show(3, KG + 20)
    assert lane.same(tmp_path) == [KG, KG + 20]


@pytest.mark.parametrize(("zero", "held"), [(NO_ZERO, 0), (ZERO, 1)])
def test_a_zero_seen_before_the_file_counts_and_none_does_not(
    tmp_path: Path, zero: ZeroState, held: int
) -> None:
    lane = Lane(zero)
    arrive(lane)
    lane.rows.clear()
    lane.show(2, KG // 2, entry=Tri.YES, motion=Tri.YES)
    lane.show(3, KG)
    assert len(weigh_trace(lane.file(tmp_path / "i.npz"))["releases"]) == held
    assert len(lane.held) == 1


@pytest.mark.parametrize("seed", range(12))
def test_any_passage_comes_out_of_its_file_as_it_was(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    lane = Lane()
    arrive(lane)
    for _ in range(12):
        motion = rng.choice([Tri.NO, Tri.YES, Tri.UNKNOWN])
        kg = KG + rng.choice([-20, 0, 0, 20, 60])
        entry = rng.choice([Tri.NO, Tri.NO, Tri.NO, Tri.YES, Tri.UNKNOWN])
        lane.show(
            rng.uniform(0.1, 4), kg, entry=entry, period=rng.choice([3, 9, 13]), motion=motion
        )
        lane.wait(rng.choice([0.0, 0.0, 0.04, 2.0]), entry=rng.choice([Tri.NO, Tri.YES]))
    assert lane.same(tmp_path)


def test_flags_that_no_indicator_sets_are_refused(tmp_path: Path) -> None:
    lane = Lane()
    arrive(lane)
    lane.rows[5] = lane.rows[5]._replace(flags=3)
    with pytest.raises(TraceError, match="flags: has bits that no driver sets"):
        weigh_trace(lane.file(tmp_path / "i.npz"))
