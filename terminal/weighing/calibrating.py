"""Finding a calibration: zero, corners, five or more loads, and the report of their errors.

Pure arithmetic on blocks of counts: a block that is saturated, unsteady, too small or out of
order is refused with a sentence for the person who calibrates. Nothing is sealed here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from terminal.weighing.calibration import Calibration, Point, check
from terminal.weighing.params import mpe_kg

POINTS_MIN = 5
ROWS_MIN = 40
SPAN_SHARE_MIN = 0.01
"""A load must be at least this share of Max, and move the sum by as much of its range."""
UNSTEADY_SHARE_MAX = 5e-4
"""Block halves may differ by this share of the block's signal, or by ten noise deviations."""
CORNER_SHARE_MAX = 0.05
"""Cells further apart than this are a fault of the installation, not to be adjusted away."""


class RefusedError(Exception):
    """A reading that must not enter a calibration; str() is a sentence saying why."""


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
class Outcome:
    """A new calibration with the errors that remain at its own loads.

    nonlinearity_kg: largest distance of a load from the straight line through all.
    corner_shares: gain found for each cell, relative to their mean.
    """

    calibration: Calibration
    errors: tuple[LoadError, ...]
    nonlinearity_kg: float
    corner_shares: tuple[float, ...]

    @property
    def within(self) -> bool:
        """Whether every load keeps to the MPE."""
        return all(error.within for error in self.errors)


def steady_mean(block: np.ndarray, full_scale: int) -> np.ndarray:
    """Mean counts a cell of one block (rows x cells). Raises RefusedError."""
    if len(block) < ROWS_MIN or not np.isfinite(block).all():
        raise RefusedError("Too few samples came from the cells; check the wiring and repeat.")
    rail = np.nonzero((np.abs(block) >= full_scale - 1).any(axis=0))[0]
    if len(rail):
        raise RefusedError(f"Cell {rail[0]} is saturated; check its wiring or lower the gain.")
    first, last = np.array_split(block, 2)
    moved = np.abs(first.mean(axis=0) - last.mean(axis=0))
    noise = block.std(axis=0)
    signal = np.abs(block.mean(axis=0))
    quiet = 10.0 * noise / np.sqrt(len(block) / 2) + UNSTEADY_SHARE_MAX * signal
    if bool((moved > quiet).any()) or bool((noise > 0.02 * full_scale).any()):
        cell = int(np.argmax(moved - quiet))
        raise RefusedError(f"Cell {cell} does not stand still; wait until nothing moves, repeat.")
    if bool((np.ptp(block, axis=0) == 0).any()):
        cell = int(np.argmin(np.ptp(block, axis=0)))
        raise RefusedError(f"Cell {cell} repeats one value; its converter is stuck.")
    return np.asarray(block.mean(axis=0))


def corner_gains(zero: np.ndarray, placed: Sequence[np.ndarray]) -> np.ndarray:
    """Relative gain of each cell from one test mass placed near each cell in turn.

    The sum must be the same wherever the mass stands: solve sum(g x counts) = constant.
    """
    cells = len(zero)
    if len(placed) != cells:
        raise RefusedError(f"The test mass must stand near each of the {cells} cells once.")
    signal = np.asarray([reading - zero for reading in placed])
    if bool((np.abs(signal).sum(axis=1) <= 0).any()) or np.linalg.cond(signal) > 1e4:
        raise RefusedError("The mass was not moved from cell to cell; repeat the corner test.")
    gains = np.linalg.solve(signal, np.full(cells, float(signal.sum(axis=1).mean())))
    shares = gains / gains.mean()
    if bool((np.abs(shares - 1.0) > CORNER_SHARE_MAX).any()):
        worst = int(np.argmax(np.abs(shares - 1.0)))
        raise RefusedError(
            f"Cell {worst} differs by {100 * (shares[worst] - 1):.1f} % from the others; "
            "that is a fault of the installation, find it before calibrating."
        )
    return np.asarray(shares)


