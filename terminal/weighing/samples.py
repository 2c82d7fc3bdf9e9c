"""From raw conversions to evenly spaced mean counts, one stream a load cell.

Checks every sample (late, missing, stuck, saturated, glitch, desynchronised), counts each
defect, takes mended times from `stamps`, and integrates what is left over fixed bins. It knows
nothing of mass. It must never invent a value over a long gap: such bins come out as NaN.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from math import isfinite, nan

from hal.contract.types import NS_PER_S, RawSample, SampleFlag
from terminal.weighing.stamps import GAP_S_MAX, CellCounters, SampleClock

STUCK_S_MIN = 1.0
"""Identical counts for so long is a stuck converter: real ones show noise."""
STUCK_SAMPLES_MIN = 12
SATURATED_RUN_MIN = 3
PENDING_BINS_MAX = 4_096
LIVELY_GAIN = 0.1
LIVELY_TIMES = 4.0
"""A spike must stand out from the changes of the last samples too: axles hop at 8 to 15 Hz."""
UNUSABLE = int(SampleFlag.DESYNC | SampleFlag.READ_TOO_LONG)
MISSED = int(SampleFlag.MISSED)
SATURATED = int(SampleFlag.SATURATED)


@dataclass(slots=True)
class CellStream:
    """One load cell: push() raw samples, take closed bins (mean counts) from `bins`.

    glitch_counts: an isolated sample further than this (or 2 % of the cell's load) from both
    neighbours is replaced by their median. full_scale: counts at the rail.
    """

    period_s: float
    bin_s: float
    full_scale: int
    glitch_counts: float
    zero_counts: float
    clock: SampleClock = field(init=False)
    counters: CellCounters = field(default_factory=CellCounters)
    bins: deque[float] = field(default_factory=deque)
    saturated_run: int = 0
    same_run: int = 0
    same_since_s: float = nan
    last_s: float = nan
    glitch_times_s: deque[float] = field(default_factory=lambda: deque(maxlen=64))
    _edge_s: float = nan
    _from_s: float = nan
    _from: float = nan
    _sum: float = 0.0
    _held: tuple[float, float] | None = None
    _before: float = nan
    _same_counts: int = 0
    _lively: float = 0.0
    _newest: tuple[int, int] = (-1, 0)

    def __post_init__(self) -> None:
        self.clock = SampleClock(self.period_s)

    def start(self, edge_s: float) -> None:
        """Fix the first bin edge; all cells of a deck share it."""
        self._edge_s = edge_s + self.bin_s

    def push(self, sample: RawSample) -> None:
        """Take one conversion; bins that it closes are appended to `bins`."""
        self.counters.samples += 1
        if (sample.at_ns, sample.counts) == self._newest:
            self.counters.duplicated += 1
            return
        self._newest = (sample.at_ns, sample.counts)
        at_s = self.clock.stamp(sample.at_ns / NS_PER_S, self.counters)
        if at_s is None:
            return
        counts = int(sample.counts)
        if not at_s <= self.last_s:  # NaN before the first
            self.last_s = at_s
        if not self._usable(sample, counts, at_s):
            return
        held = self._held
        if held is None:
            self._held = (at_s, float(counts))
            self._before = float(counts)
            return
        if at_s <= held[0]:  # overtaken by the one that waits: its place is before it
            if at_s > self._from_s:
                self._before = self._without_glitch(float(counts), held[1], at_s)
                self._integrate(at_s, self._before)
            return
        value = self._without_glitch(held[1], float(counts), held[0])
        self._integrate(held[0], value)
        self._before = value
        self._held = (at_s, float(counts))

    def skip_bin(self) -> None:
        """Close the current bin as missing: the other cells have long passed it."""
        self._emit(nan)
        self._sum, self._from_s = 0.0, nan

    def stuck(self) -> bool:
        """Whether the converter has repeated one value for longer than a real one can."""
        return self.same_run >= STUCK_SAMPLES_MIN and self.last_s - self.same_since_s >= STUCK_S_MIN

    def saturated(self) -> bool:
        """Whether the last few samples all stood at the rail."""
        return self.saturated_run >= SATURATED_RUN_MIN

    def _usable(self, sample: RawSample, counts: int, at_s: float) -> bool:
        flags = int(sample.flags)  # plain integers: enum arithmetic is slow at 2,560 a second
        if flags & UNUSABLE:
            self.counters.desync += 1
            return False
        if flags & MISSED:
            self.counters.missing += 1
        if abs(counts) >= self.full_scale - 1 or flags & SATURATED:
            self.counters.saturated += 1
            self.saturated_run += 1
        else:
            self.saturated_run = 0
        if counts == self._same_counts and self.same_run:
            self.same_run += 1
            if self.stuck():
                self.counters.stuck += 1
        else:
            self._same_counts, self.same_run, self.same_since_s = counts, 1, at_s
        return True

    def _without_glitch(self, value: float, after: float, at_s: float) -> float:
        before = self._before
        low, high = (before, after) if before <= after else (after, before)
        middle = min(max(value, low), high)
        off = abs(value - middle)
        self._lively += LIVELY_GAIN * (abs(middle - before) - self._lively)
        bound = max(
            self.glitch_counts,
            0.02 * abs(middle - self.zero_counts),
            LIVELY_TIMES * self._lively,
        )
        if off <= bound or off <= 2.0 * (high - low):
            return value
        self.counters.glitch += 1
        self.glitch_times_s.append(at_s)
        return middle

    def _integrate(self, at_s: float, value: float) -> None:
        """Straight line from the last point; close every bin whose edge it passes."""
        if not isfinite(self._from_s):
            self._from_s, self._from = at_s, value
            while self._edge_s <= at_s:
                self._emit(nan)
            self._sum = (at_s - self._edge_s + self.bin_s) * value
            return
        span_s = at_s - self._from_s
        if span_s <= 0:
            return
        if span_s > GAP_S_MAX:
            while self._edge_s <= at_s:
                self._emit(nan)
            self._sum = (at_s - self._edge_s + self.bin_s) * value
            self._from_s, self._from = at_s, value
            return
        slope = (value - self._from) / span_s
        while self._edge_s <= at_s:
            width_s = self._edge_s - self._from_s
            edge = self._from + slope * width_s
            self._emit((self._sum + 0.5 * (self._from + edge) * width_s) / self.bin_s)
            self._from_s, self._from, self._sum = self._edge_s - self.bin_s, edge, 0.0
        width_s = at_s - self._from_s
        self._sum += 0.5 * (self._from + value) * width_s
        self._from_s, self._from = at_s, value

    def _emit(self, mean: float) -> None:
        if len(self.bins) < PENDING_BINS_MAX:
            self.bins.append(mean)
        self._edge_s += self.bin_s
