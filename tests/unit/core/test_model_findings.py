"""What the exhaustive search found, told as scenarios; each failed before its fix."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hal.contract.types import InputName, Position, Side, Tri
from terminal.core.types import BarrierKind, HoldReason, Inputs, LaneKind, Prompt
from terminal.core.visit import Phase
from tests.unit.core.lane import PIN, LaneRig


def entry_said_to_be_closed(inputs: Inputs) -> Inputs:
    """The arm that was just told to rise has not left its switch yet."""
    entry, exit_ = inputs.barriers
    assert entry is not None
    return replace(inputs, barriers=(replace(entry, position=Position.CLOSED), exit_))


@pytest.mark.parametrize("barrier", list(BarrierKind))
def test_an_arm_told_to_rise_is_not_shut_although_its_switch_still_says_so(
    barrier: BarrierKind,
) -> None:
    """I4: weighing began, and the lease ended, over the vehicle that made the arm rise again."""
    rig = LaneRig(LaneKind.DOUBLE, barrier).ready().arrive().drive_on().run(1_400)
    rig.set(InputName.LOOP_ENTRY, True).run(10)
    assert rig.out.leases[Side.ENTRY] is not None
    rig.tampered = entry_said_to_be_closed
    rig.run(20)
    assert rig.phase is Phase.POSITIONING
    assert rig.out.leases[Side.ENTRY] is not None
    rig.tampered = lambda inputs: inputs
    rig.set(InputName.LOOP_ENTRY, False).until(Phase.WEIGHING)


def test_backing_out_does_not_end_over_a_vehicle_at_an_arm_told_to_rise() -> None:
    """I4: the visit ended, and the lease with it, while the next vehicle stood under the arm."""
    rig = LaneRig().load(48_000).run(2_000).press("A" + PIN + "#3#")
    rig.tampered = entry_said_to_be_closed
    rig.set(InputName.LOOP_ENTRY, True).load(0).run(50)
    assert rig.phase is Phase.EGRESS
    rig.set(InputName.LOOP_ENTRY, False).until(Phase.IDLE)


FAULT_MS = 400


def a_fault_passes_by(rig: LaneRig) -> None:
    rig.stale_inputs.add(InputName.BEAM_EXIT)
    rig.run(FAULT_MS)
    assert rig.phase is Phase.LOCKOUT
    assert rig.prompt is Prompt.FAULT
    rig.stale_inputs.clear()
    rig.run(FAULT_MS)


@pytest.mark.parametrize("barrier", list(BarrierKind))
def test_a_truck_under_the_open_entry_arm_of_a_locked_lane_is_sent_back(
    barrier: BarrierKind,
) -> None:
    """A trap: called on, it stood on the entry loop when the lane locked itself. The arm, never
    shut over it, stayed open; the lane waited for the arm, and the driver for the lane."""
    rig = LaneRig(LaneKind.DOUBLE, barrier).ready().arrive().until(Phase.ENTERING).run(500)
    assert rig.out.leases[Side.ENTRY] is not None
    a_fault_passes_by(rig)
    if barrier is BarrierKind.HOLD:  # its arm fell with the lease, and the lane serves the truck
        rig.until(Phase.ENTERING)
        return
    for _ in range(3):
        assert (rig.phase, rig.prompt) == (Phase.LOCKOUT, Prompt.OFF_ENTRY)
        assert rig.out.display.reason is HoldReason.BARRIER_OPEN
        assert rig.out.leases == (None, None)
        rig.run(60_000)
    rig.set(InputName.LOOP_ENTRY, False).run(9_000)
    assert rig.prompt is Prompt.OFF_ENTRY, "the next one is kept away until the arm is down"
    rig.until(Phase.IDLE)


def test_the_attendant_can_end_it_too_and_the_next_truck_is_told_while_one_backs_out() -> None:
    rig = LaneRig(LaneKind.DOUBLE, BarrierKind.PULSE).ready().arrive().until(Phase.ENTERING)
    a_fault_passes_by(rig.run(500))
    rig.press("A" + PIN + "#3#")
    assert (rig.phase, rig.prompt) == (Phase.EGRESS, Prompt.OFF_ENTRY)
    rig.run(20_000).set(InputName.LOOP_ENTRY, False).until(Phase.IDLE)


@pytest.mark.parametrize("empty", [Tri.NO, Tri.UNKNOWN])
def test_a_vehicle_on_the_deck_is_not_told_about_the_entry_arm(empty: Tri) -> None:
    rig = LaneRig(LaneKind.DOUBLE, BarrierKind.PULSE).ready().arrive().until(Phase.ENTERING)
    rig.run(500)
    rig.deck_empty = empty
    a_fault_passes_by(rig)
    assert rig.prompt is not Prompt.OFF_ENTRY
