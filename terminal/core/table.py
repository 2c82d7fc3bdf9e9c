"""The lane's transition table and its interpreter.

Read by step, by the diagram and manual generators and by the model search: the rows are the
only description of the flow there is. First row whose guards all hold fires, one a tick; the
disable rows come first for every phase and cannot be outranked. A row never moves a barrier:
it only changes what the interlock will be asked for.
"""

from __future__ import annotations

from typing import NamedTuple

from terminal.core.facts import GUARDS, Facts
from terminal.core.types import HoldReason
from terminal.core.visit import Phase


class Row(NamedTuple):
    """From `phase`, when all guards hold: do the effects, then stand in `then` for `reason`."""

    phase: Phase | None
    when: tuple[str, ...]
    then: Phase
    do: tuple[str, ...]
    reason: HoldReason
    why: str


_P, _R = Phase, HoldReason
_NONE = HoldReason.NONE


def _disable(guard: str, reason: HoldReason, why: str) -> Row:
    return Row(None, (guard,), Phase.LOCKOUT, ("END_VISIT",), reason, why)


def _hold(phase: Phase, when: tuple[str, ...], reason: HoldReason, why: str, *do: str) -> Row:
    return Row(phase, when, Phase.HELD, do, reason, why)


def _go(phase: Phase, when: tuple[str, ...], then: Phase, why: str, *do: str) -> Row:
    return Row(phase, when, then, do, _NONE, why)


DISABLE: tuple[Row, ...] = (
    _disable("estop_pressed", _R.ESTOP, "a person asked for it"),
    _disable("wired_release_used", _R.WIRED_RELEASE, "the arm was moved past us"),
    _disable("inputs_stale", _R.SENSOR_STALE, "I5: a passage we cannot see is not clear"),
    _disable("weight_stale", _R.WEIGHT_STALE, "I5: a deck we cannot weigh is not empty"),
    _disable("barrier_faulty", _R.BARRIER_FAULT, "I5: an arm whose place is not known"),
    _disable("relay_disagrees", _R.RELAY_DISAGREES, "I11: welded or broken relay"),
    _disable("barrier_strayed", _R.BARRIER_OPEN, "an arm stands open that nobody leased"),
    _disable("barrier_stuck", _R.BARRIER_FAULT, "reality does not follow the command"),
)

