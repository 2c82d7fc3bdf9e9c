"""The lane's stories, told tick by tick for every lane and barrier kind."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from hal.contract.types import (
    NS_PER_MS,
    NS_PER_S,
    Aspect,
    Authority,
    Fault,
    FaultCode,
    InputName,
    MonotonicNs,
    Position,
    Side,
    Tri,
)
from terminal.core.types import (
    BarrierKind,
    HoldReason,
    LaneKind,
    PlateOutcome,
    PlateSource,
    Prompt,
    VehicleFacts,
    Verdict,
    WeighFlag,
)
from terminal.core.visit import Phase
from tests.unit.core.lane import PIN, PLATE, LaneRig

KINDS = [(lane, barrier) for lane in LaneKind for barrier in BarrierKind]
every_kind = pytest.mark.parametrize(("lane", "barrier"), KINDS, ids=lambda kind: kind.value)
OPEN_MENU = "A" + PIN + "#"


@every_kind
def test_a_truck_passes(lane: LaneKind, barrier: BarrierKind) -> None:
    rig = LaneRig(lane, barrier).ready()
    assert rig.out.lamps == (Aspect.RED, Aspect.RED)
    assert rig.prompt is Prompt.IDLE
    rig.arrive()
    assert rig.phase is Phase.ENTERING
    assert rig.out.lamps == (Aspect.GREEN, Aspect.RED)
    lease = rig.out.leases[Side.ENTRY]
    assert (lease is not None) is (lane is LaneKind.DOUBLE)
    rig.drive_on().until(Phase.WEIGHING)
    assert rig.out.look_visit_id == rig.state.visit_id == 1 << 20 | 1
    assert rig.out.leases == (None, None)
    rig.settle(48_000).until(Phase.RELEASING)
    lease = rig.out.leases[Side.EXIT]
    assert lease is not None
    assert lease.authority is Authority.RECORD
    assert rig.out.lamps == (Aspect.RED, Aspect.GREEN)
    draft = rig.state.draft
    assert draft is not None
    assert (draft.verdict, draft.plate, draft.gross_kg) == (Verdict.PASS, PLATE, 48_000)
    assert (draft.limit_kg, draft.limit_row, draft.reason) == (49_000, "6-artic-159", "table")
    assert draft.plate_source is PlateSource.CAMERA
    assert len(draft.photos) == 1
    assert rig.out.draft is None
    rig.run(2_000).take_exit().run(1_000)
    assert rig.phase is Phase.CLEARING
    assert rig.out.leases[Side.EXIT] is not None, "the delay has not passed yet"
    rig.until(Phase.IDLE)
    assert rig.arms[Side.EXIT].lift == 0
    assert rig.state.visit_id == 0


@every_kind
def test_an_overloaded_truck_backs_out(lane: LaneKind, barrier: BarrierKind) -> None:
    rig = LaneRig(lane, barrier).weigh(49_020).until(Phase.EGRESS)
    draft = rig.state.draft
    assert draft is not None
    assert (draft.verdict, draft.over_kg) == (Verdict.OVER, 20)
    assert rig.prompt is Prompt.OVER
    assert rig.out.display.reason is HoldReason.OVER_LIMIT
    assert rig.out.siren
    rig.run(11_000)
    assert not rig.out.siren
    assert rig.prompt is Prompt.BACK_OUT
    lease = rig.out.leases[Side.ENTRY]
    assert (lease is not None and lease.authority is Authority.BACK_OUT) is (
        lane is LaneKind.DOUBLE
    )
    rig.back_out().until(Phase.IDLE)
    assert not any("releasing" in change for change in rig.kinds("state"))
    assert rig.arms[Side.ENTRY].lift == 0


def test_exactly_the_limit_passes() -> None:
    assert LaneRig().weigh(49_000).until(Phase.RELEASING).state.verdict is Verdict.PASS


def test_unread_plate_is_keyed_in() -> None:
    rig = LaneRig()
    rig.reading = (PlateOutcome.UNSURE, "晋LA1284")
    rig.candidates = ("晋LA1284", "晋LA1234")
    rig.weigh().run(3_000)
    assert rig.prompt is Prompt.READING_PLATE
    rig.until(Phase.HELD, 15_000)
    assert rig.state.reason is HoldReason.PLATE_UNREAD
    rig.press(OPEN_MENU + "1")
    assert rig.out.display.menu_page == "choose"
    assert rig.out.display.menu_lines == rig.candidates
    rig.press("2").until(Phase.RELEASING)
    draft = rig.state.draft
    assert draft is not None
    assert (draft.plate, draft.plate_source) == ("晋LA1234", PlateSource.CHOSEN)
    assert "plate:晋LA1234" in rig.kinds("operator")


def test_a_plate_read_late_goes_on_by_itself() -> None:
    rig = LaneRig()
    rig.reading = None
    rig.weigh().until(Phase.HELD, 15_000)
    rig.reading = (PlateOutcome.READ, PLATE)
    rig.until(Phase.RELEASING)


def test_a_reading_that_is_no_plate_counts_as_unread() -> None:
    rig = LaneRig()
    rig.reading = (PlateOutcome.READ, "晋LAI234")
    rig.weigh().until(Phase.HELD, 15_000)
    assert rig.state.reason is HoldReason.PLATE_UNREAD


def test_no_camera_holds_for_the_plate_and_releases_without_photos() -> None:
    rig = LaneRig()
    rig.camera = False
    rig.weigh().until(Phase.HELD, 15_000)
    rig.press(OPEN_MENU + "1" + "555C")  # L, then digits
    assert rig.out.display.menu_lines == ("晋L", "digits")
    rig.press("12345#").until(Phase.RELEASING)
    draft = rig.state.draft
    assert draft is not None
    assert draft.plate == "晋L12345"
    assert draft.photos == ()
    assert draft.reason == "table;no_photos"


def test_photos_are_waited_for_but_not_for_ever() -> None:
    rig = LaneRig()
    rig.tampered = lambda inputs: replace(inputs, captured=None)
    rig.weigh().run(2_900)
    assert rig.phase is Phase.WEIGHING
    assert rig.out.capture_visit_id == rig.state.visit_id
    rig.run(300)
    assert rig.phase is Phase.RELEASING


def test_vehicle_list_is_waited_for_but_not_for_ever() -> None:
    rig = LaneRig()
    rig.vehicle = None
    rig.board(46_020).run(2_500).settle(46_020).until(Phase.EGRESS)
    assert rig.state.limit.limit_kg == 46_000


def test_axles_unknown_can_only_be_refused() -> None:
    rig = LaneRig()
    rig.axles = None
    rig.weigh().until(Phase.HELD)
    assert rig.state.reason is HoldReason.AXLES_UNKNOWN
    assert rig.prompt is Prompt.AXLES_UNKNOWN
    rig.press(OPEN_MENU + "2#").until(Phase.EGRESS)
    draft = rig.state.draft
    assert draft is not None
    assert (draft.verdict, draft.reason) == (Verdict.REFUSED, "axles_unknown")
    rig.back_out().until(Phase.IDLE)


@pytest.mark.parametrize("axles", [5, 7])
def test_other_axles_than_the_list_says_can_be_refused(axles: int) -> None:
    rig = LaneRig()
    rig.axles = axles
    rig.weigh(40_000).until(Phase.HELD)
    assert rig.state.reason is HoldReason.AXLES_DIFFER
    assert rig.prompt is Prompt.AXLES_UNKNOWN
    assert rig.state.draft is None
    rig.run(60_000)
    assert rig.phase is Phase.HELD
    rig.press(OPEN_MENU + "2#").until(Phase.EGRESS)
    draft = rig.state.draft
    assert draft is not None
    assert (draft.verdict, draft.reason, draft.axles) == (Verdict.REFUSED, "axles_differ", axles)
    rig.back_out().until(Phase.IDLE)


def test_the_right_plate_ends_a_hold_for_other_axles() -> None:
    rig = LaneRig()
    rig.axles = 5
    rig.weigh(40_000).until(Phase.HELD)
    rig.vehicle = VehicleFacts("articulated", 1, False, 0, None, "129")
    rig.press(OPEN_MENU + "1" + "555C" + "12345#").until(Phase.RELEASING)
    draft = rig.state.draft
    assert draft is not None
    assert (draft.plate, draft.plate_source) == ("晋L12345", PlateSource.KEYPAD)
    assert (draft.axles, draft.limit_row) == (5, "5-artic-129")


def test_a_plate_of_which_the_list_says_no_axles_is_judged_by_the_count() -> None:
    rig = LaneRig()
    rig.axles = 5
    rig.vehicle = VehicleFacts()
    rig.weigh(40_000).until(Phase.RELEASING)
    assert rig.state.limit.why == "type_unknown_lowest"


def test_a_second_vehicle_ends_a_hold_for_other_axles() -> None:
    rig = LaneRig()
    rig.axles = 5
    rig.weigh(40_000).until(Phase.HELD)
    rig.set(InputName.BEAM_ENTRY, True).run(50)
    assert rig.state.reason is HoldReason.SECOND_VEHICLE


def test_one_axle_is_no_vehicle() -> None:
    rig = LaneRig()
    rig.axles = 1
    assert rig.weigh().until(Phase.HELD).state.reason is HoldReason.AXLES_UNKNOWN


def test_not_in_place() -> None:
    rig = LaneRig().ready().arrive().drive_on()
    rig.set(InputName.BEAM_EXIT, True).run(100)
    assert (rig.phase, rig.prompt) == (Phase.POSITIONING, Prompt.GO_BACK)
    rig.set(InputName.BEAM_EXIT, False).set(InputName.BEAM_ENTRY, True).run(100)
    assert rig.prompt is Prompt.GO_FORWARD
    assert rig.out.display.reason is HoldReason.NOT_IN_PLACE
    rig.until(Phase.HELD, 95_000)
    assert rig.state.reason is HoldReason.NOT_IN_PLACE
    assert rig.out.leases[Side.ENTRY] is not None, "the boom stays up over the vehicle"
    rig.set(InputName.BEAM_ENTRY, False).until(Phase.WEIGHING)


def test_too_far_forward_on_boarding() -> None:
    rig = LaneRig().ready().arrive()
    rig.set(InputName.BEAM_ENTRY, True).run(100).load(30_000).set(InputName.BEAM_EXIT, True)
    assert rig.run(100).prompt is Prompt.GO_BACK


def test_refusing_a_vehicle_that_stands_under_the_boom_needs_no_record() -> None:
    rig = LaneRig().ready().arrive().drive_on().set(InputName.BEAM_ENTRY, True)
    rig.until(Phase.HELD, 95_000).press(OPEN_MENU + "2#")
    assert rig.phase is Phase.EGRESS
    assert rig.state.draft is None
    assert rig.out.leases[Side.ENTRY] is not None
    rig.back_out().until(Phase.IDLE)


@every_kind
def test_second_vehicle_before_the_release(lane: LaneKind, barrier: BarrierKind) -> None:
    rig = LaneRig(lane, barrier)
    rig.reading = None
    rig.weigh().run(200)
    first = rig.state.visit_id
    rig.set(InputName.BEAM_ENTRY, True).run(50)
    assert (rig.phase, rig.state.reason) == (Phase.HELD, HoldReason.SECOND_VEHICLE)
    assert rig.state.latch is None
    assert rig.out.siren
    rig.reading = (PlateOutcome.READ, PLATE)
    rig.set(InputName.BEAM_ENTRY, False).until(Phase.WEIGHING)
    rig.run(1_000)
    assert rig.state.latch is None, "the mass held before the beam was cut must not count"
    rig.settle(48_000).until(Phase.RELEASING)
    assert rig.state.visit_id == first + 1


def test_two_vehicles_by_the_cells() -> None:
    rig = LaneRig().board()
    rig.flags = WeighFlag.TWO_VEHICLES
    rig.run(1_000)
    assert (rig.phase, rig.state.reason) == (Phase.HELD, HoldReason.SECOND_VEHICLE)
    rig.flags = WeighFlag.NONE
    rig.until(Phase.WEIGHING)


@every_kind
def test_tailgater_at_the_exit(lane: LaneKind, barrier: BarrierKind) -> None:
    rig = LaneRig(lane, barrier).weigh().until(Phase.RELEASING).run(1_000)
    first = rig.state.visit_id
    rig.take_exit(rest_kg=30_000).until(Phase.HELD)
    assert rig.state.reason is HoldReason.SECOND_VEHICLE
    assert rig.out.leases == (None, None)
    rig.until(Phase.POSITIONING).until(Phase.WEIGHING)
    assert rig.state.visit_id == first + 1
    rig.settle(30_000).until(Phase.RELEASING)


@every_kind
def test_ledger_away_and_back(lane: LaneKind, barrier: BarrierKind) -> None:
    rig = LaneRig(lane, barrier).board()
    rig.ledger = False
    rig.settle(46_000).until(Phase.HELD)
    assert rig.state.reason is HoldReason.LEDGER_AWAY
    rig.run(20_000)
    assert rig.phase is Phase.HELD
    assert rig.out.draft is not None, "the draft is repeated"
    assert rig.out.leases == (None, None)
    rig.ledger = True
    rig.until(Phase.RELEASING)
    assert len(set(rig.drafts)) == 1


def test_a_slow_ledger_holds_after_commit_s_max() -> None:
    rig = LaneRig()
    rig.tampered = lambda inputs: replace(inputs, committed=())
    rig.weigh().until(Phase.COMMITTING).run(4_900)
    assert rig.phase is Phase.COMMITTING
    rig.run(200)
    assert (rig.phase, rig.prompt) == (Phase.HELD, Prompt.ATTENDANT)


def test_a_vehicle_that_moves_while_the_ledger_is_away_is_weighed_anew() -> None:
    rig = LaneRig()
    rig.tampered = lambda inputs: replace(inputs, committed=())
    rig.weigh().until(Phase.HELD, 10_000)
    first = rig.state.visit_id
    rig.load(48_000).run(100)
    rig.tampered = lambda inputs: inputs
    rig.until(Phase.WEIGHING)
    assert rig.state.visit_id == first + 1
    assert rig.out.leases == (None, None)


def test_save_refused_is_asked_again() -> None:
    rig = LaneRig()
    rig.ledger_refuses = True
    rig.weigh().until(Phase.HELD)
    assert (rig.state.reason, rig.prompt) == (HoldReason.SAVE_REFUSED, Prompt.SAVE_FAILED)
    assert rig.out.draft is None
    rig.run(30_000)
    assert rig.state.reason is HoldReason.SAVE_REFUSED
    rig.ledger_refuses = False
    rig.until(Phase.RELEASING, 15_000)


def test_refusal_that_cannot_be_saved_still_lets_the_vehicle_back_out() -> None:
    rig = LaneRig()
    rig.ledger_refuses = True
    rig.weigh().until(Phase.HELD)
    first = rig.state.visit_id
    rig.press(OPEN_MENU + "2#").run(50)
    assert rig.phase is Phase.HELD
    assert rig.state.visit_id == first + 1, "the refusal must not share the passing record's id"
    rig.press(OPEN_MENU + "2#")
    assert rig.phase is Phase.EGRESS
    rig.back_out().until(Phase.IDLE)


def test_save_refused_after_the_ledger_was_away() -> None:
    rig = LaneRig().board()
    rig.ledger = False
    rig.settle(46_000).until(Phase.HELD)
    rig.ledger, rig.ledger_refuses = True, True
    rig.run(100)
    assert rig.state.reason is HoldReason.SAVE_REFUSED


@every_kind
def test_restart_with_a_vehicle_on_the_deck(lane: LaneKind, barrier: BarrierKind) -> None:
    rig = LaneRig(lane, barrier).load(48_000)
    rig.run(5_000)
    assert (rig.phase, rig.state.reason) == (Phase.LOCKOUT, HoldReason.RESTARTED)
    assert not rig.out.zero_allowed
    rig.press("A1234#3#")
    assert rig.phase is Phase.LOCKOUT, "a wrong PIN orders nothing"
    rig.press("*" + OPEN_MENU + "3#")
    assert rig.phase is Phase.EGRESS
    assert "egress" in rig.kinds("operator")
    rig.run(500)
    lease = rig.out.leases[Side.ENTRY]
    assert (lease is not None) is (lane is LaneKind.DOUBLE)
    rig.back_out().until(Phase.IDLE)


@every_kind
def test_restart_with_an_open_exit_closes_it_only_over_a_clear_passage(
    lane: LaneKind, barrier: BarrierKind
) -> None:
    rig = LaneRig(lane, barrier)
    rig.arms[Side.EXIT].lift = rig.arms[Side.EXIT].target = 20
    rig.set(InputName.LOOP_EXIT, True).run(20_000)
    assert rig.phase is Phase.LOCKOUT
    if barrier is BarrierKind.PULSE:
        assert rig.arms[Side.EXIT].lift == 20
    rig.set(InputName.LOOP_EXIT, False).run(9_000)
    assert rig.out.close == (None, None)
    rig.until(Phase.IDLE)


FAULTS: list[tuple[HoldReason, Callable[[LaneRig], object]]] = [
    (HoldReason.ESTOP, lambda rig: rig.set(InputName.ESTOP, True)),
    (HoldReason.WIRED_RELEASE, lambda rig: rig.set(InputName.WIRED_RELEASE, True)),
    (HoldReason.SENSOR_STALE, lambda rig: rig.stale_inputs.add(InputName.BEAM_EXIT)),
    (HoldReason.SENSOR_STALE, lambda rig: rig.stale_inputs.add(InputName.LOOP_ENTRY)),
    (HoldReason.SENSOR_STALE, lambda rig: rig.set(InputName.BEAM_ENTRY, Tri.UNKNOWN)),
    (HoldReason.SENSOR_STALE, lambda rig: rig.set(InputName.ESTOP, Tri.UNKNOWN)),
    (HoldReason.WEIGHT_STALE, lambda rig: setattr(rig, "weight_frozen_ns", rig.now_ns)),
    (
        HoldReason.BARRIER_FAULT,
        lambda rig: setattr(
            rig.arms[1], "fault", Fault(FaultCode.BUS, "exit", MonotonicNs(rig.now_ns))
        ),
    ),
]


@every_kind
@pytest.mark.parametrize("phase", [Phase.IDLE, Phase.WEIGHING, Phase.RELEASING, Phase.CLEARING])
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault[0].value)
def test_a_fault_locks_out_at_once(
    lane: LaneKind,
    barrier: BarrierKind,
    phase: Phase,
    fault: tuple[HoldReason, Callable[[LaneRig], object]],
) -> None:
    rig = LaneRig(lane, barrier).ready()
    if phase is not Phase.IDLE:
        rig.board()
    if phase in (Phase.RELEASING, Phase.CLEARING):
        rig.settle(48_000).until(Phase.RELEASING).run(1_000)
    if phase is Phase.CLEARING:
        rig.set(InputName.BEAM_EXIT, True).run(100)
    assert rig.phase is phase
    reason, break_it = fault
    break_it(rig)
    stale = reason is HoldReason.WEIGHT_STALE
    rig.run(300 if stale else 20)
    assert (rig.phase, rig.state.reason) == (Phase.LOCKOUT, reason)
    assert rig.out.leases == rig.out.close == (None, None)
    assert rig.out.lamps == (Aspect.RED, Aspect.RED)
    rig.run(3_000)
    assert rig.phase is Phase.LOCKOUT
    assert rig.kinds("lockout")[-1] == reason.value
    assert len(rig.kinds("lockout")) == 2, "one event for the restart's end, one for the fault"


def test_relay_and_contact_apart() -> None:
    rig = LaneRig().ready()
    rig.arms[Side.EXIT].welded = True
    rig.run(500)
    assert rig.phase is Phase.IDLE
    rig.run(20)
    assert rig.state.reason is HoldReason.RELAY_DISAGREES


def test_a_contact_that_is_not_wired_cannot_disagree() -> None:
    rig = LaneRig(readback=(True, False)).ready()
    rig.arms[Side.EXIT].welded = True
    assert rig.run(2_000).phase is Phase.IDLE
    rig.arms[Side.ENTRY].welded = True
    assert rig.run(2_000).phase is Phase.LOCKOUT


@pytest.mark.parametrize("side", list(Side))
def test_an_arm_that_strays_open(side: Side) -> None:
    rig = LaneRig(barrier=BarrierKind.PULSE).board()
    rig.arms[side].lift = rig.arms[side].target = 20
    rig.run(30)
    assert rig.state.reason is HoldReason.BARRIER_OPEN


@every_kind
def test_an_exit_that_does_not_open_or_shut(lane: LaneKind, barrier: BarrierKind) -> None:
    rig = LaneRig(lane, barrier).weigh()
    rig.arms[Side.EXIT].stuck = True
    rig.until(Phase.RELEASING).until(Phase.LOCKOUT, 16_000)
    assert rig.state.reason is HoldReason.BARRIER_FAULT
    rig = LaneRig(lane, barrier).weigh().until(Phase.RELEASING).run(1_000)
    rig.arms[Side.EXIT].stuck = True
    rig.take_exit().until(Phase.LOCKOUT, 20_000)
    assert rig.state.reason is HoldReason.BARRIER_FAULT


def test_a_trigger_under_the_falling_entry_boom_opens_it_again() -> None:
    rig = LaneRig().ready().arrive().drive_on().run(1_400)
    assert rig.out.leases[Side.ENTRY] is None
    assert 0 < rig.arms[Side.ENTRY].lift < 20
    rig.set(InputName.LOOP_ENTRY, True).run(10)
    assert rig.out.leases[Side.ENTRY] is not None
    assert rig.prompt is Prompt.SECOND_VEHICLE
    rig.set(InputName.LOOP_ENTRY, False).until(Phase.WEIGHING)


def test_called_and_did_not_come() -> None:
    rig = LaneRig().ready().arrive().set(InputName.LOOP_ENTRY, False)
    rig.until(Phase.EGRESS, 95_000)
    assert rig.run(20).prompt is Prompt.OFF_ENTRY, "who comes late waits for the next call"
    rig.until(Phase.IDLE)
    assert rig.arms[Side.ENTRY].lift == 0


def test_backed_out_before_it_was_weighed() -> None:
    rig = LaneRig().ready().arrive().drive_on().set(InputName.BEAM_ENTRY, True).run(100)
    assert rig.phase is Phase.POSITIONING
    rig.back_out().run(20)
    assert rig.phase is Phase.EGRESS
    rig.until(Phase.IDLE)


def test_left_early_while_weighing() -> None:
    rig = LaneRig(LaneKind.EXIT_ONLY).board().load(0).run(20)
    assert rig.phase in (Phase.EGRESS, Phase.IDLE)
    rig.until(Phase.IDLE)


def test_a_mass_the_beam_never_saw() -> None:
    rig = LaneRig().ready().arrive().load(30_000).set(InputName.LOOP_ENTRY, False)
    rig.until(Phase.LOCKOUT, 95_000)
    assert rig.state.reason is HoldReason.SENSOR_STALE


def test_unsteady() -> None:
    rig = LaneRig().board().until(Phase.HELD, 45_000)
    assert rig.state.reason is HoldReason.UNSTEADY
    rig.settle(48_000).until(Phase.RELEASING)


def test_a_wheel_beside_the_deck() -> None:
    rig = LaneRig().board()
    rig.flags = WeighFlag.OFF_DECK_WHEEL
    rig.load(48_000, held=True).until(Phase.HELD, 45_000)
    assert rig.state.reason is HoldReason.NOT_IN_PLACE
    rig.flags = WeighFlag.NONE
    rig.until(Phase.RELEASING)


@pytest.mark.parametrize(
    ("flag", "reason"),
    [
        (WeighFlag.OVERLOAD, HoldReason.OVERLOAD),
        (WeighFlag.SATURATION, HoldReason.WEIGH_FAULT),
        (WeighFlag.CELL_FAULT, HoldReason.WEIGH_FAULT),
        (WeighFlag.CORNER_ERROR, HoldReason.WEIGH_FAULT),
        (WeighFlag.EXTERNAL_SUPPORT, HoldReason.WEIGH_FAULT),
    ],
)
def test_weighing_flags_hold(flag: WeighFlag, reason: HoldReason) -> None:
    rig = LaneRig().board()
    rig.flags = flag
    rig.load(48_000, held=True).run(1_000)
    assert (rig.phase, rig.state.reason, rig.state.latch) == (Phase.HELD, reason, None)
    rig.flags = WeighFlag.NONE
    rig.until(Phase.RELEASING)


@pytest.mark.parametrize("flag", [WeighFlag.CELL_DRIFT, WeighFlag.GLITCH])
def test_flags_that_only_go_on_record(flag: WeighFlag) -> None:
    rig = LaneRig().board()
    rig.flags = flag
    rig.load(48_000, held=True).until(Phase.RELEASING)
    assert rig.state.draft is not None
    assert rig.state.draft.weigh_flags == int(flag)


def test_moving_again_voids_the_weight() -> None:
    rig = LaneRig()
    rig.reading = None
    rig.weigh().run(100)
    assert rig.state.latch is not None
    rig.load(48_000).run(20)
    assert rig.state.latch is None
    rig.load(48_020, held=True).run(20)
    assert rig.state.latch is not None
    rig.held_kg = 48_041
    rig.run(10)
    assert rig.state.latch is None
    assert "void" in rig.kinds("weight")


def test_exit_beam_cut_while_weighing() -> None:
    rig = LaneRig()
    rig.reading = None
    rig.weigh().run(100).set(InputName.BEAM_EXIT, True).run(20)
    assert (rig.phase, rig.prompt, rig.state.latch) == (Phase.POSITIONING, Prompt.GO_BACK, None)


def test_beam_cut_in_the_tick_of_the_judgement() -> None:
    rig = LaneRig().weigh().until(Phase.DECIDING).set(InputName.BEAM_EXIT, True).run(10)
    assert (rig.phase, rig.state.verdict) == (Phase.WEIGHING, None)


def test_second_vehicle_between_draft_and_ack_needs_a_new_record() -> None:
    rig = LaneRig()
    rig.tampered = lambda inputs: replace(inputs, committed=())
    rig.weigh().until(Phase.COMMITTING).run(100)
    first = rig.state.visit_id
    rig.set(InputName.BEAM_ENTRY, True).run(20)
    rig.tampered = lambda inputs: inputs
    assert (rig.phase, rig.state.reason) == (Phase.HELD, HoldReason.SECOND_VEHICLE)
    rig.set(InputName.BEAM_ENTRY, False).run(2_000)
    assert rig.state.visit_id == first + 1
    assert rig.out.leases[Side.EXIT] is None


@pytest.mark.parametrize("change_kg", [40, -40])
def test_another_mass_after_the_release(change_kg: int) -> None:
    rig = LaneRig().weigh().until(Phase.RELEASING).run(2_000)
    rig.held_kg = 48_000 + change_kg
    rig.run(20)
    assert (rig.phase, rig.state.reason) == (Phase.HELD, HoldReason.BARRIER_OPEN)
    rig.until(Phase.WEIGHING)


def test_a_released_vehicle_that_stays_is_weighed_anew() -> None:
    rig = LaneRig().weigh().until(Phase.RELEASING).run(119_900)
    assert rig.phase is Phase.RELEASING
    rig.run(200)
    assert (rig.phase, rig.state.reason) == (Phase.HELD, HoldReason.BARRIER_OPEN)


def test_released_and_gone_the_other_way() -> None:
    rig = LaneRig(LaneKind.EXIT_ONLY).weigh().until(Phase.RELEASING).run(2_000)
    rig.back_out().until(Phase.IDLE)


def test_something_stays_on_the_deck() -> None:
    rig = LaneRig().weigh().until(Phase.RELEASING).run(1_000)
    rig.take_exit(rest_kg=400).until(Phase.HELD, 10_000)
    assert (rig.state.reason, rig.prompt) == (HoldReason.NOT_EMPTY, Prompt.NOT_EMPTY)
    assert rig.state.visit_id == 0
    assert rig.run(20).out.zero_allowed
    rig.load(0).until(Phase.IDLE)


def test_something_stays_after_backing_out() -> None:
    rig = LaneRig().weigh(49_020).until(Phase.EGRESS).run(1_000).back_out().load(400)
    rig.until(Phase.HELD, 10_000)
    assert rig.state.reason is HoldReason.NOT_EMPTY


def test_a_mass_in_idle_that_nobody_brought() -> None:
    rig = LaneRig().ready().load(400).run(2_900)
    assert rig.phase is Phase.IDLE
    rig.run(200)
    assert rig.state.reason is HoldReason.NOT_EMPTY
    rig.load(30_000).press(OPEN_MENU + "2#").run(500)
    assert rig.phase is Phase.EGRESS
    assert rig.state.verdict is Verdict.REFUSED
    assert rig.out.leases[Side.ENTRY] is not None
    rig.back_out().until(Phase.IDLE)


@pytest.mark.parametrize("value", [Tri.NO, Tri.UNKNOWN])
def test_no_zero_no_weighing(value: Tri) -> None:
    rig = LaneRig().ready()
    rig.zero_valid = value
    rig.run(50)
    assert (rig.phase, rig.state.reason) == (Phase.HELD, HoldReason.ZERO_INVALID)
    rig.arrive()
    assert rig.phase is Phase.HELD
    rig.zero_valid = Tri.YES
    rig.until(Phase.ENTERING)


def test_a_lane_without_loops() -> None:
    wired = (
        InputName.BEAM_ENTRY, InputName.BEAM_EXIT, InputName.ESTOP,
    )  # fmt: skip
    rig = LaneRig(LaneKind.EXIT_ONLY, required=wired)
    for name in (InputName.LOOP_ENTRY, InputName.LOOP_EXIT, InputName.WIRED_RELEASE):
        rig.stale_inputs.add(name)
    rig.weigh().until(Phase.RELEASING).run(1_000).take_exit().until(Phase.IDLE)


@pytest.mark.parametrize("position", [Position.UNKNOWN, Position.MOVING])
def test_entry_is_not_opened_while_the_exit_is_not_known_closed(position: Position) -> None:
    rig = LaneRig().ready().arrive()

    def stray(inputs):  # type: ignore[no-untyped-def]
        barrier = replace(inputs.barriers[1], position=position)
        return replace(inputs, barriers=(inputs.barriers[0], barrier))

    rig.tampered = stray
    rig.run(10)
    assert (rig.phase, rig.state.reason) == (Phase.LOCKOUT, HoldReason.BARRIER_OPEN)
    assert rig.out.leases == (None, None)


def test_visits_count_up_within_the_boot_id() -> None:
    rig = LaneRig(boot_id=7).weigh().until(Phase.RELEASING).run(1_000).take_exit()
    first = 7 << 20 | 1
    assert rig.state.visit_id == first
    rig.until(Phase.IDLE).arrive()
    assert rig.state.visit_id == first + 1


def test_a_short_hash_opens_nothing() -> None:
    rig = LaneRig()
    rig.tampered = lambda inputs: replace(
        inputs, committed=tuple(replace(c, record_hash=b"") for c in inputs.committed)
    )
    rig.weigh().until(Phase.RELEASING).run(1_000)
    assert rig.out.leases == (None, None)


def test_time_of_the_weight_from_the_future_is_stale() -> None:
    rig = LaneRig().ready()
    rig.weight_frozen_ns = MonotonicNs(rig.now_ns + NS_PER_S)
    assert rig.run(20).state.reason is HoldReason.WEIGHT_STALE


@every_kind
def test_a_truck_waiting_on_the_entry_loop_does_not_keep_the_lane_locked_out(
    lane: LaneKind, barrier: BarrierKind
) -> None:
    rig = LaneRig(lane, barrier)
    rig.set(InputName.LOOP_ENTRY, True).run(5_000)
    assert rig.phase in (Phase.IDLE, Phase.ENTERING)


def test_a_held_vehicle_that_backs_out_is_a_second_one_until_it_is_gone() -> None:
    rig = LaneRig(LaneKind.EXIT_ONLY)
    rig.axles = None
    rig.weigh().until(Phase.HELD).set(InputName.BEAM_ENTRY, True).run(20)
    assert rig.state.reason is HoldReason.SECOND_VEHICLE
    rig.back_out().until(Phase.IDLE)


def test_a_held_vehicle_that_is_gone_by_itself() -> None:
    rig = LaneRig(LaneKind.EXIT_ONLY)
    rig.axles = None
    rig.weigh().until(Phase.HELD).load(0).run(10)
    assert rig.phase is Phase.EGRESS
    rig.until(Phase.IDLE)


def test_the_ack_of_another_visit_releases_nobody() -> None:
    rig = LaneRig()
    rig.tampered = lambda inputs: replace(
        inputs, committed=tuple(replace(c, visit_id=c.visit_id + 1) for c in inputs.committed)
    )
    rig.weigh().run(4_000)
    assert rig.phase is Phase.COMMITTING
    assert rig.state.committed is None


def test_the_refusal_of_another_visit_is_not_ours() -> None:
    rig = LaneRig()
    rig.tampered = lambda inputs: replace(inputs, committed=(), refused_visit_ids=(1,))
    rig.weigh().run(4_000)
    assert rig.phase is Phase.COMMITTING


def test_a_reading_of_another_visit_is_not_ours() -> None:
    rig = LaneRig()
    rig.tampered = lambda inputs: replace(
        inputs, plate=inputs.plate and replace(inputs.plate, visit_id=1)
    )
    rig.weigh().until(Phase.HELD, 15_000)
    assert rig.state.reason is HoldReason.PLATE_UNREAD


def test_a_blank_indication_vouches_for_nothing() -> None:
    rig = LaneRig().board().load(48_000, held=True)
    rig.gross_kg = None
    rig.run(1_000)
    assert rig.phase is Phase.WEIGHING
    assert rig.state.latch is None


@pytest.mark.parametrize("shown_kg", [47_039, 48_981])
def test_held_and_displayed_mass_must_agree(shown_kg: int) -> None:
    rig = LaneRig().board().load(48_000, held=True)
    rig.gross_kg = shown_kg
    assert rig.run(1_000).state.latch is None


def test_a_mass_held_since_before_the_beams_came_clear_is_not_taken() -> None:
    rig = LaneRig().board().load(48_000, held=True)
    rig.held_since_ns = MonotonicNs(rig.state.trail.edges_clear - 1)
    assert rig.run(1_000).state.latch is None
    rig.held_since_ns = rig.state.trail.edges_clear
    assert rig.run(20).state.latch is not None


def test_no_word_from_the_entry_barrier_of_a_double_lane() -> None:
    rig = LaneRig().ready()
    rig.tampered = lambda inputs: replace(inputs, barriers=(None, inputs.barriers[1]))
    assert rig.run(10).state.reason is HoldReason.BARRIER_FAULT


def test_zero_may_be_set_only_over_a_quiet_empty_lane() -> None:
    rig = LaneRig().ready()
    assert rig.out.zero_allowed
    assert not rig.set(InputName.LOOP_EXIT, True).run(20).out.zero_allowed
    assert rig.set(InputName.LOOP_EXIT, False).run(20).out.zero_allowed
    assert not rig.load(800).run(20).out.zero_allowed
    assert rig.load(799).run(20).out.zero_allowed
    assert not rig.set(InputName.ESTOP, True).run(20).out.zero_allowed
    assert rig.kinds("zero_allowed") == ["yes", "no", "yes", "no", "yes", "no"]


def test_site_margin_holds_back_what_the_law_would_pass() -> None:
    rig = LaneRig(site_margin_kg=100).weigh(48_920).until(Phase.EGRESS)
    draft = rig.state.draft
    assert draft is not None
    assert (draft.verdict, draft.over_kg, draft.limit_kg) == (Verdict.OVER, 0, 49_000)
    assert LaneRig(site_margin_kg=100).weigh(48_900).until(Phase.RELEASING)


def test_simulated_devices_mark_the_record() -> None:
    for value in (True, False):
        draft = LaneRig(simulated=value).weigh().until(Phase.RELEASING).state.draft
        assert draft is not None
        assert draft.simulated is value


def test_warming_up_after_a_restart_is_one_lockout_and_a_pressed_stop_another() -> None:
    rig = LaneRig()
    rig.stale_inputs = {InputName.BEAM_EXIT}
    rig.run(100)
    rig.stale_inputs = set()
    rig.zero_valid = Tri.UNKNOWN
    rig.run(100)
    assert rig.kinds("lockout") == ["restarted"]
    rig.set(InputName.ESTOP, True).run(100)
    assert rig.kinds("lockout") == ["restarted", "estop"]


@every_kind
@pytest.mark.parametrize("verdict_kg", [49_020, 48_000])
def test_a_deck_that_empties_slowly_is_not_taken_for_one_that_stays_loaded(
    lane: LaneKind, barrier: BarrierKind, verdict_kg: int
) -> None:
    """The residue's clock starts when the vehicle is off, not when it came on."""
    rig = LaneRig(lane, barrier).weigh(verdict_kg)
    rig.until(Phase.EGRESS if verdict_kg > 49_000 else Phase.RELEASING).run(5_000)
    side = InputName.BEAM_ENTRY if verdict_kg > 49_000 else InputName.BEAM_EXIT
    rig.set(side, True).run(500).load(400).set(side, False).run(2_900)
    assert rig.phase in (Phase.EGRESS, Phase.CLEARING)
    rig.load(0).until(Phase.IDLE)
    assert not rig.kinds("hold")


