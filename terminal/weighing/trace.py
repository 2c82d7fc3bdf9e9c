"""Recorded traces through the live pipeline: one NPZ file in, releases, axles and flags out.

The file is checked array by array first. Rows are fed one at a time, in file order, to the same
Pipeline that the control process feeds, so a result never rests on a later row. This is the
only module of the package that opens a file.
"""

from __future__ import annotations

import json
import struct
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path
from resource import RUSAGE_SELF, getrusage
from typing import TypedDict

import numpy as np

from hal.contract.types import (
    NS_PER_S,
    Counts,
    IndicatorReading,
    MonotonicNs,
    RawSample,
    Tri,
)
from terminal.core.types import Weighed, WeighFlag, WeightSource
from terminal.weighing.params import WeighParams
from terminal.weighing.pipeline import Pipeline
from terminal.weighing.stamps import GAP_S_MAX

UNREADABLE = (
    ValueError, OSError, EOFError, RuntimeError, LookupError, MemoryError, OverflowError,
    struct.error, zlib.error, zipfile.BadZipFile,
)  # fmt: skip
"""What numpy and zipfile raise on a damaged archive: also "encrypted" and "patched data"."""
SPAN_MIN = 1e-6
ROWS_MAX = 4_000_000
COUNTS_MAX = 2**31
OCCUPIED_KG = 3_000
"""A trace shows trucks: three quarters of this is less than the lightest empty one."""
START_NS = 10 * NS_PER_S
"""Trace time 0 in pipeline time: stamps a little before 0 stay positive."""


class TraceError(Exception):
    """The file is no trace; str() is one line naming the array and the defect."""


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
    """When a flag first stood, and the cell it names (None: no cell)."""

    t: float
    cell: int | None


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


@dataclass(frozen=True, slots=True)
class Trace:
    """A checked trace. t in s; counts (N, C) with NaN where a sample is missing."""

    t: np.ndarray
    counts: np.ndarray
    beam_entry: np.ndarray
    beam_exit: np.ndarray
    params: WeighParams
    bad_stamps: int = 0


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
            if flag in weighed.flags and name not in self.flags:
                cell = weighed.cell if weighed.cell >= 0 else None
                self.flags[name] = FlagSeen(t=t, cell=cell)
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


def _feed_cells(trace: Trace, notes: _Notes) -> None:
    feed = notes.pipeline.feed
    rows = trace.counts.tolist()
    entry, leave = trace.beam_entry.tolist(), trace.beam_exit.tolist()
    for i, t in enumerate(trace.t.tolist()):
        at = MonotonicNs(START_NS + round(t * NS_PER_S))
        samples = [RawSample(at, c, Counts(int(v))) for c, v in enumerate(rows[i]) if v == v]
        weighed = feed(
            samples, Tri.YES if entry[i] else Tri.NO, Tri.YES if leave[i] else Tri.NO, True, at
        )
        if weighed is not None:
            notes.take(weighed, t)


def _feed_indicator(trace: Trace, notes: _Notes) -> None:
    unknown = Tri.UNKNOWN
    for i, t in enumerate(trace.t.tolist()):
        at = MonotonicNs(START_NS + round(t * NS_PER_S))
        value = float(trace.counts[i, 0])
        shown = round(value) if isfinite(value) else None
        reading = IndicatorReading(at, shown, unknown, unknown, unknown, unknown, b"")
        weighed = notes.pipeline.feed_indicator(
            [reading],
            Tri.YES if trace.beam_entry[i] else Tri.NO,
            Tri.YES if trace.beam_exit[i] else Tri.NO,
            at,
        )
        if weighed is not None:
            notes.take(weighed, t)


def load_trace(path: Path) -> Trace:
    """Read and check one NPZ trace."""
    arrays = _read(path)
    t = _array(path, arrays, "t", 1)
    counts = _array(path, arrays, "counts", 2)
    entry = _array(path, arrays, "beam_entry", 1)
    leave = _array(path, arrays, "beam_exit", 1)
    for name, array in (("counts", counts), ("beam_entry", entry), ("beam_exit", leave)):
        if len(array) != len(t):
            raise TraceError(f"{path}: {name}: has {len(array)} rows, but t has {len(t)}")
    if not 2 <= len(t) <= ROWS_MAX:
        raise TraceError(f"{path}: t: has {len(t)} rows; 2 to {ROWS_MAX} are allowed")
    finite = np.isfinite(t)
    if finite.sum() < 2:
        raise TraceError(f"{path}: t: fewer than 2 time stamps are numbers")
    if float(np.abs(t[finite]).max()) > 1e11:
        raise TraceError(f"{path}: t: stamps must be seconds below 1e11")
    if bool((np.abs(counts) >= COUNTS_MAX).any()):
        raise TraceError(f"{path}: counts: has values beyond 32 bits")
    params = params_of_meta(path, _meta(path, arrays), counts.shape[1])
    filled, kept = _stamped(t, round(GAP_S_MAX * params.rate_hz))
    return Trace(
        t=filled[kept],
        counts=counts[kept],
        beam_entry=entry[kept].astype(bool),
        beam_exit=leave[kept].astype(bool),
        params=params,
        bad_stamps=int((~finite).sum()),
    )


def _stamped(t: np.ndarray, rows_max: int) -> tuple[np.ndarray, np.ndarray]:
    """Stamps with up to rows_max lost ones in a row taken from the row before, as a converter's
    clock goes on by itself, and which rows have one.
    """
    finite = np.isfinite(t)
    rows = np.arange(len(t))
    source = np.maximum.accumulate(np.where(finite, rows, -1))
    kept = (source >= 0) & (rows - source <= rows_max)
    return t[np.maximum(source, 0)], kept


