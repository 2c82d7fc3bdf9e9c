"""The meta block of a recorded trace: each value checked, and what the pipeline needs of it.

It knows no file and no sample; each defect is one line that names the key.
"""

from __future__ import annotations

import reprlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from terminal.core.types import WeightSource
from terminal.weighing.params import WeighParams

COUNTS_MAX = 2**31
SPAN_MIN = 1e-6
NUMBER_MAX = 1e300
CELL_TABLES = ("kg_per_count", "zero_counts", "cell_x_m", "cell_y_m")
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
    beams = meta.get("beams", True)
    if not isinstance(beams, bool):
        raise TraceError(f"{path}: meta: beams is {_told(beams)}; true or false is expected")
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