def test_a_full_outbox_calls_nobody_and_ends_by_itself() -> None:
    rig = LaneRig().ready()
    full = Tri.YES
    rig.tampered = lambda inputs: replace(inputs, outbox_full=full)
    rig.run(50)
    assert (rig.phase, rig.state.reason) == (Phase.HELD, HoldReason.OUTBOX_FULL)
    assert rig.prompt is Prompt.SAVE_FAILED
    rig.arrive().run(30_000)
    assert rig.phase is Phase.HELD
    assert rig.out.leases == (None, None)
    full = Tri.NO
    rig.until(Phase.ENTERING)


def test_an_outbox_that_fills_up_during_a_visit_releases_nobody_without_a_record() -> None:
    rig = LaneRig().board()
    rig.tampered = lambda inputs: replace(inputs, outbox_full=Tri.YES)
    rig.ledger_refuses = True
    rig.settle(48_000).until(Phase.HELD)
    assert rig.state.reason is HoldReason.SAVE_REFUSED
    assert rig.run(60_000).out.leases == (None, None)


@pytest.mark.parametrize("kind", ["seal", "door"])
def test_a_seal_or_door_that_opens_is_told_once_and_stops_nobody(kind: str) -> None:
    name = InputName[kind.upper()]
    rig = LaneRig(required=tuple(InputName)).ready()
    assert rig.kinds(kind) == []
    rig.set(name, True).arrive().drive_on().until(Phase.WEIGHING)
    assert rig.kinds(kind) == ["opened"]
    rig.set(name, False).run(50)
    assert rig.kinds(kind + "_shut") == ["shut again"]
    rig.set(name, True).run(50)
    assert rig.kinds(kind) == ["opened", "opened"]
    rig.set(name, Tri.UNKNOWN).run(50)
    assert rig.state.reason is HoldReason.SENSOR_STALE
    rig.set(name, False).run(50)
    assert rig.kinds(kind + "_shut") == ["shut again"]
    rig = LaneRig(required=tuple(InputName)).set(name, True).run(50)
    assert rig.kinds(kind) == ["opened"], "a seal found broken at the start is told as well"


