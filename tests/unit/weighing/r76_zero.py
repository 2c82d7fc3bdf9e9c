"""R 76 cases on an empty deck and after a start: each function runs one case."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields

import numpy as np

from hal.contract.types import NS_PER_S, MonotonicNs, Tri
from terminal.core.types import RecordDraft, Weighed
from terminal.weighing import Pipeline, WeighParams
from terminal.weighing.params import round_to_division
from terminal.weighing.zero import ZeroKeeper, ZeroState
from tests.unit.weighing.r76_load import CELLS, E_KG
from tests.unit.weighing.test_pipeline import Deck, params

STEP_S = 0.02
BOOT = MonotonicNs(5)


def keeper() -> ZeroKeeper:
    return ZeroKeeper(params(), STEP_S)


def settle(
    zero: ZeroKeeper,
    kg: float | Callable[[float], float],
    seconds: float,
    start_s: float = 0.0,
    *,
    quiet: bool = True,
    rough_kg: float = 0.0,
) -> ZeroKeeper:
    """An empty deck that reads kg against the calibration; rough_kg: how far it swings."""
    rng = np.random.default_rng(1)
    span = np.asarray(params().kg_per_count)
    for k in range(round(seconds / STEP_S)):
        at_s = k * STEP_S
        load = (kg(at_s) if callable(kg) else kg) + rough_kg * np.sin(3.0 * at_s)
        counts = (load / CELLS + rng.normal(0, 0.2, CELLS)) / span
        zero.feed(counts, quiet, MonotonicNs(round((start_s + at_s) * NS_PER_S)))
    return zero


def reads(zero: ZeroKeeper, kg: float) -> float:
    """What the deck shows in kg, unrounded, when it reads kg against the calibration."""
    return float(kg - zero.counts @ np.asarray(params().kg_per_count))


def told(zero: ZeroKeeper, kg: float) -> str:
    """The zero actions not yet told, and what the deck shows, to the division."""
    does = ", ".join(event.kind for event in zero.drain_events()) or "nothing"
    return f"{does}; shows {round_to_division(reads(zero, kg), E_KG)}"


def zeroed() -> ZeroKeeper:
    return settle(keeper(), 0, 3)


def then(kg: float, seconds: float, *, key: bool = False, rough_kg: float = 0.0) -> str:
    """What happens when an empty deck that was zeroed reads kg for so long."""
    zero = zeroed()
    zero.drain_events()
    if key:
        zero.ask()
    return told(settle(zero, kg, seconds, 3, rough_kg=rough_kg), kg)


def first(kg: float) -> str:
    """What a first reading of kg after a start leads to."""
    return told(settle(keeper(), kg, 3), kg)


def tracking_kg_per_s() -> float:
    """Fastest shift of the zero within one second while the deck reads 9 kg."""
    zero, moved = zeroed(), []
    for second in range(5):
        before = reads(zero, 9)
        settle(zero, 9, 1, 3 + second)
        moved.append(before - reads(zero, 9))
    return max(moved)


def zero_after(kg: float, seconds: float, *, quiet: bool = True, initial_kg: float = 0.0) -> float:
    """What is still shown of kg after tracking had so long; initial_kg: offset at the start."""
    zero = settle(keeper(), initial_kg, 3)
    settle(zero, lambda at_s: initial_kg + kg * at_s / seconds, seconds, 3, quiet=quiet)
    return reads(zero, initial_kg + kg)


def kept(counts: Sequence[float], initial_kg: float = 0.0) -> bool:
    return keeper().restore(ZeroState(tuple(counts), initial_kg, BOOT), MonotonicNs(9))


def after_restart(kg: float | None) -> str:
    """A zero kept over a power cut, then an empty deck that reads kg, or none yet."""
    zero = keeper()
    zero.restore(ZeroState((0.0,) * CELLS, 0.0, BOOT), MonotonicNs(9))
    if kg is not None:
        settle(zero, kg, 3)
    valid = zero.valid(MonotonicNs(4 * NS_PER_S))
    return "valid" if valid else ("out of range" if zero.out_of_range else "not yet valid")


def tracked_at_the_edge() -> float:
    """What is still shown in kg once tracking has met the end of its range, 2 000 kg."""
    zero = zeroed()
    zero.ask()
    settle(zero, 1_995, 4, 3)
    settle(zero, 2_004, 8, 7)
    return reads(zero, 2_004)


def age_valid(hours: int) -> bool:
    return zeroed().valid(MonotonicNs(hours * 3_600 * NS_PER_S))


def before_cells_speak() -> Weighed | None:
    return Pipeline(params()).feed([], Tri.NO, Tri.NO, True, MonotonicNs(NS_PER_S))


def start_under_load() -> str:
    last = Deck(params()).run(5, 30_000)[-1]
    return f"zero valid: {last.zero_valid.name}, held {last.held_kg}"


def first_second_held() -> int:
    return sum(w.held_kg is not None for w in Deck(params()).run(1, 0))


def start_with_dead_cell() -> str:
    last = Deck(params()).run(3, 0, dead=2)[-1]
    return f"{last.gross_kg}, zero valid: {last.zero_valid.name}"


def tare_words() -> list[str]:
    """Names of everything a mass travels in that speak of tare or net."""
    names = [f.name for kind in (WeighParams, Weighed, RecordDraft) for f in fields(kind)]
    return [name for name in names if {"tare", "net", "nett"} & set(name.split("_"))]


SET, OUT, AUTO = "zero_set", "zero_out", "zero_automatic"
