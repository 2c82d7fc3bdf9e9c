"""One simulated truck: where it is, how fast, and what its axles press on the road.

Linear on purpose: every suspension is one decaying oscillation per axle group (body) and one
per axle (hop), turned exactly by a complex factor a step. Figures from WEIGHING section 2. A
truck knows nothing of lamps, barriers or plates being read; drivers move it through `steer`.
"""

from __future__ import annotations

import cmath
import math
import random
from dataclasses import dataclass, field

from hal.contract.types import NS_PER_S
from hal.sim.world import TruckPose

ACCEL_MM_S2 = 600.0
"""How hard a loaded truck pulls away or brakes at walking pace."""
ACCEL_DRIVE_SHARE = 0.06
"""Axle load shifted between front and rear groups per m/s2 (0.06 = 6 % of their load)."""


@dataclass(frozen=True, slots=True)
class TruckPlan:
    """What a script says of one truck.

    axle_x_mm: distance of each axle from the front bumper, rising. groups: axles per group, as
    the limit table counts them, e.g. (1, 2, 3). split_pm: axle load shares in thousandths of
    mass_kg, summing to 1000. suspension: "air" or "leaf". lateral_mm: off the deck's centre line.
    plate_keys: what an operator types for this plate. behaviour: a row of traffic.TRAITS.
    """

    name: str
    axle_x_mm: tuple[int, ...]
    groups: tuple[int, ...]
    mass_kg: int
    split_pm: tuple[int, ...]
    length_mm: int
    plate: str
    plate_colour: str = "yellow"
    plate_kind: str = "ordinary"
    rear_plate: str = ""
    dirt_pct: int = 0
    behaviour: str = "patient"
    suspension: str = "leaf"
    cruise_mm_s: int = 1_950
    lateral_mm: int = 0
    plate_keys: str = ""

    def __post_init__(self) -> None:
        """A plan that contradicts itself is a programmer error."""
        assert len(self.axle_x_mm) == len(self.split_pm) == sum(self.groups), self.name
        assert sum(self.split_pm) == 1_000, f"{self.name}: axle shares sum to {sum(self.split_pm)}"
        assert self.axle_x_mm[-1] <= self.length_mm, f"{self.name}: an axle behind the truck"


class _Spring:
    """One decaying oscillation z; z.real is the share by which the load deviates."""

    __slots__ = ("_turn", "_turn_dt_s", "decay", "freq_hz", "z")

    def __init__(self, freq_hz: float, damping: float) -> None:
        """freq_hz: damped frequency; damping: share of critical."""
        self.freq_hz = freq_hz
        self.decay = damping * math.tau * freq_hz
        self.z = 0j
        self._turn_dt_s = -1.0
        self._turn = 0j

    def advance(self, dt_s: float, kick: float) -> float:
        """One exact step, plus a kick; returns the deviation."""
        if dt_s != self._turn_dt_s:
            self._turn_dt_s = dt_s
            self._turn = cmath.exp(complex(-self.decay, math.tau * self.freq_hz) * dt_s)
        self.z = self.z * self._turn + kick
        return self.z.real