ALONE_MS = 300_000


def alone(**changes: object) -> LaneRig:
    rig = LaneRig(attended=False, **changes)
    rig.reading = None
    return rig


@pytest.mark.parametrize("lane", list(LaneKind))
def test_without_an_attendant_a_held_vehicle_is_refused_on_record_and_sent_back(
    lane: LaneKind,
) -> None:
    """With no PIN set it left a double lane only by the wired release."""
    rig = alone(lane=lane).weigh()
    arrived_ns = rig.state.arrived_ns
    rig.until(Phase.HELD, 20_000)
    rig.run(ALONE_MS - (rig.now_ns - arrived_ns) // NS_PER_MS - 20)
    assert (rig.phase, rig.state.reason) == (Phase.HELD, HoldReason.PLATE_UNREAD)
    rig.until(Phase.EGRESS, 100)
    assert rig.state.committed is not None
    assert rig.state.draft is not None
    assert (rig.state.draft.verdict, rig.state.draft.reason) == (Verdict.REFUSED, "plate_unread")
    assert rig.prompt is Prompt.REFUSED
    assert (rig.out.leases[Side.ENTRY] is not None) is (lane is LaneKind.DOUBLE)
    assert rig.run(10_000).prompt is Prompt.BACK_OUT
    rig.back_out().until(Phase.IDLE)
    assert rig.kinds("operator") == []


@pytest.mark.parametrize("ledger", [False, True])
def test_without_an_attendant_nobody_is_kept_for_a_record_that_cannot_be_made(
    ledger: bool,
) -> None:
    rig = alone()
    rig.reading = (PlateOutcome.READ, PLATE)
    rig.ledger, rig.ledger_refuses = ledger, True
    rig.weigh().until(Phase.HELD).run(ALONE_MS)
    rig.until(Phase.EGRESS, 20_000)
    assert rig.state.committed is None
    assert rig.state.verdict is Verdict.REFUSED
    assert rig.out.leases[Side.ENTRY] is not None
    rig.back_out().until(Phase.IDLE)


def test_without_an_attendant_a_vehicle_trapped_by_a_restart_is_let_back_out() -> None:
    rig = alone().load(48_000).run(ALONE_MS)
    assert rig.phase is Phase.LOCKOUT
    rig.run(110)
    assert (rig.phase, rig.state.verdict) == (Phase.EGRESS, Verdict.REFUSED)
    assert rig.state.visit_id == rig.params.boot_id << 20 | 1
    assert rig.out.leases[Side.ENTRY] is not None
    rig.back_out().until(Phase.IDLE)


@pytest.mark.parametrize("kg", [0, 400])
def test_without_an_attendant_no_arm_opens_for_nobody(kg: int) -> None:
    rig = alone().ready()
    rig.load(kg)
    rig.zero_valid = Tri.NO
    rig.until(Phase.HELD, 10_000).run(2 * ALONE_MS)
    assert rig.phase is Phase.HELD
    assert rig.out.leases == (None, None)
    rig.load(48_000).run(50)
    assert (rig.phase, rig.state.verdict) == (Phase.EGRESS, Verdict.REFUSED)


def test_a_lockout_with_a_vehicle_waits_for_the_exit_arm() -> None:
    rig = alone().load(48_000)
    rig.arms[Side.EXIT].lift = rig.arms[Side.EXIT].target = 20
    rig.arms[Side.EXIT].stuck = True
    rig.run(ALONE_MS + 1_000)
    assert rig.phase is Phase.LOCKOUT
    rig.arms[Side.EXIT].stuck = False
    rig.until(Phase.EGRESS)


def test_an_attended_lane_waits_for_its_attendant() -> None:
    rig = LaneRig()
    rig.reading = None
    rig.weigh().until(Phase.HELD, 20_000).run(2 * ALONE_MS)
    assert rig.phase is Phase.HELD
