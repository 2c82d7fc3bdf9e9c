"""The weighing pipeline: raw conversions in, one Weighed out, sample by sample and causal.

Joins sample checks, zero, history, holding and diagnostics. The control process and the trace
command feed this same object. It reads no clock and does no I/O; a mass leaves it in Weighed
only as a whole number of scale divisions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from math import ceil, isfinite, sqrt

import numpy as np

from hal.contract.types import NS_PER_S, IndicatorReading, MonotonicNs, RawSample, Tri
from terminal.core.types import NEVER_NS, Event, Weighed, WeighFlag
from terminal.weighing.arrival import Arrival
from terminal.weighing.cornerbook import CornerFacts
from terminal.weighing.decktime import DeckTime
from terminal.weighing.diagnostics import Diagnostics
from terminal.weighing.estimate import estimated_kg
from terminal.weighing.history import TOTAL, History
from terminal.weighing.hold import HoldKeeper
from terminal.weighing.indicator import IndicatorWatch
from terminal.weighing.lostplace import LostPlace
from terminal.weighing.params import WeighParams, round_to_division
from terminal.weighing.samples import CellStream, placed_by_clock
from terminal.weighing.stamps import SampleClock
from terminal.weighing.zero import ZeroKeeper, ZeroState

BIN_S_MIN = 0.02
FAST_RATE_HZ_MIN = 40.0
"""Slower converters are not resampled: one bin a conversion."""
LOST_S = 0.6
"""A cell silent for so long while others speak is lost."""
DISPLAY_S = 0.3
MOTION_S = 1.0
CHANGE_S = 0.8
"""A change of load is shown within this time (R 76 4.4.1: an old value lasts 1 s at most)."""
GLITCH_KG_MIN = 120.0
ZERO_DRIFT_KG_PER_H = 8.0
CREEP_SHARE = 1e-4


class Pipeline:
    """feed() each tick with what came; it answers with the newest Weighed or None.

    estimate_kg: what the deck would show with its one dead cell sound, for people only; it is not
    part of Weighed, so that nothing can decide on it.
    """

    def __init__(self, params: WeighParams) -> None:
        self.params = params
        fast = params.rate_hz >= FAST_RATE_HZ_MIN
        self.bin_s = BIN_S_MIN if fast else 1.0 / params.rate_hz
        self._deck = DeckTime(self.bin_s)
        clock = SampleClock(1.0 / params.rate_hz)
        self._span = np.asarray(params.kg_per_count, dtype=float)
        self.cells = [
            CellStream(
                i,
                self._deck,
                1.0 / params.rate_hz,
                params.full_scale,
                GLITCH_KG_MIN / abs(params.kg_per_count[i]),
                zero,
                clock,
            )
            for i, zero in enumerate(params.zero_counts)
        ]
        self.zero = ZeroKeeper(params, self.bin_s)
        self.history = History(params, self.bin_s)
        self.hold = HoldKeeper(params, self.history, params.careful_kg)
        self.checks = Diagnostics(params, self.history, self.hold)
        self._lost_place = LostPlace(params.kg_per_count, 1.0 / params.rate_hz)
        self._arrival = Arrival(params, self._deck, self.cells)
        self._bins = 0
        self._now_ns = NEVER_NS
        self._entry = self._exit = Tri.UNKNOWN
        self._clear_since_ns: MonotonicNs | None = None
        self._held_since_ns = NEVER_NS
        self._indicator = IndicatorWatch(params)
        self.estimate_kg: int | None = None

    def feed(
        self,
        samples: Sequence[RawSample],
        beam_entry: Tri,
        beam_exit: Tri,
        zero_allowed: bool,
        now_ns: MonotonicNs,
    ) -> Weighed | None:
        """Take the samples of one tick with the beams as they stand; None: nothing new."""
        for sample in samples:
            if 0 <= sample.cell < len(self.cells):
                self.cells[sample.cell].arrive(sample)
        if samples:
            self._place()
        self._see_beams(beam_entry, beam_exit, now_ns)
        weighed: Weighed | None = None
        while (counts := self._next_bin()) is not None:
            made = self._bin(counts, zero_allowed)
            weighed = made or weighed
        return weighed

    def feed_indicator(
        self,
        readings: Sequence[IndicatorReading],
        beam_entry: Tri,
        beam_exit: Tri,
        now_ns: MonotonicNs,
    ) -> Weighed | None:
        """Indicator mode: take the frames of one tick; None: nothing new."""
        return self._indicator.feed(readings, beam_entry, beam_exit, now_ns)

    def zero_state(self) -> ZeroState:
        """The zero to store, so that it survives a restart."""
        return self.zero.state()

    def restore_zero(self, state: ZeroState, now_ns: MonotonicNs) -> bool:
        """Take a stored zero; False when it is not plausible (an event says why)."""
        return self.zero.restore(state, now_ns)

    def resume(self, zero: ZeroState, calm_kg: Sequence[float]) -> None:
        """For kept samples: what was known before them, the zero in force and the calm deck."""
        self.zero.resume(zero)
        self.hold.resume_calm(calm_kg)

    def corner_evidence(self) -> str:
        """What the passages said about the cells, to store, so that it survives a restart."""
        return self.checks.corners.text()

    def restore_corners(self, text: str, now_ns: MonotonicNs) -> bool:
        """Add stored evidence; False when it cannot be used (an event says why)."""
        return self.checks.corners.restore(text, now_ns)

    def corner_facts(self) -> CornerFacts | None:
        """What the passages say about the cells; None for an indicator, whose cells are unseen."""
        return self.checks.corners.facts() if self.params.cells else None

    def drain_events(self) -> Sequence[Event]:
        """Zero actions and diagnostics since the last call, for the journal."""
        own = (*self.zero.drain_events(), *self.checks.drain_events())
        return (*own, *self._indicator.drain_events())

    def counters(self) -> dict[str, int]:
        """Sample defects since the start, summed over the cells."""
        total: dict[str, int] = {"late": self._indicator.late}
        for cell in self.cells:
            for name, count in asdict(cell.counters).items():
                total[name] = total.get(name, 0) + count
        return total

    def held_fine_kg(self) -> tuple[float, float]:
        """The held mass before rounding and its uncertainty (extended display, R 76 A.4.4.3)."""
        fine = self._indicator.held_kg()
        if fine is not None:
            return float(fine), float(self.params.e_kg)
        held = self.hold.held
        assert held is not None, "only while held_kg is not None"
        return held.mass_kg, self._uncertainty_kg(held.mass_kg, held.u_kg)

    def confidence_pct(self, flag: WeighFlag) -> int:
        """How sure a flag is that stands: 50 barely, 100 read off (sureness.py)."""
        return self.checks.sure.pct(flag)

    def last_axles(self) -> tuple[tuple[float, ...], tuple[float, ...]] | None:
        """Axle loads in kg and spacings in m of the newest vehicle, None while not known."""
        return self.checks.axles

    def _place(self) -> None:
        """This tick's conversions into the bins, in the order in which they were made."""
        cells, leader = self.cells, self._deck.leader
        placed = placed_by_clock(cells, leader)
        self._lost_place.settle(placed, leader)
        in_order = [(at, number) for number, cell in enumerate(placed) for at in cell]
        in_order.sort(key=lambda one: (one[0].deck_s, one[1] != leader))
        for at, number in in_order:
            if number == leader:
                self._arrival.watch()
            cells[number].put(at)

    def _next_bin(self) -> np.ndarray | None:
        """Cell means of the next closed bin; a lost cell's mean is NaN."""
        waiting = max(len(cell.bins.means) for cell in self.cells)
        if waiting == 0:
            return None
        for cell in self.cells:
            if not cell.bins.means:
                if waiting * self.bin_s < LOST_S:
                    return None
                cell.bins.skip()
        return np.array([cell.bins.means.popleft() for cell in self.cells])

    def _bin(self, counts: np.ndarray, zero_allowed: bool) -> Weighed | None:
        now_ns = self._now_ns = MonotonicNs(round(self._deck.edge_host_s(self._bins) * NS_PER_S))
        if self._arrival.first_bin == self._bins:
            self.history.begin_step()
        self._bins += 1
        forces = (counts - self.zero.counts) * self._span
        total = float(forces.sum())
        empty = total < 0.75 * self.params.occupied_kg
        clear = self._clear_since_ns is not None and now_ns >= self._clear_since_ns
        quiet = clear and zero_allowed and (empty or not self.zero.referenced())
        before = self.zero.counts
        self.zero.feed(counts, quiet, now_ns)
        if self.zero.counts is not before:
            self.hold.zero_moved(float(((self.zero.counts - before) * self._span).sum()))
        self._arrival.seen(total, self.zero.counts)
        self.checks.work(now_ns)
        if not self.history.push(forces):
            return None
        return self._step(clear, now_ns)

    def _see_beams(self, entry: Tri, exit_: Tri, now_ns: MonotonicNs) -> None:
        """A cut ends the hold, be it shorter than a step; and the samples wait behind the beams, so
        what was measured before they came clear is not of a deck seen clear (I2).
        """
        self._entry, self._exit = entry, exit_
        if not self._clear():
            self._clear_since_ns, self.hold.held = None, None
        elif self._clear_since_ns is None:
            self._clear_since_ns = now_ns

    def _clear(self) -> bool:
        """Both beams say clear; where none are wired, nothing says blocked."""
        if self.params.beams:
            return self._entry is Tri.NO and self._exit is Tri.NO
        return Tri.YES not in (self._entry, self._exit)

    def _step(self, clear: bool, now_ns: MonotonicNs) -> Weighed:
        params = self.params
        shown = float(self.history.recent(TOTAL, DISPLAY_S).mean())
        known = isfinite(shown)
        loaded = not shown < 0.75 * params.occupied_kg
        valid = self.zero.valid(now_ns)
        flags, cell, blocked = self.checks.step(
            self.cells, self.zero, loaded, (self._entry, self._exit), now_ns
        )
        dead = WeighFlag.CELL_FAULT in flags and loaded and clear
        self.estimate_kg = estimated_kg(params, self.history, cell) if dead else None
        before = self.hold.held
        may_hold = clear and valid and not blocked and self.checks.rides.ready
        self.hold.step(loaded and known, may_hold)
        if self.hold.held is not None and self.hold.held is not before:
            if self.checks.last_look(self.hold.held, now_ns):
                self.hold.held = None
            else:
                self._held_since_ns = now_ns
        held = self.hold.held
        if held is not None and self._near(held.mass_kg):
            shown = held.mass_kg  # the ringing is known and taken out of the display too
        gross_kg = round_to_division(shown, params.e_kg) if known else 0
        showable = known and params.gross_kg_min <= gross_kg <= params.gross_kg_max
        axles = self.checks.axles
        groups = self.checks.groups
        return Weighed(
            at_ns=now_ns,
            gross_kg=gross_kg if showable else None,
            motion=self._motion(),
            deck_empty=self._empty(loaded, known and gross_kg >= params.gross_kg_min),
            zero_valid=Tri.YES if valid else Tri.NO,
            held_kg=round_to_division(held.mass_kg, params.e_kg) if held else None,
            held_u_kg=ceil(self._uncertainty_kg(held.mass_kg, held.u_kg)) if held else 0,
            held_since_ns=self._held_since_ns if held else NEVER_NS,
            axles=len(axles[0]) if axles else None,
            axle_loads_kg=tuple(round_to_division(v, params.e_kg) for v in groups),
            axle_spacing_cm=tuple(round(100 * v) for v in axles[1]) if axles else (),
            flags=flags,
            cell=cell,
            zero_age_ns=self.zero.age_ns(now_ns),
        )

    @staticmethod
    def _empty(loaded: bool, told: bool) -> Tri:
        """Far below zero a deck shows nothing, so it is not seen empty either."""
        if not told:
            return Tri.UNKNOWN
        return Tri.NO if loaded else Tri.YES

    def _near(self, mass_kg: float) -> bool:
        """Whether the deck carries what is held; a change of more than 1 e must be shown."""
        recent = self.history.recent(TOTAL, CHANGE_S)
        return abs(float(recent.mean()) - mass_kg) <= self.params.e_kg

    def _motion(self) -> Tri:
        recent = self.history.recent(TOTAL, MOTION_S)
        if not len(recent) or not isfinite(float(recent[-1])):
            return Tri.UNKNOWN
        if len(recent) < round(MOTION_S / self.history.step_s):
            return Tri.YES
        still = float(np.ptp(recent)) <= self.params.e_kg or self.hold.held is not None
        return Tri.NO if still else Tri.YES

    def _uncertainty_kg(self, mass_kg: float, u_kg: float) -> float:
        """Estimator, division, creep and age of zero together, one standard deviation."""
        division = self.params.e_kg / sqrt(12.0)
        age_h = self.zero.age_ns(self._now_ns) / NS_PER_S / 3_600.0
        drift = ZERO_DRIFT_KG_PER_H * age_h
        return sqrt(u_kg**2 + division**2 + (CREEP_SHARE * mass_kg) ** 2 + drift**2)
