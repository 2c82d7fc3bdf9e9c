"""The weighing pipeline: raw conversions in, one Weighed out, sample by sample and causal.

Joins sample checks, zero, deck state, settling estimator and diagnostics. The control process
and the trace command feed this same object. It reads no clock and does no I/O; a mass leaves
it only as a whole number of scale divisions.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite

import numpy as np

from hal.contract.types import NS_PER_S, IndicatorReading, MonotonicNs, RawSample, Tri
from terminal.core.types import NEVER_NS, Event, Weighed, WeighFlag
from terminal.weighing.indicator import IndicatorWatch
from terminal.weighing.params import WeighParams, round_to_division
from terminal.weighing.samples import CellStream
from terminal.weighing.zero import ZeroKeeper, ZeroState

BIN_S_MIN = 0.02
LOST_S = 0.6
"""A cell silent for so long while others speak is lost."""
DISPLAY_S = 0.5
STILL_S = 1.0
STILL_MPS_MAX = 0.12
HISTORY_BINS = 3_000


class Pipeline:
    """feed() each tick with what came; it answers with the newest Weighed or None."""

    def __init__(self, params: WeighParams) -> None:
        self.params = params
        self.bin_s = max(BIN_S_MIN, 1.0 / params.rate_hz)
        self._bin_ns = round(self.bin_s * NS_PER_S)
        span = np.asarray(params.kg_per_count, dtype=float)
        self._span = span
        self._x_m = np.asarray(params.cell_x_mm, dtype=float) / 1_000.0
        glitch = [120.0 / abs(s) for s in params.kg_per_count]
        self.cells = [
            CellStream(1.0 / params.rate_hz, self.bin_s, params.full_scale, glitch[i], zero)
            for i, zero in enumerate(params.zero_counts)
        ]
        self.zero = ZeroKeeper(params, self.bin_s)
        self._start_ns: int | None = None
        self._bins = 0
        self._total: list[float] = []
        self._cop: list[float] = []
        self._held: tuple[float, float, MonotonicNs] | None = None
        self._indicator = IndicatorWatch(params)

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
            if self._start_ns is None:
                self._start_ns = sample.at_ns
                for cell in self.cells:
                    cell.start(sample.at_ns / NS_PER_S)
            if 0 <= sample.cell < len(self.cells):
                self.cells[sample.cell].push(sample)
        weighed: Weighed | None = None
        clear = beam_entry is Tri.NO and beam_exit is Tri.NO
        if not self.params.beams:
            clear = Tri.YES not in (beam_entry, beam_exit)
        while (counts := self._next_bin()) is not None:
            weighed = self._bin(counts, clear, zero_allowed)
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

    def drain_events(self) -> Sequence[Event]:
        """Zero actions since the last call, for the journal."""
        return self.zero.drain_events()

    def _next_bin(self) -> np.ndarray | None:
        """Cell means of the next closed bin; a lost cell's mean is NaN."""
        if self._start_ns is None:
            return None
        waiting = max(len(cell.bins) for cell in self.cells)
        if waiting == 0:
            return None
        for cell in self.cells:
            if not cell.bins:
                if waiting * self.bin_s < LOST_S:
                    return None
                cell.skip_bin()
        return np.array([cell.bins.popleft() for cell in self.cells])

    def _bin(self, counts: np.ndarray, clear: bool, zero_allowed: bool) -> Weighed:
        self._bins += 1
        now_ns = MonotonicNs((self._start_ns or 0) + self._bins * self._bin_ns)
        sound = bool(np.isfinite(counts).all())
        forces = (counts - self.zero.counts) * self._span
        total = float(forces.sum())
        quiet = clear and zero_allowed and sound and not self._occupied(total)
        self.zero.feed(counts, quiet, now_ns)
        self._push(total, float(forces @ self._x_m))
        flags, cell = self._flags()
        return self._judge(total, clear, flags, cell, now_ns)

    def _occupied(self, total_kg: float) -> bool:
        return not total_kg < 0.75 * self.params.occupied_kg

    def _push(self, total: float, moment: float) -> None:
        self._total.append(total)
        floor = 0.5 * self.params.occupied_kg
        self._cop.append(moment / total if total > floor else float("nan"))
        if len(self._total) > 2 * HISTORY_BINS:
            del self._total[:HISTORY_BINS]
            del self._cop[:HISTORY_BINS]

    def _flags(self) -> tuple[WeighFlag, int]:
        for index, cell in enumerate(self.cells):
            if cell.saturated():
                return WeighFlag.SATURATION, index
            if cell.stuck() or not isfinite(cell.last_s):
                return WeighFlag.CELL_FAULT, index
        return WeighFlag.NONE, -1

    def _judge(
        self, total: float, clear: bool, flags: WeighFlag, cell: int, now_ns: MonotonicNs
    ) -> Weighed:
        params = self.params
        count = max(2, round(STILL_S / self.bin_s))
        recent = np.asarray(self._total[-count:])
        shown = float(recent[-max(1, round(DISPLAY_S / self.bin_s)) :].mean())
        known = isfinite(shown)
        steady = len(recent) == count and known and self._steady(recent)
        loaded = self._occupied(shown)
        if shown > params.gross_kg_max:
            flags |= WeighFlag.OVERLOAD
        if self.zero.out_of_range:
            flags |= WeighFlag.ZERO_OUT
        if loaded and not self.zero.referenced():
            flags |= WeighFlag.NO_ZERO_REF
        valid = self.zero.valid(now_ns)
        may_hold = steady and loaded and clear and valid and flags == WeighFlag.NONE
        may_hold = may_hold and self._standing(count)
        self._hold(may_hold, float(recent.mean()) if steady else shown, now_ns)
        showable = known and params.gross_kg_min <= shown <= params.gross_kg_max
        held = self._held
        return Weighed(
            at_ns=now_ns,
            gross_kg=round_to_division(shown, params.e_kg) if showable else None,
            motion=(Tri.NO if steady else Tri.YES) if known else Tri.UNKNOWN,
            deck_empty=(Tri.NO if loaded else Tri.YES) if known else Tri.UNKNOWN,
            zero_valid=Tri.YES if valid else Tri.NO,
            held_kg=round_to_division(held[0], params.e_kg) if held else None,
            held_u_kg=round(held[1] + 0.5) if held else 0,
            held_since_ns=held[2] if held else NEVER_NS,
            flags=flags,
            cell=cell,
            zero_age_ns=self.zero.age_ns(now_ns),
        )

    def _steady(self, recent: np.ndarray) -> bool:
        parts = [float(part.mean()) for part in np.array_split(recent, 4)]
        return max(parts) - min(parts) <= self.params.e_kg

    def _standing(self, count: int) -> bool:
        """The centre of pressure has stayed where it is: the vehicle stands."""
        track = np.asarray(self._cop[-count:])
        if len(track) < count or not np.isfinite(track).all():
            return False
        third = count // 3
        moved_m = abs(float(track[-third:].mean() - track[:third].mean()))
        return moved_m <= STILL_MPS_MAX * self.bin_s * (count - third)

    def _hold(self, may_hold: bool, mass_kg: float, now_ns: MonotonicNs) -> None:
        if not may_hold:
            self._held = None
        elif self._held is None:
            self._held = (mass_kg, 0.5 * self.params.e_kg, now_ns)
        elif abs(mass_kg - self._held[0]) > 2.5 * self.params.e_kg:
            self._held = None
