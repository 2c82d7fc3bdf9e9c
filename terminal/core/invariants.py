"""I1 to I6 and I9 to I11 as checks over one transition; run every tick, in production too.

Written against the inputs and outputs, not against the table, so that a wrong row cannot hide
behind itself. A name returned here means a bug: control releases everything and ends (exit 70).
I7, I8 and I12 speak of the ledger, the uplink and replay, and are checked where those live.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from hal.contract.types import LEASE_NS_MAX, NS_PER_MS, Authority, Side, Tri
from terminal.core.menu import CANDIDATES_MAX
from terminal.core.params import Params
from terminal.core.quality import Seen, disabled, look
from terminal.core.step import EVENTS_MAX
from terminal.core.types import BarrierKind, Inputs, Outputs, Verdict
from terminal.core.visit import Phase, State


class Transition(NamedTuple):
    """One tick with what its inputs show."""

    before: State
    inputs: Inputs
    after: State
    outputs: Outputs
    params: Params
    seen: Seen


def check(
    before: State, inputs: Inputs, after: State, outputs: Outputs, params: Params
) -> tuple[str, ...]:
    """Names of the invariants this transition breaks, in order; empty when all hold."""
    moved = Transition(before, inputs, after, outputs, params, look(inputs, params))
    return tuple(name for name, holds in INVARIANTS if not holds(moved))


def _i1(t: Transition) -> bool:
    """Exit lease only on the durable PASS record of this visit."""
    lease, committed = t.outputs.leases[Side.EXIT], t.after.committed
    if lease is None:
        return True
    return (
        committed is not None
        and lease.authority is Authority.RECORD
        and lease.visit_id == committed.visit_id == t.after.visit_id
        and lease.record_hash == committed.record_hash
        and len(lease.record_hash) == 32
        and t.after.verdict is Verdict.PASS
        and t.after.draft is not None
        and t.after.draft.verdict is Verdict.PASS
        and t.after.draft.visit_id == lease.visit_id
    )


def _i2(t: Transition) -> bool:
    """A weight is held only while it is trusted, and since after the beams came clear."""
    latch = t.after.latch
    if latch is None or latch is t.before.latch:
        return True
    return (
        t.seen.held_kg is not None
        and t.seen.beams == (Tri.NO, Tri.NO)
        and 0 < t.after.trail.edges_clear <= latch.held_since_ns
        and abs(latch.gross_kg - t.seen.held_kg) <= t.params.e_kg
    )


def _i3(t: Transition) -> bool:
    """A lease dies with its visit, and a used record opens nothing again."""
    entry, exit_ = t.outputs.leases
    for lease in (entry, exit_):
        if lease is not None and (lease.visit_id != t.after.visit_id or t.after.visit_id == 0):
            return False
    used = t.before.used and t.before.visit_id == t.after.visit_id
    return exit_ is None or not (used or t.after.used)


def _i4(t: Transition) -> bool:
    """Never command close over a passage that is not known clear; LOCKOUT is a fault (I5)."""
    for side in (Side.ENTRY, Side.EXIT):
        if t.seen.taken[side] is Tri.NO:
            continue
        if t.outputs.close[side] is not None:
            return False
        ended = t.before.leased[side] and t.outputs.leases[side] is None
        held_open = t.params.barrier is BarrierKind.HOLD
        if held_open and ended and t.after.phase is not Phase.LOCKOUT:
            return False
    return True


def _i5(t: Transition) -> bool:
    """Stale or faulty required input, or e-stop: no lease, no permit."""
    return not disabled(t.seen) or (
        t.outputs.leases == (None, None) and t.outputs.close == (None, None)
    )


def _i6(t: Transition) -> bool:
    """Leases never overlap, and the other end is known closed."""
    entry, exit_ = t.outputs.leases
    if entry is not None and (exit_ is not None or t.seen.closed[Side.EXIT] is not Tri.YES):
        return False
    return exit_ is None or t.seen.closed[Side.ENTRY] is Tri.YES


def _i9(t: Transition) -> bool:
    """Everything handed out is bounded, leases and permits in time as well."""
    until_ns = t.inputs.now_ns + LEASE_NS_MAX
    grants = (*t.outputs.leases, *t.outputs.close)
    return (
        all(grant is None or grant.expires_ns <= until_ns for grant in grants)
        and len(t.outputs.events) <= EVENTS_MAX
        and len(t.outputs.display.menu_lines) <= CANDIDATES_MAX
    )


def _i10(t: Transition) -> bool:
    """LOCKOUT opens no exit, and ends only in an observed empty lane or a way back out."""
    if t.before.phase is not Phase.LOCKOUT:
        return True
    if t.outputs.leases[Side.EXIT] is not None:
        return False
    if t.after.phase in (Phase.LOCKOUT, Phase.EGRESS):
        return True
    return (
        t.after.phase is Phase.IDLE
        and t.seen.deck_empty is Tri.YES
        and t.seen.zero_valid is Tri.YES
        and t.seen.beams[0] is Tri.NO
        and t.seen.taken[1] is Tri.NO
        and t.seen.closed == (Tri.YES, Tri.YES)
    )


def _i11(t: Transition) -> bool:
    """Relay and read-back contact apart for relay_ms_max: LOCKOUT."""
    now_ns, span_ns = t.inputs.now_ns, t.params.relay_ms_max * NS_PER_MS
    since_ns = t.before.trail.disagree
    apart = any(not t.seen.agree[side] and 0 < since_ns[side] <= now_ns - span_ns for side in Side)
    return not apart or t.after.phase is Phase.LOCKOUT


INVARIANTS: tuple[tuple[str, Callable[[Transition], bool]], ...] = (
    ("I1", _i1),
    ("I2", _i2),
    ("I3", _i3),
    ("I4", _i4),
    ("I5", _i5),
    ("I6", _i6),
    ("I9", _i9),
    ("I10", _i10),
    ("I11", _i11),
)
