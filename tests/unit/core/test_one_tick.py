"""One tick of the whole core from a state made by hand: what is taken in, wanted and told."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from hal.contract.types import (
    INPUT_COUNT,
    NS_PER_S,
    Aspect,
    BarrierFeedback,
    InputName,
    Key,
    KeyPress,
    Level,
    MonotonicNs,
    Position,
    Side,
)
from terminal.core.params import Params
from terminal.core.step import initial, step
from terminal.core.types import (
    Captured,
    HoldReason,
    Inputs,
    LaneKind,
    Outputs,
    PlateOutcome,
    VehicleFacts,
    Verdict,
)
from terminal.core.visit import MenuState, Phase, State, Trail
from tests.unit.core import moment as m
from tests.unit.core.moment import (
    KG,
    NO,
    NOW_NS,
    PARAMS,
    PLATE,
    READING,
    SINCE_NS,
    UNKNOWN,
    VISIT_ID,
    WEIGHED,
    YES,
    ago,
    inputs,
    state,
)

RED, GREEN = Aspect.RED, Aspect.GREEN
STEADY = Trail(edges_clear=MonotonicNs(SINCE_NS - 1), clear=(MonotonicNs(1), MonotonicNs(1)))
NOTHING_ON = replace(WEIGHED, gross_kg=0, deck_empty=YES, held_kg=None)


def tick(of: State, said: Inputs | None = None, params: Params = PARAMS) -> tuple[State, Outputs]:
    return step(of._replace(trail=STEADY), said or inputs(), params)


def levels(**changes: Any) -> tuple[Level, ...]:
    found = [Level(NO, NOW_NS)] * INPUT_COUNT
    for name, value in changes.items():
        found[InputName[name.upper()]] = Level(value, NOW_NS)
    return tuple(found)


def held(reason: HoldReason = HoldReason.NOT_IN_PLACE, **changes: Any) -> State:
    """A hold that the sound lane of `inputs` does not end by itself."""
    return state(Phase.HELD, reason=reason, **changes)


WHEEL_OFF = inputs(weighed=replace(WEIGHED, held_kg=None, flags=m.LATCH.flags | 1 << 7))


def waiting(**changes: Any) -> State:
    return held(**changes)


# ---------------------------------------------------------------- what is taken in
@pytest.mark.parametrize(
    ("phase", "beam", "cut"),
    [
        (Phase.ENTERING, YES, True),
        (Phase.ENTERING, NO, False),
        (Phase.ENTERING, UNKNOWN, False),
        (Phase.POSITIONING, YES, False),
    ],
)
def test_the_cut_of_the_entry_beam(phase: Phase, beam: Any, cut: bool) -> None:
    of = state(phase, latch=None, since_ns=NOW_NS)
    after, _ = tick(of, inputs(levels=levels(beam_entry=beam)))
    assert after.cut is cut
    if phase is Phase.ENTERING and beam is not UNKNOWN:
        kept, _ = tick(of._replace(cut=True), inputs(levels=levels(beam_entry=YES)))
        assert kept.cut


def test_nothing_is_taken_in_without_a_visit() -> None:
    of = State(Phase.IDLE, SINCE_NS, reason=HoldReason.NONE, serial=1, trail=STEADY)
    said = inputs(
        weighed=NOTHING_ON, plate=replace(READING, visit_id=0), captured=Captured(0, m.PHOTOS)
    )
    after, out = tick(of, said)
    assert (after.reading, after.photos) == (None, None)
    assert (out.look_visit_id, out.capture_visit_id, out.draft) == (0, 0, None)


def test_pictures_of_this_visit_once() -> None:
    other = (replace(m.PHOTOS[0], role="rear"),)
    for visit_id, before, wanted in (
        (VISIT_ID, None, other),
        (VISIT_ID + 1, None, None),
        (VISIT_ID, m.PHOTOS, m.PHOTOS),
    ):
        after, _ = tick(
            waiting(photos=before), replace(WHEEL_OFF, captured=Captured(visit_id, other))
        )
        assert after.photos == wanted
    drafted = waiting(photos=None, draft=m.draft())
    assert tick(drafted, replace(WHEEL_OFF, captured=Captured(VISIT_ID, other)))[0].photos == other


@pytest.mark.parametrize("phase", list(Phase))
def test_a_reading_of_this_visit_while_it_is_chosen(phase: Phase) -> None:
    newer = replace(READING, plate="晋LB5678", at_ns=NOW_NS)
    of = state(phase, reading=None, since_ns=NOW_NS)
    after, _ = tick(of, replace(WHEEL_OFF, plate=newer))
    choosing = (Phase.ENTERING, Phase.POSITIONING, Phase.WEIGHING, Phase.HELD)
    if after.visit_id == VISIT_ID:
        assert (after.reading == newer) is (phase in choosing)
    after, _ = tick(of, replace(WHEEL_OFF, plate=replace(newer, visit_id=VISIT_ID + 1)))
    assert after.reading is None


def test_another_plate_asks_the_list_again() -> None:
    newer = replace(READING, plate="晋LB5678")
    after, out = tick(waiting(), replace(WHEEL_OFF, plate=newer))
    assert (after.plate_ns, after.vehicle, out.lookup_plate) == (NOW_NS, None, "晋LB5678")
    same = replace(READING, margin_mn=9)
    after, out = tick(waiting(), replace(WHEEL_OFF, plate=same))
    assert (after.plate_ns, after.vehicle, out.lookup_plate) == (SINCE_NS, m.VEHICLE, "")
    assert after.reading is same


def test_the_answer_of_the_list() -> None:
    answer = VehicleFacts("rigid")
    for plate, before, wanted in (
        (PLATE, None, answer), ("晋LB5678", None, None), (PLATE, m.VEHICLE, m.VEHICLE),
    ):  # fmt: skip
        after, _ = tick(waiting(vehicle=before), replace(WHEEL_OFF, vehicle=(plate, answer)))
        assert after.vehicle == wanted
    unread = waiting(vehicle=None, reading=None)
    after, _ = tick(unread, replace(WHEEL_OFF, vehicle=("", answer)))
    assert after.vehicle is None


def keyed(of: State, keys: str, said: Inputs = WHEEL_OFF) -> tuple[State, Outputs]:
    presses = tuple(KeyPress(Key(key), NOW_NS) for key in keys)
    return tick(of, replace(said, keys=presses, pins=(True,)))


def test_a_keyed_plate_counts_while_it_is_chosen() -> None:
    unsure = replace(READING, outcome=PlateOutcome.UNSURE, candidates=("晋LB5678",))
    of = waiting(reading=unsure)
    after, out = keyed(of, "A0#11")
    assert (after.keyed, after.plate_ns, out.lookup_plate) == ("晋LB5678", NOW_NS, "晋LB5678")
    assert [(event.kind, event.detail) for event in out.events] == [("operator", "plate:晋LB5678")]
    late, _ = keyed(of._replace(draft=m.draft()), "A0#11")
    assert late.keyed == ""
    refused, _ = keyed(of, "A0#2#")
    assert refused.keyed == ""


def test_an_untouched_keypad_costs_nothing_and_an_open_page_ends_by_itself() -> None:
    of = waiting(menu=MenuState(page="menu", key_ns=ago(60_001)))
    assert tick(of, WHEEL_OFF)[0].menu.page == ""
    of = waiting(menu=MenuState(page="menu", key_ns=ago(60_000)))
    assert tick(of, WHEEL_OFF)[0].menu.page == "menu"
    closed = MenuState(wrong_pins=2, key_ns=MonotonicNs(1))
    assert tick(waiting(menu=closed), WHEEL_OFF)[0].menu is closed
    assert keyed(waiting(), "A")[0].menu.page == "pin"


# ---------------------------------------------------------------- the ledger's answers
def saving(**changes: Any) -> State:
    base = state(Phase.COMMITTING, verdict=Verdict.PASS, draft=m.draft(), since_ns=NOW_NS)
    return base._replace(**changes)


def test_answers_about_this_visit_only() -> None:
    after, _ = tick(saving(), inputs(committed=(m.committed(visit_id=VISIT_ID + 1),)))
    assert (after.phase, after.committed) == (Phase.COMMITTING, None)
    after, _ = tick(saving(save_refused=True), inputs(committed=(m.committed(),)))
    assert (after.phase, after.committed, after.save_refused) == (
        Phase.RELEASING,
        m.committed(),
        False,
    )
    after, _ = tick(saving(), inputs(refused_visit_ids=(VISIT_ID + 1,)))
    assert (after.phase, after.save_refused) == (Phase.COMMITTING, False)
    after, _ = tick(saving(), inputs(refused_visit_ids=(VISIT_ID + 1, VISIT_ID)))
    assert (after.phase, after.reason) == (Phase.HELD, HoldReason.SAVE_REFUSED)


def test_the_first_answer_stands() -> None:
    first, second = m.committed(), m.committed(seq=2, record_hash=bytes(32))
    after, _ = tick(saving(), inputs(committed=(first, second)))
    assert after.committed == first
    kept, _ = tick(
        state(Phase.EGRESS, verdict=Verdict.OVER, draft=m.draft(), committed=first),
        inputs(refused_visit_ids=(VISIT_ID,), committed=(second,)),
    )
    assert (kept.committed, kept.save_refused) == (first, False)


@pytest.mark.parametrize("phase", list(Phase))
def test_a_draft_is_repeated_until_it_is_answered(phase: Phase) -> None:
    base = state(phase, verdict=Verdict.OVER, draft=m.draft(), since_ns=NOW_NS)
    after, out = tick(base, WHEEL_OFF)
    if after.phase is phase:
        sending = phase in (Phase.COMMITTING, Phase.HELD, Phase.EGRESS)
        assert (out.draft is not None) is sending
    for change in ({"committed": m.committed()}, {"save_refused": True}):
        after, out = tick(base._replace(**change), WHEEL_OFF)
        if after.phase is phase:
            assert out.draft is None


# ---------------------------------------------------------------- what is asked for
def test_requests() -> None:
    _, out = tick(waiting(), WHEEL_OFF)
    assert (out.look_visit_id, out.capture_visit_id, out.lookup_plate) == (VISIT_ID, 0, "")
    _, out = tick(waiting(photos=None), WHEEL_OFF)
    assert out.capture_visit_id == VISIT_ID
    _, out = tick(waiting(photos=None, latch=None), WHEEL_OFF)
    assert out.capture_visit_id == 0
    _, out = tick(waiting(vehicle=None), WHEEL_OFF)
    assert out.lookup_plate == PLATE
    _, out = tick(waiting(vehicle=None, reading=None), WHEEL_OFF)
    assert out.lookup_plate == ""
    drafted = waiting(draft=m.draft(), vehicle=None)
    _, out = tick(drafted, WHEEL_OFF)
    assert (out.look_visit_id, out.lookup_plate) == (0, "")
    _, out = tick(state(Phase.EGRESS, verdict=Verdict.OVER), inputs())
    assert out.look_visit_id == 0


# ---------------------------------------------------------------- lamps, siren, zero
@pytest.mark.parametrize("lane", list(LaneKind))
def test_the_entry_is_green_only_while_boarding_is_open(lane: LaneKind) -> None:
    params = replace(PARAMS, lane=lane)
    of = state(Phase.ENTERING, since_ns=NOW_NS)
    empty = inputs(weighed=NOTHING_ON)
    assert tick(of, empty, params)[1].lamps == (GREEN, RED)
    double = lane is LaneKind.DOUBLE
    occupied = tick(of, inputs(), params)[1]
    assert occupied.lamps == ((RED if double else GREEN), RED)
    assert tick(state(Phase.POSITIONING), WHEEL_OFF, params)[1].lamps == (RED, RED)


def test_the_exit_is_green_only_while_it_is_leased() -> None:
    released = state(
        Phase.RELEASING, verdict=Verdict.PASS, draft=m.draft(), committed=m.committed()
    )
    _, out = tick(released)
    assert out.leases[Side.EXIT] is not None
    assert out.lamps == (RED, GREEN)
    _, out = tick(released._replace(used=True))
    assert out.lamps == (RED, RED)


@pytest.mark.parametrize("phase", [Phase.EGRESS, Phase.HELD])
@pytest.mark.parametrize("verdict", [Verdict.OVER, Verdict.REFUSED])
@pytest.mark.parametrize("reason", [HoldReason.SECOND_VEHICLE, HoldReason.NOT_IN_PLACE])
def test_the_siren(phase: Phase, verdict: Verdict, reason: HoldReason) -> None:
    alarming = (phase is Phase.EGRESS and verdict is Verdict.OVER) or (
        phase is Phase.HELD and reason is HoldReason.SECOND_VEHICLE
    )
    two = replace(WHEEL_OFF, weighed=replace(WEIGHED, held_kg=None, flags=1 << 7 | 1 << 8))
    for age_ns, wanted in ((0, True), (3 * NS_PER_S - 1, True), (3 * NS_PER_S, False)):
        of = state(phase, verdict=verdict, reason=reason, since_ns=MonotonicNs(NOW_NS - age_ns))
        after, out = tick(of, two)
        assert after.phase is phase
        assert out.siren is (alarming and wanted)


@pytest.mark.parametrize(
    ("change", "allowed"),
    [
        ({}, True),
        ({"levels": levels(beam_entry=YES)}, False),
        ({"levels": levels(beam_entry=UNKNOWN)}, False),
        ({"levels": levels(beam_exit=YES)}, False),
        ({"levels": levels(loop_exit=YES)}, False),
        ({"levels": levels(loop_exit=UNKNOWN)}, False),
        ({"levels": levels(loop_entry=YES)}, True),
        ({"levels": levels(estop=YES)}, False),
        ({"levels": levels(estop=UNKNOWN)}, False),
        ({"weighed": WEIGHED}, False),
        ({"weighed": replace(NOTHING_ON, gross_kg=799, deck_empty=NO)}, True),
    ],
)
def test_when_zero_may_be_set(change: dict[str, Any], allowed: bool) -> None:
    said = replace(inputs(weighed=NOTHING_ON), **change)
    locked = State(Phase.LOCKOUT, SINCE_NS, reason=HoldReason.RESTARTED, trail=STEADY)
    after, out = tick(locked, said)
    assert after.zero_allowed is out.zero_allowed is allowed


@pytest.mark.parametrize("phase", list(Phase))
def test_zero_is_never_set_in_a_visit(phase: Phase) -> None:
    said = inputs(weighed=NOTHING_ON)
    for visit_id in (0, VISIT_ID):
        of = State(phase, NOW_NS, HoldReason.ZERO_INVALID, 1, visit_id, trail=STEADY)
        after, out = tick(of, said)
        zeroing = after.phase in (Phase.IDLE, Phase.LOCKOUT, Phase.HELD)
        assert out.zero_allowed is (zeroing and after.visit_id == 0)


# ---------------------------------------------------------------- remembered of the arms
@pytest.mark.parametrize("side", [0, 1])
def test_an_opened_arm_is_remembered_until_it_is_seen_shut(side: int) -> None:
    def pair(mine: Any, other: Any) -> Any:
        return (mine, other) if side == 0 else (other, mine)

    locked = State(Phase.LOCKOUT, SINCE_NS, reason=HoldReason.RESTARTED)
    for position, wanted in (
        (Position.CLOSED, False), (Position.OPEN, True), (Position.MOVING, True),
        (Position.UNKNOWN, True),
    ):  # fmt: skip
        arm = BarrierFeedback(position, NO, False, 0, NOW_NS)
        shut = BarrierFeedback(Position.CLOSED, NO, False, 0, NOW_NS)
        for opened in (False, True):
            after, _ = tick(
                locked._replace(opened=pair(opened, False)), inputs(barriers=pair(arm, shut))
            )
            assert after.opened == pair(opened and wanted, False)
            assert after.leased == (False, False)


def test_a_lease_is_remembered_with_its_side() -> None:
    released = state(
        Phase.RELEASING, verdict=Verdict.PASS, draft=m.draft(), committed=m.committed()
    )
    after, _ = tick(released)
    assert (after.leased, after.opened) == ((False, True), (False, True))
    after, _ = tick(state(Phase.ENTERING, since_ns=NOW_NS), inputs(weighed=NOTHING_ON))
    assert (after.leased, after.opened) == ((True, False), (True, False))


# ---------------------------------------------------------------- phases and events
def test_a_row_onto_itself_keeps_its_clock() -> None:
    slipped, out = tick(state(), inputs(weighed=replace(WEIGHED, held_kg=KG + 40)))
    assert (slipped.phase, slipped.since_ns, slipped.latch) == (Phase.WEIGHING, SINCE_NS, None)
    assert [(event.kind, event.detail) for event in out.events] == [("weight", "void")]
    latched, out = tick(slipped, inputs())
    assert latched.since_ns == SINCE_NS
    assert [(event.kind, event.detail) for event in out.events] == [("weight", "48000 kg")]
    moved, out = tick(state(), inputs(levels=levels(beam_exit=YES)))
    assert (moved.phase, moved.since_ns) == (Phase.POSITIONING, NOW_NS)
    assert [event.kind for event in out.events] == ["state", "weight"]
    assert out.events[0].detail == f"weighing>positioning visit={VISIT_ID}"


def test_a_start_is_told_once() -> None:
    said = inputs(weighed=None, levels=levels(loop_exit=UNKNOWN))
    fresh, out = step(initial(PARAMS), said, PARAMS)
    assert fresh.since_ns == NOW_NS
    assert [(event.kind, event.detail) for event in out.events] == [("lockout", "restarted")]
    assert fresh.reason is HoldReason.SENSOR_STALE
    again, out = step(fresh, said, PARAMS)
    assert again is fresh
    assert out.events == ()


def test_causes_inside_a_lockout() -> None:
    locked = State(Phase.LOCKOUT, SINCE_NS, HoldReason.WEIGHT_STALE)
    after, out = tick(locked, inputs(levels=levels(loop_exit=UNKNOWN)))
    assert after.reason is HoldReason.SENSOR_STALE
    assert after.since_ns == SINCE_NS
    assert [(e.kind, e.detail) for e in out.events] == [("lockout_cause", "sensor_stale")]
    for name in ("estop", "wired_release"):
        after, out = tick(locked, inputs(levels=levels(**{name: YES})))
        assert [(e.kind, e.detail) for e in out.events] == [("lockout", name)]
    after, out = tick(waiting(), inputs(weighed=None))
    assert [event.kind for event in out.events] == ["state", "lockout", "zero_allowed", "weight"]
    same, out = tick(
        State(Phase.LOCKOUT, SINCE_NS, HoldReason.WEIGHT_STALE, serial=3, zero_allowed=True),
        inputs(weighed=None),
    )
    assert (same.serial, out.events) == (3, ())


def test_holds_are_told_with_their_reason() -> None:
    _, out = tick(state(), inputs(weighed=replace(WEIGHED, flags=1, held_kg=None)))
    told = [(event.kind, event.detail) for event in out.events]
    assert told == [
        ("state", f"weighing>held visit={VISIT_ID}"),
        ("hold", f"overload visit={VISIT_ID}"),
        ("weight", "void"),
    ]
    _, out = tick(waiting(), WHEEL_OFF)
    assert out.events == ()
    refused = saving(phase=Phase.HELD, reason=HoldReason.LEDGER_AWAY)
    _, out = tick(refused, inputs(refused_visit_ids=(VISIT_ID,)))
    assert [(event.kind, event.detail) for event in out.events] == [
        ("hold", f"save_refused visit={VISIT_ID}")
    ]


def test_zero_permission_is_told_when_it_changes() -> None:
    locked = State(Phase.LOCKOUT, SINCE_NS, HoldReason.RESTARTED)
    after, out = tick(locked, inputs(weighed=NOTHING_ON))
    assert [(event.kind, event.detail) for event in out.events] == [("zero_allowed", "yes")]
    _, out = tick(after, inputs(weighed=NOTHING_ON))
    assert out.events == ()
    _, out = tick(after, inputs())
    assert [(event.kind, event.detail) for event in out.events] == [("zero_allowed", "no")]


@pytest.mark.parametrize("name", ["seal", "door"])
@pytest.mark.parametrize("was", [NO, YES, UNKNOWN])
@pytest.mark.parametrize("now", [NO, YES, UNKNOWN])
def test_seal_and_door(name: str, was: Any, now: Any) -> None:
    params = replace(PARAMS, required=tuple(InputName))
    guarded = (was, NO) if name == "seal" else (NO, was)
    of = State(Phase.LOCKOUT, SINCE_NS, HoldReason.SENSOR_STALE, guarded=guarded)
    after, out = tick(of, inputs(levels=levels(loop_exit=UNKNOWN, **{name: now})), params)
    told = [(event.kind, event.detail) for event in out.events]
    wanted = []
    if now is YES and was is not YES:
        wanted = [(name, "opened")]
    elif was is YES and now is NO:
        wanted = [(f"{name}_shut", "shut again")]
    assert told == wanted
    assert after.guarded == ((now, NO) if name == "seal" else (NO, now))
