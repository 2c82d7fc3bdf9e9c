"""Conversion times of one load cell from the host's time stamps, and a count of its conversions.

Host stamps jitter, repeat, come out of order or in bursts; converters run at a rate of their
own. A clock that jerks by a millisecond bends the ringing of a truck by kilograms, so what is
found out is paid slowly. It knows nothing of counts or mass.
"""

from __future__ import annotations

from collections import deque
from copy import deepcopy
from dataclasses import dataclass, field
from math import ceil, isfinite, nan
from typing import NamedTuple

GAP_S_MAX = 0.35
"""Longest stretch that is bridged by a straight line."""
SILENCE_S_MAX = 2.0
"""What counts of a longer silence: nothing is known of it, and so many empty bins say it."""
SAME_SHARE = 0.2
"""Stamps closer than this share of a period belong to samples that came together."""
BURST_HOLD_S = 1.0
CLOCK_GAIN = 0.1
CLOCK_TUNE = 0.005
"""Shares of a single sample's error that move the clock and its period."""
AHEAD_PERIODS = 3.0
"""A stamp further ahead than GAP_S_MAX and this is believed when the next one says so too."""
QUEUED_MIN = 1.5
"""Samples that come together so many periods after the last have waited for the host."""
FOUND_MAX = 0.5
"""In periods: a sample so soon after one that seemed to follow a loss shows that none was lost."""
BATCH_APART_MAX = 2
BATCH_ALIKE_MIN = 2
"""A stamp that repeats the last is a bad stamp, and two may be so close by chance; so many more so
close, in samples, say that samples come in bursts.
"""
SINGLES_MIN = 4
"""So many that came by themselves end what began as bursts: it was a stall of the host."""
DEBT_LARGE = 1.5
DEBT_SLEW = 0.01
"""In periods: a debt that is paid at once, and what is paid of a smaller one each sample."""
BATCHES = 16
BATCH_GAIN = 0.25
LATE_SLACK = 0.2
"""The least lateness of so many bursts shows the clock's place; share paid each burst; and in
periods, how much later than the others a batch may be before samples are missing in it.
"""
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


class Stamp(NamedTuple):
    """Host time of a conversion, and the conversions counted up to it in nominal seconds.

    found: the one before it is so many conversions earlier than it was put, for those were not
    lost. lost: so many are missing before it or among those that came with it.
    """

    at_s: float
    counted_s: float
    found: int = 0
    lost: int = 0


