"""The transition table row by row: what makes each fire, what it does, and what keeps it still.

Every line is one tick's facts with one or two things changed, and the row that must fire then:
where it leads, for which reason, and with which effects; None where nothing may happen.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest

from hal.contract.types import MonotonicNs, Tri
from terminal.core.quality import Seen
from terminal.core.table import fire
from terminal.core.types import HoldReason, Inputs, Verdict
from terminal.core.visit import Phase, State, Trail
from tests.unit.core import moment as m
from tests.unit.core.moment import (
    EMPTY,
    LATCH,
    NO,
    NOW_NS,
    PARAMS,
    SEEN,
    YES,
    ago,
    facts,
    inputs,
    state,
)

P, R = Phase, HoldReason
CLEAR = Trail(edges_clear=MonotonicNs(1), clear=(MonotonicNs(1), MonotonicNs(1)))
CUT = CLEAR._replace(edges_clear=MonotonicNs(0))
JUST_CLEAR = CLEAR._replace(clear=(ago(1_499), ago(1_499)))
RESIDUE = EMPTY._replace(deck_empty=NO)
ALONE = replace(PARAMS, attended=False)
ENTRY_OPEN, EXIT_OPEN = SEEN._replace(closed=(NO, YES)), SEEN._replace(closed=(YES, NO))
MOVED = SEEN._replace(held_kg=48_040)
LOOSE = SEEN._replace(held_kg=None)
PENDING = {"verdict": Verdict.REFUSED, "draft": m.draft(Verdict.REFUSED)}
SAVING = {"verdict": Verdict.PASS, "draft": m.draft(), "since_ns": NOW_NS}
DONE = {"committed": m.committed()}
RELEASED = {**SAVING, **DONE}


class Fired(NamedTuple):
    """Where a row leads, why, and what it does."""

    then: Phase
    reason: HoldReason
    do: tuple[str, ...]


def go(then: Phase, *do: str) -> Fired:
    return Fired(then, R.NONE, do)


def hold(reason: HoldReason, *do: str) -> Fired:
    return Fired(P.HELD, reason, do)


class Line(NamedTuple):
    """One line of the tables below."""

    wanted: Fired | None
    seen: Seen = SEEN
    of: Mapping[str, Any] = MappingProxyType({})
    said: Inputs | None = None
    command: str = ""
    alone: bool = False


def on(seen: Seen, **changes: Any) -> Seen:
    return seen._replace(**changes)


NOBODY = {"visit_id": 0, "latch": None, "reading": None, "vehicle": None, "photos": None}
BACK = go(P.EGRESS, "NEW_VISIT", "BAR")

LOCKOUT = [
    Line(None, of=NOBODY),
    Line(go(P.IDLE), EMPTY, {"trail": CLEAR._replace(ready=ago(500)), **NOBODY}),
    Line(None, EMPTY, {"trail": CLEAR._replace(ready=ago(499)), **NOBODY}),
    Line(BACK, of=NOBODY, command="egress"),
    Line(None, EXIT_OPEN, NOBODY, command="egress"),
    Line(None, of=NOBODY, command="refuse"),
    Line(BACK, of={**NOBODY, "since_ns": ago(300_000)}, alone=True),
    Line(None, of={**NOBODY, "since_ns": ago(300_000)}),
    Line(None, of={**NOBODY, "since_ns": ago(299_999)}, alone=True),
    Line(None, EXIT_OPEN, {**NOBODY, "since_ns": ago(300_000)}, alone=True),
    Line(None, EMPTY, {**NOBODY, "since_ns": ago(300_000)}, alone=True),
]
IDLE = [
    Line(None, EMPTY, NOBODY),
    Line(hold(R.OUTBOX_FULL), EMPTY, NOBODY, inputs(outbox_full=YES)),
    Line(go(P.ENTERING, "NEW_VISIT"), on(EMPTY, taken=(YES, NO)), NOBODY),
    Line(None, on(RESIDUE, taken=(YES, NO)), NOBODY),
    Line(hold(R.ZERO_INVALID), on(EMPTY, taken=(YES, NO), zero_valid=NO), NOBODY),
    Line(hold(R.ZERO_INVALID), on(EMPTY, zero_valid=NO), NOBODY),
    Line(hold(R.NOT_EMPTY), RESIDUE, {"trail": CLEAR._replace(not_empty=ago(3_000)), **NOBODY}),
    Line(None, RESIDUE, {"trail": CLEAR._replace(not_empty=ago(2_999)), **NOBODY}),
]
LATE = {"since_ns": ago(90_000)}
ENTERING = [
    Line(None),
    Line(go(P.POSITIONING), of={"cut": True}),
    Line(None, RESIDUE, {"cut": True}),
    Line(None, on(SEEN, beams=(YES, NO)), {"cut": True}),
    Line(go(P.EGRESS), EMPTY, LATE),
    Line(None, EMPTY, {"since_ns": ago(89_999)}),
    Line(None, on(EMPTY, taken=(YES, NO)), LATE),
    Line(None, RESIDUE, LATE),
    Line(Fired(P.LOCKOUT, R.SENSOR_STALE, ("END_VISIT",)), of=LATE),
    Line(None, of={"since_ns": ago(89_999)}),
    Line(None, on(SEEN, taken=(YES, NO)), LATE),
    Line(None, on(SEEN, beams=(YES, NO), taken=(NO, NO)), {**LATE, "cut": True}),
]
POSITIONING = [
    Line(go(P.WEIGHING)),
    Line(go(P.EGRESS), EMPTY),
    Line(None, EMPTY, {"trail": CUT}),
    Line(None, of={"trail": CUT}),
    Line(None, ENTRY_OPEN),
    Line(None, of={"leased": (True, False)}),
    Line(None, RESIDUE),
    Line(hold(R.NOT_IN_PLACE), of={"trail": CUT, **LATE}),
    Line(None, of={"trail": CUT, "since_ns": ago(89_999)}),
]
SETTLING = {"latch": None, "since_ns": ago(40_000)}
WEIGHING = [
    Line(go(P.DECIDING, "JUDGE")),
    Line(go(P.EGRESS), EMPTY),
    Line(hold(R.SECOND_VEHICLE, "RENEW_VISIT"), on(SEEN, beams=(YES, NO)), {"trail": CUT}),
    Line(hold(R.SECOND_VEHICLE, "RENEW_VISIT"), on(SEEN, flags=256)),
    Line(go(P.POSITIONING, "VOID_WEIGHT"), on(SEEN, beams=(NO, YES)), {"trail": CUT}),
    Line(hold(R.OVERLOAD, "VOID_WEIGHT"), on(LOOSE, flags=1)),
    Line(hold(R.WEIGH_FAULT, "VOID_WEIGHT"), on(LOOSE, flags=2)),
    Line(go(P.WEIGHING, "VOID_WEIGHT"), MOVED),
    Line(go(P.WEIGHING, "HOLD_WEIGHT"), of={"latch": None}),
    Line(None, LOOSE, {"latch": None}),
    Line(None, EMPTY, {"trail": CUT, "latch": None}),
    Line(None, of={"reading": None}),
    Line(None, of={"photos": None, "latch": LATCH._replace(at_ns=NOW_NS)}),
    Line(None, of={"vehicle": None, "plate_ns": NOW_NS}),
    Line(hold(R.AXLES_UNKNOWN), of={"latch": LATCH._replace(axles=None)}),
    Line(hold(R.AXLES_DIFFER), of={"latch": LATCH._replace(axles=5)}),
    Line(hold(R.PLATE_UNREAD), of={"reading": None, "since_ns": ago(12_000)}),
    Line(None, of={"reading": None, "since_ns": ago(11_999)}),
    Line(hold(R.NOT_IN_PLACE), on(LOOSE, flags=64), SETTLING),
    Line(hold(R.UNSTEADY), LOOSE, SETTLING),
    Line(None, on(LOOSE, flags=64), {"latch": None, "since_ns": ago(39_999)}),
    Line(None, LOOSE, {"latch": None, "since_ns": ago(39_999)}),
    Line(None, of={"reading": None, "since_ns": ago(11_999), "latch": LATCH}),
]
DECIDING = [
    Line(go(P.COMMITTING, "DRAFT")),
    Line(go(P.WEIGHING, "VOID_WEIGHT"), MOVED),
    Line(None, of={"latch": None}),
]
COMMITTING = [
    Line(None, of=SAVING),
    Line(go(P.RELEASING), of=RELEASED),
    Line(go(P.EGRESS, "BAR"), of={**RELEASED, "verdict": Verdict.OVER}),
    Line(go(P.EGRESS, "BAR"), of={**RELEASED, "verdict": Verdict.REFUSED}),
    Line(None, of={**SAVING, "verdict": Verdict.OVER}),
    Line(hold(R.SAVE_REFUSED), of={**SAVING, "save_refused": True}),
    Line(hold(R.SECOND_VEHICLE, "RENEW_VISIT"), on(SEEN, beams=(YES, NO)), SAVING),
    Line(None, on(SEEN, beams=(YES, NO)), {**SAVING, "verdict": Verdict.OVER}),
    Line(go(P.POSITIONING, "RENEW_VISIT"), MOVED, SAVING),
    Line(None, MOVED, {**SAVING, "verdict": Verdict.OVER}),
    Line(None, of={**RELEASED, "verdict": None}),
    Line(hold(R.LEDGER_AWAY), of=SAVING, said=inputs(ledger_up=NO)),
    Line(hold(R.LEDGER_AWAY), of={**SAVING, "since_ns": ago(5_000)}),
    Line(None, of={**RELEASED, "latch": None}),
]
RELEASING = [
    Line(None, of={**RELEASED, "trail": CLEAR}),
    Line(go(P.CLEARING), on(SEEN, taken=(NO, YES)), RELEASED),
    Line(go(P.CLEARING), EMPTY, {**RELEASED, "trail": CLEAR}),
    Line(None, EMPTY, {**RELEASED, "trail": CUT}),
    Line(None, EMPTY, {**RELEASED, "trail": JUST_CLEAR}),
    Line(hold(R.BARRIER_OPEN, "RENEW_VISIT"), MOVED, {**RELEASED, "trail": CLEAR}),
    Line(None, MOVED, {**RELEASED, "trail": JUST_CLEAR}),
    Line(
        hold(R.BARRIER_OPEN, "RENEW_VISIT"),
        of={**RELEASED, "trail": CLEAR, "since_ns": ago(120_000)},
    ),
    Line(None, of={**RELEASED, "trail": CLEAR, "since_ns": ago(119_999)}),
    Line(None, of={**RELEASED, "trail": JUST_CLEAR, "since_ns": ago(120_000)}),
]
USED = {**RELEASED, "used": True, "trail": JUST_CLEAR}
LEFT_OVER = JUST_CLEAR._replace(residue=ago(3_000))
CLEARING = [
    Line(hold(R.SECOND_VEHICLE, "RENEW_VISIT"), of={**RELEASED, "trail": CLEAR}),
    Line(None, of={**RELEASED, "trail": JUST_CLEAR}),
    Line(go(P.CLEARING, "END_RELEASE"), EMPTY, {**RELEASED, "trail": CLEAR}),
    Line(None, EMPTY, {**RELEASED, "trail": JUST_CLEAR}),
    Line(None, on(EMPTY, occupied=Tri.UNKNOWN), {**RELEASED, "trail": CLEAR}),
    Line(go(P.IDLE, "END_VISIT"), EMPTY, USED),
    Line(None, on(EMPTY, closed=(YES, NO)), USED),
    Line(None, RESIDUE, USED),
    Line(hold(R.NOT_EMPTY, "END_VISIT"), RESIDUE, {**USED, "trail": LEFT_OVER}),
    Line(None, RESIDUE, {**USED, "used": False, "trail": LEFT_OVER}),
    Line(None, on(RESIDUE, closed=(YES, NO)), {**USED, "trail": LEFT_OVER}),
    Line(None, RESIDUE, {**USED, "trail": JUST_CLEAR._replace(residue=ago(2_999))}),
]


def held(wanted: Fired | None, reason: HoldReason, seen: Seen = SEEN, **of: Any) -> Line:
    return Line(wanted, seen, {"reason": reason, **of})


REFUSED = go(P.COMMITTING, "REFUSE")
LONG = {"reason": R.AXLES_UNKNOWN, "arrived_ns": ago(300_000)}
HELD = [
    Line(go(P.IDLE), EMPTY, {**NOBODY, "reason": R.NOT_EMPTY}),
    Line(None, RESIDUE, {**NOBODY, "reason": R.NOT_EMPTY}),
    Line(None, on(EMPTY, zero_valid=NO), {**NOBODY, "reason": R.ZERO_INVALID}),
    Line(None, EMPTY, {**NOBODY, "reason": R.OUTBOX_FULL}, inputs(outbox_full=YES)),
    held(go(P.EGRESS), R.AXLES_UNKNOWN, EMPTY),
    held(None, R.AXLES_UNKNOWN, EMPTY, trail=CUT),
    Line(REFUSED, of={"reason": R.AXLES_UNKNOWN}, command="refuse"),
    Line(REFUSED, of={"reason": R.AXLES_UNKNOWN}, command="egress"),
    Line(None, of={"reason": R.AXLES_UNKNOWN}, command=""),
    Line(go(P.EGRESS, "BAR"), ENTRY_OPEN, {"reason": R.AXLES_UNKNOWN}, command="refuse"),
    Line(go(P.EGRESS, "BAR"), EXIT_OPEN, {"reason": R.AXLES_UNKNOWN}, command="refuse"),
    Line(go(P.EGRESS, "BAR"), of={"reason": R.LEDGER_AWAY, **PENDING}, command="refuse"),
    Line(BACK, of={**NOBODY, "reason": R.NOT_EMPTY}, command="refuse"),
    held(hold(R.SECOND_VEHICLE, "RENEW_VISIT"), R.AXLES_UNKNOWN, on(SEEN, beams=(YES, NO))),
    held(None, R.LEDGER_AWAY, on(SEEN, beams=(YES, NO))),
    held(None, R.AXLES_UNKNOWN),
    held(go(P.WEIGHING), R.PLATE_UNREAD),
    held(None, R.PLATE_UNREAD, reading=None),
    held(go(P.WEIGHING), R.AXLES_DIFFER),
    held(None, R.AXLES_DIFFER, reading=None),
    held(None, R.AXLES_DIFFER, vehicle=None, plate_ns=NOW_NS),
    held(None, R.AXLES_DIFFER, latch=LATCH._replace(axles=5)),
    held(go(P.WEIGHING), R.UNSTEADY),
    held(None, R.UNSTEADY, LOOSE),
    held(go(P.POSITIONING), R.SECOND_VEHICLE),
    held(None, R.SECOND_VEHICLE, trail=CUT),
    held(None, R.SECOND_VEHICLE, EXIT_OPEN),
    held(None, R.SECOND_VEHICLE, on(SEEN, flags=256)),
    held(go(P.POSITIONING), R.NOT_IN_PLACE),
    held(None, R.NOT_IN_PLACE, trail=CUT),
    held(None, R.NOT_IN_PLACE, EXIT_OPEN),
    held(None, R.NOT_IN_PLACE, on(SEEN, flags=64)),
    held(go(P.POSITIONING), R.BARRIER_OPEN),
    held(None, R.BARRIER_OPEN, trail=CUT),
    held(None, R.BARRIER_OPEN, EXIT_OPEN),
    held(go(P.POSITIONING), R.OVERLOAD),
    held(None, R.OVERLOAD, on(SEEN, flags=1)),
    held(None, R.OVERLOAD, EXIT_OPEN),
    held(go(P.POSITIONING), R.WEIGH_FAULT),
    held(None, R.WEIGH_FAULT, on(SEEN, flags=2)),
    held(None, R.WEIGH_FAULT, EXIT_OPEN),
    held(go(P.COMMITTING), R.LEDGER_AWAY, **RELEASED),
    held(hold(R.SAVE_REFUSED), R.LEDGER_AWAY, **{**SAVING, "save_refused": True}),
    held(None, R.LEDGER_AWAY, **SAVING),
    held(go(P.COMMITTING, "RETRY_SAVE"), R.SAVE_REFUSED, **{**SAVING, "since_ns": ago(10_000)}),
    held(None, R.SAVE_REFUSED, **{**SAVING, "since_ns": ago(9_999)}),
    Line(REFUSED, of=LONG, alone=True),
    Line(None, of={**LONG, "arrived_ns": ago(299_999)}, alone=True),
    Line(None, of=LONG),
    Line(go(P.EGRESS, "BAR"), ENTRY_OPEN, LONG, alone=True),
    Line(go(P.EGRESS, "BAR"), EXIT_OPEN, LONG, alone=True),
    Line(go(P.EGRESS, "BAR"), of={**LONG, **PENDING}, alone=True),
    Line(BACK, of={**NOBODY, "reason": R.NOT_EMPTY, "since_ns": ago(300_000)}, alone=True),
    Line(None, of={**NOBODY, "reason": R.NOT_EMPTY, "since_ns": ago(299_999)}, alone=True),
    Line(None, RESIDUE, {**NOBODY, "reason": R.NOT_EMPTY, "since_ns": ago(300_000)}, alone=True),
]
GONE = CLEAR._replace(residue=ago(3_000))
EGRESS = [
    Line(None),
    Line(go(P.IDLE, "END_VISIT"), EMPTY),
    Line(None, EMPTY, {"trail": CUT}),
    Line(None, on(EMPTY, closed=(NO, YES))),
    Line(None, on(EMPTY, closed=(YES, NO))),
    Line(hold(R.NOT_EMPTY, "END_VISIT"), RESIDUE, {"trail": GONE}),
    Line(None, RESIDUE, {"trail": CLEAR._replace(residue=ago(2_999))}),
    Line(None, on(RESIDUE, closed=(NO, YES)), {"trail": GONE}),
    Line(None, on(RESIDUE, closed=(YES, NO)), {"trail": GONE}),
]
LINES: dict[Phase, list[Line]] = {
    P.LOCKOUT: LOCKOUT,
    P.IDLE: IDLE,
    P.ENTERING: ENTERING,
    P.POSITIONING: POSITIONING,
    P.WEIGHING: WEIGHING,
    P.DECIDING: DECIDING,
    P.COMMITTING: COMMITTING,
    P.RELEASING: RELEASING,
    P.CLEARING: CLEARING,
    P.HELD: HELD,
    P.EGRESS: EGRESS,
}
CASES = [(phase, line) for phase, lines in LINES.items() for line in lines]
STRAY_IN = (P.IDLE, P.ENTERING, P.POSITIONING, P.WEIGHING, P.DECIDING, P.COMMITTING)


def fired(phase: Phase, line: Line) -> Fired | None:
    of: State = state(phase, trail=CLEAR)._replace(**line.of)
    row = fire(
        phase, facts(of, line.seen, line.said, ALONE if line.alone else PARAMS, line.command)
    )
    return None if row is None else Fired(row.then, row.reason, row.do)


@pytest.mark.parametrize("number", range(len(CASES)))
def test_a_row(number: int) -> None:
    phase, line = CASES[number]
    assert fired(phase, line) == line.wanted, (phase, line)


AMISS: list[tuple[HoldReason, dict[str, Any], dict[str, Any]]] = [
    (R.ESTOP, {"estop": YES}, {}),
    (R.WIRED_RELEASE, {"wired_release": YES}, {}),
    (R.SENSOR_STALE, {"inputs_known": False}, {}),
    (R.WEIGHT_STALE, {"weight_fresh": False}, {}),
    (R.BARRIER_FAULT, {"barriers_known": False}, {}),
    (R.RELAY_DISAGREES, {}, {"trail": CLEAR._replace(disagree=(ago(500), MonotonicNs(0)))}),
    (R.BARRIER_OPEN, {"closed": (YES, NO)}, {}),
    (R.BARRIER_FAULT, {}, {"trail": CLEAR._replace(awry=(ago(15_000), MonotonicNs(0)))}),
]


@pytest.mark.parametrize("phase", list(Phase))
@pytest.mark.parametrize(("reason", "seen", "of"), AMISS)
def test_what_is_amiss_locks_out_in_every_phase(
    phase: Phase, reason: HoldReason, seen: dict[str, Any], of: dict[str, Any]
) -> None:
    found = fired(phase, Line(None, on(SEEN, **seen), of))
    wanted = Fired(P.LOCKOUT, reason, ("END_VISIT",))
    stray, stuck = reason is R.BARRIER_OPEN, "awry" in str(of) and reason is R.BARRIER_FAULT and of
    if (stray and phase not in STRAY_IN) or (stuck and phase is P.LOCKOUT):
        assert found != wanted
    else:
        assert found == wanted


def test_the_first_reason_that_is_amiss_is_named() -> None:
    """Later ones are added one by one from the end, and the earlier always wins."""
    seen, of = SEEN, state(P.WEIGHING, trail=CLEAR)
    for reason, seen_change, of_change in reversed(AMISS):
        trail = of_change.get("trail")
        if trail is not None:
            mine = {k: v for k, v in trail._asdict().items() if v != getattr(CLEAR, k)}
            of = of._replace(trail=of.trail._replace(**mine))
        seen = on(seen, **seen_change)
        row = fire(P.WEIGHING, facts(of, seen))
        assert row is not None
        assert row.reason is reason