def _read(path: Path) -> dict[str, np.ndarray]:
    try:
        with path.open("rb") as file:
            archive = np.load(file, allow_pickle=False)
            if not hasattr(archive, "files"):
                raise TraceError(f"{path}: file: is a single array, not an NPZ archive")
            found = {}
            for name in ("t", "counts", "beam_entry", "beam_exit", "meta"):
                if name not in archive.files:
                    raise TraceError(f"{path}: {name}: is missing from the archive")
                try:
                    found[name] = archive[name]
                except UNREADABLE as error:
                    raise TraceError(f"{path}: {name}: cannot be read ({error})") from None
            return found
    except UNREADABLE as error:
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise TraceError(f"{path}: file: is not a readable NPZ archive ({first})") from None


def _array(path: Path, arrays: dict[str, np.ndarray], name: str, dimensions: int) -> np.ndarray:
    array = arrays[name]
    if array.ndim != dimensions:
        raise TraceError(f"{path}: {name}: has {array.ndim} dimensions, {dimensions} are expected")
    if array.dtype.kind not in "biuf":
        raise TraceError(f"{path}: {name}: holds {array.dtype}, numbers are expected")
    return array if name.startswith("beam") else array.astype(float)


def _meta(path: Path, arrays: dict[str, np.ndarray]) -> dict[str, object]:
    raw = arrays["meta"]
    try:
        value = raw.item() if raw.size == 1 else None
        text = value.decode() if isinstance(value, bytes) else value
        meta = json.loads(text) if isinstance(text, str) else None
    except (ValueError, RecursionError) as error:
        raise TraceError(f"{path}: meta: is not JSON ({error})") from None
    if not isinstance(meta, dict):
        raise TraceError(f"{path}: meta: is not one JSON object in one string")
    return meta


@dataclass(frozen=True, slots=True)
class _Reader:
    """Typed access to the meta block; each defect names the key."""

    path: Path | str
    meta: dict[str, object]

    def number(self, key: str, low: float, high: float, default: float | None = None) -> float:
        """One number within [low, high]; a list of equal meaning gives its smallest entry."""
        value = self.meta.get(key, default)
        if isinstance(value, list) and value and all(_is_number(v) for v in value):
            value = min(float(v) for v in value)
        if not isinstance(value, (int, float)) or isinstance(value, bool):
            raise TraceError(f"{self.path}: meta: {key} is {value!r}, a number is expected")
        if not low <= value <= high:
            raise TraceError(
                f"{self.path}: meta: {key} is {value!r}, allowed is {low:g} to {high:g}"
            )
        return float(value)

    def table(self, key: str, cells: int, usable: Callable[[float], bool]) -> tuple[float, ...]:
        """One number a cell; a single number stands for all cells."""
        value = self.meta.get(key)
        if _is_number(value):
            value = [value] * cells
        if not isinstance(value, list) or len(value) != cells:
            raise TraceError(f"{self.path}: meta: {key} does not have one number for each cell")
        if not all(_is_number(v) and isfinite(v) and usable(float(v)) for v in value):
            raise TraceError(f"{self.path}: meta: {key} has an entry that cannot be right")
        return tuple(float(v) for v in value)


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def params_of_meta(path: Path | str, meta: dict[str, object], cells: int) -> WeighParams:
    """Pipeline parameters from a trace's meta block; path is for the error text."""
    read = _Reader(path, meta)
    kind = meta.get("kind")
    if kind not in ("cells", "indicator"):
        raise TraceError(f"{path}: meta: kind is {kind!r}; cells or indicator is expected")
    indicator = kind == "indicator"
    if indicator and cells != 1:
        raise TraceError(f"{path}: counts: has {cells} columns, an indicator gives 1")
    if not 1 <= cells <= 64:
        raise TraceError(f"{path}: counts: has {cells} columns; 1 to 64 are allowed")
    e_kg = read.number("division_kg" if "e_kg" not in meta else "e_kg", 1, 1_000)
    beams = meta.get("beams", True)
    if not isinstance(beams, bool):
        raise TraceError(f"{path}: meta: beams is {beams!r}; true or false is expected")
    none = (0.0,) * cells
    span = (
        (1.0,)
        if indicator
        else read.table("kg_per_count", cells, lambda v: SPAN_MIN <= abs(v) <= 1 / SPAN_MIN)
    )
    zero = none if indicator else read.table("zero_counts", cells, isfinite)
    xs = none if indicator else read.table("cell_x_m", cells, lambda v: abs(v) < 200)
    ys = none if indicator else read.table("cell_y_m", cells, lambda v: abs(v) < 50)
    return WeighParams(
        max_kg=round(read.number("max_kg", 100, 1e7)),
        e_kg=round(e_kg),
        occupied_kg=OCCUPIED_KG,
        cells=cells,
        rate_hz=read.number("fs_nominal", 0.5, 10_000),
        full_scale=round(read.number("full_scale", 1, 2**40, float(2**31))),
        cell_x_mm=tuple(round(v * 1_000) for v in xs),
        cell_y_mm=tuple(round(v * 1_000) for v in ys),
        kg_per_count=span,
        zero_counts=zero,
        cell_cap_kg=round(read.number("cell_cap_kg", 1, 1e7, 30_000.0)),
        beams=beams,
        deck_length_mm=round(1_000 * read.number("deck_len_m", 0.5, 200, 18.0)),
        source=WeightSource.INDICATOR if indicator else WeightSource.AMPLIFIER,
    )


def _cpu_s() -> float:
    usage = getrusage(RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime
