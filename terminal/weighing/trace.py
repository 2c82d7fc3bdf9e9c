"""Recorded traces through the live pipeline: one NPZ file in, releases, axles and flags out.

Rows are fed one at a time, in file order, to the same Pipeline that the control process feeds, so a
result never rests on a later row. Rows of one stamp were delivered at once and are fed so.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from math import isfinite
from pathlib import Path
from resource import RUSAGE_SELF, getrusage
from typing import TypedDict

from hal.contract.types import (
    NS_PER_S,
    Counts,
    IndicatorReading,
    MonotonicNs,
    RawSample,
    SampleFlag,
    Tri,
)
from terminal.core.types import Weighed, WeighFlag, WeightSource
from terminal.raw_samples import NO_FRAME, SAID, SAID_NOTHING
from terminal.weighing.indicator import AFTER_MOTION_NS, EMPTY_NS_MIN, FRESH_NS_MAX
from terminal.weighing.pipeline import Pipeline
from terminal.weighing.stamps import SAME_SHARE
from terminal.weighing.tracefile import FLAGS_MAX, Trace, load_trace

FLAGS = tuple(SampleFlag(bits) for bits in range(FLAGS_MAX + 1))
START_NS = 10 * NS_PER_S
"""Trace time 0, or the first stamp before it, in pipeline time: all stamps stay positive."""
TOGETHER_MAX = 512
"""Rows fed at once at most."""


class Release(TypedDict):
    """One mass the pipeline vouched for. mass_kg is unrounded, displayed_kg a whole division."""

    t: float
    mass_kg: float
    displayed_kg: int
    u_kg: float
    voided_t: float | None


class Axles(TypedDict):
    """Loads in order of passing and the distances between axles."""

    loads_kg: list[float]
    spacing_m: list[float]


class FlagSeen(TypedDict):
    """When a flag first stood, the cell it names (None: no cell), and how sure it became."""

    t: float
    cell: int | None
    confidence_pct: int


class Estimate(TypedDict):
    """What the deck would have shown with its dead cell sound; never a release."""

    t: float
    mass_kg: int
    cell: int


class TraceResult(TypedDict):
    """What weigh_trace() returns, ready for JSON."""

    releases: list[Release]
    axles: Axles | None
    flags: dict[str, FlagSeen]
    estimate: Estimate | None
    counters: dict[str, int]
    cpu_s: float


def weigh_trace(path: str | Path) -> TraceResult:
    """Feed one NPZ trace through the live pipeline. Raises TraceError for a malformed file."""
    before_s = _cpu_s()
    trace = load_trace(Path(path))
    result = replay(trace)
    result["cpu_s"] = round(_cpu_s() - before_s, 4)
    return result


def replay(trace: Trace) -> TraceResult:
    """Feed a loaded trace row by row."""
    notes = _Notes(Pipeline(trace.params))
    feed = _feed_indicator if trace.params.source is WeightSource.INDICATOR else _feed_cells
    feed(trace, notes)
    return notes.result(trace)


@dataclass(slots=True)
class _Notes:
    """Collects what changes from one Weighed to the next."""

    pipeline: Pipeline
    releases: list[Release] = field(default_factory=list)
    flags: dict[str, FlagSeen] = field(default_factory=dict)
    holding: bool = False
    estimate: Estimate | None = None

    def take(self, weighed: Weighed, t: float) -> None:
        """t: the stamp of the newest row fed."""
        for flag in WeighFlag if weighed.flags else ():
            name = (flag.name or "").lower()
            if flag not in weighed.flags or not name:
                continue
            pct = self.pipeline.confidence_pct(flag)
            if name not in self.flags:
                cell = weighed.cell if weighed.cell >= 0 else None
                self.flags[name] = FlagSeen(t=t, cell=cell, confidence_pct=pct)
            seen = self.flags[name]
            seen["confidence_pct"] = max(pct, seen["confidence_pct"])
        if self.pipeline.estimate_kg is not None:
            self.estimate = Estimate(t=t, mass_kg=self.pipeline.estimate_kg, cell=weighed.cell)
        if weighed.held_kg is not None and not self.holding:
            mass_kg, u_kg = self.pipeline.held_fine_kg()
            self.releases.append(
                Release(
                    t=t,
                    mass_kg=round(mass_kg, 1),
                    displayed_kg=weighed.held_kg,
                    u_kg=round(u_kg, 1),
                    voided_t=None,
                )
            )
        elif weighed.held_kg is None and self.holding:
            self.releases[-1]["voided_t"] = t
        self.holding = weighed.held_kg is not None

    def result(self, trace: Trace) -> TraceResult:
        counters = self.pipeline.counters()
        counters["bad_stamp"] = counters.get("bad_stamp", 0) + trace.bad_stamps
        axles = self.pipeline.last_axles()
        return TraceResult(
            releases=self.releases,
            axles=Axles(
                loads_kg=[round(v, 1) for v in axles[0]],
                spacing_m=[round(v, 3) for v in axles[1]],
            )
            if axles
            else None,
            flags=self.flags,
            estimate=self.estimate,
            counters=counters,
            cpu_s=0.0,
        )


def _start_ns(times: list[float]) -> int:
    return START_NS + round(max(0.0, -min(times)) * NS_PER_S)


def _feed_cells(trace: Trace, notes: _Notes) -> None:
    feed = notes.pipeline.feed
    times = trace.t.tolist()
    start_ns = _start_ns(times)
    if trace.zero is not None:
        set_ns = MonotonicNs(start_ns + trace.zero.set_ns)
        notes.pipeline.resume(replace(trace.zero, set_ns=set_ns), trace.calm_kg)
    rows = trace.counts.tolist()
    flags = None if trace.flags is None else trace.flags.tolist()
    none = [0] * trace.params.cells
    for first, last in _delivered(times, SAME_SHARE / trace.params.rate_hz):
        samples = []
        for i in range(first, last):
            at = MonotonicNs(start_ns + round(times[i] * NS_PER_S))
            said = none if flags is None else flags[i]
            samples += [
                RawSample(at, c, Counts(int(v)), FLAGS[said[c]])
                for c, v in enumerate(rows[i])
                if v == v
            ]
        entry, leave = trace.beam_entry[first:last].any(), trace.beam_exit[first:last].any()
        beams = Tri.YES if entry else Tri.NO, Tri.YES if leave else Tri.NO
        weighed = feed(samples, *beams, trace.zero is None, at)
        if weighed is not None:
            notes.take(weighed, times[last - 1])


def _delivered(times: list[float], same_s: float) -> Iterator[tuple[int, int]]:
    """Rows that came at once, as one tick takes them: first and one after the last."""
    first = 0
    for i in range(1, len(times) + 1):
        if i < len(times) and i - first < TOGETHER_MAX and 0 <= times[i] - times[i - 1] <= same_s:
            continue
        yield first, i
        first = i


def _feed_indicator(trace: Trace, notes: _Notes) -> None:
    """Frames and changes of the beams as they came; the display grows stale between them."""
    feed = notes.pipeline.feed_indicator
    times = trace.t.tolist()
    start_ns = _start_ns(times)
    heard_ns = first_ns = MonotonicNs(start_ns + round(times[0] * NS_PER_S))
    if trace.zero is not None:
        seen = _zero_seen(first_ns)
        heard_ns = seen[-1].at_ns
        feed(seen, Tri.NO, Tri.NO, heard_ns)
    beams = Tri.NO, Tri.NO
    for i, t in enumerate(times):
        at = MonotonicNs(start_ns + round(t * NS_PER_S))
        if at - heard_ns > FRESH_NS_MAX:
            stale = feed([], *beams, MonotonicNs(heard_ns + FRESH_NS_MAX + 1))
            if stale is not None:
                notes.take(stale, t)
        beams = (
            Tri.YES if trace.beam_entry[i] else Tri.NO,
            Tri.YES if trace.beam_exit[i] else Tri.NO,
        )
        said = SAID_NOTHING if trace.flags is None else int(trace.flags[i, 0])
        readings = []
        if said != NO_FRAME:
            value = float(trace.counts[i, 0])
            shown = round(value) if isfinite(value) else None
            readings = [IndicatorReading(at, shown, *SAID[said], b"")]
            heard_ns = at
        weighed = feed(readings, *beams, at)
        if weighed is not None:
            notes.take(weighed, t)


def _zero_seen(before_ns: MonotonicNs) -> list[IndicatorReading]:
    """Frames of an empty deck, stale before kept ones begin: its zero had been seen before them."""
    last_ns = before_ns - FRESH_NS_MAX - 1
    spans_ns = EMPTY_NS_MIN + 2 * AFTER_MOTION_NS
    stamps = range(last_ns - spans_ns, last_ns + 1, AFTER_MOTION_NS // 2)
    quiet = (Tri.NO, Tri.NO, Tri.YES, Tri.NO)
    return [IndicatorReading(MonotonicNs(at_ns), 0, *quiet, b"") for at_ns in stamps]


def _cpu_s() -> float:
    usage = getrusage(RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime
