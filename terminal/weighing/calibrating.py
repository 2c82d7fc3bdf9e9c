"""Finding a calibration: zero, corners, five or more loads, and the errors that remain.

Pure arithmetic on blocks of counts: a block that is saturated, unsteady, too small or out of
order is refused with a sentence for the person who calibrates. Nothing is sealed here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from terminal.texts.catalogue import text
from terminal.texts.prompts import Lang
from terminal.weighing.calibration import Calibration, CalibrationError, Point, check
from terminal.weighing.params import mpe_kg

POINTS_MIN = 5
ROWS_MIN = 40
SPAN_SHARE_MIN = 0.01
"""A load must be at least this share of Max, and the sum must move at such a rate that Max is as
much of one converter's range: less leaves too few counts to a division."""
UNSTEADY_SHARE_MAX = 5e-4
"""Block halves may differ by this share of the block's signal, or by ten noise deviations."""
CORNER_SHARE_MAX = 0.05
"""Cells further apart than this are a fault of the installation, not to be adjusted away."""


CORNER_SUM_MIN = 0.7
"""At each cell the mass must move the sum by this share of what it does elsewhere."""
CELL_SHARE_MIN = 0.05
"""Near some load or corner each cell must carry this part of an equal share, or it is dead."""
CAPACITY_TIMES_MAX = 20
"""All cells together carry at least Max and at most so many times Max."""


class RefusedError(Exception):
    """What must not enter a calibration: a key of the catalogue (calibrate.KEY) and its values."""

    def __init__(self, key: str, **values: object) -> None:
        self.key, self.values = key, values
        super().__init__(self.said("en"))

    def said(self, lang: Lang) -> str:
        """One sentence: what is wrong and what to do."""
        return text(f"calibrate.{self.key}", lang, **self.values)


@dataclass(frozen=True, slots=True)
class LoadError:
    """One line of the report: errors and limits in kg and in scale divisions e."""

    load_kg: int
    shown_kg: float
    error_kg: float
    error_e: float
    mpe_e: float

    @property
    def within(self) -> bool:
        """Whether the error keeps to the MPE at initial verification."""
        return abs(self.error_e) <= self.mpe_e + 1e-9


@dataclass(frozen=True, slots=True)
class Corners:
    """A corner test: the mass, the mean counts with it near each cell, the gains found."""

    mass_kg: int
    placed: tuple[np.ndarray, ...]
    gains: np.ndarray


@dataclass(frozen=True, slots=True)
class Outcome:
    """A new calibration with the errors that remain at its own loads.

    nonlinearity_kg: largest distance of a load from the straight line through all.
    corner_shares: gain found for each cell, relative to their mean; empty when not tested.
    corner: the test mass and what the adjusted deck shows for it; None when not tested.
    """

    calibration: Calibration
    errors: tuple[LoadError, ...]
    nonlinearity_kg: float
    corner_shares: tuple[float, ...]
    corner: LoadError | None = None

    @property
    def within(self) -> bool:
        """Whether every load keeps to the MPE."""
        return all(error.within for error in self.errors)


def steady_mean(block: np.ndarray, full_scale: int) -> np.ndarray:
    """Mean counts a cell of one block of at least ROWS_MIN (rows x cells). Raises RefusedError."""
    assert len(block) >= ROWS_MIN, "whoever reads the cells names the one that is silent"
    rail = np.nonzero((np.abs(block) >= full_scale - 1).any(axis=0))[0]
    if len(rail):
        raise RefusedError("saturated", cell=int(rail[0]))
    if bool((np.ptp(block, axis=0) == 0).any()):
        raise RefusedError("stuck", cell=int(np.argmin(np.ptp(block, axis=0))))
    first, last = np.array_split(block, 2)
    moved = np.abs(first.mean(axis=0) - last.mean(axis=0))
    noise = block.std(axis=0)
    signal = np.abs(block.mean(axis=0))
    quiet = 10.0 * noise / np.sqrt(len(block) / 2) + UNSTEADY_SHARE_MAX * signal
    if bool((moved > quiet).any()) or bool((noise > 0.02 * full_scale).any()):
        worst = np.where(noise > 0.02 * full_scale, noise, moved - quiet)
        raise RefusedError("moving", cell=int(np.argmax(worst)))
    return np.asarray(block.mean(axis=0))


def check_capacity(cell_kg: int, cells: int, max_kg: int) -> None:
    """Whether these cells can carry Max without being absurdly large. Raises RefusedError."""
    if not max_kg <= cell_kg * cells <= CAPACITY_TIMES_MAX * max_kg:
        raise RefusedError(
            "capacity", cells=cells, kg=cell_kg, max_kg=max_kg, most=CAPACITY_TIMES_MAX
        )


def corner_gains(zero: np.ndarray, placed: Sequence[np.ndarray]) -> np.ndarray:
    """Relative gain of each cell from one test mass placed near each cell in turn.

    The sum must be the same wherever the mass stands: solve sum(g x counts) = constant.
    """
    cells = len(zero)
    if len(placed) != cells:
        raise RefusedError("corner_count", cells=cells)
    signal = np.asarray([reading - zero for reading in placed])
    sums = signal.sum(axis=1)
    if bool((sums <= 0).all()):
        raise RefusedError("not_risen")
    least = int(np.argmin(sums))
    if sums[least] < CORNER_SUM_MIN * np.median(sums):
        percent = max(0.0, 100.0 * float(sums[least] / np.median(sums)))
        raise RefusedError("corner_small", cell=least, percent=percent)
    if np.linalg.cond(signal) > 1e4:
        raise RefusedError("corner_same")
    gains = np.linalg.solve(signal, np.full(cells, float(sums.mean())))
    shares = gains / gains.mean()
    if bool((np.abs(shares - 1.0) > CORNER_SHARE_MAX).any()):
        worst = int(np.argmax(np.abs(shares - 1.0)))
        percent = 100.0 * (1.0 / float(shares[worst]) - 1.0)
        raise RefusedError("corner_far", cell=worst, percent=percent)
    return np.asarray(shares)


