"""An indicator counts no axles: the site's list may, and nobody else; without it no release."""

from __future__ import annotations

from dataclasses import replace

from hal.contract.types import NS_PER_S
from terminal.core.types import HoldReason, Inputs, VehicleFacts, Verdict, WeightSource
from terminal.core.visit import Phase
from tests.unit.core.lane import PLATE, LaneRig

LISTED = VehicleFacts(vehicle_type="articulated", drive_axles=2, axle_pattern="159")


def rig(vehicle: VehicleFacts, source: WeightSource = WeightSource.INDICATOR) -> LaneRig:
    made = LaneRig(source=source)
    made.axles = None
    made.tampered = lambda inputs: with_list(inputs, vehicle)
    return made


def with_list(inputs: Inputs, vehicle: VehicleFacts) -> Inputs:
    return replace(inputs, vehicle=(PLATE, vehicle))


def test_the_list_names_the_axles_that_an_indicator_cannot_count() -> None:
    lane = rig(LISTED).weigh(48_000).until(Phase.RELEASING)
    draft = lane.state.draft
    assert draft is not None
    assert (draft.verdict, draft.axles, draft.limit_kg) == (Verdict.PASS, 6, 49_000)


def test_without_a_pattern_in_the_list_there_is_no_release() -> None:
    lane = rig(replace(LISTED, axle_pattern=None)).weigh(48_000).until(Phase.HELD)
    assert lane.state.reason is HoldReason.AXLES_UNKNOWN


def test_an_unread_plate_is_the_reason_before_unknown_axles() -> None:
    lane = rig(LISTED)
    lane.reading = None
    lane.weigh(48_000).until(Phase.HELD, 60 * NS_PER_S // 1_000_000)
    assert lane.state.reason is HoldReason.PLATE_UNREAD


def test_our_own_cells_must_count_for_themselves() -> None:
    lane = rig(LISTED, WeightSource.AMPLIFIER).weigh(48_000).until(Phase.HELD)
    assert lane.state.reason is HoldReason.AXLES_UNKNOWN
