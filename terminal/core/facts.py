"""The named guards of the transition table: one short predicate each, over one tick's facts.

A guard is true only when its fact is definitely so; "not known" makes none of a pair such as
exit_clear and exit_taken true. Guards that deny (stale, overdue) are true on doubt instead.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from hal.contract.types import NS_PER_MS, NS_PER_S, MonotonicNs, Tri
from terminal.core.limits import pattern_axles
from terminal.core.params import Params
from terminal.core.plate import is_valid
from terminal.core.quality import (
    FAULT_FLAGS,
    OFF_DECK_FLAGS,
    OVERLOAD_FLAGS,
    TWO_FLAGS,
    Seen,
)
from terminal.core.types import HoldReason, Inputs, PlateOutcome, Verdict, WeightSource
from terminal.core.visit import Phase, State

AXLES_MIN = 2

EXIT_SHUT_IN = (
    Phase.IDLE,
    Phase.ENTERING,
    Phase.POSITIONING,
    Phase.WEIGHING,
    Phase.DECIDING,
    Phase.COMMITTING,
)
ENTRY_SHUT_IN = (
    Phase.IDLE,
    Phase.WEIGHING,
    Phase.DECIDING,
    Phase.COMMITTING,
    Phase.RELEASING,
    Phase.CLEARING,
)

WEIGHED_REASONS = (
    HoldReason.OVERLOAD,
    HoldReason.WEIGH_FAULT,
    HoldReason.UNSTEADY,
    HoldReason.PLATE_UNREAD,
    HoldReason.AXLES_UNKNOWN,
    HoldReason.AXLES_DIFFER,
)
"""Holds of a vehicle that stood in place: a beam cut since means it moved, or another came."""


class Facts(NamedTuple):
    """One tick as the guards see it. command: what the operator just confirmed, or empty."""

    now_ns: MonotonicNs
    state: State
    seen: Seen
    inputs: Inputs
    params: Params
    command: str


Guard = Callable[[Facts], bool]


def plate_of(state: State) -> str:
    """The plate that stands for this visit: keyed in, or read beyond doubt; else empty."""
    if state.keyed:
        return state.keyed
    reading = state.reading
    if reading is None or reading.outcome is not PlateOutcome.READ or not is_valid(reading.plate):
        return ""
    return reading.plate


def weight_trusted(f: Facts) -> bool:
    """A mass held since after both beams came clear, all vetoes passed (I2)."""
    clear_ns = f.state.trail.edges_clear
    weighed = f.inputs.weighed
    return (
        f.seen.held_kg is not None
        and weighed is not None
        and clear_ns > 0
        and weighed.held_since_ns >= clear_ns
    )


def latch_good(f: Facts) -> bool:
    """The held mass still stands: trusted now, within 1 e, no beam cut since."""
    latch, held_kg = f.state.latch, f.seen.held_kg
    return (
        latch is not None
        and held_kg is not None
        and weight_trusted(f)
        and abs(held_kg - latch.gross_kg) <= f.params.e_kg
        and latch.held_since_ns >= f.state.trail.edges_clear
    )


def _lasted(f: Facts, since_ns: int, span_ns: int) -> bool:
    return since_ns > 0 and f.now_ns - since_ns >= span_ns


def _phase_lasted(f: Facts, span_s: int) -> bool:
    return f.now_ns - f.state.since_ns >= span_s * NS_PER_S


def _strayed(f: Facts) -> bool:
    """An arm that nothing lets open is not known closed, or the other side's lease needs it."""
    phase, closed = f.state.phase, f.seen.closed
    if closed[1] is not Tri.YES and (phase in EXIT_SHUT_IN or f.state.leased[0]):
        return True
    return closed[0] is not Tri.YES and phase in ENTRY_SHUT_IN


def _stuck(f: Facts) -> bool:
    span_ns = f.params.barrier_s_max * NS_PER_S
    awry = f.state.trail.awry
    return f.state.phase is not Phase.LOCKOUT and (
        _lasted(f, awry[0], span_ns) or _lasted(f, awry[1], span_ns)
    )


def _disagrees(f: Facts) -> bool:
    span_ns = f.params.relay_ms_max * NS_PER_MS
    since = f.state.trail.disagree
    return _lasted(f, since[0], span_ns) or _lasted(f, since[1], span_ns)


def _clear_long(f: Facts, side: int) -> bool:
    return _lasted(f, f.state.trail.clear[side], f.params.close_delay_ms * NS_PER_MS)


