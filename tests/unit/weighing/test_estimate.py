"""A dead cell: an estimate for people, marked as one, and never a mass."""

from __future__ import annotations

import numpy as np
import pytest

from hal.contract.types import Tri
from hal.sim.passage import make
from terminal.weighing.estimate import dead_part_kg
from terminal.weighing.trace import replay
from tests.bench.weigh_score import as_trace
from tests.unit.weighing.test_pipeline import Deck, params

X_M = np.repeat([0.4, 6.1, 11.9, 17.6], 2)
FAR = np.array([0.0, 1.0] * 4)


@pytest.mark.parametrize("cell", range(8))
@pytest.mark.parametrize(("side", "slope"), [(0.5, 0.0), (0.44, 0.0), (0.53, 0.003)])
def test_the_dead_cells_part_is_that_of_its_partner_and_the_other_lines(
    cell: int, side: float, slope: float
) -> None:
    lines_kg = np.array([9_000.0, 14_000.0, 16_000.0, 7_000.0])
    right = side + slope * (X_M[::2] - 9.0)
    force = np.column_stack([lines_kg * (1 - right), lines_kg * right]).ravel()
    alive = force.copy()
    alive[cell] = 0.0
    part = dead_part_kg(alive, X_M, FAR, cell)
    assert part is not None
    assert part == pytest.approx(force[cell], abs=0.005 * force.sum())


def test_nothing_is_told_without_a_partner_or_another_loaded_line() -> None:
    force = np.full(8, 4_000.0)
    assert dead_part_kg(force, X_M, np.where(np.arange(8) == 3, 0.0, FAR), 2) is None
    assert dead_part_kg(force[:2], X_M[:2], FAR[:2], 0) is None
    only = np.array([4_000.0, 4_000.0, 0, 0, 0, 0, 0, 0])
    assert dead_part_kg(only, X_M, FAR, 0) is None


def test_a_cell_that_dies_under_the_load_leaves_an_estimate_and_no_mass() -> None:
    deck = Deck(params())
    deck.run(3, 0)
    deck.run(4, 40_000)
    assert deck.pipe.estimate_kg is None
    seen = deck.run(4, 40_000, dead=3)
    assert seen[-1].held_kg is None
    assert seen[-1].cell == 3
    assert deck.pipe.estimate_kg == 40_000
    deck.run(1, 40_000, dead=3, beam=Tri.YES)
    assert deck.pipe.estimate_kg is None, "not while something stands in a beam"
    deck.run(4, 0, dead=3)
    assert deck.pipe.estimate_kg is None


def test_a_whole_passage_with_a_dead_cell_is_estimated_not_released() -> None:
    passage = make("cell_dead", 204)
    result = replay(as_trace(passage))
    assert result["releases"] == []
    found = result["estimate"]
    assert found is not None
    assert found["cell"] == result["flags"]["cell_fault"]["cell"]
    assert found["mass_kg"] == pytest.approx(passage.mass_kg, rel=0.01)
    assert replay(as_trace(make("normal", 204)))["estimate"] is None
