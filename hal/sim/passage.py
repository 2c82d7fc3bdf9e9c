"""Whole seeded passages over a simulated deck, for tests and measurements of the weighing.

A truck rolls on axle by axle, stops, rings, stands and leaves; springs, friction, slosh, wind,
engine, creep, converter noise and the fault and cheat cases included. Answers carry the truth.
Offline and vectorised: the live plant is hal.sim.deck. It never looks at what weighs it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from hal.sim.passage_drive import SECOND_AXLE_M, draw_kinematics
from hal.sim.passage_faults import CELL_CHANGES, COUNT_CHANGES, LOAD_CHANGES, RAIL, Scene
from hal.sim.passage_forces import axle_forces, roll_m
from hal.sim.passage_truck import LENGTH_S, RATE_HZ, draw_truck

CELL_CAP_KG = 30_000

NORMAL = ("normal",)
HARD = ("fast", "creeping", "tanker", "windy", "engine", "leafy", "low_rate", "glitchy")
FAULTS: Mapping[str, str] = MappingProxyType(
    {
        "cell_dead": "cell_fault",
        "cell_stuck": "cell_fault",
        "cell_lost": "cell_fault",
        "cell_drift": "cell_drift",
        "saturation": "saturation",
        "overload": "overload",
        "half_on": "not_fully_on",
        "wheel_off": "off_deck_wheel",
        "tailgate": "two_vehicles",
        "person": "disturbed",
        "snow": "zero_out",
        "jack": "external_support",
        "corner": "corner_error",
        "power_on": "no_zero_ref",
        "left_early": "left_early",
        "unsteady": "unsteady",
    }
)
"""Fault and cheat kinds with the flag each should raise."""

CONVERTERS = (
    ("HX711", 80.0, 90e-9, 5.0),
    ("HX711", 10.0, 50e-9, 5.0),
    ("ADS1232", 80.0, 44e-9, 5.0),
    ("ADS1232", 10.0, 17e-9, 5.0),
    ("NAU7802", 80.0, 120e-9, 4.3),
    ("NAU7802", 320.0, 190e-9, 4.3),
    ("NAU7802", 40.0, 90e-9, 4.3),
)
"""Name, conversions a second, rms noise in volts at gain 128, excitation in volts."""


@dataclass(slots=True)
class Passage:
    """One trace with its truth. Masses in kg, times in s, positions in m.

    stop_s: when the wheels last came to rest before the weighing; leave_s: when they moved
    again. expected: flag a fault kind should raise, "" when none should be.
    """

    kind: str
    t: np.ndarray
    counts: np.ndarray
    beam_entry: np.ndarray
    beam_exit: np.ndarray
    meta: dict[str, object]
    mass_kg: float
    stop_s: float
    leave_s: float
    loads_kg: tuple[float, ...]
    spacing_m: tuple[float, ...]
    expected: str = ""
    settled_kg: float = 0.0


def make(kind: str, seed: int, beams: bool = True) -> Passage:
    """The passage of that kind and seed: the same arguments give the same arrays."""
    rng = np.random.default_rng([seed, sum(ord(c) * (i + 1) for i, c in enumerate(kind))])
    scene = _draw(kind, rng)
    forces = axle_forces(scene.truck, scene.motion, scene.kind, rng)
    time_s = np.arange(forces.shape[0]) / RATE_HZ
    cells = _spread(scene, forces, roll_m(scene.truck, scene.motion, rng))
    settled = _settled(scene, forces, time_s)
    cells += _weather(scene, time_s)
    for change in CELL_CHANGES.get(kind, ()):
        change(scene, cells, time_s)
    entry, leave = _beams(scene)
    t, counts, meta, index = _convert(scene, cells, time_s)
    if not beams:
        entry, leave = np.zeros_like(entry), np.zeros_like(leave)
        meta["beams"] = False
    truck = scene.truck
    return Passage(
        kind=kind,
        t=t,
        counts=counts,
        beam_entry=entry[index],
        beam_exit=leave[index],
        meta=meta,
        mass_kg=float(truck.loads_kg.sum()),
        stop_s=scene.motion.stop_s,
        leave_s=scene.motion.leave_s,
        loads_kg=tuple(float(v) for v in truck.loads_kg),
        spacing_m=tuple(float(v) for v in np.diff(truck.axle_back_m)),
        expected=scene.expected,
        settled_kg=settled,
    )


def _draw(kind: str, rng: np.random.Generator) -> Scene:
    lines = int(rng.choice([3, 4]))
    deck_m = float(rng.choice([16.0, 18.0, 18.0, 18.0, 21.0]))
    slow = kind == "low_rate" or (kind in ("normal", *FAULTS) and rng.random() < 0.15)
    choices = [c for c in CONVERTERS if (c[1] <= 10) == slow]
    if kind not in ("low_rate", "normal") or rng.random() < 0.7:
        choices = [c for c in choices if c[1] in (10.0, 80.0)]
    converter = choices[int(rng.integers(len(choices)))]
    max_kg = int(rng.choice([80_000, 100_000, 120_000]))
    truck = draw_truck(kind, rng, deck_m, max_kg)
    motion = draw_kinematics(kind, rng, truck, deck_m)
    return Scene(
        kind=kind,
        rng=rng,
        deck_m=deck_m,
        line_x=np.linspace(0.4, deck_m - 0.4, lines),
        width_m=float(rng.uniform(2.6, 3.2)),
        converter=converter,
        max_kg=max_kg,
        truck=truck,
        motion=motion,
        expected=FAULTS.get(kind, ""),
    )


def _contact(position_m: np.ndarray, deck_m: float) -> np.ndarray:
    """Share of a tyre's footprint on the deck, 0 to 1."""
    patch = 0.24
    on = np.clip((position_m + patch / 2) / patch, 0.0, 1.0)
    off = np.clip((position_m - deck_m + patch / 2) / patch, 0.0, 1.0)
    return np.asarray(on - off)


