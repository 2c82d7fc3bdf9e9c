"""From raw conversions to evenly spaced mean counts, one stream a load cell.

Checks every sample (late, missing, stuck, saturated, glitch, desynchronised), counts each
defect, takes mended times from `stamps`, and gives what is left to the cell's bins. It knows
nothing of mass.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass, field
from math import nan
from typing import NamedTuple

from hal.contract.types import NS_PER_S, MonotonicNs, RawSample, SampleFlag
from terminal.weighing.cellbins import CellBins
from terminal.weighing.decktime import DeckTime
from terminal.weighing.stamps import SAME_SHARE, CellCounters, SampleClock, Stamp

STUCK_S_MIN = 1.0
"""Identical counts for so long is a stuck converter: real ones show noise."""
STUCK_SAMPLES_MIN = 12
SATURATED_RUN_MIN = 3
REPEATED_MAX = 2
"""Of two that came at once the same sample is a repeated one; in a burst it is the next."""
LIVELY_GAIN = 0.1
LIVELY_TIMES = 4.0
"""A spike must stand out from the changes of the last samples too: axles hop at 8 to 15 Hz."""
UNUSABLE = int(SampleFlag.DESYNC | SampleFlag.READ_TOO_LONG)
MISSED = int(SampleFlag.MISSED)
SATURATED = int(SampleFlag.SATURATED)


Told = tuple[MonotonicNs, int]
"""Stamp of a sample, and how many were delivered with it, itself and those after it."""
Timed = tuple[Stamp, float]
"""Host time and deck time of a sample."""


class Placed(NamedTuple):
    """One conversion at its deck time. found, lost: as the clock's stamp says."""

    deck_s: float
    counts: float
    found: int
    lost: int


