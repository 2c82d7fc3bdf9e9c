"""Corner errors over passages: a wrong cell shows, it is named when sure, right ones never."""

from __future__ import annotations

import numpy as np
import pytest

from terminal.weighing.axles import ramp
from terminal.weighing.boarding import Boarding, study
from terminal.weighing.corners import CornerMemory

X_M = np.repeat([0.0, 6.0, 12.0, 18.0], 2)
FAR = np.array([0.0, 1.0] * 4)
BIN_S = 0.02


def passage(rng: np.random.Generator, gains: np.ndarray) -> tuple[np.ndarray, float, float]:
    """Forces of one drive-on with body bounce; mass and centre as a scale would show them."""
    spacing = np.array([0.0, 3.4, 4.75, 9.6, 10.9])
    loads = 1_000.0 * rng.uniform(6, 10, 5)
    speed = rng.uniform(1.0, 2.0)
    travel = np.minimum(np.arange(0, round(17 / speed / BIN_S)) * BIN_S * speed - 0.5, 15.0)
    bounce = 1 + 0.008 * np.sin(2 * np.pi * rng.uniform(1.4, 2.5) * np.arange(len(travel)) * BIN_S)
    side = 0.5 + rng.normal(0, 0.04)
    forces = np.zeros((len(travel), 8))
    for back, load in zip(spacing, loads, strict=True):
        at = travel - back
        on = load * ramp(at) * bounce
        for line in range(4):
            share = np.interp(np.clip(at, 0, 18), X_M[::2], np.eye(4)[line])
            forces[:, 2 * line] += on * share * (1 - side)
            forces[:, 2 * line + 1] += on * share * side
    forces *= gains
    rest = forces[-40:].mean(axis=0)
    return forces, float(rest.sum()), float(rest @ X_M / rest.sum())


def remembered(gains: np.ndarray, passages: int, seed: int) -> CornerMemory:
    rng = np.random.default_rng(seed)
    memory = CornerMemory(8)
    for _ in range(passages):
        forces, mass, centre = passage(rng, gains)
        memory.add(study(forces, X_M, FAR, BIN_S, mass, centre, 40))
    return memory


@pytest.mark.parametrize("cell", [2, 5])
def test_a_wrong_cell_raises_the_gain_of_its_line_above_all_others(cell: int) -> None:
    gains = np.ones(8)
    gains[cell] = 1.02
    wrong, right = remembered(gains, 25, 1), remembered(np.ones(8), 25, 1)
    assert wrong.passages == 25
    rise = (wrong.gains()[0] - right.gains()[0]).reshape(4, 2).mean(axis=1)
    assert int(np.argmax(rise)) == cell // 2
    assert rise[cell // 2] > 0.002


def test_sure_evidence_names_the_cell() -> None:
    memory = CornerMemory(8)
    info = 1e8 * np.eye(8)
    found = np.where(np.arange(8) == 3, 0.01, 0.0)
    memory.add(Boarding(None, False, 0.0, info, info @ found))
    worst = memory.worst()
    assert worst is not None
    assert worst[0] == 3
    assert worst[1] == pytest.approx(0.00875, abs=1e-4)


def test_right_cells_are_never_named() -> None:
    rng = np.random.default_rng(5)
    memory = CornerMemory(8)
    for _ in range(30):
        forces, mass, centre = passage(rng, np.ones(8))
        memory.add(study(forces, X_M, FAR, BIN_S, mass, centre, 40))
        assert memory.worst() is None


def test_nothing_is_known_before_the_first_passage() -> None:
    assert CornerMemory(8).worst() is None
