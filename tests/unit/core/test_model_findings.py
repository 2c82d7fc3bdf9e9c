"""What the exhaustive search found, told as scenarios; each failed before its fix."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hal.contract.types import InputName, Position, Side
from terminal.core.types import BarrierKind, Inputs, LaneKind
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
