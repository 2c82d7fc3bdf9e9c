"""Arms, beams and loops."""

from __future__ import annotations

import random

import pytest

from hal.contract.types import InputName
from hal.sim.deck import STEP_NS
from hal.sim.fleet import RIGID_2
from hal.sim.lane import ARM_CLEAR_MDEG, ARM_OPEN_MDEG, Arm, Lane, LaneGeometry
from hal.sim.truck import Truck

GEOMETRY = LaneGeometry()


def turn(arm: Arm, seconds: float, open_: bool, close: bool = False, below: bool = False) -> None:
    for _ in range(round(seconds * 200)):
        arm.advance(STEP_NS, open_, close, below)


def test_hold_arm_opens_in_its_time_and_falls_shut() -> None:
    arm = Arm("hold")
    turn(arm, 1.4, True)
    assert 0 < arm.angle_mdeg < ARM_OPEN_MDEG
    turn(arm, 0.2, True)
    assert arm.angle_mdeg == ARM_OPEN_MDEG
    turn(arm, 1.6, False)
    assert arm.angle_mdeg == 0


def test_pulse_arm_keeps_its_last_order() -> None:
    arm = Arm("pulse")
    turn(arm, 0.5, True)
    turn(arm, 1.1, False)
    assert arm.angle_mdeg == ARM_OPEN_MDEG
    turn(arm, 60, False)
    assert arm.angle_mdeg == ARM_OPEN_MDEG, "nothing pressed: it stays"
    turn(arm, 0.5, False, close=True)
    turn(arm, 1.1, False)
    assert arm.angle_mdeg == 0
    turn(arm, 2, True, close=True)
    assert arm.angle_mdeg == 0, "both coils at once are no order"


def test_arm_stays_off_a_truck_and_counts_it_once() -> None:
    arm = Arm("hold")
    turn(arm, 2, True)
    turn(arm, 3, False, below=True)
    assert arm.angle_mdeg >= ARM_CLEAR_MDEG
    assert arm.struck == 1
    turn(arm, 2, False)
    assert (arm.angle_mdeg, arm.struck) == (0, 1)
    turn(arm, 2, True)
    turn(arm, 3, False, below=True)
    assert arm.struck == 2


def test_truck_that_rushes_under_a_falling_arm_is_its_drivers_doing() -> None:
    arm = Arm("hold")
    turn(arm, 2, True)
    turn(arm, 0.2, False)
    turn(arm, 3, False, below=True)
    assert arm.angle_mdeg >= ARM_CLEAR_MDEG
    assert (arm.struck, arm.rushed) == (0, 1)


@pytest.mark.parametrize(
    ("front_mm", "expected"),
    [
        (-5_600, set()),
        (-5_400, {"LOOP_ENTRY"}),
        (-50, {"LOOP_ENTRY", "BEAM_ENTRY"}),
        (6_500, {"BEAM_ENTRY"}),
        (13_000, set()),
        (18_099, set()),
        (18_101, {"BEAM_EXIT"}),
        (19_100, {"BEAM_EXIT", "LOOP_EXIT"}),
        (27_000, {"LOOP_EXIT"}),
        (30_500, set()),
    ],
)
def test_what_sees_the_truck_where(front_mm: int, expected: set[str]) -> None:
    lane = Lane("double", "hold")
    truck = Truck(RIGID_2, random.Random(1), float(front_mm))
    bits = lane.inputs([truck])
    assert {name.name for name in InputName if bits >> name & 1} == expected


def test_pressed_inputs_are_added() -> None:
    lane = Lane("double", "hold", pressed=1 << InputName.ESTOP)
    assert lane.inputs([]) == 1 << InputName.ESTOP


def test_exit_only_lane_has_an_open_entry_that_no_coil_moves() -> None:
    lane = Lane("exit-only", "hold")
    for _ in range(600):
        lane.advance(STEP_NS, [], lambda name: name == "exit_open")
    assert [arm.angle_mdeg for arm in lane.arms] == [ARM_OPEN_MDEG, ARM_OPEN_MDEG]
