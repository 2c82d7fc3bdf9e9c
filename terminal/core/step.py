"""The entry of the decision core: state and inputs in, state and outputs out. Pure.

Order of one tick: look (facts), follow (since when), keys, absorb (what peers said), one row of
the table, the interlock, the outputs. Deterministic: same state, inputs and params give the same
result on any machine. Never raises for an operating fault; asserts on a programmer's.
"""

from __future__ import annotations

from hal.contract.types import NS_PER_S, Aspect, Lease, MonotonicNs, Side, Tri
from terminal.core import display, interlock, menu, quality, table
from terminal.core.effects import EFFECTS
from terminal.core.facts import Facts, plate_of
from terminal.core.params import Params
from terminal.core.types import (
    NEVER_NS,
    Event,
    HoldReason,
    Inputs,
    LaneKind,
    Outputs,
    RecordDraft,
    Verdict,
)
from terminal.core.visit import Phase, State

CHOOSING = (Phase.ENTERING, Phase.POSITIONING, Phase.WEIGHING, Phase.HELD)
SENDING = (Phase.COMMITTING, Phase.HELD, Phase.EGRESS)
ZEROING = (Phase.IDLE, Phase.LOCKOUT, Phase.HELD)
BY_HAND = (HoldReason.ESTOP, HoldReason.WIRED_RELEASE)
RED_RED = (Aspect.RED, Aspect.RED)
GUARDED = ("seal", "door")
"""Alarms, not holds: what they mean for the weighing is for an inspector to judge."""
EVENTS_MAX = 8
"""A tick makes at most seven; the bound is what control may rely on (I9)."""


def initial(params: Params) -> State:
    """The state after every start: locked out, everything forgotten (I10)."""
    assert params.boot_id >= 1, "boot_id counts from 1"
    return State()


def step(state: State, inputs: Inputs, params: Params) -> tuple[State, Outputs]:
    """One tick. inputs.now_ns must not run backwards between calls and must be above 0."""
    before, now_ns = state, inputs.now_ns
    seen = quality.look(inputs, params)
    trail = quality.follow(state.trail, seen, state.leased, now_ns)
    if trail is not state.trail:
        state = state._replace(trail=trail)
    if state.since_ns == NEVER_NS:
        state = state._replace(since_ns=now_ns)
    state, command = _keys(state, inputs, params)
    state = _absorb(state, inputs, seen, command)
    facts = Facts(now_ns, state, seen, inputs, params, command)
    row = table.fire(state.phase, facts)
    if row is not None:
        state = _apply(row, facts, state)
    grants = interlock.grant(state, seen, now_ns, params)
    state = _settle(state, seen, grants.leases, params)
    looked_up = state.draft is not None or state.vehicle is not None
    outputs = Outputs(
        grants.leases,
        grants.close,
        _lamps(state, grants.leases, params),
        _siren(state, now_ns, params),
        display.show(facts, state),
        _draft_wanted(state),
        state.visit_id if state.phase in CHOOSING and state.draft is None else 0,
        state.visit_id if state.latch is not None and state.photos is None else 0,
        "" if looked_up else plate_of(state),
        state.zero_allowed,
        _events(before, state, command, now_ns),
    )
    return state, outputs


def _keys(state: State, inputs: Inputs, params: Params) -> tuple[State, str]:
    """Feed the menu; an untouched closed menu costs nothing."""
    if not inputs.keys and not state.menu.page:
        return state, ""
    candidates = () if state.reading is None else state.reading.candidates
    keyed = menu.feed(state.menu, inputs.keys, candidates, inputs.now_ns, params, inputs.pins)
    return state._replace(menu=keyed.menu), keyed.command


def _absorb(state: State, inputs: Inputs, seen: quality.Seen, command: str) -> State:
    """What the beams, the camera, the operator and the ledger say of this visit."""
    if state.visit_id == 0:
        return state
    if state.phase is Phase.ENTERING and seen.beams[0] is Tri.YES and not state.cut:
        state = state._replace(cut=True)
    captured = inputs.captured
    if captured is not None and captured.visit_id == state.visit_id and state.photos is None:
        state = state._replace(photos=captured.photos)
    if state.draft is None:
        return _absorb_plate(state, inputs, command)
    for committed in inputs.committed:
        if committed.visit_id == state.visit_id and state.committed is None:
            state = state._replace(committed=committed, save_refused=False)
    if state.visit_id in inputs.refused_visit_ids and state.committed is None:
        state = state._replace(save_refused=True)
    return state


