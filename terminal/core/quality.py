"""Staleness and plausibility: turns the tick's Inputs into three-valued facts.

The only place that looks at ages. Missing, stale, contradictory or from the future reads as
UNKNOWN, and nothing here ever turns UNKNOWN into a yes or a no.
"""

from __future__ import annotations

from typing import NamedTuple

from hal.contract.types import (
    NS_PER_MS,
    BarrierFeedback,
    InputName,
    MonotonicNs,
    Position,
    Side,
    Tri,
)
from terminal.core import scale
from terminal.core.params import Params
from terminal.core.types import NEVER_NS, Inputs, LaneKind, WeighFlag
from terminal.core.visit import Trail

OVERLOAD_FLAGS = int(WeighFlag.OVERLOAD)
FAULT_FLAGS = int(
    WeighFlag.SATURATION
    | WeighFlag.CELL_FAULT
    | WeighFlag.CORNER_ERROR
    | WeighFlag.EXTERNAL_SUPPORT
)
OFF_DECK_FLAGS = int(WeighFlag.NOT_FULLY_ON | WeighFlag.OFF_DECK_WHEEL)
TWO_FLAGS = int(WeighFlag.TWO_VEHICLES)
BLOCKING_FLAGS = (
    OVERLOAD_FLAGS
    | FAULT_FLAGS
    | OFF_DECK_FLAGS
    | TWO_FLAGS
    | int(WeighFlag.UNSTEADY | WeighFlag.DISTURBED | WeighFlag.LEFT_EARLY)
    | int(WeighFlag.ZERO_OUT | WeighFlag.NO_ZERO_REF)
)
"""CELL_DRIFT and GLITCH alone are worth a line in the record, not a refusal."""


class Seen(NamedTuple):
    """What this tick knows. beams, taken, closed are indexed by Side.

    taken: the passage (beam or loop) is occupied. held_kg: the mass that may be trusted apart
    from the beams' history, which the trail knows. agree: relay contact equals command.
    guarded: calibration seal broken, cabinet door open.
    """

    beams: tuple[Tri, Tri]
    taken: tuple[Tri, Tri]
    closed: tuple[Tri, Tri]
    agree: tuple[bool, bool]
    estop: Tri
    wired_release: Tri
    inputs_known: bool
    barriers_known: bool
    weight_fresh: bool
    gross_kg: int | None
    occupied: Tri
    deck_empty: Tri
    zero_valid: Tri
    motion: Tri
    flags: int
    held_kg: int | None
    guarded: tuple[Tri, Tri] = (Tri.NO, Tri.NO)


class _Weight(NamedTuple):
    fresh: bool
    gross_kg: int | None
    deck_empty: Tri
    zero_valid: Tri
    motion: Tri
    flags: int
    held_kg: int | None


_NO_WEIGHT = _Weight(False, None, Tri.UNKNOWN, Tri.UNKNOWN, Tri.UNKNOWN, 0, None)


def look(inputs: Inputs, params: Params) -> Seen:
    """One tick's facts. Never raises for anything a device or a peer can send."""
    values = _levels(inputs, params)
    known = Tri.UNKNOWN not in values
    beams = (values[InputName.BEAM_ENTRY], values[InputName.BEAM_EXIT])
    entry, exit_ = inputs.barriers
    entry_known, entry_closed, entry_agrees = _barrier(entry, inputs.now_ns, params, Side.ENTRY)
    if params.lane is LaneKind.EXIT_ONLY:
        entry_known, entry_closed, entry_agrees = True, Tri.YES, True
    exit_known, exit_closed, exit_agrees = _barrier(exit_, inputs.now_ns, params, Side.EXIT)
    weight = _weight(inputs, params)
    return Seen(
        beams,
        (
            either(beams[0], values[InputName.LOOP_ENTRY]),
            either(beams[1], values[InputName.LOOP_EXIT]),
        ),
        (entry_closed, exit_closed),
        (entry_agrees, exit_agrees),
        values[InputName.ESTOP],
        values[InputName.WIRED_RELEASE],
        known,
        entry_known and exit_known,
        weight.fresh,
        weight.gross_kg,
        scale.occupied(weight.gross_kg, params.occupied_kg),
        weight.deck_empty,
        weight.zero_valid,
        weight.motion,
        weight.flags,
        weight.held_kg,
        (values[InputName.SEAL], values[InputName.DOOR]),
    )


def either(left: Tri, right: Tri) -> Tri:
    """Three-valued or."""
    if left is Tri.YES or right is Tri.YES:
        return Tri.YES
    if left is Tri.NO and right is Tri.NO:
        return Tri.NO
    return Tri.UNKNOWN


def disabled(seen: Seen) -> bool:
    """Whether anything is amiss that takes every permission away at once (I5)."""
    return (
        not (seen.inputs_known and seen.barriers_known and seen.weight_fresh)
        or seen.estop is not Tri.NO
        or seen.wired_release is not Tri.NO
    )


