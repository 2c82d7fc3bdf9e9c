"""The only place that makes a Lease or a ClosePermit. The visit proposes, this module grants.

It reasons on what MAY be true: whatever is unknown may be occupied, may be open, may be pressed.
Rules: an exit lease rests on the durable PASS record of this very visit, once, with the entry
known closed; an entry lease needs the exit known closed; never both (I6). No lease outlives
300 ms without being granted anew.

I4, and what a fault does to it: while a passage is occupied or unknown we never command close,
neither by a permit (pulse) nor by letting a healthy lease end (hold); an arm that was opened
and has not closed yet is opened again when its passage is entered. A disabling fact (e-stop,
stale or faulty input, stray arm) drops every lease at once nevertheless (I5): the boom's own
wired protection (EN 12453) acts then, because a computer that cannot see must not hold it.
"""

from __future__ import annotations

from typing import NamedTuple

from hal.contract.types import (
    LEASE_NS_MAX,
    NS_PER_MS,
    NS_PER_S,
    Authority,
    ClosePermit,
    Lease,
    MonotonicNs,
    Side,
    Tri,
)
from terminal.core.params import Params
from terminal.core.quality import Seen, disabled
from terminal.core.types import BarrierKind, LaneKind, Verdict
from terminal.core.visit import Phase, State

RECORD_HASH_BYTES = 32
EXIT_PHASES = (Phase.RELEASING, Phase.CLEARING)
CARRY_PHASES = (Phase.POSITIONING, Phase.HELD)


class Grants(NamedTuple):
    """By Side: what the barrier drivers are given this tick."""

    leases: tuple[Lease | None, Lease | None]
    close: tuple[ClosePermit | None, ClosePermit | None]


NOTHING = Grants((None, None), (None, None))


def grant(state: State, seen: Seen, now_ns: MonotonicNs, params: Params) -> Grants:
    """Leases and permits of this tick; nothing at all while anything is amiss."""
    if disabled(seen):
        return NOTHING
    until_ns = MonotonicNs(now_ns + LEASE_NS_MAX)
    entry = _entry(state, seen, now_ns, params, until_ns)
    exit_ = _exit(state, seen, until_ns)
    assert entry is None or exit_ is None, "I6: both ends of the deck leased in one tick"
    if params.barrier is BarrierKind.HOLD:
        return Grants((entry, exit_), (None, None))
    return Grants(
        (entry, exit_),
        (
            None if entry else _permit(Side.ENTRY, state, seen, now_ns, params),
            None if exit_ else _permit(Side.EXIT, state, seen, now_ns, params),
        ),
    )


def _exit(state: State, seen: Seen, until_ns: MonotonicNs) -> Lease | None:
    """I1, I3: only on this visit's durable PASS record, and only once."""
    committed = state.committed
    if (
        committed is None
        or state.phase not in EXIT_PHASES
        or state.verdict is not Verdict.PASS
        or state.used
        or committed.visit_id != state.visit_id
        or len(committed.record_hash) != RECORD_HASH_BYTES
        or seen.closed[Side.ENTRY] is not Tri.YES
    ):
        return None
    return Lease(Side.EXIT, Authority.RECORD, state.visit_id, committed.record_hash, until_ns)


def _entry(
    state: State, seen: Seen, now_ns: MonotonicNs, params: Params, until_ns: MonotonicNs
) -> Lease | None:
    """Boarding and backing out; an arm still open over a passage not clear stays open."""
    if params.lane is LaneKind.EXIT_ONLY or seen.closed[Side.EXIT] is not Tri.YES:
        return None
    if state.visit_id == 0 or not _entry_wanted(state, seen, now_ns, params):
        return None
    authority = Authority.BACK_OUT if state.phase is Phase.EGRESS else Authority.BOARDING
    return Lease(Side.ENTRY, authority, state.visit_id, b"", until_ns)


def _entry_wanted(state: State, seen: Seen, now_ns: MonotonicNs, params: Params) -> bool:
    opened = state.opened[Side.ENTRY]
    keep = opened and not _clear_for(state, Side.ENTRY, now_ns, params.close_delay_ms * NS_PER_MS)
    if state.phase is Phase.ENTERING:
        return state.leased[Side.ENTRY] or seen.deck_empty is Tri.YES
    if state.phase is Phase.EGRESS:
        return keep or seen.occupied is not Tri.NO
    return keep and state.phase in CARRY_PHASES


def _permit(
    side: Side, state: State, seen: Seen, now_ns: MonotonicNs, params: Params
) -> ClosePermit | None:
    """Drive a pulse arm shut: its passage has been known clear for the whole delay.

    After a restart the delay is longer, since nobody knows why the arm stands open.
    """
    if params.lane is LaneKind.EXIT_ONLY and side is Side.ENTRY:
        return None
    span_ns = params.close_delay_ms * NS_PER_MS
    if state.phase is Phase.LOCKOUT:
        span_ns = params.restart_close_s * NS_PER_S
    if seen.closed[side] is Tri.YES or not _clear_for(state, side, now_ns, span_ns):
        return None
    return ClosePermit(side, MonotonicNs(now_ns + LEASE_NS_MAX))


def _clear_for(state: State, side: Side, now_ns: MonotonicNs, span_ns: int) -> bool:
    clear_ns = state.trail.clear[side]
    return clear_ns > 0 and now_ns - clear_ns >= span_ns
