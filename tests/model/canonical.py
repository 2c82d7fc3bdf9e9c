"""One representative for all states that differ only in numbers no decision depends on.

Times are moved to NOW_NS and cut at the thresholds that are read in that phase, ids to the first
visit of the first boot, plates, pictures and drafts to one specimen. What a phase can no longer
read is forgotten. Every such step is a claim about the core, written beside it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

from hal.contract.types import NS_PER_MS, MonotonicNs
from terminal.core.limits import NO_LIMIT
from terminal.core.params import Params
from terminal.core.types import HoldReason, LaneKind
from terminal.core.visit import NO_MENU, Latch, Phase, State, Trail
from tests.model.environment import (
    HASH,
    NOW_NS,
    OTHER_VISIT_ID,
    PHOTOS,
    VEHICLE,
    VISIT_ID,
)

Thresholds = tuple[int, ...]
LANE = Params()
"""The waits of a lane that was told nothing else; the thresholds below are these."""
S = 1_000
PHASE_MS: dict[Phase, Thresholds] = {
    Phase.ENTERING: tuple(sorted({LANE.boarding_s_max * S, LANE.position_s_max * S})),
    Phase.POSITIONING: (LANE.position_s_max * S,),
    Phase.WEIGHING: tuple(sorted({LANE.plate_s_max * S, LANE.settle_s_max * S})),
    Phase.COMMITTING: (LANE.commit_s_max * S,),
    Phase.RELEASING: (LANE.leave_s_max * S,),
}
"""Which ages of the phase a guard reads. EGRESS shows other words later, nothing more."""
RETRY_MS: Thresholds = (LANE.save_retry_s * S,)
CLEAR_MS: Thresholds = (LANE.close_delay_ms,)
LOCKED_CLEAR_MS: Thresholds = (LANE.restart_close_s * S,)
READY_MS: Thresholds = (LANE.ready_ms,)
EMPTY_MS: Thresholds = (LANE.not_empty_ms,)
APART_MS: Thresholds = (LANE.relay_ms_max,)
AWRY_MS: Thresholds = (LANE.barrier_s_max * S,)
LOOKUP_MS: Thresholds = (LANE.lookup_ms_max,)
PHOTO_MS: Thresholds = (LANE.photo_ms_max,)
ALONE_MS: Thresholds = (LANE.unattended_s_max * S,)
RESIDUE_IN = (Phase.HELD, Phase.RELEASING, Phase.CLEARING, Phase.EGRESS)
CHOOSING = (Phase.ENTERING, Phase.POSITIONING, Phase.WEIGHING, Phase.HELD)

Class = int
"""0: not running; 1: running; 1 + n: n thresholds are passed."""


class Ages(NamedTuple):
    """Every clock of a state as a class, with the thresholds it still can pass."""

    since: Class
    clear: tuple[Class, Class]
    ready: Class
    not_empty: Class
    residue: Class
    disagree: tuple[Class, Class]
    awry: tuple[Class, Class]
    plate: Class
    latch: Class
    arrived: Class


class Key(NamedTuple):
    """What tells two states apart."""

    phase: Phase
    ages: Ages
    facts: tuple[object, ...]


def _class(at_ns: int, now_ns: int, thresholds: Thresholds) -> Class:
    if at_ns <= 0:
        return 0
    age_ns = now_ns - at_ns
    passed = 1
    for limit_ms in thresholds:
        if age_ns >= limit_ms * NS_PER_MS:
            passed += 1
    return passed


def _time(passed: Class, thresholds: Thresholds) -> MonotonicNs:
    if passed == 0:
        return MonotonicNs(0)
    age_ms = 0 if passed == 1 else thresholds[passed - 2]
    return MonotonicNs(NOW_NS - age_ms * NS_PER_MS)


def phase_thresholds(state: State, params: Params) -> Thresholds:
    alone = ALONE_MS if not params.attended and state.visit_id == 0 else ()
    if state.phase is Phase.HELD:
        return RETRY_MS if state.reason is HoldReason.SAVE_REFUSED else alone
    return alone if state.phase is Phase.LOCKOUT else PHASE_MS.get(state.phase, ())


def clear_thresholds(phase: Phase) -> Thresholds:
    return LOCKED_CLEAR_MS if phase is Phase.LOCKOUT else CLEAR_MS


def _choosing(state: State) -> bool:
    """Plate, pictures, vehicle and limit are read only until the draft is made."""
    return state.visit_id != 0 and state.draft is None and not _over(state)


def _over(state: State) -> bool:
    """Every row out of here ends or renews the visit (test_nothing_outlives_a_visit)."""
    return state.phase is Phase.EGRESS or (state.phase is Phase.CLEARING and state.used)


def _forget(state: State) -> State:
    """Without what a visit that is over can no longer be asked for."""
    if not _over(state):
        return state
    return state._replace(latch=None, verdict=None, draft=None, committed=None, save_refused=False)


def ages_of(state: State, now_ns: int, params: Params) -> Ages:
    phase, trail = state.phase, state.trail
    clear = clear_thresholds(phase)
    double = params.lane is LaneKind.DOUBLE
    choosing = _choosing(state)
    latch = state.latch
    return Ages(
        _class(state.since_ns, now_ns, phase_thresholds(state, params)),
        # an exit-only lane has no entry arm: nothing reads how long its passage is clear
        (
            _class(trail.clear[0], now_ns, clear) if double else 0,
            _class(trail.clear[1], now_ns, clear),
        ),
        _class(trail.ready, now_ns, READY_MS) if phase is Phase.LOCKOUT else 0,
        # every way into IDLE asks for an empty deck, which stops this clock
        _class(trail.not_empty, now_ns, EMPTY_MS) if phase is Phase.IDLE else 0,
        _class(trail.residue, now_ns, EMPTY_MS) if phase in RESIDUE_IN else 0,
        (
            _class(trail.disagree[0], now_ns, APART_MS),
            _class(trail.disagree[1], now_ns, APART_MS),
        ),
        (_class(trail.awry[0], now_ns, AWRY_MS), _class(trail.awry[1], now_ns, AWRY_MS)),
        _class(state.plate_ns, now_ns, LOOKUP_MS) if choosing and state.vehicle is None else 0,
        _class(latch.at_ns, now_ns, PHOTO_MS)
        if latch is not None and choosing and state.photos is None
        else 0,
        # only a lane without an attendant asks how long a vehicle has been there
        _class(state.arrived_ns, now_ns, ALONE_MS)
        if not params.attended and state.visit_id and not _over(state)
        else 0,
    )


def key_of(state: State, now_ns: int, params: Params) -> Key:
    state = _forget(state)
    phase, latch, draft, committed = state.phase, state.latch, state.draft, state.committed
    edges_ns = state.trail.edges_clear
    choosing = _choosing(state)
    facts = (
        state.reason if phase is Phase.HELD else None,
        state.visit_id != 0,
        state.cut if phase is Phase.ENTERING else False,
        None
        if latch is None
        else (latch.gross_kg, latch.axles, 0 < edges_ns <= latch.held_since_ns),
        state.reading.outcome if choosing and state.reading is not None else None,
        state.keyed if choosing else "",
        choosing and state.vehicle is not None,
        choosing and state.photos is not None,
        state.limit.limit_kg if choosing else None,
        state.verdict,
        None if draft is None else (draft.verdict, draft.visit_id == state.visit_id),
        None
        if committed is None
        else (committed.visit_id == state.visit_id, len(committed.record_hash)),
        state.save_refused,
        state.used,
        state.leased,
        state.opened,
        edges_ns > 0,
    )
    return Key(phase, ages_of(state, now_ns, params), facts)


def representative(state: State, key: Key, params: Params) -> State:
    """The state every state of this key is replaced by."""
    state = _forget(state)
    ages, visiting, choosing = key.ages, state.visit_id != 0, _choosing(state)
    edges_ns = MonotonicNs(NOW_NS if state.trail.edges_clear > 0 else 0)
    latch = state.latch
    if latch is not None:
        kept = 0 < state.trail.edges_clear <= latch.held_since_ns
        held_ns = MonotonicNs(NOW_NS if kept else 1)
        at_ns = _time(max(ages.latch, 1), PHOTO_MS)
        latch = Latch(latch.gross_kg, 10, held_ns, at_ns, latch.axles, (), 0, 0)
    draft, committed = state.draft, state.committed
    if draft is not None:
        own = draft.visit_id == state.visit_id
        draft = replace(draft, visit_id=VISIT_ID if own else OTHER_VISIT_ID)
    if committed is not None:
        own = committed.visit_id == state.visit_id
        digest = HASH[: len(committed.record_hash)]
        committed = replace(
            committed, visit_id=VISIT_ID if own else OTHER_VISIT_ID, record_hash=digest
        )
    clear = clear_thresholds(state.phase)
    trail = Trail(
        edges_ns,
        (_time(ages.clear[0], clear), _time(ages.clear[1], clear)),
        _time(ages.ready, READY_MS),
        _time(ages.not_empty, EMPTY_MS),
        _time(ages.residue, EMPTY_MS),
        (_time(ages.disagree[0], APART_MS), _time(ages.disagree[1], APART_MS)),
        (_time(ages.awry[0], AWRY_MS), _time(ages.awry[1], AWRY_MS)),
    )
    return State(
        phase=state.phase,
        since_ns=_time(ages.since, phase_thresholds(state, params)),
        # in LOCKOUT the reason is for people only
        reason=HoldReason.RESTARTED if state.phase is Phase.LOCKOUT else state.reason,
        serial=1 if visiting else 0,
        visit_id=VISIT_ID if visiting else 0,
        arrived_ns=_time(max(ages.arrived, int(visiting)), ALONE_MS),
        cut=state.cut and state.phase is Phase.ENTERING,
        latch=latch,
        reading=state.reading if choosing else None,
        keyed=state.keyed if choosing else "",
        plate_ns=_time(ages.plate, LOOKUP_MS),
        vehicle=VEHICLE if choosing and state.vehicle is not None else None,
        photos=PHOTOS if state.photos is not None or not choosing else None,
        limit=state.limit if choosing else NO_LIMIT,
        verdict=state.verdict,
        draft=draft,
        committed=committed,
        save_refused=state.save_refused,
        used=state.used,
        leased=state.leased,
        opened=state.opened,
        zero_allowed=False,  # made anew from every tick's facts
        trail=trail,
        menu=NO_MENU,  # a command is keyed in whole within one tick, see environment
    )


def waits_of(key: Key, state: State, params: Params) -> Iterator[int]:
    """The thresholds, in ms, that a running clock of this state has still before it."""
    ages, clear = key.ages, clear_thresholds(state.phase)
    clocks: tuple[tuple[Class, Thresholds], ...] = (
        (ages.since, phase_thresholds(state, params)),
        (ages.clear[0], clear),
        (ages.clear[1], clear),
        (ages.ready, READY_MS),
        (ages.not_empty, EMPTY_MS),
        (ages.residue, EMPTY_MS),
        (ages.disagree[0], APART_MS),
        (ages.disagree[1], APART_MS),
        (ages.awry[0], AWRY_MS),
        (ages.awry[1], AWRY_MS),
        (ages.plate, LOOKUP_MS),
        (ages.latch, PHOTO_MS),
        (ages.arrived, ALONE_MS),
    )
    found = {
        limit_ms
        for passed, thresholds in clocks
        if passed >= 1
        for limit_ms in thresholds[passed - 1 :]
    }
    yield from sorted(found)