@dataclass(slots=True)
class Truck:
    """The moving truck. front_mm counts from the deck's entry edge, exit direction positive."""

    plan: TruckPlan
    rng: random.Random
    front_mm: float
    speed_mm_s: float = 0.0
    target_mm_s: float = 0.0
    engine_on: bool = True
    axle_kg: list[float] = field(default_factory=list)
    _accel: float = 0.0
    _body: list[_Spring] = field(default_factory=list)
    _hop: list[_Spring] = field(default_factory=list)
    _group_of: list[int] = field(default_factory=list)
    _static_kg: list[float] = field(default_factory=list)
    _lean: list[float] = field(default_factory=list)
    _bounce: float = 0.0
    _rough: float = 0.0
    _idle_hz: float = 0.0
    _idle_phase: float = 0.0

    def __post_init__(self) -> None:
        """Draw this truck's springs from its own stream."""
        rng, plan = self.rng, self.plan
        low_hz, high_hz, damping = (
            (1.3, 2.0, 0.064) if plan.suspension == "air" else (2.0, 3.6, 0.03)
        )
        base_hz = rng.uniform(low_hz, high_hz)
        self._body = [_Spring(base_hz * rng.uniform(0.9, 1.1), damping) for _ in plan.groups]
        self._hop = [_Spring(rng.uniform(8.0, 15.0), rng.uniform(0.05, 0.1)) for _ in plan.split_pm]
        self._group_of = [g for g, count in enumerate(plan.groups) for _ in range(count)]
        self._static_kg = [plan.mass_kg * share / 1_000 for share in plan.split_pm]
        self.axle_kg = list(self._static_kg)
        self._lean = _lean(plan)
        self._bounce = rng.lognormvariate(math.log(0.005), 0.5)
        self._rough = rng.uniform(0.002, 0.005)
        self._idle_hz = rng.uniform(9.0, 26.0)

    @property
    def rear_mm(self) -> float:
        """Position of the rear end."""
        return self.front_mm - self.plan.length_mm

    def covers(self, x_mm: float) -> bool:
        """Whether the truck's body stands over this place."""
        return self.rear_mm <= x_mm <= self.front_mm

    def steer(self, stop_mm: float, cruise_mm_s: float) -> None:
        """Drive towards stop_mm (either way) at up to cruise_mm_s, braking in time."""
        gap_mm = stop_mm - self.front_mm
        room_mm = abs(gap_mm) - abs(self.speed_mm_s) * 0.005
        if room_mm < 15.0:
            self.target_mm_s = 0.0
            return
        limit = math.sqrt(2 * ACCEL_MM_S2 * room_mm)
        self.target_mm_s = math.copysign(max(40.0, min(cruise_mm_s, limit)), gap_mm)

    def advance(self, dt_ns: int) -> None:
        """Move by dt_ns and leave the dynamic axle loads in axle_kg."""
        dt_s = dt_ns / NS_PER_S
        was = self.speed_mm_s
        step = ACCEL_MM_S2 * dt_s
        self.speed_mm_s += min(step, max(-step, self.target_mm_s - was))
        self.front_mm += (was + self.speed_mm_s) / 2 * dt_s
        accel = (self.speed_mm_s - was) / dt_s / 1_000
        jerk = accel - self._accel
        self._accel = accel
        if self.speed_mm_s or jerk or accel or self._ringing():
            self._shake(dt_s, accel, jerk)
        if self.engine_on:
            self._idle_phase = (self._idle_phase + self._idle_hz * dt_s) % 1.0
            self.axle_kg[0] += 6.0 * math.sin(math.tau * self._idle_phase)

    def _ringing(self) -> bool:
        return any(abs(spring.z) > 1e-7 for spring in self._body)

    def _shake(self, dt_s: float, accel: float, jerk: float) -> None:
        """jerk: step of the acceleration, m/s2. It swings the body, the road shakes the rest."""
        road = self._rough * math.sqrt(abs(self.speed_mm_s) / 1_000 * dt_s)
        gauss = self.rng.gauss
        smooth = min(1.0, dt_s / 0.005)
        body = [
            spring.advance(
                dt_s,
                (self._bounce / 0.6 - lean) * jerk * smooth + (gauss(0.0, road) if road else 0.0),
            )
            + lean * accel
            for spring, lean in zip(self._body, self._lean, strict=True)
        ]
        for axle, group in enumerate(self._group_of):
            hop = self._hop[axle].advance(dt_s, gauss(0.0, 2 * road) if road else 0.0)
            self.axle_kg[axle] = self._static_kg[axle] * (1.0 + body[group] + hop)

    def edge(self, strength: float = 0.01) -> None:
        """A wheel drops over the deck's edge: every axle's hop gets a small blow."""
        for spring in self._hop:
            spring.z += strength * self.rng.uniform(0.3, 1.0) / len(self._hop)

    def pose(self) -> TruckPose:
        """The truck as a camera sees it."""
        plan = self.plan
        return TruckPose(
            round(self.front_mm),
            plan.length_mm,
            plan.plate,
            plan.plate_colour,
            plan.plate_kind,
            plan.rear_plate,
            plan.dirt_pct,
        )


def _lean(plan: TruckPlan) -> list[float]:
    """Share of load each group gains per m/s2 of acceleration; the truck's total stays."""
    loads: list[float] = []
    first = 0
    for count in plan.groups:
        loads.append(sum(plan.split_pm[first : first + count]))
        first += count
    if len(loads) < 2:
        return [0.0] * len(loads)
    front = -ACCEL_DRIVE_SHARE
    rear = ACCEL_DRIVE_SHARE * loads[0] / sum(loads[1:])
    return [front] + [rear] * (len(loads) - 1)
