"""The simulated truck of a passage: axles, loads, springs, slosh and engine, all drawn.

Only what a vehicle is; how it drives is hal.sim.passage_drive, what its axles press on the deck
is hal.sim.passage_forces.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

RATE_HZ = 400
LENGTH_S = 45.0

PATTERNS: tuple[tuple[tuple[float, ...], tuple[float, ...]], ...] = (
    ((3.8,), (0.32, 0.68)),
    ((5.2,), (0.35, 0.65)),
    ((3.6, 1.35), (0.26, 0.37, 0.37)),
    ((1.85, 4.2), (0.24, 0.24, 0.52)),
    ((1.85, 3.6, 1.35), (0.2, 0.2, 0.3, 0.3)),
    ((3.5, 6.0, 1.35), (0.17, 0.29, 0.27, 0.27)),
    ((3.4, 1.35, 6.2, 1.31), (0.14, 0.2, 0.2, 0.23, 0.23)),
    ((3.5, 5.2, 1.31, 1.31), (0.16, 0.25, 0.2, 0.2, 0.19)),
    ((3.2, 1.35, 5.2, 1.31, 1.31), (0.13, 0.18, 0.18, 0.17, 0.17, 0.17)),
    ((1.9, 2.6, 5.2, 1.31, 1.31), (0.12, 0.12, 0.2, 0.19, 0.19, 0.18)),
)
"""Axle spacings in m and shares of the gross mass."""


@dataclass(slots=True)
class Truck:
    """One vehicle: axle_back_m counts from its front. Loads in kg.

    spring_hz, spring_damping: of each sprung mass; an air or leaf suspension group shares one,
    or, where `single`, every axle has its own. stiction_share: how much of a single axle's load
    dry friction can hold back. lateral_m, lateral_slope: off the middle, and how much further
    each metre. rock_share: how strongly somebody rocks the load while it stands.
    """

    axle_back_m: np.ndarray
    loads_kg: np.ndarray
    length_m: float
    lateral_m: float
    lateral_slope: float
    track_m: float
    height_m: float
    dive: float
    single: bool
    spring_hz: tuple[float, ...]
    spring_damping: tuple[float, ...]
    friction: float
    stiction_share: float
    roll_hz: float
    roll_damping: float
    roll_m: float
    hop_hz: float
    idle_hz: float
    idle_kg: float
    slosh_hz: float
    slosh_share: float
    rock_hz: float = 0.0
    rock_share: float = 0.0
    wheel_off: tuple[int, ...] = ()
    wheel_off_side: int = 0


def draw_truck(kind: str, rng: np.random.Generator, deck_m: float, max_kg: int) -> Truck:
    """A truck that fits the deck, empty to overloaded."""
    while True:
        spacing, shares = PATTERNS[int(rng.integers(len(PATTERNS)))]
        gaps = np.asarray(spacing) * np.where(
            np.asarray(spacing) < 2, rng.uniform(0.98, 1.04), rng.uniform(0.9, 1.1, len(spacing))
        )
        front, rear = rng.uniform(1.2, 1.6), rng.uniform(0.8, 2.2)
        back = front + np.concatenate([[0.0], np.cumsum(gaps)])
        if back[-1] + rear <= deck_m - 0.9:
            break
    axles = len(shares)
    legal = {2: 18, 3: 25, 4: 31, 5: 43, 6: 49}[axles] * 1_000
    gross = legal * rng.choice([rng.uniform(0.33, 0.6), rng.uniform(0.85, 1.15)])
    if kind == "overload":
        gross = max_kg * rng.uniform(1.02, 1.15)
    loads = np.asarray(shares) * np.clip(rng.normal(1, 0.05, axles), 0.85, 1.15)
    loads = gross * loads / loads.sum()
    leafy = kind == "leafy" or rng.random() < 0.35
    count = int(rng.integers(1, 3))
    first = int(rng.integers(0, axles - count + 1))
    return Truck(
        axle_back_m=back,
        loads_kg=loads,
        length_m=float(back[-1] + rear),
        lateral_m=float(rng.normal(0, 0.12)),
        lateral_slope=float(rng.normal(0, 0.008)),
        track_m=float(rng.uniform(1.8, 2.05)),
        height_m=float(rng.uniform(1.2, 2.0)),
        dive=float(rng.uniform(0.002, 0.012)),
        single=bool(rng.random() < 0.4),
        spring_hz=tuple(rng.uniform(2.0, 4.0, 6) if leafy else rng.uniform(1.3, 2.2, 6)),
        spring_damping=tuple(rng.uniform(0.015, 0.05, 6) if leafy else rng.uniform(0.03, 0.1, 6)),
        friction=float(rng.choice([0.0, rng.uniform(0.0, 2e-4)])),
        stiction_share=float(rng.uniform(0.0, 0.008)),
        roll_hz=float(rng.uniform(0.6, 1.4)),
        roll_damping=float(rng.uniform(0.05, 0.15)),
        roll_m=float(rng.uniform(0.0, 0.03)),
        hop_hz=float(rng.uniform(8, 15)),
        idle_hz=float(rng.uniform(9, 26)),
        idle_kg=float(rng.uniform(40, 160) if kind == "engine" else rng.uniform(0, 30)),
        slosh_hz=float(rng.uniform(0.35, 0.8)),
        slosh_share=float(rng.uniform(1e-3, 5e-3) if kind == "tanker" else 0.0),
        rock_hz=float(rng.uniform(0.3, 1.2)),
        rock_share=float(rng.uniform(4e-3, 15e-3) if kind == "unsteady" else 0.0),
        wheel_off=tuple(range(first, first + count)) if kind == "wheel_off" else (),
        wheel_off_side=int(rng.integers(2)),
    )
