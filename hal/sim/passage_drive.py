"""How the simulated driver of a passage drives: arrival, braking, stops, standing, leaving.

Draws what a driver means to do and turns it into positions and speeds on the time grid. Knows
the truck's length and the deck's, nothing of forces.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hal.sim.passage_truck import LENGTH_S, RATE_HZ, Truck

CRUISE_KMH = {"fast": (14.0, 25.0), "creeping": (2.2, 3.5), "left_early": (5.0, 9.0)}
SECOND_AXLE_M = 1.4
"""How far the first axle of a following vehicle is behind its front."""


@dataclass(slots=True)
class Kinematics:
    """Position of the front over the deck's entry edge, speed and acceleration on the grid.

    second_front_m, second_kg: a vehicle behind, and what its front axle weighs.
    """

    front_m: np.ndarray
    speed_mps: np.ndarray
    accel_mps2: np.ndarray
    on_s: float
    stop_s: float
    leave_s: float
    second_front_m: np.ndarray | None = None
    second_kg: float = 0.0


@dataclass(slots=True)
class _Plan:
    """What the driver means to do. offsets_m: earlier stops, relative to the last one.

    crawl_m, crawl_mps: the last stretch before the stop is crept over.
    """

    cruise_mps: float
    brake_mps2: float
    target_m: float
    lead_s: float
    wait_s: float
    pause_s: float
    offsets_m: list[float]
    leave_mps: float
    crawl_m: float
    crawl_mps: float


def draw_kinematics(kind: str, rng: np.random.Generator, truck: Truck, deck_m: float) -> Kinematics:
    """Arrival, braking to a stop somewhere legal, standing, leaving by the exit."""
    slowest, fastest = CRUISE_KMH.get(kind, (3.0, 9.0))
    cruise = rng.uniform(slowest, fastest)
    target = float(rng.uniform(truck.length_m + 0.35, deck_m - 0.35))
    if kind == "half_on":
        short = truck.axle_back_m[-1] - rng.uniform(0.4, 2.5)
        beyond = deck_m + truck.axle_back_m[0] + rng.uniform(0.4, 1.5)
        target = float(short if rng.random() < 0.75 else beyond)
    twice = kind in ("normal", "creeping", "leafy") and rng.random() < 0.12
    crawls = kind != "fast" and rng.random() < 0.2
    through = kind == "left_early" and rng.random() < 0.3
    plan = _Plan(
        cruise_mps=cruise / 3.6,
        brake_mps2=float(rng.uniform(1.2, 2.2) if kind == "fast" else rng.uniform(0.6, 1.4)),
        target_m=deck_m + 60.0 if through else target,
        lead_s=float(rng.uniform(3.0, 6.0)),
        wait_s=_wait_s(kind, rng),
        pause_s=float(rng.uniform(1.0, 2.5)),
        offsets_m=[float(rng.choice([-0.25, 0.2]))] if twice else [],
        leave_mps=2.5 if kind == "fast" else cruise / 3.6,
        crawl_m=float(rng.uniform(0.4, 2.0)) if crawls else 0.0,
        crawl_mps=float(rng.uniform(0.15, 0.4)),
    )
    front, speed, stop, leave = _drive(plan, standing=kind == "power_on")
    dt = 1.0 / RATE_HZ
    passed = np.nonzero(front > truck.axle_back_m[0])[0]
    on = float(passed[0] * dt) if len(passed) else LENGTH_S
    made = Kinematics(front, speed, np.gradient(speed, dt), on, stop, leave)
    if kind == "tailgate":
        made.second_front_m = _behind(made, rng, truck, target)
        made.second_kg = float(rng.uniform(2_000, 7_000))
    return made


def _wait_s(kind: str, rng: np.random.Generator) -> float:
    if kind == "left_early":
        return float(rng.uniform(0.2, 0.9))
    return float(rng.uniform(16.0, 20.0) if kind == "unsteady" else rng.uniform(9.0, 14.0))


def _behind(
    motion: Kinematics, rng: np.random.Generator, truck: Truck, target_m: float
) -> np.ndarray:
    """A vehicle that follows: bumper to bumper, or rolling up once the first one stands.

    It ends with its nose in the entry beam or with its front axle on the deck.
    """
    room = target_m - truck.length_m
    settle = min(max(room - rng.uniform(0.6, 2.0), rng.uniform(0.1, 2.2)), 5.0)
    stop = motion.stop_s if np.isfinite(motion.stop_s) else 10.0
    time_s = np.arange(len(motion.front_m)) / RATE_HZ
    began = stop + rng.uniform(-6.0, 4.0)
    reach = np.clip((time_s - began) / rng.uniform(2.0, 5.0), 0, 1)
    reach = reach * reach * (3 - 2 * reach)
    follows = -6.0 + (settle + 6.0) * reach
    return np.asarray(np.minimum(follows, motion.front_m - truck.length_m - 0.3))


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
        if plan.crawl_m and 0 < ahead < plan.crawl_m:
            wish = min(wish, plan.crawl_mps)
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