ROWS: tuple[Row, ...] = (
    _go(_P.LOCKOUT, ("ready_long",), _P.IDLE, "I10: an observed empty, zero-valid, shut lane"),
    _go(
        _P.LOCKOUT,
        ("operator_egress", "exit_closed"),
        _P.EGRESS,
        "a trapped vehicle may only go back",
        "NEW_VISIT",
        "BAR",
    ),
    _go(
        _P.LOCKOUT,
        ("left_alone", "vehicle_on", "exit_closed"),
        _P.EGRESS,
        "no attendant: a trapped vehicle is let back out",
        "NEW_VISIT",
        "BAR",
    ),
    _hold(_P.IDLE, ("outbox_full",), _R.OUTBOX_FULL, "what cannot be recorded is not called on"),
    _go(
        _P.IDLE,
        ("entry_taken", "deck_empty", "zero_valid"),
        _P.ENTERING,
        "first come, first served",
        "NEW_VISIT",
    ),
    _hold(_P.IDLE, ("zero_doubtful",), _R.ZERO_INVALID, "R 76 4.5.1: no zero, no weighing"),
    _hold(_P.IDLE, ("not_empty_long",), _R.NOT_EMPTY, "a mass that no vehicle brought"),
    _go(_P.ENTERING, ("boarded", "vehicle_on"), _P.POSITIONING, "cut, then clear, with mass"),
    _go(
        _P.ENTERING,
        ("boarding_overdue", "entry_clear", "deck_empty"),
        _P.EGRESS,
        "called and did not come",
    ),
    Row(
        _P.ENTERING,
        ("position_overdue", "not_cut", "vehicle_on", "entry_clear"),
        _P.LOCKOUT,
        ("END_VISIT",),
        _R.SENSOR_STALE,
        "a mass came on that the entry beam never saw",
    ),
    _go(
        _P.POSITIONING,
        ("deck_empty", "edges_clear"),
        _P.EGRESS,
        "backed out before it was weighed",
    ),
    _go(
        _P.POSITIONING,
        ("edges_clear", "entry_closed", "vehicle_on"),
        _P.WEIGHING,
        "in place, lane shut behind it",
    ),
    _hold(_P.POSITIONING, ("position_overdue",), _R.NOT_IN_PLACE, "does not get in place"),
    _go(
        _P.WEIGHING,
        ("deck_empty", "edges_clear"),
        _P.EGRESS,
        "left early",
    ),
    _hold(
        _P.WEIGHING, ("entry_cut",), _R.SECOND_VEHICLE, "a second one, or backing", "RENEW_VISIT"
    ),
    _hold(_P.WEIGHING, ("two_vehicles",), _R.SECOND_VEHICLE, "the cells say two", "RENEW_VISIT"),
    _go(_P.WEIGHING, ("exit_cut",), _P.POSITIONING, "too far forward", "VOID_WEIGHT"),
    _hold(_P.WEIGHING, ("overload",), _R.OVERLOAD, "beyond the scale's range", "VOID_WEIGHT"),
    _hold(
        _P.WEIGHING, ("weigh_fault",), _R.WEIGH_FAULT, "a cell is not to be trusted", "VOID_WEIGHT"
    ),
    _go(_P.WEIGHING, ("latch_slipped",), _P.WEIGHING, "the mass moved: begin anew", "VOID_WEIGHT"),
    _go(_P.WEIGHING, ("no_latch", "weight_trusted"), _P.WEIGHING, "I2", "HOLD_WEIGHT"),
    _go(
        _P.WEIGHING,
        (
            "latch_good",
            "plate_known",
            "axles_known",
            "photos_ready",
            "vehicle_known",
            "axles_agree",
        ),
        _P.DECIDING,
        "all that the judgement needs",
        "JUDGE",
    ),
    _hold(_P.WEIGHING, ("latched", "axles_missing"), _R.AXLES_UNKNOWN, "DOMAIN 1.6"),
    _hold(
        _P.WEIGHING,
        ("latched", "axles_differ"),
        _R.AXLES_DIFFER,
        "not the vehicle of the list under this plate, or not on all its axles",
    ),
    _hold(
        _P.WEIGHING,
        ("latched", "plate_missing", "plate_overdue"),
        _R.PLATE_UNREAD,
        "no plate, no automatic release (order 301)",
    ),
    _hold(
        _P.WEIGHING,
        ("no_latch", "settle_overdue", "off_deck"),
        _R.NOT_IN_PLACE,
        "a wheel stands beside the deck",
    ),
    _hold(_P.WEIGHING, ("no_latch", "settle_overdue"), _R.UNSTEADY, "R 76 4.4.2"),
    _go(_P.DECIDING, ("latch_slipped",), _P.WEIGHING, "moved before the record", "VOID_WEIGHT"),
    _go(_P.DECIDING, ("latch_good",), _P.COMMITTING, "durable first", "DRAFT"),
    _go(_P.COMMITTING, ("acknowledged", "verdict_barred"), _P.EGRESS, "barred: back out", "BAR"),
    _hold(_P.COMMITTING, ("save_refused",), _R.SAVE_REFUSED, "not durable, not released"),
    _hold(
        _P.COMMITTING,
        ("verdict_pass", "entry_cut"),
        _R.SECOND_VEHICLE,
        "a second one before the release",
        "RENEW_VISIT",
    ),
    _go(
        _P.COMMITTING,
        ("verdict_pass", "latch_slipped"),
        _P.POSITIONING,
        "moved before the release: a new visit, since the old record stands",
        "RENEW_VISIT",
    ),
    _go(
        _P.COMMITTING,
        ("acknowledged", "verdict_pass", "latch_good"),
        _P.RELEASING,
        "I1: the record is durable",
    ),
    _hold(_P.COMMITTING, ("ledger_silent",), _R.LEDGER_AWAY, "wait for the attendant"),
    _go(_P.RELEASING, ("exit_taken",), _P.CLEARING, "on its way out"),
    _go(
        _P.RELEASING,
        ("vehicle_off", "edges_clear", "exit_clear_long"),
        _P.CLEARING,
        "gone the other way",
    ),
    _hold(
        _P.RELEASING,
        ("reloaded", "exit_clear_long"),
        _R.BARRIER_OPEN,
        "another mass than the one judged: weigh anew",
        "RENEW_VISIT",
    ),
    _hold(
        _P.RELEASING,
        ("leave_overdue", "exit_clear_long"),
        _R.BARRIER_OPEN,
        "stayed too long: one record opens once, weigh anew",
        "RENEW_VISIT",
    ),
    _hold(
        _P.CLEARING,
        ("exit_clear_long", "vehicle_on"),
        _R.SECOND_VEHICLE,
        "one left and one is still there",
        "RENEW_VISIT",
    ),
    _go(
        _P.CLEARING,
        ("release_unused", "exit_clear_long", "vehicle_off"),
        _P.CLEARING,
        "I3: one record opens once",
        "END_RELEASE",
    ),
    _go(
        _P.CLEARING,
        ("release_used", "exit_closed", "deck_empty"),
        _P.IDLE,
        "shut and empty",
        "END_VISIT",
    ),
    _hold(
        _P.CLEARING,
        ("release_used", "exit_closed", "residue_long"),
        _R.NOT_EMPTY,
        "something stayed on the deck",
        "END_VISIT",
    ),
    _go(
        _P.HELD,
        ("no_visit", "deck_empty", "zero_valid", "outbox_open"),
        _P.IDLE,
        "swept clean, zero found again",
    ),
    _go(_P.HELD, ("in_visit", "deck_empty", "edges_clear"), _P.EGRESS, "gone by itself"),
    _go(
        _P.HELD,
        ("operator_refuses", "in_visit", "no_pending", "entry_closed", "exit_closed"),
        _P.COMMITTING,
        "refused on record",
        "REFUSE",
    ),
    _go(
        _P.HELD,
        ("operator_refuses", "no_visit"),
        _P.EGRESS,
        "a vehicle nobody saw come may only go back",
        "NEW_VISIT",
        "BAR",
    ),
    _go(
        _P.HELD,
        ("operator_refuses",),
        _P.EGRESS,
        "refused where no record can be made; the journal has it",
        "BAR",
    ),
    _hold(
        _P.HELD,
        ("weighed_reason", "entry_cut"),
        _R.SECOND_VEHICLE,
        "the vehicle moved or a second one came",
        "RENEW_VISIT",
    ),
    _go(_P.HELD, ("for_plate", "plate_known"), _P.WEIGHING, "the operator keyed it in"),
    _go(
        _P.HELD,
        ("for_axles", "plate_known", "vehicle_known", "axles_agree"),
        _P.WEIGHING,
        "the operator keyed in the right plate",
    ),
    _go(_P.HELD, ("for_unsteady", "weight_trusted"), _P.WEIGHING, "it settled after all"),
    _go(
        _P.HELD,
        ("for_second", "edges_clear", "exit_closed", "one_vehicle"),
        _P.POSITIONING,
        "one is left: weigh it anew",
    ),
    _go(
        _P.HELD,
        ("for_place", "edges_clear", "exit_closed", "fully_on"),
        _P.POSITIONING,
        "it moved into place",
    ),
    _go(
        _P.HELD,
        ("for_barrier", "edges_clear", "exit_closed"),
        _P.POSITIONING,
        "shut again: weigh anew",
    ),
    _go(_P.HELD, ("for_overload", "no_overload", "exit_closed"), _P.POSITIONING, "back in range"),
    _go(
        _P.HELD,
        ("for_weigh_fault", "no_weigh_fault", "exit_closed"),
        _P.POSITIONING,
        "the cells agree again",
    ),
    _go(_P.HELD, ("for_ledger", "acknowledged"), _P.COMMITTING, "the ledger is back"),
    _hold(_P.HELD, ("for_ledger", "save_refused"), _R.SAVE_REFUSED, "back, and cannot save"),
    _go(_P.HELD, ("for_save", "retry_due"), _P.COMMITTING, "ask again", "RETRY_SAVE"),
    _go(
        _P.HELD,
        ("left_alone", "in_visit", "no_pending", "entry_closed", "exit_closed"),
        _P.COMMITTING,
        "no attendant: refused on record",
        "REFUSE",
    ),
    _go(
        _P.HELD,
        ("left_alone", "in_visit"),
        _P.EGRESS,
        "no attendant, and no record can be made",
        "BAR",
    ),
    _go(
        _P.HELD,
        ("left_alone", "no_visit", "vehicle_on"),
        _P.EGRESS,
        "no attendant, and nobody saw it come",
        "NEW_VISIT",
        "BAR",
    ),
    _go(
        _P.EGRESS,
        ("deck_empty", "edges_clear", "entry_closed", "exit_closed"),
        _P.IDLE,
        "gone and shut",
        "END_VISIT",
    ),
    _hold(
        _P.EGRESS,
        ("residue_long", "entry_closed", "exit_closed"),
        _R.NOT_EMPTY,
        "something stayed on the deck",
        "END_VISIT",
    ),
)

BY_PHASE: dict[Phase, tuple[Row, ...]] = {
    phase: DISABLE + tuple(row for row in ROWS if row.phase is phase) for phase in Phase
}


def fire(phase: Phase, facts: Facts) -> Row | None:
    """The first row whose guards all hold, or None. Guards are asked in the row's order."""
    for row in BY_PHASE[phase]:
        for guard in row.when:
            if not GUARDS[guard](facts):
                break
        else:
            return row
    return None