class SampleClock:
    """Conversion times from host stamps: follows lost samples, smooths jitter, unfolds bursts.

    A sample that comes by itself is stamped soon after its conversion. Of a batch only the newest
    may be, so batches tell the clock's rate over a long time, and its place by the least late.
    Cells that are read by the same scans share one; counters: what it saw go wrong.
    """

    def __init__(self, period_s: float) -> None:
        self.counters = CellCounters()
        self._period_s = period_s
        self._nominal_s = period_s
        self._last_s = nan
        self._at_s = nan
        self._counted_s = 0.0
        self._owed_s = 0.0
        self._batch_until_s = -1.0
        self._batches = _Batches()
        self._apart = 0
        self._alike = 0
        self._missed = 0
        self._ahead_s = nan
        self._awaited = 0
        self._supposed = 0

    def copy(self) -> SampleClock:
        """A clock that goes on from here by itself."""
        return deepcopy(self)

    @property
    def pace(self) -> float:
        """Nominal seconds of conversions in a second of the host."""
        return self._nominal_s / self._period_s

    def stamp(self, host_s: float, together: int) -> Stamp | None:
        """Conversion time for a sample stamped host_s; None when the sample must be dropped.

        Before the last one's for a sample that was overtaken. together: so many were delivered at
        once with this stamp, it and those after it.
        """
        if not isfinite(self._at_s) and isfinite(host_s):
            self._last_s = self._at_s = host_s
            return Stamp(host_s, 0.0)
        step_s = host_s - self._last_s
        if not step_s <= GAP_S_MAX and not self._near(host_s, step_s):  # NaN and infinite too
            self.counters.bad_stamp += 1
            return None
        if step_s < -1e-9:
            return self._late(host_s, step_s)
        last_s, self._last_s = self._last_s, host_s
        awaited, self._awaited = self._awaited, together - 1
        self._apart += 1
        if step_s <= SAME_SHARE * self._period_s:
            return self._together(host_s, last_s, awaited)
        self._supposed = 0
        if host_s < self._batch_until_s and self._apart < SINGLES_MIN:
            return self._burst(host_s, together)
        return self._single(host_s, step_s, together)

    def _near(self, host_s: float, step_s: float) -> bool:
        """False for a single stamp far ahead; when the next one is there too, time has passed."""
        if not isfinite(host_s):
            return False
        near_s = max(GAP_S_MAX, AHEAD_PERIODS * self._period_s)
        if step_s <= near_s:
            return True
        ahead_s, self._ahead_s = self._ahead_s, host_s
        return abs(host_s - ahead_s) <= near_s

    def _late(self, host_s: float, step_s: float) -> Stamp | None:
        """It was overtaken by -step_s; so far back it is the host's clock that was set."""
        self.counters.late += 1
        if self._missed > 1:
            self._last_s = host_s
            return self._found()
        if step_s > -GAP_S_MAX:
            back = max(1, round(-step_s / self._period_s))
            return Stamp(self._at_s + step_s, self._counted_s - back * self._nominal_s)
        self._last_s = host_s
        return None

    def _together(self, host_s: float, last_s: float, awaited: int) -> Stamp:
        """It came with the sample before: a burst, unless it is the first such in a while."""
        if not awaited and self._supposed:  # the rest of a burst that two ticks have taken
            self._supposed -= 1
            self.counters.missing -= 1
            return Stamp(self._at_s, self._counted_s)
        if host_s - last_s <= 1e-9:
            self.counters.duplicated += 1
        apart, self._apart = self._apart, 0
        if last_s >= self._batch_until_s:
            self._alike = self._alike + 1 if apart <= BATCH_APART_MAX else 0
            if self._alike < BATCH_ALIKE_MIN:
                return self._forward(1, 0.0)
            self._batches = _Batches()
        self._batch_until_s = host_s + BURST_HOLD_S
        return self._forward(1, 0.0)

    def _burst(self, host_s: float, together: int) -> Stamp:
        """The first of a batch: only the newest may be fresh, and by how late it is, over many
        batches, those show that were lost.
        """
        batches, period_s = self._batches, self._period_s
        late_s = host_s - self._at_s - self._owed_s - together * period_s
        if abs(late_s) > GAP_S_MAX:
            self.counters.missing += max(0, round(late_s / period_s))
            return self._jump(host_s - (together - 1) * period_s)
        lost = self._supposed = batches.lost(late_s, period_s)
        self.counters.missing += lost
        self._owed_s += batches.take(together, late_s - lost * period_s, period_s)
        tuned_s = batches.period_s(host_s)
        if tuned_s is not None:
            self._tune(tuned_s)
        return self._forward(1 + lost, 0.0)._replace(lost=lost)

    def _single(self, host_s: float, step_s: float, together: int) -> Stamp:
        """Its stamp tells how many were lost before it, less those that were delivered with it."""
        period_s = self._period_s
        since_s = host_s - self._at_s - self._owed_s
        if together > 1 and since_s > QUEUED_MIN * period_s:
            return self._queued(since_s, together)
        if self._missed and since_s < FOUND_MAX * period_s:
            return self._found()
        steps = max(1, round(min(since_s, step_s) / period_s))
        self._missed = steps - 1
        error_s = since_s - steps * period_s
        self.counters.missing += steps - 1
        if abs(error_s) > GAP_S_MAX or steps * period_s > GAP_S_MAX:
            return self._jump(host_s)
        self._tune(period_s + CLOCK_TUNE * error_s / steps)
        return self._forward(steps, CLOCK_GAIN * error_s)

    def _found(self) -> Stamp:
        """None was lost before the last sample: it came late, and this is the next one."""
        missed, self._missed = self._missed, 0
        self.counters.missing -= missed
        self._at_s -= (missed - 1) * self._period_s
        self._counted_s -= (missed - 1) * self._nominal_s
        return Stamp(self._at_s, self._counted_s, found=missed)

    def _queued(self, since_s: float, together: int) -> Stamp:
        """The first of those that waited together while the host was held up."""
        self._missed = 0
        lost = self._supposed = max(0, int(since_s / self._period_s) - together)
        self.counters.missing += lost
        if lost * self._period_s > GAP_S_MAX:
            return self._jump(self._at_s + since_s - (together - 1) * self._period_s)
        return self._forward(1 + lost, 0.0)._replace(lost=lost)

    def _jump(self, host_s: float) -> Stamp:
        self._owed_s = 0.0
        self._batches = _Batches()
        at_s = max(host_s, self._at_s + 0.1 * self._period_s)
        self._counted_s += min(at_s - self._at_s, SILENCE_S_MAX)
        self._at_s = at_s
        return Stamp(at_s, self._counted_s)

    def _forward(self, steps: int, by_s: float) -> Stamp:
        """On by so many conversions and by_s, and some of what is owed: small debts slowly, for a
        clock that jerks bends the ringing of a truck; large ones at once, but never back.
        """
        pay_s = self._owed_s
        if pay_s and abs(pay_s) < DEBT_LARGE * self._period_s:
            most_s = DEBT_SLEW * self._period_s
            pay_s = min(max(pay_s, -most_s), most_s)
        by_s += steps * self._period_s
        moved_s = by_s + pay_s
        if moved_s < 0.1 * self._period_s:
            moved_s = 0.1 * self._period_s
        self._owed_s -= moved_s - by_s
        self._at_s += moved_s
        self._counted_s += steps * self._nominal_s
        return Stamp(self._at_s, self._counted_s)

    def _tune(self, period_s: float) -> None:
        self._period_s = min(max(period_s, 0.8 * self._nominal_s), 1.25 * self._nominal_s)


