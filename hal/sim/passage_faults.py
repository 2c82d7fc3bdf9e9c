"""What goes wrong in a simulated passage: cell faults, cheats, weather and other people.

Each change alters forces, loads or counts of one drawn scene in place, with its own random
size and moment. It never tells the weighing what it did.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np

from hal.sim.passage_drive import Kinematics
from hal.sim.passage_truck import LENGTH_S, Truck

RAIL = 8_388_607


@dataclass(slots=True)
class Scene:
    """Everything drawn for one trace before the converter sees it."""

    kind: str
    rng: np.random.Generator
    deck_m: float
    line_x: np.ndarray
    width_m: float
    converter: tuple[str, float, float, float]
    max_kg: int
    truck: Truck
    motion: Kinematics
    expected: str = ""
    cells: np.ndarray = field(default_factory=lambda: np.zeros(0))


def _cell(scene: Scene) -> int:
    return int(scene.rng.integers(2 * len(scene.line_x)))


def _jack(scene: Scene, cells: np.ndarray, time_s: np.ndarray) -> None:
    """Something outside carries part of the load at one cell, from about the stop on."""
    cell, rng = _cell(scene), scene.rng
    start = scene.motion.stop_s + rng.uniform(-0.5, 2.5)
    ramp = np.clip((time_s - start) / rng.uniform(0.3, 2.0), 0, 1)
    ramp = ramp * (time_s < scene.motion.leave_s)
    if rng.random() < 0.5:
        cells[:, cell] *= 1.0 - rng.uniform(0.15, 0.5) * ramp
    else:
        cells[:, cell] -= rng.uniform(300.0, 3_000.0) * ramp


def _person(scene: Scene, cells: np.ndarray, time_s: np.ndarray) -> None:
    """Somebody steps on for a while, or the driver steps off."""
    rng = scene.rng
    start = scene.motion.stop_s + rng.uniform(-0.5, 6.0)
    if rng.random() < 0.25:
        cells[:, _cell(scene)] -= rng.uniform(70, 110) * (time_s > start)
        return
    on = (time_s > start) & (time_s < start + rng.uniform(3.0, 6.0))
    cells[:, _cell(scene)] += rng.uniform(70, 160) * on


def _snow(scene: Scene, cells: np.ndarray, time_s: np.ndarray) -> None:
    cells += scene.rng.uniform(0.05, 0.08) * scene.max_kg / cells.shape[1]


def _corner(scene: Scene, load: np.ndarray, at: np.ndarray) -> None:
    load[:, _cell(scene)] *= 1.0 + scene.rng.choice([-1, 1]) * scene.rng.uniform(0.006, 0.03)


def _drift(scene: Scene, load: np.ndarray, at: np.ndarray) -> None:
    start = scene.rng.uniform(0.0, scene.motion.stop_s)
    rate = scene.rng.choice([-1, 1]) * scene.rng.uniform(1.5, 8.0)
    load[:, _cell(scene)] += rate * np.maximum(at - start, 0.0)


def _dead(scene: Scene, counts: np.ndarray, at: np.ndarray, per_kg: float) -> None:
    cell = _cell(scene)
    late = at > scene.rng.choice([0.0, scene.motion.on_s + 1.0, scene.motion.stop_s])
    counts[late, cell] = np.median(counts[:5, cell]) + np.round(
        scene.rng.standard_normal(int(late.sum())) * 40
    )


def _stuck(scene: Scene, counts: np.ndarray, at: np.ndarray, per_kg: float) -> None:
    cell = _cell(scene)
    first = int(np.searchsorted(at, scene.rng.uniform(0.0, scene.motion.stop_s + 0.5)))
    counts[first:, cell] = counts[first, cell]


def _lost(scene: Scene, counts: np.ndarray, at: np.ndarray, per_kg: float) -> None:
    late = at > scene.rng.uniform(0.0, scene.motion.stop_s + 1.0)
    counts[late, _cell(scene)] = scene.rng.choice([-RAIL - 1, 0, RAIL])


def _saturate(scene: Scene, counts: np.ndarray, at: np.ndarray, per_kg: float) -> None:
    standing = (at > scene.motion.stop_s) & (at < scene.motion.leave_s)
    rows = counts[standing]
    cell = int(np.argmax(rows.mean(axis=0))) if len(rows) else 0
    over = RAIL - 0.6 * (rows[:, cell].mean() - counts[:20, cell].mean())
    counts[:, cell] += over - counts[:20, cell].mean()


def _glitch(scene: Scene, counts: np.ndarray, at: np.ndarray, per_kg: float) -> None:
    count = int(scene.rng.uniform(0.2, 1.5) * LENGTH_S)
    rows = scene.rng.integers(0, len(at), count)
    cells = scene.rng.integers(0, counts.shape[1], count)
    size = scene.rng.choice([-1, 1], count) * 10 ** scene.rng.uniform(2.5, 4.3, count) * per_kg
    counts[rows, cells] += np.round(size)


CELL_CHANGES: Mapping[str, tuple[Callable[..., None], ...]] = MappingProxyType(
    {"jack": (_jack,), "person": (_person,), "snow": (_snow,)}
)
LOAD_CHANGES: Mapping[str, tuple[Callable[..., None], ...]] = MappingProxyType(
    {"corner": (_corner,), "cell_drift": (_drift,)}
)
COUNT_CHANGES: Mapping[str, tuple[Callable[..., None], ...]] = MappingProxyType(
    {
        "cell_dead": (_dead,),
        "cell_stuck": (_stuck,),
        "cell_lost": (_lost,),
        "saturation": (_saturate,),
        "glitchy": (_glitch,),
    }
)
