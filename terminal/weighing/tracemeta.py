"""The meta block of a recorded trace: each value checked, and what the pipeline needs of it.

It knows no file and no sample; each defect is one line that names the key.
"""

from __future__ import annotations

import json
import reprlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from hal.contract.types import NS_PER_S, MonotonicNs
from terminal.core.types import WeightSource
from terminal.weighing.params import ALARM_ONLY, WeighParams, alarm_only
from terminal.weighing.zero import ZeroState

COUNTS_MAX = 2**31
SPAN_MIN = 1e-6
NUMBER_MAX = 1e300
FULL_SCALE = 2**23 - 1
"""Of converters of 24 bits: what a trace has that does not tell of its own."""
CELL_TABLES = ("kg_per_count", "zero_counts", "cell_x_m", "cell_y_m")
CALM_MAX = 64
OCCUPIED_KG = 3_000
"""A trace shows trucks: three quarters of this is less than the lightest empty one."""


class TraceError(Exception):
    """The file is no trace; str() is one line naming the array and the defect."""


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
            raise TraceError(f"{self.path}: meta: {key} is {_told(value)}, a number is expected")
        if not low <= value <= high:
            raise TraceError(
                f"{self.path}: meta: {key} is {_told(value)}, allowed is {low:g} to {high:g}"
            )
        return float(value)

    def whole(self, key: str, low: float, high: float) -> int:
        """A number() without a fraction: the law counts in whole kg."""
        value = self.number(key, low, high)
        if value != round(value):
            raise TraceError(f"{self.path}: meta: {key} is {value!r}, whole kg are expected")
        return round(value)

    def flag(self, key: str, default: bool) -> bool:
        """True or false."""
        value = self.meta.get(key, default)
        if not isinstance(value, bool):
            raise TraceError(
                f"{self.path}: meta: {key} is {_told(value)}; true or false is expected"
            )
        return value

    def check_cells(self, cells: int) -> None:
        """Where all tables agree on another number of cells, the counts are at fault."""
        described = {len(v) for v in map(self.meta.get, CELL_TABLES) if isinstance(v, list)}
        if len(described) == 1 and cells not in described:
            raise TraceError(
                f"{self.path}: counts: has {cells} columns, but meta describes"
                f" {described.pop()} cells"
            )

    def table(self, key: str, cells: int, usable: Callable[[float], bool]) -> tuple[float, ...]:
        """One number a cell; a single number stands for all cells."""
        value = self.meta.get(key)
        if _is_number(value):
            value = [value] * cells
        if not isinstance(value, list):
            raise TraceError(
                f"{self.path}: meta: {key} is {_told(value)}; one number for each cell is expected"
            )
        if len(value) != cells:
            raise TraceError(
                f"{self.path}: meta: {key} has {len(value)} entries, but counts has {cells} columns"
            )
        if not all(_is_number(v) and usable(float(v)) for v in value):
            raise TraceError(f"{self.path}: meta: {key} has an entry that cannot be right")
        return tuple(float(v) for v in value)


def _is_number(value: object) -> bool:
    """Whether it is a number that float() takes: JSON's integers have no bound."""
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return False
    return abs(value) <= NUMBER_MAX  # False for NaN


def _told(value: object) -> str:
    """A value as an error line may show it: short, on one line."""
    return reprlib.repr(value)


