"""The weighbridge: axle loads in, bridge signals of its load cells out.

Advances in fixed steps; deterministic for a seed and a step size; what leaves is whole
nanovolts. New phenomena are plugged in as LoadSource (another weight on the deck) or CellEffect
(something a cell does to its load), not by changing the deck.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from hal.contract.types import NS_PER_MS, NS_PER_S
from hal.sim.lane import LaneGeometry, beams_blocked
from hal.sim.seeds import stream
from hal.sim.truck import Truck, TruckPlan

STEP_NS = 5 * NS_PER_MS
CONTACT_MM = 300.0
"""Length over which a tyre pair passes the deck's edge."""


@dataclass(frozen=True, slots=True)
class DeckParams:
    """Deck and cells. Defaults: 18 m x 3 m, eight 30 t cells of 2 mV/V fed with 3.0 V
    (the NAU7802's own regulator; its conversion is ratiometric to it).

    dead_kg: what the empty deck presses on each cell. gain_error_ppm: per cell, 0 when exact.
    zero_nv_per_k: drift of the zero signal with temperature, one value for all cells.
    """

    length_mm: int = 18_000
    cell_x_mm: tuple[int, ...] = (0, 0, 6_000, 6_000, 12_000, 12_000, 18_000, 18_000)
    cell_y_mm: tuple[int, ...] = (0, 3_000, 0, 3_000, 0, 3_000, 0, 3_000)
    capacity_kg: int = 30_000
    output_nv_per_v: int = 2_000_000
    excitation_mv: int = 3_000
    dead_kg: int = 1_250
    gain_error_ppm: tuple[int, ...] = (0,) * 8
    zero_nv_per_k: int = 60
    creep_ppm: int = 170
    creep_s: int = 600
    wind_kg: int = 3
    rumble_kg_pm: int = 150
    temperature_mc: int = 18_000

    def nv_per_kg(self) -> float:
        """Sensitivity of one cell, 0.2 uV/kg."""
        return self.output_nv_per_v * self.excitation_mv / 1_000 / self.capacity_kg


class LoadSource(Protocol):
    """Something that presses on the deck besides the scripted trucks."""

    def loads(self, now_s: float, dt_s: float) -> Iterable[tuple[float, float, float]]:
        """(x mm, y mm, kg) of each point load now."""


class CellEffect(Protocol):
    """Something that changes what the cells feel."""

    def apply(self, cells_kg: list[float], now_s: float, dt_s: float) -> None:
        """Change the loads of the cells in place."""


class Creep:
    """Cells give way slowly under load and come back slowly (OIML R 60 class C3)."""

    def __init__(self, params: DeckParams) -> None:
        """Starts crept in under the dead load, as a deck that has stood for a day."""
        self._share = params.creep_ppm / 1e6
        self._tau_s = float(params.creep_s)
        self._state = [0.0] * len(params.cell_x_mm)

    def apply(self, cells_kg: list[float], now_s: float, dt_s: float) -> None:
        """Follow the load with the creep time constant."""
        pace, share, state = dt_s / self._tau_s, self._share, self._state
        for cell, kg in enumerate(cells_kg):
            state[cell] += (kg * share - state[cell]) * pace
            cells_kg[cell] = kg + state[cell]


class Rumble:
    """Ground and wind noise: slow gusts on what stands there, a little noise on every cell."""

    def __init__(self, params: DeckParams, rng: random.Random) -> None:
        """rng: this effect's own stream."""
        self._rng = rng
        self._gust = 0.0
        self._wind_kg = params.wind_kg
        self._noise_kg = params.rumble_kg_pm / 1_000

    def apply(self, cells_kg: list[float], now_s: float, dt_s: float) -> None:
        """Gusts have a time constant of 2 s and grow with the load (the sail of a truck)."""
        gauss = self._rng.gauss
        self._gust += -self._gust * dt_s / 2.0 + gauss(0.0, math.sqrt(dt_s))
        sail = 0.1 + min(1.0, sum(cells_kg) / 30_000)
        gust_kg = self._gust * self._wind_kg * sail / len(cells_kg)
        noise_kg = self._noise_kg
        for cell, kg in enumerate(cells_kg):
            cells_kg[cell] = kg + gust_kg + gauss(0.0, noise_kg)