def _absorb_plate(state: State, inputs: Inputs, command: str) -> State:
    """Newest reading of this visit, keyed plate, and the site list's answer for that plate."""
    plate, reading = plate_of(state), inputs.plate
    if state.phase in CHOOSING:
        if reading is not None and reading.visit_id == state.visit_id:
            state = state if reading == state.reading else state._replace(reading=reading)
        if command.startswith(menu.PLATE_COMMAND):
            state = state._replace(keyed=command.removeprefix(menu.PLATE_COMMAND))
    now_plate = plate_of(state)
    if now_plate != plate:
        state = state._replace(plate_ns=inputs.now_ns, vehicle=None)
    answer = inputs.vehicle
    if answer is not None and answer[0] == now_plate != "" and state.vehicle is None:
        state = state._replace(vehicle=answer[1])
    return state


def _apply(row: table.Row, facts: Facts, state: State) -> State:
    """Effects in the row's order, then the new phase. A row onto itself keeps its clock."""
    if row.phase is None and state.phase is Phase.LOCKOUT and state.reason is row.reason:
        return state
    for effect in row.do:
        state = EFFECTS[effect](facts, state)
    since_ns = facts.state.since_ns if row.then is facts.state.phase else facts.now_ns
    return state._replace(phase=row.then, reason=row.reason, since_ns=since_ns)


def _settle(
    state: State,
    seen: quality.Seen,
    leases: tuple[Lease | None, Lease | None],
    params: Params,
) -> State:
    """Remember what was granted, which arms are not known shut again, and the zero permission."""
    leased = (leases[0] is not None, leases[1] is not None)
    opened = (
        leased[0] or (state.opened[0] and seen.closed[0] is not Tri.YES),
        leased[1] or (state.opened[1] and seen.closed[1] is not Tri.YES),
    )
    zero_allowed = (
        state.phase in ZEROING
        and state.visit_id == 0
        and seen.beams[0] is Tri.NO
        and seen.taken[1] is Tri.NO
        and seen.occupied is not Tri.YES
        and seen.estop is Tri.NO
    )
    if (leased, opened, zero_allowed, seen.guarded) == (
        state.leased,
        state.opened,
        state.zero_allowed,
        state.guarded,
    ):
        return state
    return state._replace(
        leased=leased, opened=opened, zero_allowed=zero_allowed, guarded=seen.guarded
    )


def _lamps(
    state: State, leases: tuple[Lease | None, Lease | None], params: Params
) -> tuple[Aspect, Aspect]:
    """Green only where a vehicle may drive forward now: at the entry to board, at the exit."""
    invited = leases[0] is not None or params.lane is LaneKind.EXIT_ONLY
    if state.phase is Phase.ENTERING and invited:
        return Aspect.GREEN, Aspect.RED
    return RED_RED if leases[Side.EXIT] is None else (Aspect.RED, Aspect.GREEN)


def _siren(state: State, now_ns: MonotonicNs, params: Params) -> bool:
    """Short, and only when a person should look up: over the limit, or two vehicles."""
    alarming = (state.phase is Phase.EGRESS and state.verdict is Verdict.OVER) or (
        state.phase is Phase.HELD and state.reason is HoldReason.SECOND_VEHICLE
    )
    return alarming and now_ns - state.since_ns < params.siren_s * NS_PER_S


def _draft_wanted(state: State) -> RecordDraft | None:
    """The draft is repeated until it is answered, also while a barred vehicle backs out."""
    if state.phase not in SENDING or state.committed is not None or state.save_refused:
        return None
    return state.draft


def _events(before: State, after: State, command: str, now_ns: MonotonicNs) -> tuple[Event, ...]:
    """Changes worth a log line: at most EVENTS_MAX, and usually none."""
    events: list[Event] = []
    if before.phase is not after.phase:
        change = f"{before.phase.value}>{after.phase.value} visit={after.visit_id}"
        events.append(Event("state", now_ns, change))
    started = before.since_ns == NEVER_NS
    if started or (before.phase, before.reason) != (after.phase, after.reason):
        if after.phase is Phase.LOCKOUT:
            # Inside a lock-out only what a person did is news to the county; a sensor that
            # warms up after a restart is not.
            news = started or before.phase is not Phase.LOCKOUT or after.reason in BY_HAND
            reason = HoldReason.RESTARTED if started else after.reason
            events.append(Event("lockout" if news else "lockout_cause", now_ns, reason.value))
        if after.phase is Phase.HELD:
            events.append(Event("hold", now_ns, f"{after.reason.value} visit={after.visit_id}"))
    if before.zero_allowed is not after.zero_allowed:
        events.append(Event("zero_allowed", now_ns, "yes" if after.zero_allowed else "no"))
    if before.latch is not after.latch:
        held = "void" if after.latch is None else f"{after.latch.gross_kg} kg"
        events.append(Event("weight", now_ns, held))
    for at, name in enumerate(GUARDED):
        was, now = before.guarded[at], after.guarded[at]
        if now is Tri.YES and was is not Tri.YES:
            events.append(Event(name, now_ns, "opened"))
        elif was is Tri.YES and now is Tri.NO:
            events.append(Event(f"{name}_shut", now_ns, "shut again"))
    if command:
        events.append(Event("operator", now_ns, command))
    return tuple(events)