def follow(trail: Trail, seen: Seen, leased: tuple[bool, bool], now_ns: MonotonicNs) -> Trail:
    """The trail one tick on; the same object while nothing changed."""
    entry_clear, exit_clear = seen.taken[0] is Tri.NO, seen.taken[1] is Tri.NO
    closed = (seen.closed[0] is Tri.YES, seen.closed[1] is Tri.YES)
    ready = (
        seen.beams[0] is Tri.NO  # a truck that waits on the entry loop may not lock us out
        and exit_clear
        and closed == (True, True)
        and seen.deck_empty is Tri.YES
        and seen.zero_valid is Tri.YES
        and not disabled(seen)
    )
    edges_clear = seen.beams == (Tri.NO, Tri.NO)
    new = Trail(
        _since(trail.edges_clear, edges_clear, now_ns),
        (_since(trail.clear[0], entry_clear, now_ns), _since(trail.clear[1], exit_clear, now_ns)),
        _since(trail.ready, ready, now_ns),
        _since(trail.not_empty, seen.deck_empty is Tri.NO, now_ns),
        _since(trail.residue, seen.deck_empty is Tri.NO and seen.occupied is Tri.NO, now_ns),
        (
            _since(trail.disagree[0], not seen.agree[0], now_ns),
            _since(trail.disagree[1], not seen.agree[1], now_ns),
        ),
        (
            _since(trail.awry[0], _awry(leased[0], closed[0], entry_clear), now_ns),
            _since(trail.awry[1], _awry(leased[1], closed[1], exit_clear), now_ns),
        ),
    )
    return trail if new == trail else new


def _awry(leased: bool, closed: bool, clear: bool) -> bool:
    return closed if leased else clear and not closed


def _since(since_ns: MonotonicNs, holds: bool, now_ns: MonotonicNs) -> MonotonicNs:
    if not holds:
        return NEVER_NS
    return since_ns or now_ns


def _fresh(at_ns: int, now_ns: int, age_ms_max: int, params: Params) -> bool:
    """Neither too old nor from the future; NEVER_NS is always too old."""
    age_ns = now_ns - at_ns
    newest_ns = -params.clock_skew_ms_max * NS_PER_MS
    return at_ns > NEVER_NS and newest_ns <= age_ns <= age_ms_max * NS_PER_MS


def _levels(inputs: Inputs, params: Params) -> list[Tri]:
    """Levels by InputName: an unwired input reads NO, a stale wired one UNKNOWN."""
    values = [Tri.NO] * len(InputName)
    for name in params.required:
        level = inputs.levels[name]
        fresh = _fresh(level.at_ns, inputs.now_ns, params.input_age_ms_max, params)
        values[name] = level.value if fresh else Tri.UNKNOWN
    return values


def _barrier(
    feedback: BarrierFeedback | None, now_ns: MonotonicNs, params: Params, side: Side
) -> tuple[bool, Tri, bool]:
    """Known and sound, closed, relay agrees. A contact that is not wired cannot disagree."""
    if feedback is None or not _fresh(feedback.at_ns, now_ns, params.barrier_age_ms_max, params):
        return False, Tri.UNKNOWN, True
    closed = Tri.YES if feedback.position is Position.CLOSED else Tri.NO
    if feedback.position is Position.UNKNOWN:
        closed = Tri.UNKNOWN
    wanted = Tri.YES if feedback.commanded else Tri.NO
    agrees = feedback.energised is wanted or not params.readback[side]
    return feedback.fault is None, closed, agrees


def _weight(inputs: Inputs, params: Params) -> _Weight:
    """The weight's facts; a stale or absent one says nothing at all."""
    weighed = inputs.weighed
    if weighed is None or not _fresh(
        weighed.at_ns, inputs.now_ns, params.weight_age_ms_max, params
    ):
        return _NO_WEIGHT
    gross_kg = weighed.gross_kg
    if gross_kg is not None:
        gross_kg = scale.shown(gross_kg, params.max_kg, params.e_kg)
    flags = int(weighed.flags)
    held_kg = weighed.held_kg
    trusted = (
        held_kg is not None
        and gross_kg is not None
        and gross_kg >= params.occupied_kg
        and not flags & BLOCKING_FLAGS
        and weighed.zero_valid is Tri.YES
        and weighed.motion is Tri.NO
        and weighed.held_since_ns <= inputs.now_ns
        and scale.agree(held_kg, gross_kg, params.e_kg)
        and scale.shown(held_kg, params.max_kg, params.e_kg) is not None
    )
    return _Weight(
        True,
        gross_kg,
        weighed.deck_empty,
        weighed.zero_valid,
        weighed.motion,
        flags,
        held_kg if trusted else None,
    )