class Deck:
    """Trucks on a deck. advance() moves them; cells_nv and temperature_mc are the answer."""

    def __init__(self, params: DeckParams, seed: int) -> None:
        """seed: each phenomenon draws from its own stream named after it."""
        self.params = params
        self.trucks: list[Truck] = []
        self.sources: list[LoadSource] = []
        self.effects: list[CellEffect] = [
            Creep(params),
            Rumble(params, stream(seed, "rumble")),
        ]
        self.now_ns = 0
        self.temperature_mc = params.temperature_mc
        self._nv_per_kg = [
            params.nv_per_kg() * (1 + ppm / 1e6)
            for ppm in (*params.gain_error_ppm, *(0,) * 8)[: len(params.cell_x_mm)]
        ]
        self._lines = sorted(set(params.cell_x_mm))
        self._line_cells = [_line(params, x_mm) for x_mm in self._lines]
        self._drift_phase = stream(seed, "temperature").random()
        self._dead_nv = [params.dead_kg * nv for nv in self._nv_per_kg]
        self._axles_on: dict[int, int] = {}
        self.cells_nv: tuple[int, ...] = tuple(round(nv) for nv in self._dead_nv)

    def advance(self, dt_ns: int) -> None:
        """One step. dt_ns: 1 ns to 10 ms, the same every time for a repeatable run."""
        assert 0 < dt_ns <= 2 * STEP_NS, f"a step of {dt_ns} ns is outside 0 to {2 * STEP_NS}"
        self.now_ns += dt_ns
        now_s, dt_s = self.now_ns / NS_PER_S, dt_ns / NS_PER_S
        cells_kg = [0.0] * len(self._nv_per_kg)
        for truck in self.trucks:
            truck.advance(dt_ns)
            self._press(truck, cells_kg)
        for source in self.sources:
            for x_mm, y_mm, kg in source.loads(now_s, dt_s):
                self._spread(x_mm, y_mm, kg, cells_kg)
        for effect in self.effects:
            effect.apply(cells_kg, now_s, dt_s)
        swing = math.sin(math.tau * (now_s / 5_400 + self._drift_phase))
        self.temperature_mc = self.params.temperature_mc + round(2_000 * swing)
        drift_nv = self.params.zero_nv_per_k * 2 * swing
        self.cells_nv = tuple(
            round(dead + drift_nv + kg * nv)
            for dead, kg, nv in zip(self._dead_nv, cells_kg, self._nv_per_kg, strict=True)
        )

    def _press(self, truck: Truck, cells_kg: list[float]) -> None:
        length_mm = self.params.length_mm
        y_mm = self.params.cell_y_mm[-1] / 2 + truck.plan.lateral_mm
        on_deck = 0
        for offset_mm, kg in zip(truck.plan.axle_x_mm, truck.axle_kg, strict=True):
            x_mm = truck.front_mm - offset_mm
            inside_mm = min(x_mm, length_mm - x_mm)
            if inside_mm <= -CONTACT_MM / 2:
                continue
            on_deck += 1
            share = min(1.0, inside_mm / CONTACT_MM + 0.5)
            self._spread(min(max(x_mm, 0.0), float(length_mm)), y_mm, kg * share, cells_kg)
        if on_deck != self._axles_on.get(id(truck), 0):
            self._axles_on = {id(each): self._axles_on.get(id(each), 0) for each in self.trucks}
            self._axles_on[id(truck)] = on_deck
            truck.edge()

    def _spread(self, x_mm: float, y_mm: float, kg: float, cells_kg: list[float]) -> None:
        """Simply supported between two lines of cells, lever rule across."""
        lines = self._lines
        last = len(lines) - 2
        left = 0
        while left < last and x_mm >= lines[left + 1]:
            left += 1
        ahead = (x_mm - lines[left]) / (lines[left + 1] - lines[left])
        across = y_mm / self.params.cell_y_mm[-1]
        near, far = self._line_cells[left]
        cells_kg[near] += kg * (1 - ahead) * (1 - across)
        cells_kg[far] += kg * (1 - ahead) * across
        near, far = self._line_cells[left + 1]
        cells_kg[near] += kg * ahead * (1 - across)
        cells_kg[far] += kg * ahead * across


def _line(params: DeckParams, x_mm: int) -> tuple[int, int]:
    """Indices of the two cells of the line at x_mm, near side first."""
    cells = [cell for cell, at_mm in enumerate(params.cell_x_mm) if at_mm == x_mm]
    assert len(cells) == 2, f"the cell line at {x_mm} mm has {len(cells)} cells, not 2"
    near, far = sorted(cells, key=lambda cell: params.cell_y_mm[cell])
    return near, far


Passage = tuple[list[int], list[list[int]], list[tuple[bool, bool]], int]


def record_passage(
    plan: TruckPlan,
    seed: int,
    fs_hz: int,
    *,
    stand_s: int = 12,
    params: DeckParams | None = None,
    empty_s: int = 4,
) -> Passage:
    """One passage under virtual time: on, stop in the middle, stand, off.

    Returns (t_ns, nanovolts per cell, (entry, exit) beam blocked per sample, time of the stop).
    fs_hz: 1 to 320 samples a second. The deck is empty for empty_s first and 3 s at the end.
    """
    assert 1 <= fs_hz <= 320, f"a rate of {fs_hz} per second is outside 1 to 320"
    params = params or DeckParams()
    deck = Deck(params, seed)
    geometry = LaneGeometry(deck_length_mm=params.length_mm)
    period_ns = NS_PER_S // fs_hz
    steps = -(-period_ns // STEP_NS)
    truck = Truck(plan, stream(seed, "truck"), -plan.cruise_mm_s * float(empty_s))
    truck.speed_mm_s = float(plan.cruise_mm_s)
    deck.trucks.append(truck)
    stop_mm = (params.length_mm + plan.length_mm) / 2
    t_ns: list[int] = []
    cells: list[list[int]] = [[] for _ in params.cell_x_mm]
    beams: list[tuple[bool, bool]] = []
    stop_ns = 0
    for _ in range(600 * fs_hz):
        for _ in range(steps):
            if stop_ns and deck.now_ns - stop_ns > stand_s * NS_PER_S:
                truck.steer(1e9, plan.cruise_mm_s)
            else:
                truck.steer(stop_mm, plan.cruise_mm_s)
            deck.advance(period_ns // steps)
            if not stop_ns and truck.speed_mm_s == 0.0:
                stop_ns = deck.now_ns
        t_ns.append(deck.now_ns)
        for trace, nv in zip(cells, deck.cells_nv, strict=True):
            trace.append(nv)
        beams.append(beams_blocked(geometry, deck.trucks))
        if truck.rear_mm > params.length_mm + 3 * plan.cruise_mm_s:
            return t_ns, cells, beams, stop_ns
    raise AssertionError(f"{plan.name} did not leave the deck within 600 s")
