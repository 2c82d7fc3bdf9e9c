"""Traces with bad stamps, lost rows and bursts: counted, and the mass stays what it was."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest

from hal.sim import passage
from terminal.weighing.trace import replay
from terminal.weighing.tracefile import Trace
from tests.bench.weigh_score import as_trace
from tests.unit.weighing.traces import rows


@pytest.fixture(scope="module")
def trace() -> Trace:
    return as_trace(passage.make("normal", 108))


def _bursts(trace: Trace, rng: np.random.Generator) -> Trace:
    return dataclasses.replace(trace, t=np.ceil(trace.t / 0.2) * 0.2)


def _repeated_stamps(trace: Trace, rng: np.random.Generator) -> Trace:
    t = trace.t.copy()
    index = rng.choice(len(t) - 1, len(t) // 50) + 1
    t[index] = t[index - 1]
    return dataclasses.replace(trace, t=t)


def _repeated_rows(trace: Trace, rng: np.random.Generator) -> Trace:
    extra = rng.choice(len(trace.t), len(trace.t) // 50)
    return rows(trace, np.sort(np.concatenate([np.arange(len(trace.t)), extra])))


def _swapped_rows(trace: Trace, rng: np.random.Generator) -> Trace:
    index = np.arange(len(trace.t))
    for k in rng.choice(len(index) - 2, len(index) // 50):
        index[[k, k + 1]] = index[[k + 1, k]]
    return rows(trace, index)


def _lost_rows(trace: Trace, rng: np.random.Generator) -> Trace:
    return rows(trace, np.nonzero(rng.random(len(trace.t)) > 0.03)[0])


def _nan_counts(trace: Trace, rng: np.random.Generator) -> Trace:
    counts = trace.counts.copy()
    at = rng.choice(len(counts), len(counts) // 50)
    counts[at, rng.integers(0, counts.shape[1], len(at))] = np.nan
    return dataclasses.replace(trace, counts=counts)


def _epoch(trace: Trace, rng: np.random.Generator) -> Trace:
    return dataclasses.replace(trace, t=trace.t + 1.7e9)


@pytest.mark.parametrize(
    ("spoil", "counter"),
    [
        (_bursts, "duplicated"),
        (_repeated_stamps, "duplicated"),
        (_repeated_rows, "duplicated"),
        (_swapped_rows, "late"),
        (_lost_rows, "missing"),
        (_nan_counts, "missing"),
        (_epoch, ""),
    ],
)
def test_bad_stamps_are_counted_and_leave_the_mass_within_a_kilogram(
    trace: Trace, spoil: Callable[[Trace, np.random.Generator], Trace], counter: str
) -> None:
    clean = replay(trace)
    spoilt = replay(spoil(trace, np.random.default_rng(7)))
    assert len(spoilt["releases"]) == len(clean["releases"])
    assert abs(spoilt["releases"][0]["mass_kg"] - clean["releases"][0]["mass_kg"]) <= 1.0
    assert not spoilt["flags"]
    if counter:
        assert spoilt["counters"][counter] > clean["counters"][counter]