def check_point(
    zero: np.ndarray,
    points: Sequence[tuple[int, np.ndarray]],
    load_kg: int,
    counts: np.ndarray,
    max_kg: int,
) -> None:
    """Whether a new load may join those already taken. Raises RefusedError."""
    if load_kg > max_kg:
        raise RefusedError(f"{load_kg} kg is above Max = {max_kg} kg.")
    if load_kg < SPAN_SHARE_MIN * max_kg:
        raise RefusedError(f"{load_kg} kg is below 1 % of Max; a span cannot rest on it.")
    signal = float((counts - zero).sum())
    if signal <= 0:
        raise RefusedError("The sum of the cells did not rise; check polarity and load.")
    rows = sorted([*((kg, float((c - zero).sum())) for kg, c in points), (load_kg, signal)])
    for (lighter, less), (heavier, more) in pairwise(rows):
        if heavier == lighter:
            raise RefusedError(f"{load_kg} kg was taken already; use another load.")
        if more <= less:
            raise RefusedError(
                f"{heavier} kg gave less signal than {lighter} kg; check the test masses."
            )
    if points:
        per_kg = [value / kg for kg, value in rows]
        if max(per_kg) > 1.05 * min(per_kg):
            raise RefusedError(
                f"{load_kg} kg does not lie on a line with the other loads (more than 5 % off); "
                "check the test masses."
            )


def solve(
    serial: str,
    full_scale: int,
    cell_cap_kg: int,
    sealed_count: int,
    zero: np.ndarray,
    gains: np.ndarray,
    points: Sequence[tuple[int, np.ndarray]],
    e_kg: int,
) -> Outcome:
    """The calibration through zero and all loads. Raises RefusedError with too few loads."""
    if len(points) < POINTS_MIN:
        raise RefusedError(f"{len(points)} loads were taken; at least {POINTS_MIN} are needed.")
    loads = np.asarray([float(kg) for kg, _ in points])
    signal = np.asarray([float((counts - zero) @ gains) for _, counts in points])
    span = float(loads @ signal) / float(signal @ signal)
    shown = span * signal
    line = np.polyfit(signal, loads, 1)
    errors = tuple(
        LoadError(
            kg,
            float(value),
            float(value - kg),
            float(value - kg) / e_kg,
            mpe_kg(kg, e_kg) / e_kg,
        )
        for (kg, _), value in zip(points, shown, strict=True)
    )
    calibration = Calibration(
        serial=serial,
        full_scale=full_scale,
        kg_per_count=tuple(float(span * gain) for gain in gains),
        zero_counts=tuple(float(value) for value in zero),
        cell_cap_kg=cell_cap_kg,
        points=tuple(
            Point(kg, round(float(v), 3)) for (kg, _), v in zip(points, shown, strict=True)
        ),
        sealed_count=sealed_count,
    )
    check(calibration)
    return Outcome(
        calibration,
        errors,
        float(np.abs(loads - np.polyval(line, signal)).max()),
        tuple(float(gain) for gain in gains),
    )


def report(outcome: Outcome, e_kg: int, max_kg: int, made_at: str, by: str) -> str:
    """The report as text: who, what, errors in e against the MPE, corner adjustment."""
    made = outcome.calibration
    lines = [
        "CALIBRATION REPORT",
        f"device {made.serial}, {made.cells} cells of {made.cell_cap_kg} kg",
        f"Max {max_kg} kg, e = d = {e_kg} kg, class III",
        f"made {made_at} by {by}, calibration no. {made.sealed_count}",
        "",
        f"{'load kg':>10} {'shown kg':>10} {'error kg':>9} {'error e':>8} {'MPE e':>6}  result",
    ]
    lines += [
        f"{row.load_kg:>10} {row.shown_kg:>10.1f} {row.error_kg:>+9.1f} {row.error_e:>+8.2f} "
        f"{row.mpe_e:>6.1f}  {'within' if row.within else 'OUTSIDE'}"
        for row in outcome.errors
    ]
    lines += [
        "",
        f"largest distance from a straight line: {outcome.nonlinearity_kg:.1f} kg "
        f"({outcome.nonlinearity_kg / e_kg:.2f} e)",
        "corner adjustment by cell: "
        + ", ".join(f"{i}: {100 * (g - 1):+.2f} %" for i, g in enumerate(outcome.corner_shares)),
        f"verdict: {'within the MPE' if outcome.within else 'NOT within the MPE'}",
    ]
    return "\n".join(lines) + "\n"