def check_load(load_kg: int, max_kg: int) -> None:
    """Whether a load is of use at all; asked before anybody waits. Raises RefusedError."""
    if load_kg > max_kg:
        raise RefusedError("above_max", kg=load_kg, max_kg=max_kg)
    if load_kg < SPAN_SHARE_MIN * max_kg:
        raise RefusedError("below_span", kg=load_kg)


def check_signal(
    zero: np.ndarray, load_kg: int, counts: np.ndarray, max_kg: int, full_scale: int
) -> None:
    """Whether the load moved the cells enough for a span to rest on. Raises RefusedError."""
    signal = float((counts - zero).sum())
    if signal <= 0:
        raise RefusedError("not_risen")
    if signal * max_kg < SPAN_SHARE_MIN * full_scale * load_kg:
        raise RefusedError("weak", kg=load_kg, counts=signal)


def check_point(
    zero: np.ndarray,
    points: Sequence[tuple[int, np.ndarray]],
    load_kg: int,
    counts: np.ndarray,
) -> None:
    """Whether a new load may join those already taken. Raises RefusedError."""
    signal = float((counts - zero).sum())
    rows = sorted([*((kg, float((c - zero).sum())) for kg, c in points), (load_kg, signal)])
    for (lighter, less), (heavier, more) in pairwise(rows):
        if heavier == lighter:
            raise RefusedError("same_load", kg=load_kg)
        if more <= less:
            raise RefusedError("less_signal", heavier=heavier, lighter=lighter)
    if points:
        per_kg = [value / kg for kg, value in rows]
        if max(per_kg) > 1.05 * min(per_kg):
            taken = ", ".join(f"{i}) {kg} kg" for i, (kg, _) in enumerate(points, 1))
            raise RefusedError("off_line", kg=load_kg, taken=taken)


def check_cells(zero: np.ndarray, readings: Sequence[np.ndarray]) -> None:
    """Whether every cell answered to some load or corner. Raises RefusedError for a dead one.

    A dead cell does not show in the sum: with the loads always at the same place the others
    take its share, and the scale is right there and wrong everywhere else.
    """
    signal = np.asarray([reading - zero for reading in readings])
    shares = signal / signal.sum(axis=1, keepdims=True)
    best = shares.max(axis=0) * len(zero)
    if bool((best < CELL_SHARE_MIN).any()):
        raise RefusedError("cell_idle", cell=int(np.argmin(best)))


def solve(
    serial: str,
    full_scale: int,
    cell_cap_kg: int,
    sealed_count: int,
    zero: np.ndarray,
    corners: Corners | None,
    points: Sequence[tuple[int, np.ndarray]],
    e_kg: int,
) -> Outcome:
    """The calibration through zero and all loads. corners: None when not tested.

    Raises RefusedError with too few loads.
    """
    if len(points) < POINTS_MIN:
        raise RefusedError("more_loads", count=POINTS_MIN - len(points))
    weights = np.ones(len(zero)) if corners is None else corners.gains
    loads = np.asarray([float(kg) for kg, _ in points])
    signal = np.asarray([float((counts - zero) @ weights) for _, counts in points])
    span = float(loads @ signal) / float(signal @ signal)
    shown = span * signal
    line = np.polyfit(signal, loads, 1)
    errors = tuple(
        _error(kg, float(value), e_kg) for (kg, _), value in zip(points, shown, strict=True)
    )
    calibration = Calibration(
        serial=serial,
        full_scale=full_scale,
        kg_per_count=tuple(float(span * gain) for gain in weights),
        zero_counts=tuple(float(value) for value in zero),
        cell_cap_kg=cell_cap_kg,
        points=tuple(
            Point(kg, round(float(v), 3)) for (kg, _), v in zip(points, shown, strict=True)
        ),
        sealed_count=sealed_count,
    )
    try:
        check(calibration)
    except CalibrationError as error:
        raise RefusedError("implausible", why=str(error)) from error
    return Outcome(
        calibration,
        errors,
        float(np.abs(loads - np.polyval(line, signal)).max()),
        () if corners is None else tuple(float(gain) for gain in corners.gains),
        None if corners is None else _corner(corners, zero, span, e_kg),
    )


def _corner(corners: Corners, zero: np.ndarray, span: float, e_kg: int) -> LoadError:
    """The adjusted deck shows the same for the mass wherever it stood."""
    shown_kg = span * float((corners.placed[0] - zero) @ corners.gains)
    return _error(corners.mass_kg, shown_kg, e_kg)


def _error(load_kg: int, shown_kg: float, e_kg: int) -> LoadError:
    error_kg = shown_kg - load_kg
    return LoadError(load_kg, shown_kg, error_kg, error_kg / e_kg, mpe_kg(load_kg, e_kg) / e_kg)
