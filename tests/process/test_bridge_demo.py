"""The whole demo with other things weighing: a microcontroller in QEMU, an indicator's line."""

from __future__ import annotations

from pathlib import Path

import pytest

from firmware_bridge.sim.qemu import missing_tools
from tests.process.lane import RunningLane

pytestmark = pytest.mark.process

DEMO_S_MAX = 200
HELD_S_MAX = 120.0
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


def test_a_truck_weighed_by_an_indicator_is_held_for_its_axles_and_kept(tmp_path: Path) -> None:
    """An indicator tells no axles, and without an axle count nothing is released by itself."""
    with RunningLane(tmp_path, "--trucks", "1", "--weigh", "indicator") as lane:
        lane.until(
            "held for the axles",
            lambda: (
                lane.snapshot is not None and lane.snapshot.display.reason.value == "axles_unknown"
            ),
            HELD_S_MAX,
        )
        assert lane.snapshot is not None
        weighed = lane.snapshot.weighed
        assert weighed is not None
        assert weighed.held_kg is not None
        assert abs(weighed.held_kg - 48_320) <= 40
        assert lane.snapshot.leases[1] == ""
