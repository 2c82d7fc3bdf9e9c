"""Every guard at its edges: what it is about is changed a little, and nothing else is."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from hal.contract.types import NS_PER_MS, MonotonicNs
from terminal.core.facts import (
    ENTRY_SHUT_IN,
    EXIT_SHUT_IN,
    GUARDS,
    WEIGHED_REASONS,
    axles_of,
    plate_of,
    weight_trusted,
)
from terminal.core.params import Params
from terminal.core.types import (
    HoldReason,
    PlateOutcome,
    VehicleFacts,
    Verdict,
    WeightSource,
)
from terminal.core.visit import Phase, State, Trail
from tests.unit.core import moment as m
from tests.unit.core.moment import (
    LATCH,
    NO,
    NOW_NS,
    PLATE,
    READING,
    SEEN,
    SINCE_NS,
    UNKNOWN,
    YES,
    ago,
    facts,
    inputs,
    state,
)


def holds(guard: str, of: State | None = None, **changes: Any) -> bool:
    return GUARDS[guard](facts(of, **changes))


def seen(**changes: Any) -> Any:
    return SEEN._replace(**changes)


FLAGS = {
    "overload": ("no_overload", 0b1),
    "weigh_fault": ("no_weigh_fault", 0b110110),
    "off_deck": ("fully_on", 0b11000000),
    "two_vehicles": ("one_vehicle", 0b100000000),
}


@pytest.mark.parametrize("bit", range(15))
@pytest.mark.parametrize("guard", FLAGS)
def test_flags(guard: str, bit: int) -> None:
    opposite, mask = FLAGS[guard]
    there = bool(mask & 1 << bit)
    for others in (0, 0b111111111111111 & ~mask):
        found = seen(flags=1 << bit | others)
        assert holds(guard, seen=found) is there
        assert holds(opposite, seen=found) is not there
    assert not holds(guard, seen=seen(flags=0))


THREE_VALUED = {
    "estop_pressed": ("estop", YES),
    "wired_release_used": ("wired_release", YES),
    "vehicle_on": ("occupied", YES),
    "vehicle_off": ("occupied", NO),
    "deck_empty": ("deck_empty", YES),
    "zero_valid": ("zero_valid", YES),
}


@pytest.mark.parametrize("value", [NO, YES, UNKNOWN])
@pytest.mark.parametrize("guard", THREE_VALUED)
def test_one_fact(guard: str, value: object) -> None:
    name, wanted = THREE_VALUED[guard]
    assert holds(guard, seen=seen(**{name: value})) is (value is wanted)
    assert holds("zero_doubtful", seen=seen(zero_valid=value)) is (value is not YES)


SIDED = {
    "entry_taken": ("taken", 0, YES),
    "exit_taken": ("taken", 1, YES),
    "entry_clear": ("taken", 0, NO),
    "entry_cut": ("beams", 0, YES),
    "exit_cut": ("beams", 1, YES),
}


@pytest.mark.parametrize("value", [NO, YES, UNKNOWN])
@pytest.mark.parametrize("guard", SIDED)
def test_one_side(guard: str, value: object) -> None:
    name, side, wanted = SIDED[guard]
    for other in (NO, YES, UNKNOWN):
        pair = (value, other) if side == 0 else (other, value)
        assert holds(guard, seen=seen(**{name: pair})) is (value is wanted)


@pytest.mark.parametrize(("guard", "side"), [("entry_closed", 0), ("exit_closed", 1)])
def test_an_arm_told_to_rise_is_not_shut(guard: str, side: int) -> None:
    for closed in (NO, YES, UNKNOWN):
        for leased in (False, True):
            arms = [YES, YES]
            arms[side] = closed
            told = [False, False]
            told[side] = leased
            found = holds(guard, state(leased=tuple(told)), seen=seen(closed=tuple(arms)))
            assert found is (closed is YES and not leased)
            crossed = [YES, YES]
            crossed[1 - side] = closed
            assert holds(guard, state(leased=tuple(told[::-1])), seen=seen(closed=tuple(crossed)))


AGES = {
    "boarding_overdue": (90_000, "since_ns"),
    "position_overdue": (90_000, "since_ns"),
    "settle_overdue": (40_000, "since_ns"),
    "plate_overdue": (12_000, "since_ns"),
    "leave_overdue": (120_000, "since_ns"),
    "retry_due": (10_000, "since_ns"),
    "ledger_silent": (5_000, "since_ns"),
    "vehicle_known": (2_000, "plate_ns"),
}


@pytest.mark.parametrize("guard", AGES)
def test_waits_end_to_the_nanosecond(guard: str) -> None:
    wait_ms, clock = AGES[guard]
    for late_ns, wanted in ((-1, False), (0, True), (1, True)):
        of = state(vehicle=None, **{clock: ago(wait_ms, late_ns)})
        assert holds(guard, of) is wanted


@pytest.mark.parametrize(
    ("guard", "field", "wait_ms"),
    [
        ("ready_long", "ready", 500),
        ("not_empty_long", "not_empty", 3_000),
        ("residue_long", "residue", 3_000),
    ],
)
def test_clocks_of_the_trail(guard: str, field: str, wait_ms: int) -> None:
    for at_ns, wanted in ((ago(wait_ms), True), (ago(wait_ms, -1), False), (MonotonicNs(0), False)):
        assert holds(guard, state(trail=Trail(**{field: at_ns}))) is wanted
    early = facts(state(trail=Trail(**{field: MonotonicNs(1)})))
    span_ns = wait_ms * NS_PER_MS
    assert GUARDS[guard](early._replace(now_ns=MonotonicNs(1 + span_ns)))


@pytest.mark.parametrize(
    ("guard", "field", "sides", "wait_ms"),
    [
        ("exit_clear_long", "clear", (1,), 1_500),
        ("relay_disagrees", "disagree", (0, 1), 500),
        ("barrier_stuck", "awry", (0, 1), 15_000),
    ],
)
def test_clocks_of_a_side(guard: str, field: str, sides: tuple[int, ...], wait_ms: int) -> None:
    for side in (0, 1):
        for at_ns, due in ((ago(wait_ms), True), (ago(wait_ms, -1), False)):
            pair = [MonotonicNs(0), MonotonicNs(0)]
            pair[side] = at_ns
            found = holds(guard, state(trail=Trail(**{field: tuple(pair)})))
            assert found is (due and side in sides), (side, due)
    assert not holds(guard, state(trail=Trail()))


def test_a_locked_lane_is_not_stuck() -> None:
    trail = Trail(awry=(ago(60_000), ago(60_000)))
    assert not holds("barrier_stuck", state(Phase.LOCKOUT, trail=trail))


@pytest.mark.parametrize("phase", list(Phase))
@pytest.mark.parametrize("closed", [NO, UNKNOWN])
def test_stray_arms(phase: Phase, closed: object) -> None:
    of = state(phase)
    assert holds("barrier_strayed", of, seen=seen(closed=(YES, closed))) is (phase in EXIT_SHUT_IN)
    assert holds("barrier_strayed", of, seen=seen(closed=(closed, YES))) is (phase in ENTRY_SHUT_IN)
    assert not holds("barrier_strayed", of)
    entry_leased = state(phase, leased=(True, False))
    assert holds("barrier_strayed", entry_leased, seen=seen(closed=(YES, closed)))
    exit_leased = state(phase, leased=(False, True))
    found = holds("barrier_strayed", exit_leased, seen=seen(closed=(YES, closed)))
    assert found is (phase in EXIT_SHUT_IN)


def test_where_arms_are_shut() -> None:
    waiting = {Phase.IDLE, Phase.WEIGHING, Phase.DECIDING, Phase.COMMITTING}
    assert set(EXIT_SHUT_IN) == waiting | {Phase.ENTERING, Phase.POSITIONING}
    assert set(ENTRY_SHUT_IN) == waiting | {Phase.RELEASING, Phase.CLEARING}
    for phase in Phase:
        assert state(phase).phase is phase


def test_a_mass_held_since_the_very_moment_the_beams_came_clear() -> None:
    for clear_ns, wanted in (
        (SINCE_NS, True), (SINCE_NS + 1, False), (1, True), (0, False),
    ):  # fmt: skip
        of = state(trail=Trail(edges_clear=MonotonicNs(clear_ns)))
        assert weight_trusted(facts(of)) is wanted
        assert holds("weight_trusted", of) is wanted
    assert not weight_trusted(facts(seen=seen(held_kg=None)))
    assert not weight_trusted(facts(said=inputs(weighed=None)))


@pytest.mark.parametrize(
    ("held_kg", "good"),
    [(48_000, True), (48_020, True), (48_021, False), (47_980, True), (47_979, False)],
)
def test_a_latch_stands_within_one_division(held_kg: int, good: bool) -> None:
    found = seen(held_kg=held_kg)
    assert holds("latch_good", seen=found) is good
    assert holds("latch_slipped", seen=found) is not good
    assert holds("reloaded", seen=found) is not good


def test_a_latch_stands_while_no_beam_was_cut_since() -> None:
    for clear_ns, wanted in ((LATCH.held_since_ns, True), (LATCH.held_since_ns + 1, False)):
        later = LATCH._replace(held_since_ns=LATCH.held_since_ns)
        of = state(latch=later, trail=Trail(edges_clear=MonotonicNs(clear_ns)))
        newer = replace(m.WEIGHED, held_since_ns=NOW_NS)
        assert holds("latch_good", of, said=inputs(weighed=newer)) is wanted


@pytest.mark.parametrize("guard", ["latch_good", "latch_slipped", "reloaded"])
def test_without_a_latch_or_a_mass(guard: str) -> None:
    assert not holds(guard, state(latch=None), seen=seen(held_kg=40_000))
    assert holds(guard, seen=seen(held_kg=None)) is (guard == "latch_slipped")
    cut = state(trail=Trail())
    assert holds(guard, cut, seen=seen(held_kg=40_000)) is (guard == "latch_slipped")
    assert holds("no_latch", state(latch=None))
    assert not holds("no_latch")
    assert holds("latched")
    assert not holds("latched", state(latch=None))


def test_photos() -> None:
    assert holds("photos_ready")
    waiting = {"photos": None, "latch": LATCH._replace(at_ns=ago(3_000, -1))}
    assert not holds("photos_ready", state(**waiting))
    assert not holds("photos_ready", state(**waiting), said=inputs(camera_up=UNKNOWN))
    assert holds("photos_ready", state(**waiting), said=inputs(camera_up=NO))
    assert holds("photos_ready", state(photos=None, latch=LATCH._replace(at_ns=ago(3_000))))
    assert not holds("photos_ready", state(latch=None), said=inputs(camera_up=NO))
    assert not holds("photos_ready", state(latch=None, photos=None))


def test_vehicle_list() -> None:
    fresh = {"plate_ns": ago(1_999)}
    assert holds("vehicle_known", state(**fresh))
    assert not holds("vehicle_known", state(vehicle=None, **fresh))
    assert not holds("vehicle_known", state(vehicle=None, **fresh), said=inputs(ledger_up=UNKNOWN))
    assert holds("vehicle_known", state(vehicle=None, **fresh), said=inputs(ledger_up=NO))
    assert not holds("vehicle_known", state(vehicle=None, plate_ns=MonotonicNs(0)))


def test_plates() -> None:
    assert plate_of(state()) == PLATE
    assert plate_of(state(keyed="晋LB9999")) == "晋LB9999"
    assert plate_of(state(keyed="晋LB9999", reading=None)) == "晋LB9999"
    assert plate_of(state(reading=None)) == ""
    assert plate_of(state(reading=replace(READING, plate="晋LA123"))) == ""
    for outcome in PlateOutcome:
        of = state(reading=replace(READING, outcome=outcome))
        read = outcome is PlateOutcome.READ
        assert plate_of(of) == (PLATE if read else "")
        assert holds("plate_known", of) is read
        assert holds("plate_missing", of) is not read


@pytest.mark.parametrize(("axles", "known"), [(None, False), (1, False), (2, True), (3, True)])
def test_axles_of_the_scale(axles: int | None, known: bool) -> None:
    of = state(latch=LATCH._replace(axles=axles))
    assert holds("axles_known", of) is known
    assert holds("axles_missing", of) is not known
    assert axles_of(of, Params()) == axles
    assert axles_of(state(latch=None), Params()) is None


INDICATOR = Params(source=WeightSource.INDICATOR)


def test_axles_of_the_list() -> None:
    counted = state()
    assert axles_of(counted, INDICATOR) == 6
    listed = state(latch=LATCH._replace(axles=None))
    assert axles_of(listed, INDICATOR) == 6
    assert axles_of(listed, Params()) is None
    assert axles_of(listed._replace(vehicle=None), INDICATOR) is None
    unasked = listed._replace(vehicle=None, plate_ns=NOW_NS)
    assert not holds("axles_missing", unasked, params=INDICATOR)
    unread = unasked._replace(reading=None, plate_ns=ago(60_000))
    assert not holds("axles_missing", unread, params=INDICATOR)
    asked = unasked._replace(plate_ns=ago(2_000))
    assert holds("axles_missing", asked, params=INDICATOR)
    assert not holds("axles_missing", listed, params=INDICATOR)


@pytest.mark.parametrize(
    ("axles", "vehicle", "differ"),
    [
        (6, VehicleFacts(axle_pattern="159"), False),
        (5, VehicleFacts(axle_pattern="159"), True),
        (6, VehicleFacts(axle_pattern="155"), True),
        (6, VehicleFacts(), False),
        (6, None, False),
    ],
)
def test_axles_against_the_list(axles: int, vehicle: VehicleFacts | None, differ: bool) -> None:
    of = state(latch=LATCH._replace(axles=axles), vehicle=vehicle)
    assert holds("axles_differ", of) is differ
    assert holds("axles_agree", of) is not differ
    assert holds("axles_agree", of._replace(latch=None))


def test_ledger_and_outbox() -> None:
    young = state(since_ns=ago(0))
    for value in (NO, YES, UNKNOWN):
        assert holds("ledger_silent", young, said=inputs(ledger_up=value)) is (value is NO)
        assert holds("outbox_full", said=inputs(outbox_full=value)) is (value is YES)
        assert holds("outbox_open", said=inputs(outbox_full=value)) is (value is not YES)
    assert holds("acknowledged", state(committed=m.committed()))
    assert not holds("acknowledged")
    for refused in (False, True):
        assert holds("save_refused", state(save_refused=refused)) is refused


@pytest.mark.parametrize("verdict", [None, *Verdict])
def test_verdicts(verdict: Verdict | None) -> None:
    of = state(verdict=verdict)
    assert holds("verdict_pass", of) is (verdict is Verdict.PASS)
    assert holds("verdict_barred", of) is (verdict in (Verdict.OVER, Verdict.REFUSED))
    assert holds("no_pending", of)
    asked = of._replace(draft=m.draft())
    assert holds("no_pending", asked) is (verdict is not Verdict.REFUSED)


@pytest.mark.parametrize("reason", list(HoldReason))
def test_reasons(reason: HoldReason) -> None:
    of = state(Phase.HELD, reason=reason)
    held_for = {
        "for_overload": HoldReason.OVERLOAD,
        "for_weigh_fault": HoldReason.WEIGH_FAULT,
        "for_second": HoldReason.SECOND_VEHICLE,
        "for_place": HoldReason.NOT_IN_PLACE,
        "for_barrier": HoldReason.BARRIER_OPEN,
        "for_unsteady": HoldReason.UNSTEADY,
        "for_plate": HoldReason.PLATE_UNREAD,
        "for_axles": HoldReason.AXLES_DIFFER,
        "for_ledger": HoldReason.LEDGER_AWAY,
        "for_save": HoldReason.SAVE_REFUSED,
    }
    for guard, wanted in held_for.items():
        assert holds(guard, of) is (reason is wanted)
    assert holds("weighed_reason", of) is (reason in WEIGHED_REASONS)


def test_flags_of_the_visit() -> None:
    for used in (False, True):
        assert holds("release_used", state(used=used)) is used
        assert holds("release_unused", state(used=used)) is not used
    for cut in (False, True):
        assert holds("not_cut", state(cut=cut)) is not cut
        for beam in (NO, YES, UNKNOWN):
            found = holds("boarded", state(cut=cut), seen=seen(beams=(beam, YES)))
            assert found is (cut and beam is NO)
    for visit_id in (0, 1):
        assert holds("in_visit", state(visit_id=visit_id)) is (visit_id == 1)
        assert holds("no_visit", state(visit_id=visit_id)) is (visit_id == 0)
    for at_ns in (0, 1):
        found = holds("edges_clear", state(trail=Trail(edges_clear=MonotonicNs(at_ns))))
        assert found is (at_ns == 1)
    for command in ("", "refuse", "egress"):
        assert holds("operator_refuses", command=command) is bool(command)
        assert holds("operator_egress", command=command) is (command == "egress")
    for known in (False, True):
        assert holds("inputs_stale", seen=seen(inputs_known=known)) is not known
        assert holds("barrier_faulty", seen=seen(barriers_known=known)) is not known
        assert holds("weight_stale", seen=seen(weight_fresh=known)) is not known


@pytest.mark.parametrize(("late_ns", "due"), [(-1, False), (0, True)])
def test_a_lane_nobody_attends_to_waits_so_long(late_ns: int, due: bool) -> None:
    alone = Params(attended=False)
    visit = state(arrived_ns=ago(300_000, late_ns), since_ns=NOW_NS)
    assert holds("left_alone", visit, params=alone) is due
    assert not holds("left_alone", visit)
    nobody = state(visit_id=0, since_ns=ago(300_000, late_ns), arrived_ns=MonotonicNs(0))
    assert holds("left_alone", nobody, params=alone) is due
    assert not holds("left_alone", nobody)
