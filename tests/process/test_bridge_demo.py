"""The whole demo with other things weighing: a microcontroller in QEMU, an indicator's line."""

from __future__ import annotations

from pathlib import Path

import pytest

from firmware_bridge.sim.qemu import missing_tools
from tests.process.lane import RunningLane

pytestmark = pytest.mark.process

DEMO_S_MAX = 200
MISSING = missing_tools()


@pytest.mark.mcu
@pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}")
def test_a_truck_weighed_by_the_microcontroller_passes(tmp_path: Path) -> None:
    with RunningLane(tmp_path, "--trucks", "1", "--weigh", "mcu") as lane:
        assert lane.process.wait(DEMO_S_MAX) == 0
        lane.log.seek(0)
        shown = lane.log.read()
    (row,) = [line.split() for line in shown.splitlines() if "晋" in line]
    assert row[1] == "6"
    assert row[4] == "pass"


def test_a_truck_weighed_by_an_indicator_passes_with_the_axles_of_the_site_list(
    tmp_path: Path,
) -> None:
    """An indicator tells no axles; the list's axle pattern does, and the record says the count."""
    with RunningLane(tmp_path, "--trucks", "1", "--weigh", "indicator") as lane:
        assert lane.process.wait(DEMO_S_MAX) == 0
        lane.log.seek(0)
        shown = lane.log.read()
    (row,) = [line.split() for line in shown.splitlines() if "晋" in line]
    assert row[1] == "6"
    assert abs(int(row[2]) - 48_320) <= 40
    assert row[3:5] == ["49000", "pass"]
