"""The deck's signals against what the plan says."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import replace

import pytest

from hal.contract.types import NS_PER_S
from hal.sim.deck import STEP_NS, Deck, DeckParams, record_passage
from hal.sim.fleet import ARTICULATED_6, FLEET, RIGID_2
from hal.sim.scripts import random_trucks
from hal.sim.truck import Truck, TruckPlan

PARAMS = DeckParams()


def kg(cells: Iterable[int]) -> float:
    """Net load of one sample of all cells."""
    return sum(cells) / PARAMS.nv_per_kg() - 8 * PARAMS.dead_kg


def test_sensitivity_is_that_of_the_cell() -> None:
    assert PARAMS.nv_per_kg() == pytest.approx(200.0, abs=0.01)


@pytest.mark.parametrize("plan", FLEET, ids=lambda plan: plan.name)
def test_mass_on_the_deck_is_the_plans(plan: TruckPlan) -> None:
    t_ns, cells, beams, stop_ns = record_passage(plan, 3, 20)
    totals = [kg(sample) for sample in zip(*cells, strict=True)]
    late = [
        total
        for at_ns, total in zip(t_ns, totals, strict=True)
        if 6 * NS_PER_S < at_ns - stop_ns < 12 * NS_PER_S
    ]
    assert sum(late) / len(late) == pytest.approx(plan.mass_kg, abs=20)
    standing = [b for at_ns, b in zip(t_ns, beams, strict=True) if 0 < at_ns - stop_ns < NS_PER_S]
    assert standing
    assert set(standing) == {(False, False)}
    assert {entry for entry, _exit in beams} == {False, True}
    assert {exit_ for _entry, exit_ in beams} == {False, True}
    assert abs(totals[-1]) < 40, "the deck does not come back to zero"


def test_total_rings_after_the_stop_and_settles() -> None:
    spans = []
    for seed in range(6):
        t_ns, cells, _beams, stop_ns = record_passage(ARTICULATED_6, seed, 40)
        totals = [kg(sample) for sample in zip(*cells, strict=True)]
        window = [
            [x for at, x in zip(t_ns, totals, strict=True) if a <= (at - stop_ns) / NS_PER_S < b]
            for a, b in ((0, 1), (8, 9))
        ]
        spans.append([max(part) - min(part) for part in window])
    assert all(early > 3 * late for early, late in spans)
    assert all(60 < early < 2_500 for early, _late in spans)
    assert all(late < 60 for _early, late in spans)


def test_axles_come_one_by_one() -> None:
    _t, cells, _beams, _stop = record_passage(replace(RIGID_2, cruise_mm_s=1_000), 1, 40)
    totals = [kg(sample) for sample in zip(*cells, strict=True)]
    front_kg = RIGID_2.mass_kg * RIGID_2.split_pm[0] / 1_000
    plateau = [x for x in totals[: len(totals) // 2] if abs(x - front_kg) < 0.05 * front_kg]
    assert len(plateau) > 80, "no plateau between the two axles"


def test_same_seed_same_signal_other_seed_other_signal() -> None:
    first, again = (record_passage(RIGID_2, 7, 20) for _ in range(2))
    assert first == again
    assert record_passage(RIGID_2, 8, 20)[1] != first[1]
    assert all(isinstance(nv, int) for trace in first[1] for nv in trace)


def test_load_falls_on_the_cells_beneath() -> None:
    params = replace(PARAMS, wind_kg=0, rumble_kg_pm=0, creep_ppm=0, zero_nv_per_k=0)
    deck = Deck(params, 1)
    plan = replace(RIGID_2, axle_x_mm=(100, 200), length_mm=300, lateral_mm=1_500)
    truck = Truck(plan, random.Random(1), 6_150.0, engine_on=False)
    deck.trucks.append(truck)
    deck.advance(STEP_NS)
    net = [nv / params.nv_per_kg() - params.dead_kg for nv in deck.cells_nv]
    assert net[3] == pytest.approx(plan.mass_kg, rel=0.02), "far cell of the second line"
    assert sum(net) == pytest.approx(plan.mass_kg, abs=1)
    assert max(abs(each) for cell, each in enumerate(net) if cell not in (1, 3, 5)) < 1


def test_plugged_in_weight_and_cell_effect_are_felt() -> None:
    class Snow:
        def loads(self, now_s: float, dt_s: float) -> Iterable[tuple[float, float, float]]:
            return ((9_000.0, 1_500.0, 400.0),)

    class DeadCell:
        def apply(self, cells_kg: list[float], now_s: float, dt_s: float) -> None:
            cells_kg[2] = 0.0

    deck = Deck(replace(PARAMS, wind_kg=0, zero_nv_per_k=0), 1)
    deck.sources.append(Snow())
    deck.advance(STEP_NS)
    assert kg(deck.cells_nv) == pytest.approx(400, abs=3)
    deck.effects.append(DeadCell())
    deck.advance(STEP_NS)
    assert kg(deck.cells_nv) == pytest.approx(300, abs=3)


def test_creep_follows_a_standing_load() -> None:
    params = replace(PARAMS, wind_kg=0, rumble_kg_pm=0, zero_nv_per_k=0)
    deck = Deck(params, 1)
    plan = replace(ARTICULATED_6)
    deck.trucks.append(Truck(plan, random.Random(1), 17_300.0, engine_on=False))
    deck.advance(STEP_NS)
    start = kg(deck.cells_nv)
    for _ in range(2 * 60 * 200):
        deck.advance(STEP_NS)
    assert kg(deck.cells_nv) - start == pytest.approx(48_320 * 170e-6 * 0.18, rel=0.2)


def test_random_traffic_repeats_for_a_seed() -> None:
    def some(seed: int) -> list[TruckPlan]:
        plans = random_trucks(seed)
        return [next(plans) for _ in range(60)]

    assert some(5) == some(5)
    assert some(5) != some(6)
    kinds = {plan.behaviour for plan in some(5)} | {
        "dirty" for plan in some(5) if plan.dirt_pct == 100
    }
    assert kinds >= {"patient", "overloaded", "tailgater", "dirty"}


def test_contradicting_plan_is_refused() -> None:
    with pytest.raises(AssertionError, match="shares sum"):
        replace(RIGID_2, split_pm=(500, 400))
