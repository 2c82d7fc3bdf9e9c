"""The simulated truck of a passage: axles, springs, driver, and the forces under its axles.

Modal model: body bounce, pitch and axle hop, driven by road roughness, the edge of the deck,
braking and the engine; dry friction makes the decay end early and shifts it with amplitude.
At rest the axle forces always add up to the weight. Knows neither deck supports nor cells.
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
    """One vehicle: axle_back_m counts from its front. Loads in kg."""

    axle_back_m: np.ndarray
    loads_kg: np.ndarray
    length_m: float
    lateral_m: float
    track_m: float
    height_m: float
    dive: float
    group_hz: tuple[float, ...]
    group_damping: tuple[float, ...]
    friction: float
    hop_hz: float
    idle_hz: float
    idle_kg: float
    slosh_hz: float
    slosh_share: float
    wheel_off: tuple[int, ...] = ()
    wheel_off_side: int = 0


@dataclass(slots=True)
class Kinematics:
    """Position of the front over the deck's entry edge, speed and acceleration on the grid."""

    front_m: np.ndarray
    speed_mps: np.ndarray
    accel_mps2: np.ndarray
    on_s: float
    stop_s: float
    leave_s: float
    second_front_m: np.ndarray | None = None


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
        track_m=float(rng.uniform(1.8, 2.05)),
        height_m=float(rng.uniform(1.2, 2.0)),
        dive=float(rng.uniform(0.002, 0.012)),
        group_hz=tuple(rng.uniform(2.0, 4.0, 3) if leafy else rng.uniform(1.3, 2.2, 3)),
        group_damping=tuple(rng.uniform(0.015, 0.05, 3) if leafy else rng.uniform(0.03, 0.1, 3)),
        friction=float(rng.choice([0.0, rng.uniform(0.0, 2e-4)])),
        hop_hz=float(rng.uniform(8, 15)),
        idle_hz=float(rng.uniform(9, 26)),
        idle_kg=float(rng.uniform(40, 160) if kind == "engine" else rng.uniform(0, 30)),
        slosh_hz=float(rng.uniform(0.35, 0.8)),
        slosh_share=float(rng.uniform(1e-3, 5e-3) if kind == "tanker" else 0.0),
        wheel_off=tuple(range(first, first + count)) if kind == "wheel_off" else (),
        wheel_off_side=int(rng.integers(2)),
    )


@dataclass(slots=True)
class _Plan:
    """What the driver means to do. offsets_m: earlier stops, relative to the last one."""

    cruise_mps: float
    brake_mps2: float
    target_m: float
    lead_s: float
    wait_s: float
    pause_s: float
    offsets_m: list[float]
    leave_mps: float


def draw_kinematics(kind: str, rng: np.random.Generator, truck: Truck, deck_m: float) -> Kinematics:
    """Arrival, braking to a stop somewhere legal, standing, leaving by the exit."""
    cruise = {"fast": rng.uniform(14, 25), "creeping": rng.uniform(2.2, 3.5)}.get(
        kind, rng.uniform(3, 9)
    )
    target = float(rng.uniform(truck.length_m + 0.35, deck_m - 0.35))
    if kind == "half_on":
        target = float(truck.axle_back_m[-1] - rng.uniform(0.4, 2.5))
    twice = kind in ("normal", "creeping", "leafy") and rng.random() < 0.12
    plan = _Plan(
        cruise_mps=cruise / 3.6,
        brake_mps2=float(rng.uniform(1.2, 2.2) if kind == "fast" else rng.uniform(0.6, 1.4)),
        target_m=target,
        lead_s=float(rng.uniform(3.0, 6.0)),
        wait_s=float(rng.uniform(0.2, 0.9) if kind == "left_early" else rng.uniform(9.0, 14.0)),
        pause_s=float(rng.uniform(1.0, 2.5)),
        offsets_m=[float(rng.choice([-0.25, 0.2]))] if twice else [],
        leave_mps=2.5 if kind == "fast" else cruise / 3.6,
    )
    front, speed, stop, leave = _drive(plan, standing=kind == "power_on")
    dt = 1.0 / RATE_HZ
    passed = np.nonzero(front > truck.axle_back_m[0])[0]
    on = float(passed[0] * dt) if len(passed) else LENGTH_S
    second = None
    if kind == "tailgate":
        settle = max(target - truck.length_m - rng.uniform(0.6, 2.0), rng.uniform(1.6, 2.2))
        began = stop if np.isfinite(stop) else 10.0
        reach = np.clip((np.arange(len(front)) * dt - began - 0.5) / 3.0, 0, 1)
        second = -6.0 + (settle + 6.0) * reach
    return Kinematics(front, speed, np.gradient(speed, dt), on, stop, leave, second)


