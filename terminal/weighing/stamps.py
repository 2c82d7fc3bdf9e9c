"""Conversion times of one load cell from the host's time stamps.

Host stamps jitter, repeat, come out of order or in bursts; converters run at a rate of their
own. A clock that jerks by a millisecond bends the ringing of a truck by kilograms, so what is
found out is paid slowly. It knows nothing of counts or mass.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from math import inf, isfinite, nan

GAP_S_MAX = 0.35
"""Longest stretch that is bridged by a straight line."""
SAME_SHARE = 0.2
"""Stamps closer than this share of a period belong to samples that came together."""
BURST_HOLD_S = 1.0
CLOCK_GAIN = 0.1
CLOCK_TUNE = 0.005
"""Shares of a single sample's error that move the clock and its period."""
BATCH_APART_MAX = 2
BATCH_ALIKE_MIN = 2
"""A stamp that repeats the last is a bad stamp, and two may be so close by chance; so many more so
close, in samples, say that samples come in bursts.
"""
DEBT_LARGE = 1.5
DEBT_SLEW = 0.01
"""In periods: a debt that is paid at once, and what is paid of a smaller one each sample."""
BATCHES = 16
BATCH_GAIN = 0.25
"""The least lateness of so many bursts shows the clock's place; share paid each burst."""
MARK_S = 1.0
MARKS = 30
RATE_S_MIN = 3.0
"""Bursts tell the rate over RATE_S_MIN to MARKS x MARK_S seconds."""


@dataclass(slots=True)
class CellCounters:
    """What went wrong with one cell's samples since the start."""

    samples: int = 0
    late: int = 0
    missing: int = 0
    duplicated: int = 0
    stuck: int = 0
    saturated: int = 0
    glitch: int = 0
    desync: int = 0
    bad_stamp: int = 0


