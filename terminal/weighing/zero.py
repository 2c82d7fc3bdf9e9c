"""Zero: initial zero, zero setting, zero tracking and automatic zero within the R 76 ranges.

One offset a cell, always measured against the sealed calibration, so that no sequence of small
steps can leave the legal range. Every action leaves an event. It never moves the zero while
the deck is loaded, moving, or a beam is blocked, and never hides a dirty deck.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hal.contract.types import NS_PER_S, MonotonicNs
from terminal.core.types import Event
from terminal.weighing.params import WeighParams

INITIAL_SHARE = 0.10
"""Initial zero: at most 20 % of Max in all, so 10 % to either side (R 76 4.5.1)."""
SETTING_SHARE = 0.02
"""Zero setting and tracking together: 4 % of Max in all, 2 % to either side (R 76 4.5.1)."""
TRACK_DIVISIONS_PER_S = 0.5
"""Fastest zero tracking (R 76 4.5.7)."""
TRACK_GAIN = 0.2
"""Share of the permitted rate that is used: wind is not drift."""
TRACK_REACH_DIVISIONS = 0.5
"""Tracking works only while the display would show zero."""
BELOW_ZERO_S = 5.0
"""Automatic zero setting: stable and below zero for at least so long (R 76 4.5.6)."""
DIRTY_S = 10.0
"""What an empty, still deck reads beyond the reach of tracking for so long is nobody who crosses
it. It is told, and again with each division more: it may not be zeroed by itself (R 76 4.5.6)."""
EMPTY_SHARE = 0.75
"""A first zero further off than this share of the occupied threshold could be a vehicle."""
WINDOW_S = 1.5
JUDGE_BINS = 4
"""The window is judged every fourth bin; it changes slowly."""
STILL_DIVISIONS = 1.0
ZERO_AGE_S_MAX = 4 * 3_600
EVENTS_MAX = 64
RUNAWAY_SHARE = 0.01
"""Zero shift of one cell against the others, as a share of its capacity."""


@dataclass(frozen=True, slots=True)
class ZeroState:
    """What must survive a restart: offsets a cell in counts, and the initial zero in kg."""

    counts: tuple[float, ...]
    initial_kg: float
    set_ns: MonotonicNs


class ZeroKeeper:
    """Feeds on empty-deck cell means; gives the zero in counts a cell."""

    def __init__(self, params: WeighParams, step_s: float) -> None:
        self._params = params
        self._span = np.asarray(params.kg_per_count, dtype=float)
        self._calibrated = np.asarray(params.zero_counts, dtype=float)
        self.counts = self._calibrated.copy()
        self._step_s = step_s * JUDGE_BINS
        self._fed = 0
        self._window: deque[np.ndarray] = deque(maxlen=max(3, round(WINDOW_S / step_s)))
        self._initial_kg = 0.0
        self._restored = False
        self._confirmed_ns: int | None = None
        self._below_s = self._above_s = 0.0
        self._told_kg = 0.0
        self.out_of_range = False
        self.asked = False
        self._judged: np.ndarray | None = None
        self._runaway = -1
        self.events: deque[Event] = deque(maxlen=EVENTS_MAX)

    def feed(self, counts: np.ndarray, quiet: bool, now_ns: MonotonicNs) -> None:
        """One bin of cell means. quiet: beams clear, tracking allowed, all cells sound."""
        if not quiet or not np.isfinite(counts).all():
            self._window.clear()
            self._below_s = self._above_s = 0.0
            return
        self._window.append(counts)
        self._fed += 1
        if len(self._window) < (self._window.maxlen or 0) or self._fed % JUDGE_BINS:
            return
        block = np.asarray(self._window)
        total = (block - self.counts) @ self._span
        if not self._still(total):
            self._below_s = self._above_s = 0.0
            return
        if self._confirmed_ns is None:
            self._initial(block, now_ns)
        else:
            self._keep(block, float(total.mean()), now_ns)

    def valid(self, now_ns: MonotonicNs) -> bool:
        """Whether a zero was confirmed since the start, in range, and not too long ago."""
        return (
            self._confirmed_ns is not None
            and not self.out_of_range
            and self.age_ns(now_ns) <= ZERO_AGE_S_MAX * NS_PER_S
        )

    def age_ns(self, now_ns: MonotonicNs) -> int:
        """Time since an empty, still deck was last seen at zero; 0 before the first time."""
        return 0 if self._confirmed_ns is None else max(0, now_ns - self._confirmed_ns)

    def referenced(self) -> bool:
        """Whether an empty deck has been seen since the start."""
        return self._confirmed_ns is not None

    def state(self) -> ZeroState:
        """For storage: restore() takes it after a restart."""
        return ZeroState(
            tuple(float(c) for c in self.counts),
            self._initial_kg,
            MonotonicNs(self._confirmed_ns or 0),
        )

    def restore(self, state: ZeroState, now_ns: MonotonicNs) -> bool:
        """Take a stored zero if it is plausible. It still has to be confirmed on an empty deck."""
        sound = len(state.counts) == self._params.cells and all(
            abs(c) < self._params.full_scale for c in state.counts
        )
        if not sound:
            self._note("zero_refused", now_ns, "stored zero does not fit the cells")
            return False
        counts = np.asarray(state.counts, dtype=float)
        shift_kg = float((counts - self._calibrated) @ self._span)
        limit_kg = (INITIAL_SHARE + SETTING_SHARE) * self._params.max_kg
        if not abs(shift_kg) <= limit_kg or not abs(state.initial_kg) <= limit_kg:
            self._note("zero_refused", now_ns, f"stored zero is off by {shift_kg:.0f} kg")
            return False
        self.counts = counts
        self._initial_kg = state.initial_kg
        self._restored = True
        self._note("zero_restored", now_ns, f"{shift_kg:.1f} kg from calibration")
        return True

    def resume(self, state: ZeroState) -> None:
        """Only for samples that were kept: their zero, already confirmed on an empty deck."""
        self.counts = np.asarray(state.counts, dtype=float)
        self._initial_kg, self._confirmed_ns = state.initial_kg, int(state.set_ns)

    def runaway_cell(self) -> int:
        """The cell whose zero has left the others' since the calibration, -1 while none has.

        Dirt spreads over the deck; one cell alone drifting by kilograms is ageing or wet.
        """
        if self._confirmed_ns is None:
            return -1
        if self._judged is not self.counts:  # asked each step, answered anew for each zero
            self._judged = self.counts
            shift_kg = (self.counts - self._calibrated) * self._span
            away = np.abs(shift_kg - np.median(shift_kg))
            worst = int(np.argmax(away))
            limit_kg = RUNAWAY_SHARE * self._params.cell_cap_kg
            found = away[worst] > limit_kg and self._params.cells > 2
            self._runaway = worst if found else -1
        return self._runaway

    def ask(self) -> None:
        """Zero key: set zero at the next still moment, if the range allows."""
        self.asked = True

    def _still(self, total: np.ndarray) -> bool:
        band = STILL_DIVISIONS * self._params.e_kg
        thirds = np.array_split(total, 3)
        means = [float(part.mean()) for part in thirds]
        return max(means) - min(means) <= band and float(np.ptp(total)) <= 12.0 * band

    def _offset_kg(self, counts: np.ndarray) -> float:
        return float((counts - self._calibrated) @ self._span)

    def _initial(self, block: np.ndarray, now_ns: MonotonicNs) -> None:
        """First empty deck since the start: initial zero, or confirmation of the stored one."""
        counts = np.median(block, axis=0)
        offset_kg = self._offset_kg(counts)
        away_kg = offset_kg - (self._initial_kg if self._restored else 0.0)
        share = SETTING_SHARE if self._restored else INITIAL_SHARE
        limit_kg = min(share * self._params.max_kg, EMPTY_SHARE * self._params.occupied_kg)
        if abs(away_kg) > limit_kg:
            near = abs(away_kg) <= INITIAL_SHARE * self._params.max_kg
            if near and not self.out_of_range:
                self.out_of_range = True
                self._note("zero_out", now_ns, f"deck reads {away_kg:.0f} kg")
            return
        if not self._restored:
            self._initial_kg = offset_kg
        self.out_of_range = False
        self._set(counts, now_ns, "zero_initial")

    def _keep(self, block: np.ndarray, total_kg: float, now_ns: MonotonicNs) -> None:
        e_kg = self._params.e_kg
        self._dirty(total_kg, now_ns)
        if abs(total_kg) <= TRACK_REACH_DIVISIONS * e_kg:
            self._below_s = 0.0
            self._track(block, total_kg, now_ns)
            return
        self._below_s = self._below_s + self._step_s if total_kg < 0 else 0.0
        if self.asked or self._below_s >= BELOW_ZERO_S:
            kind = "zero_set" if self.asked else "zero_automatic"
            self.asked = False
            self._below_s = 0.0
            counts = np.median(block, axis=0)
            if self._within_setting(counts):
                self._set(counts, now_ns, kind)
            elif not self.out_of_range:
                self.out_of_range = True
                self._note("zero_out", now_ns, f"deck reads {total_kg:.0f} kg")

    def _dirty(self, total_kg: float, now_ns: MonotonicNs) -> None:
        """Tell of what lies on the empty deck: every mass will be as much too high."""
        e_kg = self._params.e_kg
        if total_kg <= TRACK_REACH_DIVISIONS * e_kg:
            self._above_s = self._told_kg = 0.0
            return
        self._above_s += self._step_s
        more_kg = total_kg - self._told_kg
        if self._above_s >= DIRTY_S and (not self._told_kg or more_kg >= e_kg):
            self._told_kg = total_kg
            self._note("deck_dirty", now_ns, f"empty deck reads {total_kg:.0f} kg")

    def _track(self, block: np.ndarray, total_kg: float, now_ns: MonotonicNs) -> None:
        most_kg = TRACK_DIVISIONS_PER_S * self._params.e_kg * self._step_s
        share = min(1.0, most_kg / abs(total_kg)) if total_kg else 1.0
        counts = self.counts + TRACK_GAIN * share * (block.mean(axis=0) - self.counts)
        if self._within_setting(counts):
            self.counts = counts
            self._confirmed_ns = now_ns
            self._back(now_ns)

    def _back(self, now_ns: MonotonicNs) -> None:
        """What took the deck out of its range has been mended: it reads zero again."""
        if self.out_of_range:
            self.out_of_range = False
            self._note("zero_back", now_ns, "deck reads zero again")

    def _within_setting(self, counts: np.ndarray) -> bool:
        shift_kg = self._offset_kg(counts) - self._initial_kg
        return abs(shift_kg) <= SETTING_SHARE * self._params.max_kg

    def _set(self, counts: np.ndarray, now_ns: MonotonicNs, kind: str) -> None:
        moved_kg = float((counts - self.counts) @ self._span)
        self.counts = counts
        self._confirmed_ns = now_ns
        self._note(kind, now_ns, f"moved by {moved_kg:.1f} kg")

    def _note(self, kind: str, now_ns: MonotonicNs, detail: str) -> None:
        self.events.append(Event(kind, now_ns, detail))

    def drain_events(self) -> Sequence[Event]:
        """Zero actions since the last call, for the journal."""
        events = tuple(self.events)
        self.events.clear()
        return events