def _drive(plan: _Plan, standing: bool) -> tuple[np.ndarray, np.ndarray, float, float]:
    """Position and speed on the grid, the time of the last stop, and of leaving."""
    n, dt = int(LENGTH_S * RATE_HZ), 1.0 / RATE_HZ
    front, speed = np.empty(n), np.zeros(n)
    position = plan.target_m if standing else -1.0 - plan.cruise_mps
    v = 0.0 if standing else plan.cruise_mps
    stop, leave, pull = float("nan"), LENGTH_S, 0.0
    offsets = list(plan.offsets_m)
    front[:] = position
    for i in range(0 if standing else int(plan.lead_s * RATE_HZ), n):
        now = i * dt
        leaving = now >= leave
        ahead = plan.target_m + (offsets[0] if offsets else 0.0) - position
        wish = np.sign(ahead) * min(plan.cruise_mps, np.sqrt(2 * plan.brake_mps2 * abs(ahead)))
        if leaving:
            wish = plan.leave_mps
        if not leaving and abs(ahead) < 0.004 and abs(v) < 0.12:
            v = pull = 0.0
            stop = now if np.isnan(stop) else stop
            if offsets and now - stop > plan.pause_s:
                offsets.pop(0)
                stop = float("nan")
            elif now - stop > plan.wait_s and not offsets:
                leave = now
        else:
            step = np.clip((wish - v) / dt, -2.5 * plan.brake_mps2, 1.0 if leaving else 2.0)
            pull += (step - pull) * 0.06
            v += pull * dt
        position += v * dt
        front[i], speed[i] = position, v
    return front, speed, stop, leave


def _groups(back_m: np.ndarray) -> list[list[int]]:
    """Axles closer than 2.2 m share a suspension; at most three groups, the last takes the rest."""
    groups = [[0]]
    for i in range(1, len(back_m)):
        if back_m[i] - back_m[i - 1] < 2.2 or len(groups) == 3:
            groups[-1].append(i)
        else:
            groups.append([i])
    return groups


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


def axle_forces(
    truck: Truck, motion: Kinematics, kind: str, rng: np.random.Generator
) -> np.ndarray:
    """Vertical force under each axle in kg at RATE_HZ; static loads once everything rests."""
    n = len(motion.front_m)
    dt = 1.0 / RATE_HZ
    travel = motion.front_m
    shares = truck.loads_kg / truck.loads_kg.sum()
    centre = float((truck.axle_back_m * shares).sum())
    arm = centre - truck.axle_back_m
    transfer = shares * arm / float((shares * arm * arm).sum()) * truck.height_m / 9.81
    forces = truck.loads_kg - truck.loads_kg.sum() * transfer * motion.accel_mps2[:, None]
    rough_m = np.arange(travel.min() - 20, travel.max() + 1, 0.05)
    height = np.cumsum(rng.standard_normal(len(rough_m))) * 0.05
    height -= np.convolve(height, np.ones(41) / 41, mode="same")
    strength = rng.uniform(0.01, 0.04)
    for g, group in enumerate(_groups(truck.axle_back_m)):
        drive = np.zeros(n)
        for i in group:
            road = strength * np.interp(travel - truck.axle_back_m[i], rough_m, height)
            edge = 2 * strength * np.exp(-(((travel - truck.axle_back_m[i]) / 0.15) ** 2))
            drive += (road + edge) / len(group)
        drive -= motion.accel_mps2 * truck.dive * (1.0 if arm[group[0]] > 0 else -0.7)
        hz, damping = truck.group_hz[g], truck.group_damping[g]
        sprung = _mode(drive, hz, damping, truck.friction)
        force = np.gradient(np.gradient(sprung, dt), dt) / (2 * np.pi * hz) ** 2
        for i in group:
            forces[:, i] += truck.loads_kg[i] * force
    total = truck.loads_kg.sum()
    tilt = shares * arm / float((shares * arm * arm).sum())
    hop = _hop(truck, motion, rng, n)
    time_s = np.arange(n) * dt
    engine = truck.idle_kg * np.sin(
        2 * np.pi * truck.idle_hz * time_s + 0.4 * np.cumsum(rng.standard_normal(n)) * dt
    )
    slosh = np.zeros(n)
    if truck.slosh_share:
        raw = _mode(-motion.accel_mps2 / 1.5, truck.slosh_hz, 0.02)
        slosh = total * raw / max(float(np.abs(raw).max()), 1e-9)
        forces += shares * (truck.slosh_share * slosh[:, None])
        forces += tilt * (10 * truck.slosh_share * slosh[:, None])
    forces += hop + shares * engine[:, None]
    second = motion.second_front_m
    if second is not None:
        forces[:, -1] += 3_500.0 * ((second - 1.4) > 0)
    return np.asarray(forces)


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
