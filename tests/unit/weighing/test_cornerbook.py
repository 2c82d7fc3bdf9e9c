"""Corner evidence over a restart: taken back, or refused with a sentence and gathered afresh."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from hal.contract.types import NS_PER_S, MonotonicNs
from terminal.weighing.calibration import simulated, weigh_params
from terminal.weighing.cornerbook import CHARS_MAX, CornerBook, CornerFacts
from terminal.weighing.corners import PASSAGES_MIN
from terminal.weighing.gains import GainEvidence

T0 = MonotonicNs(NS_PER_S)
HOUR_NS = 3_600 * NS_PER_S


def told(cell: int, share: float, weight: float = 1e6) -> GainEvidence:
    gains = np.zeros(8)
    gains[cell] = share
    return GainEvidence(weight * np.eye(8), weight * gains)


def filled(count: int = PASSAGES_MIN, share: float = 0.02) -> CornerBook:
    book = CornerBook(8, "deck 1")
    for _ in range(count):
        book.add(told(3, share), T0)
    return book


def kinds(book: CornerBook) -> list[str]:
    return [event.kind for event in book.drain_events()]


def test_a_named_cell_is_still_named_after_a_restart() -> None:
    before = filled()
    assert before.verdict is not None
    assert before.verdict.cell == 3
    after = CornerBook(8, "deck 1")
    assert after.restore(before.text(), T0)
    assert after.verdict == before.verdict
    assert after.facts() == CornerFacts(PASSAGES_MIN, 3, -1, before.facts().gain_ppm, 0)
    assert kinds(after) == ["corners_restored", "corner_error"]


def test_evidence_goes_on_growing_over_restarts() -> None:
    kept = ""
    for number in range(PASSAGES_MIN):
        book = CornerBook(8, "deck 1")
        assert book.verdict is None
        if kept:
            assert book.restore(kept, T0)
        book.add(told(3, 0.02), T0)
        assert book.passages == number + 1
        kept = book.text()
    assert book.verdict is not None
    assert book.verdict.cell == 3


def test_what_was_gathered_before_the_kept_evidence_came_is_not_lost() -> None:
    kept = filled(3).text()
    late = CornerBook(8, "deck 1")
    for _ in range(2):
        late.add(told(3, 0.02), T0)
    assert late.restore(kept, T0)
    assert late.text() == filled(5).text()


def changed(text: str, **fields: object) -> str:
    return json.dumps({**json.loads(text), **fields})


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda text: text[:-40], "not JSON"),
        (lambda _: "", "not JSON"),
        (lambda _: "[" * 4_000, "not JSON"),
        (lambda _: "[1, 2]", "damaged"),
        (lambda text: text.replace("0.0", "0.1", 1), "damaged"),
        (lambda text: changed(text, calibration="deck 2"), "damaged"),
        (lambda text: text + " " * CHARS_MAX, "longer than"),
        (lambda _: CornerBook(8, "deck 2").text(), "another calibration"),
        (lambda _: CornerBook(6, "deck 1").text(), "cannot be evidence"),
    ],
    ids=[
        "cut",
        "empty",
        "deep",
        "other",
        "flipped",
        "relabelled",
        "long",
        "foreign",
        "fewer cells",
    ],
)
def test_what_cannot_be_used_is_refused_counted_and_gathered_afresh(spoil, why) -> None:  # type: ignore[no-untyped-def]
    book = CornerBook(8, "deck 1")
    assert not book.restore(spoil(filled().text()), T0)
    (event,) = book.drain_events()
    assert event.kind == "corners_refused"
    assert why in event.detail
    assert "gathered afresh" in event.detail
    assert book.facts() == CornerFacts(0, -1, -1, 0, 1)
    for _ in range(PASSAGES_MIN):
        book.add(told(5, -0.02), T0)
    assert book.facts().cell == 5
    assert book.facts().gain_ppm < -15_000


def test_an_alarm_is_given_once_an_hour_for_one_cell() -> None:
    book = filled()
    assert kinds(book) == ["corner_error"]
    for at_ns in (T0 + 1, T0 + HOUR_NS - 1):
        book.add(told(3, 0.02), MonotonicNs(at_ns))
    assert kinds(book) == []
    book.add(told(3, 0.02), MonotonicNs(T0 + HOUR_NS))
    (event,) = book.drain_events()
    assert event.detail.startswith("cell 3 reads 2.0 % too much")


def test_while_the_side_is_not_sure_both_cells_are_said() -> None:
    book = CornerBook(8, "deck 1")
    apart = np.zeros(8)
    apart[[4, 5]] = -1.0, 1.0  # right against left of one line is all that is seen
    info = 3e6 * np.outer(apart, apart)
    for _ in range(PASSAGES_MIN):
        book.add(GainEvidence(info, info @ (0.02 * np.eye(8)[5])), T0)
    assert book.verdict is not None
    assert book.verdict.cell == -1
    assert {book.facts().cell, book.facts().other} == {4, 5}
    (event,) = book.drain_events()
    assert "cell 4" in event.detail
    assert "cell 5" in event.detail
    assert "wrongly by" in event.detail


def test_a_mended_cell_is_forgotten_and_the_edge_does_not_flicker() -> None:
    book = filled()
    verdicts = []
    for _ in range(400):
        book.add(told(3, 0.0), T0)
        verdicts.append(book.verdict is not None)
    assert verdicts[0]
    assert not verdicts[-1]
    assert verdicts == sorted(verdicts, reverse=True), "gone once, gone for good"


def test_another_calibration_or_another_place_of_a_cell_is_another_identity() -> None:
    def identity(calibration, xs):  # type: ignore[no-untyped-def]
        return weigh_params(
            calibration,
            max_kg=100_000,
            e_kg=20,
            occupied_kg=1_000,
            beams=True,
            rate_hz=80.0,
            deck_length_mm=18_000,
            cell_positions_mm=[(x, y) for x in xs for y in (0, 3_000)],
        ).calibration

    xs = (400, 6_000, 12_000, 17_600)
    one = simulated("A1")
    same = identity(one, xs)
    assert identity(simulated("A1"), xs) == same
    assert identity(simulated("A2"), xs) != same
    assert identity(dataclasses.replace(one, sealed_count=1), xs) != same
    assert identity(one, (500, *xs[1:])) != same