@dataclass(slots=True)
class CellStream:
    """One load cell: arrive() with raw samples; once a tick sort_out(), times() and place() them,
    put() them in the order of deck time, take closed bins (mean counts) from `bins.means`.

    glitch_counts: an isolated sample further than this (or 2 % of the cell's load) from both
    neighbours is replaced by their median. full_scale: counts at the rail.
    """

    number: int
    deck: DeckTime
    period_s: float
    full_scale: int
    glitch_counts: float
    zero_counts: float
    clock: SampleClock
    own: CellCounters = field(default_factory=CellCounters)
    bins: CellBins = field(init=False)
    saturated_run: int = 0
    same_run: int = 0
    same_since_s: float = nan
    last_s: float = nan
    glitch_times_s: deque[float] = field(default_factory=lambda: deque(maxlen=64))
    _arrived: list[RawSample] = field(default_factory=list)
    _fresh: list[RawSample] = field(default_factory=list)
    _held: tuple[float, float] | None = None
    _before: float = nan
    _same_counts: int = 0
    _lively: float = 0.0
    _newest: tuple[int, int] = (-1, 0)

    def __post_init__(self) -> None:
        self.bins = CellBins(self.deck)

    def arrive(self, sample: RawSample) -> None:
        """Take one conversion of this tick."""
        self.own.samples += 1
        self._arrived.append(sample)

    @property
    def counters(self) -> CellCounters:
        """What went wrong with this cell's samples, its clock's part included."""
        both = zip(astuple(self.own), astuple(self.clock.counters), strict=True)
        return CellCounters(*(a + b for a, b in both))

    def sort_out(self) -> list[Told]:
        """This tick's samples without repeated ones."""
        arrived, self._arrived = self._arrived, []
        self._fresh = arrived
        if len(arrived) == 1 and (arrived[0].at_ns, arrived[0].counts) != self._newest:
            self._newest = (arrived[0].at_ns, arrived[0].counts)
            return [(arrived[0].at_ns, 1)]  # as nearly always
        self._fresh = []
        told: list[Told] = []
        for first, last in _delivered(arrived, SAME_SHARE * self.period_s * NS_PER_S):
            for i in range(first, last):
                sample = arrived[i]
                newest, self._newest = self._newest, (sample.at_ns, sample.counts)
                if newest == self._newest and last - first <= REPEATED_MAX:
                    self.own.duplicated += 1
                    continue
                self._fresh.append(sample)
                told.append((sample.at_ns, last - i))
        return told

    def times(self, told: list[Told]) -> list[Timed | None]:
        """Host and deck time of what sort_out() told; None where a sample must be dropped."""
        found: list[Timed | None] = []
        for at_ns, together in told:
            stamp = self.clock.stamp(at_ns / NS_PER_S, together)
            if stamp is None:
                found.append(None)
                continue
            at_s, counted_s = stamp.at_s, stamp.counted_s
            found.append((stamp, self.deck.time_of(self.number, at_s, counted_s, self.clock.pace)))
        return found

    def place(self, times: list[Timed | None]) -> list[Placed]:
        """The sorted samples at their deck times, without those that are not usable."""
        placed: list[Placed] = []
        for sample, time in zip(self._fresh, times, strict=True):
            if time is None:
                continue
            stamp, deck_s = time
            if not stamp.at_s <= self.last_s:  # NaN before the first
                self.last_s = stamp.at_s
            if self._usable(sample, int(sample.counts), stamp.at_s):
                placed.append(Placed(deck_s, float(sample.counts), stamp.found, stamp.lost))
        return placed

    def put(self, placed: Placed) -> None:
        """Take one conversion at its place; bins that it closes are appended to `bins`."""
        deck_s, counts, found, _ = placed
        held = self._held
        if held is None:
            self._held = (deck_s, counts)
            self._before = counts
            return
        if found and held[0] - found * self.period_s > self.bins.summed_s:
            held = (held[0] - found * self.period_s, held[1])
        if deck_s <= held[0]:  # overtaken by the one that waits: its place is before it
            if deck_s > self.bins.summed_s:
                self._before = self._without_glitch(counts, held[1])
                self.bins.add(deck_s, self._before)
            return
        value = self._without_glitch(held[1], counts)
        self.bins.add(held[0], value)
        self._before = value
        self._held = (deck_s, counts)

    def stuck(self) -> bool:
        """Whether the converter has repeated one value for longer than a real one can."""
        return self.same_run >= STUCK_SAMPLES_MIN and self.last_s - self.same_since_s >= STUCK_S_MIN

    def saturated(self) -> bool:
        """Whether the last few samples all stood at the rail."""
        return self.saturated_run >= SATURATED_RUN_MIN

    def _usable(self, sample: RawSample, counts: int, at_s: float) -> bool:
        flags = int(sample.flags)  # plain integers: enum arithmetic is slow at 2,560 a second
        if flags & UNUSABLE:
            self.own.desync += 1
            return False
        if flags & MISSED:
            self.own.missing += 1
        if abs(counts) >= self.full_scale - 1 or flags & SATURATED:
            self.own.saturated += 1
            self.saturated_run += 1
        else:
            self.saturated_run = 0
        if counts == self._same_counts and self.same_run:
            self.same_run += 1
            if self.stuck():
                self.own.stuck += 1
        else:
            self._same_counts, self.same_run, self.same_since_s = counts, 1, at_s
        return True

    def _without_glitch(self, value: float, after: float) -> float:
        before = self._before
        low, high = (before, after) if before <= after else (after, before)
        middle = low if value < low else min(value, high)
        off = abs(value - middle)
        self._lively += LIVELY_GAIN * (abs(middle - before) - self._lively)
        if not off:
            return value
        bound = max(
            self.glitch_counts,
            0.02 * abs(middle - self.zero_counts),
            LIVELY_TIMES * self._lively,
        )
        if off <= bound or off <= 2.0 * (high - low):
            return value
        self.own.glitch += 1
        self.glitch_times_s.append(self.last_s)
        return middle


def _delivered(arrived: list[RawSample], near_ns: float) -> Iterator[tuple[int, int]]:
    """Samples that were delivered at once: the first, and one after the last."""
    first = 0
    for i in range(1, len(arrived) + 1):
        if i == len(arrived) or not 0 <= arrived[i].at_ns - arrived[i - 1].at_ns <= near_ns:
            yield first, i
            first = i


def placed_by_clock(cells: Sequence[CellStream], leader: int) -> list[list[Placed]]:
    """What each cell places in this tick. Cells that are always told the same stamps share one
    clock, asked once; a cell that is told others goes on with a clock of its own from then on.
    """
    order = [cells[leader], *(cell for cell in cells if cell.number != leader)]
    told = {cell.number: cell.sort_out() for cell in order}
    heads: dict[int, int] = {}
    for cell in order:
        head = heads.setdefault(id(cell.clock), cell.number)
        if told[cell.number] != told[head]:
            cell.clock = cell.clock.copy()
    times: dict[int, list[Timed | None]] = {}
    placed: list[list[Placed]] = [[] for _ in cells]
    for cell in order:
        clock = id(cell.clock)
        if clock not in times:
            times[clock] = cell.times(told[cell.number])
        placed[cell.number] = cell.place(times[clock])
    return placed
