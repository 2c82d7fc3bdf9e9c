"""The forces under the axles of a passage: bounce, pitch, roll, hop, friction, slosh, engine.

Modal model driven by road roughness, the edge of the deck, braking and the engine; dry friction
makes the decay end early and holds single axles' loads back. At rest the axle forces always add
up to the weight. Knows neither deck supports nor cells.
"""

from __future__ import annotations

import numpy as np

from hal.sim.passage_drive import Kinematics
from hal.sim.passage_truck import RATE_HZ, Truck

STICTION_M = 2.5
"""Travel after which dry friction has set differently."""


def axle_forces(
    truck: Truck, motion: Kinematics, kind: str, rng: np.random.Generator
) -> np.ndarray:
    """Vertical force under each axle in kg at RATE_HZ; static loads once everything rests."""
    n = len(motion.front_m)
    dt = 1.0 / RATE_HZ
    shares = truck.loads_kg / truck.loads_kg.sum()
    centre = float((truck.axle_back_m * shares).sum())
    arm = centre - truck.axle_back_m
    spread = max(float((shares * arm * arm).sum()), 1e-9)
    transfer = shares * arm / spread * truck.height_m / 9.81
    forces = truck.loads_kg - truck.loads_kg.sum() * transfer * motion.accel_mps2[:, None]
    forces += _bounce(truck, motion, arm, rng)
    total = truck.loads_kg.sum()
    tilt = shares * arm / spread
    time_s = np.arange(n) * dt
    engine = truck.idle_kg * np.sin(
        2 * np.pi * truck.idle_hz * time_s + 0.4 * np.cumsum(rng.standard_normal(n)) * dt
    )
    if truck.slosh_share:
        raw = _mode(-motion.accel_mps2 / 1.5, truck.slosh_hz, 0.02)
        slosh = total * raw / max(float(np.abs(raw).max()), 1e-9)
        forces += shares * (truck.slosh_share * slosh[:, None])
        forces += tilt * (10 * truck.slosh_share * slosh[:, None])
    if truck.rock_share:
        standing = (time_s > motion.stop_s) & (time_s < motion.leave_s)
        push = _mode(rng.standard_normal(n), truck.rock_hz, 0.15)
        rock = push / max(float(np.abs(push).std()), 1e-9) * standing
        forces += shares * (total * truck.rock_share * rock[:, None])
    forces += _hop(truck, motion, rng, n) + shares * engine[:, None]
    return np.asarray(forces + _stiction(truck, motion, arm, rng))


def roll_m(truck: Truck, motion: Kinematics, rng: np.random.Generator) -> np.ndarray:
    """How far body roll moves the load sideways, on the grid; edges and roughness excite it."""
    rough = rng.standard_normal(len(motion.front_m)) * np.minimum(np.abs(motion.speed_mps), 2.0)
    roll = _mode(rough, truck.roll_hz, truck.roll_damping)
    return np.asarray(truck.roll_m * roll / max(float(np.abs(roll).max()), 1e-9))


def _groups(truck: Truck) -> list[list[int]]:
    """Axles that share a sprung mass: closer than 2.2 m, at most three; or each its own."""
    back_m = truck.axle_back_m
    if truck.single:
        return [[i] for i in range(len(back_m))]
    groups = [[0]]
    for i in range(1, len(back_m)):
        if back_m[i] - back_m[i - 1] < 2.2 or len(groups) == 3:
            groups[-1].append(i)
        else:
            groups.append([i])
    return groups


def _bounce(
    truck: Truck, motion: Kinematics, arm: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Forces of the sprung masses on their springs."""
    n, dt, travel = len(motion.front_m), 1.0 / RATE_HZ, motion.front_m
    out = np.zeros((n, len(truck.loads_kg)))
    rough_m = np.arange(travel.min() - 20, travel.max() + 1, 0.05)
    height = np.cumsum(rng.standard_normal(len(rough_m))) * 0.05
    height -= np.convolve(height, np.ones(41) / 41, mode="same")
    strength = rng.uniform(0.01, 0.04)
    for g, group in enumerate(_groups(truck)):
        drive = np.zeros(n)
        for i in group:
            road = strength * np.interp(travel - truck.axle_back_m[i], rough_m, height)
            edge = 2 * strength * np.exp(-(((travel - truck.axle_back_m[i]) / 0.15) ** 2))
            drive += (road + edge) / len(group)
        drive -= motion.accel_mps2 * truck.dive * (1.0 if arm[group[0]] > 0 else -0.7)
        hz, damping = truck.spring_hz[g], truck.spring_damping[g]
        sprung = _mode(drive, hz, damping, truck.friction)
        force = np.gradient(np.gradient(sprung, dt), dt) / (2 * np.pi * hz) ** 2
        for i in group:
            out[:, i] += truck.loads_kg[i] * force
    return out


def _mode(drive: np.ndarray, hz: float, damping: float, friction: float = 0.0) -> np.ndarray:
    """Response of one sprung mode in units of static deflection, with dry friction."""
    dt = 1.0 / RATE_HZ
    omega = 2 * np.pi * hz
    out = np.empty(len(drive))
    x = v = 0.0
    c, k = 2 * damping * omega, omega * omega
    slip = friction * k
    for i, f in enumerate(drive.tolist()):
        pull = k * (f - x) - c * v
        if friction:
            step = (pull - (slip if v > 0 else -slip)) * dt
            if v == 0.0 and abs(pull) <= slip:
                step = 0.0
            elif v != 0.0 and (v + step) * v < 0 and abs(pull) <= slip:
                step = -v
        else:
            step = pull * dt
        v += step
        x += v * dt
        out[i] = x
    return out


def _stiction(
    truck: Truck, motion: Kinematics, arm: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Load that friction keeps from single axles: sum and moment stay, the shares do not."""
    count = len(truck.loads_kg)
    fixed, _ = np.linalg.qr(np.stack([np.ones(count), arm], axis=1))
    knots_m = np.arange(motion.front_m.min() - 3, motion.front_m.max() + 3, STICTION_M)
    held = rng.standard_normal((len(knots_m), count)) * truck.stiction_share * truck.loads_kg
    held -= (held @ fixed) @ fixed.T
    return np.stack([np.interp(motion.front_m, knots_m, held[:, i]) for i in range(count)], axis=1)


def _hop(truck: Truck, motion: Kinematics, rng: np.random.Generator, n: int) -> np.ndarray:
    """Axle hop: broad noise around hop_hz while rolling, gone soon after the stop."""
    spectrum = np.fft.rfft(rng.standard_normal((n, len(truck.loads_kg))), axis=0)
    hz = np.fft.rfftfreq(n, 1.0 / RATE_HZ)
    shape = np.exp(-(((hz - truck.hop_hz) / 1.5) ** 2))
    noise = np.fft.irfft(spectrum * shape[:, None], n, axis=0)
    noise /= noise.std() + 1e-12
    rolling = np.minimum(np.abs(motion.speed_mps) / 3.0, 1.5)
    width = int(0.15 * RATE_HZ)
    smooth = np.convolve(rolling, np.ones(width) / width, mode="full")[:n]
    return np.asarray(noise * truck.loads_kg * 0.02 * smooth[:, None])