def _shut(f: Facts, side: int) -> bool:
    """Seen closed and not told to rise: an arm leaves its switch a moment after its lease."""
    return f.seen.closed[side] is Tri.YES and not f.state.leased[side]


def _photos_ready(f: Facts) -> bool:
    latch = f.state.latch
    return latch is not None and (
        f.state.photos is not None
        or f.inputs.camera_up is Tri.NO
        or f.now_ns - latch.at_ns >= f.params.photo_ms_max * NS_PER_MS
    )


def _vehicle_known(f: Facts) -> bool:
    return (
        f.state.vehicle is not None
        or f.inputs.ledger_up is Tri.NO
        or _lasted(f, f.state.plate_ns, f.params.lookup_ms_max * NS_PER_MS)
    )


def axles_of(state: State, params: Params) -> int | None:
    """The axle count that stands: weighed, or the site list's where an indicator counts none."""
    counted = None if state.latch is None else state.latch.axles
    if counted is not None or params.source is not WeightSource.INDICATOR:
        return counted
    return None if state.vehicle is None else pattern_axles(state.vehicle.axle_pattern)


def _axles_known(f: Facts) -> bool:
    axles = axles_of(f.state, f.params)
    return axles is not None and axles >= AXLES_MIN


def _axles_missing(f: Facts) -> bool:
    """Not known, and nobody is left to ask: an indicator's lane waits for plate and list."""
    asked = f.params.source is WeightSource.AMPLIFIER or (
        plate_of(f.state) != "" and _vehicle_known(f)
    )
    return asked and not _axles_known(f)


def _axles_differ(f: Facts) -> bool:
    """The scale counted other axles than the list says: another vehicle, or a lifted axle."""
    latch, vehicle = f.state.latch, f.state.vehicle
    if latch is None or vehicle is None:
        return False
    listed = pattern_axles(vehicle.axle_pattern)
    return listed is not None and axles_of(f.state, f.params) != listed


def _reloaded(f: Facts) -> bool:
    latch, held_kg = f.state.latch, f.seen.held_kg
    return (
        latch is not None
        and held_kg is not None
        and weight_trusted(f)
        and abs(held_kg - latch.gross_kg) > f.params.e_kg
    )


def _left_alone(f: Facts) -> bool:
    """Nobody can decide here, and the vehicle has waited long enough for its hold to end itself."""
    state = f.state
    since_ns = state.arrived_ns if state.visit_id else state.since_ns
    return not f.params.attended and _lasted(f, since_ns, f.params.unattended_s_max * NS_PER_S)


def _held_for(reason: HoldReason) -> Guard:
    return lambda f: f.state.reason is reason


SENT_BACK = ("refuse", "egress")
"""Of a held vehicle both words ask for the same: this weighing is void, and it may go back out."""

