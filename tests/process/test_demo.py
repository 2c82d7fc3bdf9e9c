"""The demo as a newcomer runs it: real processes, one truck, one believed record."""

from __future__ import annotations

from pathlib import Path

import apsw
import pytest

from tests.process.lane import RunningLane

pytestmark = pytest.mark.process

DEMO_S_MAX = 150


def test_one_truck_passes_and_the_demo_ends_by_itself(tmp_path: Path) -> None:
    with RunningLane(tmp_path, "--trucks", "1") as lane:
        assert lane.process.wait(DEMO_S_MAX) == 0
        lane.log.seek(0)
        shown = lane.log.read()
    (row,) = [line.split() for line in shown.splitlines() if "晋" in line]
    plate, axles, gross_kg, limit_kg, verdict, seq, delivered, _deck_s = row
    assert plate.startswith("晋")
    assert (axles, limit_kg, verdict, delivered) == ("6", "49000", "pass", "yes")
    assert int(gross_kg) <= int(limit_kg)
    assert int(seq) >= 1
    assert not quarantined(lane.ledger / "ledger.db"), "the county must take every kind of item"


def quarantined(path: Path) -> list[tuple[object, ...]]:
    ledger = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        return ledger.execute(
            "select class, code, why from delivery join item using (item) where state = 2"
        ).fetchall()
    finally:
        ledger.close()
