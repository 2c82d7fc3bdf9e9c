"""What each mass is unsure by, and what the zero may not do while the lane forbids it."""

from __future__ import annotations

from math import sqrt

import numpy as np
import pytest

from hal.contract.types import NS_PER_S, Counts, MonotonicNs, RawSample, Tri
from terminal.weighing import Pipeline
from terminal.weighing.zero import ZeroState
from tests.unit.weighing.test_pipeline import params

DIVISION_KG = 20 / sqrt(12)
CREEP_KG = 4.0
"""A ten-thousandth of 40 t."""
DRIFT_KG = 8.0
"""In an hour since the zero was last seen."""


@pytest.mark.parametrize(
    ("mass_kg", "u_kg", "zero_h", "parts_kg"),
    [
        (0, 0.0, 0, (DIVISION_KG,)),
        (0, 3.0, 0, (DIVISION_KG, 3.0)),
        (40_000, 0.0, 0, (DIVISION_KG, CREEP_KG)),
        (0, 0.0, 1, (DIVISION_KG, DRIFT_KG)),
        (0, 0.0, 3, (DIVISION_KG, 3 * DRIFT_KG)),
        (40_000, 3.0, 1, (DIVISION_KG, 3.0, CREEP_KG, DRIFT_KG)),
    ],
)
def test_the_uncertainty_knows_estimator_division_creep_and_age_of_zero(
    mass_kg: float, u_kg: float, zero_h: int, parts_kg: tuple[float, ...]
) -> None:
    pipe = Pipeline(params())
    seen_ns = MonotonicNs(-zero_h * 3_600 * NS_PER_S)
    pipe.resume(ZeroState((0.0,) * 8, 0.0, seen_ns), ())
    assert pipe._uncertainty_kg(mass_kg, u_kg) == pytest.approx(sqrt(sum(p * p for p in parts_kg)))


class Empty:
    """A pipeline on an empty deck; cells: where each sample says it comes from."""

    def __init__(self) -> None:
        self.pipe = Pipeline(params())
        self.rng = np.random.default_rng(2)
        self.at_ns = NS_PER_S

    def run(self, seconds: float, kg: float, *, allowed: bool = True) -> None:
        spans = self.pipe.params.kg_per_count
        for _ in range(round(seconds * 80)):
            self.at_ns += NS_PER_S // 80
            at = MonotonicNs(self.at_ns)
            noise = self.rng.normal(0, 60, 8)
            cells = [
                RawSample(at, i, Counts(round(kg / 8 / spans[i] + noise[i]))) for i in range(8)
            ]
            foreign = [RawSample(at, i, Counts(10**6)) for i in (-1, 8)]
            self.pipe.feed([*cells, *foreign], Tri.NO, Tri.NO, allowed, at)

    def zero_kg(self) -> float:
        return float(np.dot(self.pipe.zero.counts, self.pipe.params.kg_per_count))


@pytest.mark.parametrize(("allowed", "low_kg", "high_kg"), [(True, 3, 9), (False, -1, 1)])
def test_no_zero_is_tracked_while_the_lane_forbids_it(
    allowed: bool, low_kg: float, high_kg: float
) -> None:
    deck = Empty()
    deck.run(4, 0)
    deck.run(8, 8, allowed=allowed)
    assert low_kg <= deck.zero_kg() <= high_kg


def test_samples_of_no_cell_are_left_out() -> None:
    deck = Empty()
    deck.run(3, 0)
    counters = deck.pipe.counters()
    assert counters["samples"] == 3 * 80 * 8
    assert counters["glitch"] == 0