GUARDS: dict[str, Guard] = {
    "estop_pressed": lambda f: f.seen.estop is Tri.YES,
    "wired_release_used": lambda f: f.seen.wired_release is Tri.YES,
    "inputs_stale": lambda f: not f.seen.inputs_known,
    "weight_stale": lambda f: not f.seen.weight_fresh,
    "barrier_faulty": lambda f: not f.seen.barriers_known,
    "relay_disagrees": _disagrees,
    "barrier_strayed": _strayed,
    "barrier_stuck": _stuck,
    "ready_long": lambda f: _lasted(f, f.state.trail.ready, f.params.ready_ms * NS_PER_MS),
    "entry_taken": lambda f: f.seen.taken[0] is Tri.YES,
    "exit_taken": lambda f: f.seen.taken[1] is Tri.YES,
    "entry_clear": lambda f: f.seen.taken[0] is Tri.NO,
    "exit_clear_long": lambda f: _clear_long(f, 1),
    "entry_cut": lambda f: f.seen.beams[0] is Tri.YES,
    "exit_cut": lambda f: f.seen.beams[1] is Tri.YES,
    "edges_clear": lambda f: f.state.trail.edges_clear > 0,
    "boarded": lambda f: f.state.cut and f.seen.beams[0] is Tri.NO,
    "entry_closed": lambda f: _shut(f, 0),
    "exit_closed": lambda f: _shut(f, 1),
    "vehicle_on": lambda f: f.seen.occupied is Tri.YES,
    "vehicle_off": lambda f: f.seen.occupied is Tri.NO,
    "deck_empty": lambda f: f.seen.deck_empty is Tri.YES,
    "not_empty_long": lambda f: _lasted(
        f, f.state.trail.not_empty, f.params.not_empty_ms * NS_PER_MS
    ),
    "residue_long": lambda f: _lasted(f, f.state.trail.residue, f.params.not_empty_ms * NS_PER_MS),
    "zero_valid": lambda f: f.seen.zero_valid is Tri.YES,
    "zero_doubtful": lambda f: f.seen.zero_valid is not Tri.YES,
    "boarding_overdue": lambda f: _phase_lasted(f, f.params.boarding_s_max),
    "position_overdue": lambda f: _phase_lasted(f, f.params.position_s_max),
    "settle_overdue": lambda f: _phase_lasted(f, f.params.settle_s_max),
    "plate_overdue": lambda f: _phase_lasted(f, f.params.plate_s_max),
    "leave_overdue": lambda f: _phase_lasted(f, f.params.leave_s_max),
    "retry_due": lambda f: _phase_lasted(f, f.params.save_retry_s),
    "ledger_silent": lambda f: (
        f.inputs.ledger_up is Tri.NO or _phase_lasted(f, f.params.commit_s_max)
    ),
    "overload": lambda f: f.seen.flags & OVERLOAD_FLAGS != 0,
    "no_overload": lambda f: f.seen.flags & OVERLOAD_FLAGS == 0,
    "weigh_fault": lambda f: f.seen.flags & FAULT_FLAGS != 0,
    "no_weigh_fault": lambda f: f.seen.flags & FAULT_FLAGS == 0,
    "off_deck": lambda f: f.seen.flags & OFF_DECK_FLAGS != 0,
    "fully_on": lambda f: f.seen.flags & OFF_DECK_FLAGS == 0,
    "two_vehicles": lambda f: f.seen.flags & TWO_FLAGS != 0,
    "one_vehicle": lambda f: f.seen.flags & TWO_FLAGS == 0,
    "weight_trusted": weight_trusted,
    "no_latch": lambda f: f.state.latch is None,
    "latched": lambda f: f.state.latch is not None,
    "latch_good": latch_good,
    "latch_slipped": lambda f: f.state.latch is not None and not latch_good(f),
    "reloaded": _reloaded,
    "plate_known": lambda f: plate_of(f.state) != "",
    "plate_missing": lambda f: plate_of(f.state) == "",
    "axles_known": _axles_known,
    "axles_missing": _axles_missing,
    "axles_differ": _axles_differ,
    "axles_agree": lambda f: not _axles_differ(f),
    "photos_ready": _photos_ready,
    "vehicle_known": _vehicle_known,
    "outbox_full": lambda f: f.inputs.outbox_full is Tri.YES,
    "outbox_open": lambda f: f.inputs.outbox_full is not Tri.YES,
    "acknowledged": lambda f: f.state.committed is not None,
    "save_refused": lambda f: f.state.save_refused,
    "verdict_pass": lambda f: f.state.verdict is Verdict.PASS,
    "verdict_barred": lambda f: f.state.verdict in (Verdict.OVER, Verdict.REFUSED),
    "release_used": lambda f: f.state.used,
    "release_unused": lambda f: not f.state.used,
    "no_pending": lambda f: f.state.draft is None or f.state.verdict is not Verdict.REFUSED,
    "weighed_reason": lambda f: f.state.reason in WEIGHED_REASONS,
    "in_visit": lambda f: f.state.visit_id != 0,
    "no_visit": lambda f: f.state.visit_id == 0,
    "not_cut": lambda f: not f.state.cut,
    "operator_refuses": lambda f: f.command in SENT_BACK,
    "left_alone": _left_alone,
    "operator_egress": lambda f: f.command == "egress",
    "for_overload": _held_for(HoldReason.OVERLOAD),
    "for_weigh_fault": _held_for(HoldReason.WEIGH_FAULT),
    "for_second": _held_for(HoldReason.SECOND_VEHICLE),
    "for_place": _held_for(HoldReason.NOT_IN_PLACE),
    "for_barrier": _held_for(HoldReason.BARRIER_OPEN),
    "for_unsteady": _held_for(HoldReason.UNSTEADY),
    "for_plate": _held_for(HoldReason.PLATE_UNREAD),
    "for_axles": _held_for(HoldReason.AXLES_DIFFER),
    "for_ledger": _held_for(HoldReason.LEDGER_AWAY),
    "for_save": _held_for(HoldReason.SAVE_REFUSED),
}