class SampleClock:
    """Conversion times from host stamps: follows lost samples, smooths jitter, unfolds bursts.

    A sample that comes by itself is stamped soon after its conversion. Of a batch only the newest
    may be, so batches tell the clock's rate over a long time, and its place by the least late.
    """

    def __init__(self, period_s: float) -> None:
        self._period_s = period_s
        self._nominal_s = period_s
        self._last_s = nan
        self._at_s = nan
        self._owed_s = 0.0
        self._batch_until_s = -1.0
        self._batch = _Batches()
        self._apart = 0
        self._alike = 0

    def stamp(self, host_s: float, counters: CellCounters) -> float | None:
        """Conversion time for a sample stamped host_s; None when the sample must be dropped.

        Before the last one's for a sample that was overtaken.
        """
        if not isfinite(host_s):
            counters.bad_stamp += 1
            return None
        if not isfinite(self._at_s):
            self._last_s = self._at_s = host_s
            return host_s
        step_s = host_s - self._last_s
        if step_s < -1e-9:
            return self._late(host_s, step_s, counters)
        last_s, self._last_s = self._last_s, host_s
        self._apart += 1
        if step_s > SAME_SHARE * self._period_s:
            if host_s >= self._batch_until_s:
                return self._single(host_s, step_s, counters)
            self._end_batch(last_s, counters)
            return self._in_batch(host_s, step_s, counters)
        return self._together(host_s, last_s, counters)

    def _late(self, host_s: float, step_s: float, counters: CellCounters) -> float | None:
        """It was overtaken by -step_s; so far back it is the host's clock that was set."""
        counters.late += 1
        if step_s > -GAP_S_MAX:
            return self._at_s + step_s
        self._last_s = host_s
        return None

    def _together(self, host_s: float, last_s: float, counters: CellCounters) -> float:
        """It came with the sample before: a burst, unless it is the first such in a while."""
        if host_s - last_s <= 1e-9:
            counters.duplicated += 1
        apart, self._apart = self._apart, 0
        if last_s >= self._batch_until_s:
            self._alike = self._alike + 1 if apart <= BATCH_APART_MAX else 0
            if self._alike < BATCH_ALIKE_MIN:
                return self._forward(self._period_s)
            self._batch = _Batches()
        self._batch_until_s = host_s + BURST_HOLD_S
        return self._in_batch(host_s, 0.0, counters)

    def _in_batch(self, host_s: float, step_s: float, counters: CellCounters) -> float:
        late_s = host_s - self._at_s - self._owed_s - self._period_s
        if abs(late_s) > GAP_S_MAX:
            counters.missing += max(0, round(step_s / self._period_s) - 1)
            return self._jump(host_s)
        self._batch.take(late_s)
        return self._forward(self._period_s)

    def _single(self, host_s: float, step_s: float, counters: CellCounters) -> float:
        """Its stamp tells how many were lost before it."""
        since_s = host_s - self._at_s - self._owed_s
        steps = max(1, round(min(since_s, step_s) / self._period_s))
        error_s = since_s - steps * self._period_s
        counters.missing += steps - 1
        if abs(error_s) > GAP_S_MAX or steps * self._period_s > GAP_S_MAX:
            return self._jump(host_s)
        self._tune(self._period_s + CLOCK_TUNE * error_s / steps)
        return self._forward(steps * self._period_s + CLOCK_GAIN * error_s)

    def _end_batch(self, last_s: float, counters: CellCounters) -> None:
        """All samples stamped last_s have come: correct the clock by what they showed."""
        lost, off_s = self._batch.end(self._period_s)
        counters.missing += lost
        self._owed_s += off_s
        period_s = self._batch.period_s(last_s)
        if period_s is not None:
            self._tune(period_s)

    def _jump(self, host_s: float) -> float:
        self._owed_s = 0.0
        self._batch = _Batches()
        self._at_s = max(host_s, self._at_s + 0.1 * self._period_s)
        return self._at_s

    def _forward(self, by_s: float) -> float:
        """On by by_s and some of what is owed: small debts slowly, for a clock that jerks bends
        the ringing of a truck; large ones at once, but never back.
        """
        pay_s = self._owed_s
        if abs(pay_s) < DEBT_LARGE * self._period_s:
            most_s = DEBT_SLEW * self._period_s
            pay_s = min(max(pay_s, -most_s), most_s)
        moved_s = max(by_s + pay_s, 0.1 * self._period_s)
        self._owed_s -= moved_s - by_s
        self._at_s += moved_s
        return self._at_s

    def _tune(self, period_s: float) -> None:
        self._period_s = min(max(period_s, 0.8 * self._nominal_s), 1.25 * self._nominal_s)


@dataclass(slots=True)
class _Batches:
    """What samples that come together tell of their converter's clock."""

    least_s: float = inf
    samples: int = 0
    known: bool = False
    leasts: deque[float] = field(default_factory=lambda: deque(maxlen=BATCHES))
    marks: deque[tuple[int, float]] = field(default_factory=lambda: deque(maxlen=MARKS))

    def take(self, late_s: float) -> None:
        """One sample, stamped late_s after the clock's own idea of its conversion."""
        self.least_s = min(self.least_s, late_s)
        self.samples += 1

    def end(self, period_s: float) -> tuple[int, float]:
        """Samples lost in the batch, and by how much the clock must be put forward."""
        least_s, self.least_s = self.least_s, inf
        if not isfinite(least_s):
            return 0, 0.0
        lost = max(0, int(least_s / period_s) - 1) if self.known else 0
        least_s -= lost * period_s
        self.samples += lost
        self.leasts.append(least_s)
        off_s = least_s
        if 0.0 <= least_s <= period_s:
            off_s = BATCH_GAIN * min(self.leasts)
        elif least_s > period_s:
            off_s = least_s - period_s
        for i in range(len(self.leasts)):
            self.leasts[i] -= off_s
        return lost, lost * period_s + off_s

    def period_s(self, last_s: float) -> float | None:
        """Mean time between samples over the last batches; None while too few have come."""
        if not self.marks or last_s - self.marks[-1][1] >= MARK_S:
            self.marks.append((self.samples, last_s))
        samples, since_s = self.samples - self.marks[0][0], last_s - self.marks[0][1]
        self.known = since_s >= RATE_S_MIN and samples > 0
        return since_s / samples if self.known else None
