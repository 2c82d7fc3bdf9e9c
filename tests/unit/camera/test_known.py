from __future__ import annotations

from pathlib import Path

import pytest

from hal.contract.types import MonotonicNs
from terminal.camera.known import ordered, plates_of
from terminal.core.types import PlateOutcome, PlateReading


def reading(outcome: PlateOutcome, plate: str, *candidates: str) -> PlateReading:
    return PlateReading(
        *(7, outcome, plate, "yellow", "ordinary", 300, candidates, 4, MonotonicNs(1))
    )


def test_the_list_orders_doubtful_candidates_and_says_so() -> None:
    unsure = reading(PlateOutcome.UNSURE, "晋L12345", "晋L12345", "晋L12346")
    told = ordered(unsure, (-1.0, -2.0), frozenset({"晋L12346"}))
    assert told.candidates == ("晋L12346", "晋L12345")
    assert told.by_list
    assert told.outcome is PlateOutcome.UNSURE
    assert ordered(unsure, (-1.0, -2.0), frozenset()) == unsure
    assert ordered(unsure, (-1.0, -9.0), frozenset({"晋L12346"})) == unsure


def test_a_clear_reading_is_left_alone() -> None:
    clear = reading(PlateOutcome.READ, "晋L12345", "晋L12345", "晋L12346")
    assert ordered(clear, (-1.0, -1.1), frozenset({"晋L12346"})) == clear


def test_open_places_are_looked_up() -> None:
    partly = reading(PlateOutcome.PARTLY, "晋L12?45")
    told = ordered(partly, (), frozenset({"晋L12945", "冀B00000"}))
    assert (told.candidates, told.by_list) == (("晋L12945",), True)
    assert ordered(partly, (), frozenset({"冀B00000"})) == partly


@pytest.mark.parametrize(
    ("content", "plates"),
    [
        ("plate,axles\n晋L12345,6\n晋l·12346,4\nnonsense,2\n", {"晋L12345", "晋L12346"}),
        ("\ufeffplate\n晋L1234挂\n", {"晋L1234挂"}),
        ("other\nx\n", set()),
        ("", set()),
    ],
)
def test_lists_are_read_leniently(tmp_path: Path, content: str, plates: set[str]) -> None:
    path = tmp_path / "vehicles.csv"
    path.write_text(content, encoding="utf-8")
    assert plates_of(path) == plates


def test_a_list_that_cannot_be_read_is_empty(tmp_path: Path) -> None:
    assert plates_of(tmp_path / "none.csv") == frozenset()
    (tmp_path / "bad.csv").write_bytes(b"plate\n\xff\xfe\x00")
    assert plates_of(tmp_path / "bad.csv") == frozenset()