@dataclass(slots=True)
class _Batches:
    """What samples that come together tell of their converter's clock.

    lates_s: how late the newest of each was by the clock; it lies within one period for all.
    """

    samples: int = 0
    known: bool = False
    lates_s: deque[float] = field(default_factory=lambda: deque(maxlen=BATCHES))
    marks: deque[tuple[int, float]] = field(default_factory=lambda: deque(maxlen=MARKS))

    def lost(self, late_s: float, period_s: float) -> int:
        """Samples that are missing in a batch, by its newest's lateness among the others'."""
        if not self.known:
            return 0
        low_s, high_s = min(self.lates_s), max(self.lates_s)
        usual_s = max(0.5 * (low_s + high_s + period_s), high_s)
        return max(0, ceil((late_s - usual_s) / period_s - LATE_SLACK))

    def take(self, samples: int, late_s: float, period_s: float) -> float:
        """Count a batch; by how much the clock must be put forward. The lost ones do not count for
        the rate, or a wrong rate would prove itself by the losses that it makes up.
        """
        self.samples += samples
        self.lates_s.append(late_s)
        off_s = late_s
        if 0.0 <= late_s <= period_s:
            off_s = BATCH_GAIN * min(self.lates_s)
        elif late_s > period_s:
            off_s = late_s - period_s
        for i in range(len(self.lates_s)):
            self.lates_s[i] -= off_s
        return off_s

    def period_s(self, host_s: float) -> float | None:
        """Mean time between samples over the last batches; None while too few have come."""
        if not self.marks or host_s - self.marks[-1][1] >= MARK_S:
            self.marks.append((self.samples, host_s))
        samples, since_s = self.samples - self.marks[0][0], host_s - self.marks[0][1]
        self.known = since_s >= RATE_S_MIN and samples > 0
        return since_s / samples if self.known else None
