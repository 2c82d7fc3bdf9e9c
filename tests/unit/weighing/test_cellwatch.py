"""A cell that drifts on the empty deck: named, kept over the next drive-on, forgotten once calm."""

from __future__ import annotations

from terminal.core.types import WeighFlag
from tests.unit.weighing.test_pipeline import Deck, params

STEP_S = 0.1
DRIFTS = 5


def drifted(deck: Deck, seconds: float, from_kg: float, axle_kg_per_s: float = 0.0) -> float:
    """One cell gains 4 kg/s, and an axle rolls on to the first line; how much it has gained."""
    gained_kg = from_kg
    for step in range(round(seconds / STEP_S)):
        gained_kg += 4.0 * STEP_S
        cells_kg = [axle_kg_per_s * (step + 1) * STEP_S / 2] * 2 + [0.0] * 6
        cells_kg[DRIFTS] += gained_kg
        deck.run(STEP_S, cells_kg)
    return gained_kg


def flagged(deck: Deck) -> bool:
    assert deck.newest is not None
    return WeighFlag.CELL_DRIFT in deck.newest.flags


def test_a_drifting_cell_is_not_forgotten_when_the_next_vehicle_rolls_on() -> None:
    deck = Deck(params())
    deck.run(3, 0)
    gained_kg = drifted(deck, 4.0, 0.0)
    assert flagged(deck)
    drifted(deck, 0.9, gained_kg, axle_kg_per_s=600.0)
    assert flagged(deck)
    for seen in deck.run(6, 30_000):
        assert WeighFlag.CELL_DRIFT in seen.flags
        assert seen.cell == DRIFTS
        assert seen.held_kg is None


def test_a_cell_that_has_come_to_rest_is_forgotten() -> None:
    deck = Deck(params())
    deck.run(3, 0)
    gained_kg = drifted(deck, 4.0, 0.0)
    at_rest = [0.0] * 8
    at_rest[DRIFTS] = gained_kg
    deck.run(3.5, at_rest)
    assert not flagged(deck)
    deck.run(6, 30_000)
    assert deck.newest is not None
    assert deck.newest.held_kg is not None


def moved(deck: Deck, seconds: float, kg_per_s: float) -> list[float]:
    """One cell under a vehicle of 30 t gains so much; what the cells carry in the end."""
    cells_kg = [30_000 / 8] * 8
    for _ in range(round(seconds / STEP_S)):
        cells_kg[DRIFTS] += kg_per_s * STEP_S
        deck.run(STEP_S, cells_kg)
    return cells_kg


def weighed(deck: Deck) -> None:
    deck.run(3, 0)
    deck.run(4, 30_000)
    assert deck.newest is not None
    assert deck.newest.held_kg == 30_000


def test_a_cell_that_drifts_under_a_standing_vehicle_voids_its_mass_for_good() -> None:
    deck = Deck(params())
    weighed(deck)
    at_rest = moved(deck, 4.0, kg_per_s=2.0)
    for seen in deck.run(4, at_rest):
        assert WeighFlag.CELL_DRIFT in seen.flags
        assert seen.cell == DRIFTS
        assert seen.held_kg is None


def test_a_quick_lift_under_a_standing_vehicle_is_no_drift() -> None:
    deck = Deck(params())
    weighed(deck)
    at_rest = moved(deck, 4.0, kg_per_s=-150.0)
    flags = WeighFlag.NONE
    for seen in deck.run(6, at_rest):
        flags |= seen.flags
    assert WeighFlag.CELL_DRIFT not in flags
    assert WeighFlag.EXTERNAL_SUPPORT in flags
