"""What sign, keypad and console show: one prompt and one reason, chosen from tables.

No text is here, only names; and nothing shown here decides anything.
"""

from __future__ import annotations

from collections.abc import Callable

from hal.contract.types import NS_PER_S, Tri
from terminal.core.facts import Facts, plate_of
from terminal.core.menu import lines
from terminal.core.quality import disabled
from terminal.core.types import Display, HoldReason, PlateOutcome, Prompt, Verdict
from terminal.core.visit import Phase, State

VERDICT_S = 10

PHASE_PROMPT: dict[Phase, Prompt] = {
    Phase.LOCKOUT: Prompt.LOCKOUT,
    Phase.IDLE: Prompt.IDLE,
    Phase.ENTERING: Prompt.BOARD,
    Phase.POSITIONING: Prompt.WAIT,
    Phase.WEIGHING: Prompt.WEIGHING,
    Phase.DECIDING: Prompt.WEIGHING,
    Phase.COMMITTING: Prompt.SAVING,
    Phase.RELEASING: Prompt.PASS,
    Phase.CLEARING: Prompt.LEAVE,
    Phase.HELD: Prompt.ATTENDANT,
    Phase.EGRESS: Prompt.BACK_OUT,
}

REASON_PROMPT: dict[HoldReason, Prompt] = {
    HoldReason.ESTOP: Prompt.ESTOP,
    HoldReason.RESTARTED: Prompt.STARTING,
    HoldReason.SENSOR_STALE: Prompt.FAULT,
    HoldReason.WEIGHT_STALE: Prompt.FAULT,
    HoldReason.BARRIER_FAULT: Prompt.FAULT,
    HoldReason.RELAY_DISAGREES: Prompt.FAULT,
    HoldReason.ZERO_INVALID: Prompt.NOT_EMPTY,
    HoldReason.NOT_EMPTY: Prompt.NOT_EMPTY,
    HoldReason.OUTBOX_FULL: Prompt.SAVE_FAILED,
    HoldReason.WEIGH_FAULT: Prompt.FAULT,
    HoldReason.SECOND_VEHICLE: Prompt.SECOND_VEHICLE,
    HoldReason.UNSTEADY: Prompt.UNSTEADY,
    HoldReason.PLATE_UNREAD: Prompt.PLATE_UNREAD,
    HoldReason.AXLES_UNKNOWN: Prompt.AXLES_UNKNOWN,
    HoldReason.AXLES_DIFFER: Prompt.AXLES_UNKNOWN,
    HoldReason.SAVE_REFUSED: Prompt.SAVE_FAILED,
}
"""Reasons of HELD and LOCKOUT that have a prompt of their own; the others take the phase's."""


def show(f: Facts, state: State) -> Display:
    """The display after this tick's transition."""
    prompt, reason = _sign(f, state)
    draft = state.draft
    gross_kg = f.seen.gross_kg if draft is None else draft.gross_kg
    latch = state.latch
    reading = state.reading
    menu = state.menu
    return Display(
        prompt,
        reason,
        plate_of(state),
        None if latch is None else latch.axles,
        gross_kg,
        state.limit.limit_kg,
        0 if draft is None else draft.over_kg,
        menu.page,
        lines(menu, () if reading is None else reading.candidates) if menu.page else (),
        reading is not None and reading.by_list and not state.keyed,
        _partly(state),
    )


def _partly(state: State) -> str:
    """The plate with open places, while nobody has said what stands there."""
    reading = state.reading
    if state.keyed or reading is None or reading.outcome is not PlateOutcome.PARTLY:
        return ""
    return reading.plate


def _sign(f: Facts, state: State) -> tuple[Prompt, HoldReason]:
    said = SAID_BY.get(state.phase)
    return (PHASE_PROMPT[state.phase], HoldReason.NONE) if said is None else said(f, state)


def _stopped(f: Facts, state: State) -> tuple[Prompt, HoldReason]:
    """HELD and LOCKOUT: the reason, unless all that is wanted is a free entry."""
    if state.phase is Phase.LOCKOUT and _entry_open(f):
        return Prompt.OFF_ENTRY, HoldReason.BARRIER_OPEN
    return REASON_PROMPT.get(state.reason, PHASE_PROMPT[state.phase]), state.reason


def _weighing(f: Facts, state: State) -> tuple[Prompt, HoldReason]:
    waiting = state.latch is not None and not plate_of(state)
    return (Prompt.READING_PLATE if waiting else Prompt.WEIGHING), HoldReason.NONE


def _clearing(f: Facts, state: State) -> tuple[Prompt, HoldReason]:
    if state.used:
        return Prompt.WAIT, HoldReason.BARRIER_OPEN
    return Prompt.LEAVE, HoldReason.NONE


def _entry_open(f: Facts) -> bool:
    """Nothing is amiss, the deck is empty, and all waits for the open entry arm to come down.

    It is not shut over a vehicle, so whoever stands there must be told to go, and whoever comes
    to keep away: the driver sees a red lamp under an open arm and would wait for ever.
    """
    seen = f.seen
    return seen.closed[0] is Tri.NO and seen.deck_empty is Tri.YES and not disabled(seen)


def _moving(f: Facts, state: State) -> tuple[Prompt, HoldReason]:
    """Getting on and into place: too far, not far enough, or somebody behind."""
    if f.seen.beams[1] is Tri.YES:
        return Prompt.GO_BACK, HoldReason.NOT_IN_PLACE
    if state.phase is Phase.ENTERING:
        return Prompt.BOARD, HoldReason.NONE
    if f.seen.beams[0] is Tri.YES:
        return Prompt.GO_FORWARD, HoldReason.NOT_IN_PLACE
    if f.seen.taken[0] is Tri.YES and f.seen.closed[0] is not Tri.YES:
        return Prompt.SECOND_VEHICLE, HoldReason.SECOND_VEHICLE
    return Prompt.WAIT, HoldReason.NONE


def _leaving(f: Facts, state: State) -> tuple[Prompt, HoldReason]:
    """Backing out: the verdict first, then what to do about it."""
    if _entry_open(f):
        return Prompt.OFF_ENTRY, HoldReason.BARRIER_OPEN
    if f.seen.occupied is Tri.NO:
        return Prompt.WAIT, HoldReason.LEFT_EARLY if state.verdict is None else HoldReason.NONE
    reason = HoldReason.OVER_LIMIT if state.verdict is Verdict.OVER else HoldReason.OPERATOR
    if f.now_ns - state.since_ns >= VERDICT_S * NS_PER_S:
        return Prompt.BACK_OUT, reason
    return (Prompt.OVER if state.verdict is Verdict.OVER else Prompt.REFUSED), reason


SAID_BY: dict[Phase, Callable[[Facts, State], tuple[Prompt, HoldReason]]] = {
    Phase.LOCKOUT: _stopped,
    Phase.HELD: _stopped,
    Phase.ENTERING: _moving,
    Phase.POSITIONING: _moving,
    Phase.WEIGHING: _weighing,
    Phase.CLEARING: _clearing,
    Phase.EGRESS: _leaving,
}
"""Phases whose sign depends on more than the phase."""
