"""What a fired row changes in the visit: the effects the transition table names.

Each effect is a pure function of one tick's facts and the state so far. None grants anything:
the interlock alone does, from the state these leave behind.
"""

from __future__ import annotations

from collections.abc import Callable

from hal.contract.types import NS_PER_MS
from terminal.core import scale
from terminal.core.facts import Facts, axles_of, plate_of
from terminal.core.limits import EDITION, judge, over_kg
from terminal.core.plate import is_valid, kind_of
from terminal.core.types import (
    PlateOutcome,
    PlateSource,
    RecordDraft,
    VehicleFacts,
    Verdict,
)
from terminal.core.visit import Latch, State, next_visit_id

OFFERED_BY = {PlateOutcome.UNSURE: PlateSource.CHOSEN, PlateOutcome.PARTLY: PlateSource.LISTED}
NO_VEHICLE = VehicleFacts()


def _end_visit(f: Facts, state: State) -> State:
    """Forget the vehicle; keep what belongs to the lane."""
    return State(
        serial=state.serial,
        leased=state.leased,
        opened=state.opened,
        zero_allowed=state.zero_allowed,
        guarded=state.guarded,
        trail=state.trail,
        menu=state.menu,
    )


def _new_visit(f: Facts, state: State) -> State:
    """A new story under a new id; nothing of an earlier one can reach it (I3)."""
    fresh = _end_visit(f, state)
    serial = state.serial + 1
    return fresh._replace(
        serial=serial,
        visit_id=next_visit_id(serial, f.params),
        arrived_ns=f.now_ns,
    )


def _hold_weight(f: Facts, state: State) -> State:
    """Hold the trusted mass, rounded to divisions, with its circumstances."""
    weighed, held_kg = f.inputs.weighed, f.seen.held_kg
    assert weighed is not None, "HOLD_WEIGHT fired without a weight"
    assert held_kg is not None, "HOLD_WEIGHT fired without a held mass"
    latch = Latch(
        scale.to_divisions(held_kg * 1_000, f.params.e_kg),
        weighed.held_u_kg,
        weighed.held_since_ns,
        f.now_ns,
        weighed.axles,
        weighed.axle_loads_kg,
        f.seen.flags,
        weighed.zero_age_ns,
    )
    return state._replace(latch=latch)


def _void_weight(f: Facts, state: State) -> State:
    return state._replace(latch=None, verdict=None)


def _judge(f: Facts, state: State) -> State:
    """Limit and verdict from the held mass. No limit can only mean no release."""
    latch = state.latch
    assert latch is not None, "JUDGE fired without a held mass"
    colour = "" if state.reading is None else state.reading.colour
    axles = axles_of(state, f.params)
    limit = judge(axles, state.vehicle or NO_VEHICLE, f.params, colour)
    assert limit.limit_kg is not None, "JUDGE fired without an axle count"
    over = over_kg(latch.gross_kg, limit.limit_kg, f.params.site_margin_kg)
    return state._replace(limit=limit, verdict=Verdict.OVER if over else Verdict.PASS)


def _draft(f: Facts, state: State) -> State:
    assert state.verdict is not None, "DRAFT fired without a verdict"
    return state._replace(draft=draft_of(f, state, state.verdict, state.limit.why))


def _refuse(f: Facts, state: State) -> State:
    """The operator's refusal, under an id of its own if a record was already asked for."""
    if state.draft is not None:
        serial = state.serial + 1
        state = state._replace(
            serial=serial,
            visit_id=next_visit_id(serial, f.params),
            committed=None,
            save_refused=False,
        )
    state = state._replace(verdict=Verdict.REFUSED)
    return state._replace(draft=draft_of(f, state, Verdict.REFUSED, f.state.reason.value))


def _bar(f: Facts, state: State) -> State:
    """The vehicle leaves backwards: whatever was judged, no release can follow."""
    if state.verdict is Verdict.OVER:
        return state
    return state._replace(verdict=Verdict.REFUSED)


EFFECTS: dict[str, Callable[[Facts, State], State]] = {
    "NEW_VISIT": _new_visit,
    "RENEW_VISIT": _new_visit,
    "END_VISIT": _end_visit,
    "HOLD_WEIGHT": _hold_weight,
    "VOID_WEIGHT": _void_weight,
    "JUDGE": _judge,
    "DRAFT": _draft,
    "REFUSE": _refuse,
    "BAR": _bar,
    "RETRY_SAVE": lambda f, state: state._replace(save_refused=False),
    "END_RELEASE": lambda f, state: state._replace(used=True),
}


def draft_of(f: Facts, state: State, verdict: Verdict, reason: str) -> RecordDraft:
    """The record of this visit as it will be signed; a refusal may have no held mass."""
    latch, reading, plate = state.latch, state.reading, plate_of(state)
    gross_kg = f.seen.gross_kg or 0 if latch is None else latch.gross_kg
    limit_kg = state.limit.limit_kg
    if verdict is not Verdict.REFUSED and state.photos is None:
        reason += ";no_photos"
    return RecordDraft(
        visit_id=state.visit_id,
        verdict=verdict,
        reason=reason,
        source=f.params.source,
        gross_kg=gross_kg,
        uncertainty_kg=0 if latch is None else latch.u_kg,
        e_kg=f.params.e_kg,
        limit_kg=limit_kg,
        over_kg=0 if limit_kg is None else over_kg(gross_kg, limit_kg, 0),
        limit_row=state.limit.row_id,
        limit_edition=EDITION if state.limit.row_id else "",
        axles=axles_of(state, f.params),
        axle_loads_kg=() if latch is None else latch.axle_loads_kg,
        vehicle_type=state.limit.vehicle_type,
        plate=plate,
        plate_colour="" if reading is None else reading.colour,
        plate_kind=kind_of(plate) or "",
        plate_source=plate_source(state),
        plate_margin_mn=0 if reading is None else reading.margin_mn,
        weigh_flags=f.seen.flags if latch is None else latch.flags,
        zero_age_ms=0 if latch is None else latch.zero_age_ns // NS_PER_MS,
        arrived_ns=state.arrived_ns,
        weighed_ns=f.now_ns if latch is None else latch.at_ns,
        photos=state.photos or (),
        simulated=f.params.simulated,
        rear_plate=_rear_plate(state),
    )


def plate_source(state: State) -> PlateSource:
    """Who vouches for the plate: a keyed one that was on offer came from camera or list."""
    reading = state.reading
    if not state.keyed:
        return PlateSource.CAMERA if plate_of(state) else PlateSource.NONE
    if reading is None or state.keyed not in reading.candidates:
        return PlateSource.KEYPAD
    return OFFERED_BY.get(reading.outcome, PlateSource.KEYPAD)


def _rear_plate(state: State) -> str:
    """What the rear camera read, when it is a plate: evidence only, so no doubt holds anything."""
    seen = "" if state.reading is None else state.reading.rear_plate
    return seen if is_valid(seen) else ""