def params_of_meta(path: Path | str, meta: dict[str, object], cells: int) -> WeighParams:
    """Pipeline parameters from a trace's meta block; path is for the error text."""
    read = _Reader(path, meta)
    kind = meta.get("kind")
    if kind not in ("cells", "indicator"):
        raise TraceError(f"{path}: meta: kind is {_told(kind)}; cells or indicator is expected")
    indicator = kind == "indicator"
    if indicator and cells != 1:
        raise TraceError(f"{path}: counts: has {cells} columns, an indicator gives 1")
    if not 1 <= cells <= 64:
        raise TraceError(f"{path}: counts: has {cells} columns; 1 to 64 are allowed")
    e_kg = read.whole("division_kg" if "e_kg" not in meta else "e_kg", 1, 1_000)
    beams = read.flag("beams", True)
    if not indicator:
        read.check_cells(cells)
    none = (0.0,) * cells
    span = (
        (1.0,)
        if indicator
        else read.table("kg_per_count", cells, lambda v: SPAN_MIN <= abs(v) <= 1 / SPAN_MIN)
    )
    zero = none if indicator else read.table("zero_counts", cells, lambda v: abs(v) < COUNTS_MAX)
    xs = none if indicator else read.table("cell_x_m", cells, lambda v: abs(v) < 200)
    ys = none if indicator else read.table("cell_y_m", cells, lambda v: abs(v) < 50)
    return WeighParams(
        max_kg=round(read.number("max_kg", 100, 1e7)),
        e_kg=e_kg,
        occupied_kg=round(read.number("occupied_kg", 100, 1e5, OCCUPIED_KG)),
        cells=cells,
        rate_hz=read.number("fs_nominal", 0.5, 10_000),
        full_scale=round(read.number("full_scale", 1, 2**40, float(FULL_SCALE))),
        cell_x_mm=tuple(round(v * 1_000) for v in xs),
        cell_y_mm=tuple(round(v * 1_000) for v in ys),
        kg_per_count=span,
        zero_counts=zero,
        cell_cap_kg=round(read.number("cell_cap_kg", 1, 1e7, 30_000.0)),
        beams=beams,
        deck_length_mm=round(1_000 * read.number("deck_len_m", 0.5, 200, 18.0)),
        source=WeightSource.INDICATOR if indicator else WeightSource.AMPLIFIER,
        alarm_only=alarm_only(glitch_blocks=read.flag("glitch_blocks", False)),
    )


def zero_of_meta(path: Path | str, meta: dict[str, object], cells: int) -> ZeroState | None:
    """The zero that was in force when the samples were kept; None: the trace finds its own."""
    if "zero_set_s" not in meta:
        return None
    read = _Reader(path, meta)
    return ZeroState(
        read.table("zero_in_force_counts", cells, lambda v: abs(v) < COUNTS_MAX),
        read.number("zero_initial_kg", -1e6, 1e6),
        MonotonicNs(round(read.number("zero_set_s", 0, 1e11) * NS_PER_S)),
    )


def calm_of_meta(path: Path | str, meta: dict[str, object]) -> tuple[float, ...]:
    """What the hold knew of the empty deck when the samples were kept."""
    value = meta.get("calm_kg", [])
    if not isinstance(value, list) or len(value) > CALM_MAX or not all(map(_is_number, value)):
        raise TraceError(
            f"{path}: meta: calm_kg is {_told(value)}; up to {CALM_MAX} numbers are expected"
        )
    return tuple(float(v) for v in value)


def meta_text(params: WeighParams, zero: ZeroState, calm_kg: Sequence[float]) -> str:
    """The meta block for samples that were fed to a live pipeline of these parameters.

    zero: in force while the deck was loaded; calm_kg: of the deck before that. They are named only
    when a deck was seen empty since the start; before that nothing is held.
    """
    indicator = params.source is WeightSource.INDICATOR
    meta: dict[str, object] = {
        "kind": "indicator" if indicator else "cells",
        "fs_nominal": params.rate_hz,
        "deck_len_m": params.deck_length_mm / 1_000,
        "max_kg": params.max_kg,
        "e_kg": params.e_kg,
        "occupied_kg": params.occupied_kg,
        "beams": params.beams,
    }
    meta |= {} if indicator else _of_cells(params)
    if zero.set_ns:
        meta["zero_in_force_counts"] = zero.counts
        meta["zero_initial_kg"] = zero.initial_kg
        meta["zero_set_s"] = zero.set_ns / NS_PER_S
        meta["calm_kg"] = [*calm_kg]
    return json.dumps(meta)


def _of_cells(params: WeighParams) -> dict[str, object]:
    return {
        "full_scale": params.full_scale,
        "cell_x_m": [x / 1_000 for x in params.cell_x_mm],
        "cell_y_m": [y / 1_000 for y in params.cell_y_mm],
        "kg_per_count": params.kg_per_count,
        "zero_counts": params.zero_counts,
        "cell_cap_kg": params.cell_cap_kg,
        "glitch_blocks": params.alarm_only != ALARM_ONLY,
    }