def _spread(scene: Scene, forces: np.ndarray, roll: np.ndarray) -> np.ndarray:
    """Axle forces to cell forces: every axle follows the line driven, the body rolls."""
    truck = scene.truck
    cells = np.zeros((forces.shape[0], 2 * len(scene.line_x)))
    for axle in range(forces.shape[1]):
        position = scene.motion.front_m - truck.axle_back_m[axle]
        driven = np.clip(position, 0.0, scene.deck_m) - 0.5 * scene.deck_m
        right_m = truck.lateral_m + truck.lateral_slope * driven + roll
        left = 0.5 - right_m / scene.width_m
        sides = np.stack([left, 1.0 - left], axis=1)
        if scene.kind == "wheel_off" and axle in truck.wheel_off:
            lost = int(truck.wheel_off_side)
            half = 0.5 + (1 if lost == 0 else -1) * truck.track_m / (2 * scene.width_m) * 0.98
            sides = np.broadcast_to(0.5 * np.array([half, 1.0 - half]), sides.shape)
        _press(scene, cells, position, forces[:, axle], sides)
    second = scene.motion.second_front_m
    if second is not None:
        weight = np.full(len(cells), scene.motion.second_kg)
        sides = np.full((len(cells), 2), 0.5)
        _press(scene, cells, second - SECOND_AXLE_M, weight, sides)
    return cells


def _press(
    scene: Scene, cells: np.ndarray, position: np.ndarray, load: np.ndarray, sides: np.ndarray
) -> None:
    """Put one axle on the deck: lever rule along, beyond the outer lines too, and across."""
    x = scene.line_x
    on = load * _contact(position, scene.deck_m)
    for line in range(len(x)):
        unit = np.zeros(len(x))
        unit[line] = 1.0
        share = np.interp(position, x, unit)
        before = (x[0] - position) / (x[1] - x[0])
        beyond = (position - x[-1]) / (x[-1] - x[-2])
        outer = {0: 1 + before, 1: -before}.get(line, np.zeros(len(position)))
        share = np.where(position < x[0], outer, share)
        outer = {len(x) - 1: 1 + beyond, len(x) - 2: -beyond}.get(line, np.zeros(len(position)))
        share = np.where(position > x[-1], outer, share)
        cells[:, 2 * line : 2 * line + 2] += (on * share)[:, None] * sides


def _settled(scene: Scene, forces: np.ndarray, time_s: np.ndarray) -> float:
    """What an ideal scale would show of the standing truck: static loads that are on the deck."""
    truck = scene.truck
    moment = scene.motion.stop_s if np.isfinite(scene.motion.stop_s) else LENGTH_S / 2
    at = min(int(moment * RATE_HZ) + 1, len(time_s) - 1)
    total = 0.0
    for axle in range(forces.shape[1]):
        position = scene.motion.front_m[at : at + 1] - truck.axle_back_m[axle]
        total += float(truck.loads_kg[axle] * _contact(position, scene.deck_m)[0])
    return total


def _coloured(rng: np.random.Generator, n: int, low_hz: float, high_hz: float) -> np.ndarray:
    """Unit-variance noise between two frequencies."""
    spectrum = np.fft.rfft(rng.standard_normal(n))
    hz = np.fft.rfftfreq(n, 1.0 / RATE_HZ)
    shape = np.where((hz >= low_hz) & (hz <= high_hz), 1.0 / np.maximum(hz, low_hz) ** 0.8, 0.0)
    noise = np.fft.irfft(spectrum * shape, n)
    return np.asarray(noise / (noise.std() + 1e-12))


def _weather(scene: Scene, time_s: np.ndarray) -> np.ndarray:
    """Wind on the deck, and more of it on what stands there; gusts come and go."""
    rng, n = scene.rng, len(time_s)
    count = 2 * len(scene.line_x)
    windy = scene.kind == "windy"
    strength = rng.uniform(6, 25) if windy else rng.uniform(0, 4)
    gust = strength * _coloured(rng, n, 0.05, 1.2)
    for _ in range(int(rng.poisson(4)) if windy else 0):
        start, rise = rng.uniform(0, LENGTH_S), rng.uniform(0.3, 1.0)
        swell = np.clip((time_s - start) / rise, 0, 1)
        gust += rng.normal(0, 0.7 * strength) * swell * (time_s < start + rng.uniform(1.5, 5.0))
    gust *= np.where(time_s > scene.motion.on_s, 1.0, rng.uniform(0.4, 1.0))
    roll = 1.5 * gust + strength * _coloured(rng, n, 0.1, 1.0)
    push = np.tile(np.array([1.0, -1.0]), count // 2)
    out = gust[:, None] / count + roll[:, None] * push[None, :] / count
    hum = rng.uniform(0.5, 3.0) * _coloured(rng, n, 5.0, 30.0)
    return np.asarray(out + hum[:, None] / count)


def _beams(scene: Scene) -> tuple[np.ndarray, np.ndarray]:
    front = scene.motion.front_m
    rear = front - scene.truck.length_m
    entry = (front >= -0.15) & (rear <= -0.15)
    leave = (front >= scene.deck_m + 0.15) & (rear <= scene.deck_m + 0.15)
    second = scene.motion.second_front_m
    if second is not None:
        entry = entry | ((second >= -0.15) & (second - 9.0 <= -0.15))
        leave = leave | ((second >= scene.deck_m + 0.15) & (second - 9.0 <= scene.deck_m + 0.15))
    return np.asarray(entry), np.asarray(leave)


def _convert(
    scene: Scene, cells: np.ndarray, time_s: np.ndarray
) -> tuple[np.ndarray, np.ndarray, dict[str, object], np.ndarray]:
    """Cells to counts: gain errors, creep, drift, averaging converter, noise, stamps, rails."""
    rng = scene.rng
    name, fs, noise_v, supply_v = scene.converter
    real_fs = fs * rng.uniform(0.985, 1.015)
    at = np.arange(0.3, LENGTH_S - 0.05, 1.0 / real_fs)
    index = np.minimum((at * RATE_HZ).astype(int), len(time_s) - 1)
    volts_per_kg = 2e-3 * supply_v / CELL_CAP_KG
    counts_per_kg = volts_per_kg * 2 * 128 * (RAIL + 1) / supply_v
    running = np.vstack([np.zeros((1, cells.shape[1])), np.cumsum(cells, axis=0)])
    back = np.maximum(index - max(1, round(RATE_HZ / fs)), 0)
    mean = (running[index] - running[back]) / np.maximum(index - back, 1)[:, None]
    gain = 1.0 + rng.normal(0, 1.5e-4, cells.shape[1]) / (1 if scene.kind != "corner" else 2)
    creep = 1.5e-4 * (1 - np.exp(-np.maximum(at - scene.motion.on_s, 0) / 400.0))
    offset_kg = rng.normal(0, 4.0, cells.shape[1])
    drift = rng.normal(0, 0.02, cells.shape[1])
    load = mean * gain * (1 + creep[:, None]) + offset_kg + drift * at[:, None]
    for change in LOAD_CHANGES.get(scene.kind, ()):
        change(scene, load, at)
    zero = np.round(rng.uniform(-2e5, 4e5, cells.shape[1]))
    noise = rng.standard_normal(load.shape) * noise_v / volts_per_kg
    counts = np.round((load + noise) * counts_per_kg + zero)
    for spoil in COUNT_CHANGES.get(scene.kind, ()):
        spoil(scene, counts, at, counts_per_kg)
    counts = np.clip(counts, -RAIL - 1, RAIL).astype(np.int32)
    stamps = at + np.abs(rng.normal(0, rng.uniform(0, 1.5e-3), len(at)))
    stamps = np.maximum.accumulate(stamps)
    keep = rng.random(len(at)) > (0.002 if rng.random() < 0.3 else 0.0)
    meta: dict[str, object] = {
        "kind": "cells",
        "fs_nominal": fs,
        "adc": name,
        "full_scale": RAIL,
        "deck_len_m": scene.deck_m,
        "max_kg": scene.max_kg,
        "e_kg": 20,
        "cell_x_m": [float(x) for x in np.repeat(scene.line_x, 2)],
        "cell_y_m": [0.0, scene.width_m] * len(scene.line_x),
        "kg_per_count": [1.0 / counts_per_kg] * cells.shape[1],
        "zero_counts": [float(z) for z in zero],
        "cell_cap_kg": CELL_CAP_KG,
        "beams": True,
    }
    return stamps[keep], counts[keep], meta, index[keep]
