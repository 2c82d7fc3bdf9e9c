"""Evidence on wrong cell gains from one vehicle rolling over the deck.

Two witnesses. The total must not depend on where the vehicle is: bounce blurs this one. And every
axle keeps its sideways share whichever line of cells it passes: bounce cancels there, only body
roll remains. Gives normal equations, to be added up over passages; it judges nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

ROWS_MAX = 400
TOTAL_SHARE_MIN = 5e-3
SIDE_SHARE_MIN = 2e-4
"""Smallest scatter believed of the total (an edge lifts every axle alike) and of the side."""
WRONG_SHARE = 0.015
"""Spread of gain errors that are looked for."""
ROUNDS = 3
SPARE_MIN = 4
"""Independent rows that must be left over when the axles have been fitted."""
FIRST_TRUST = 0.1
"""Share of the rows that count before their likeness is known."""
ROLL_SHARE_MAX = 5e-4
"""A body that rolls more than this says nothing by its sideways share."""
SLOW_M_MIN = 1e-4
"""Rows with less travel than this a bin stand still and repeat themselves."""


@dataclass(frozen=True, slots=True)
class GainEvidence:
    """info x gain errors = vector, in the least-squares sense; zeros where nothing is known."""

    info: np.ndarray
    vector: np.ndarray

    @property
    def known(self) -> bool:
        """Whether this passage says anything."""
        return bool(self.info.any())


def nothing(cells: int) -> GainEvidence:
    """No evidence."""
    return GainEvidence(np.zeros((cells, cells)), np.zeros(cells))


def gain_evidence(
    forces: np.ndarray,
    far: np.ndarray,
    steps: np.ndarray,
    offset_m: np.ndarray,
    travel_m: np.ndarray,
    mass_kg: float,
) -> GainEvidence:
    """forces: bins x cells in kg; far: 0 left, 1 right line. steps: share of each axle that is on;
    offset_m: its distance past the entry edge; travel_m: of the vehicle. Rolling bins count.
    """
    cells, axles = forces.shape[1], steps.shape[1]
    if len(forces) < 4 * (cells + axles):
        return nothing(cells)
    moving = np.gradient(travel_m) > SLOW_M_MIN
    rows, on, offset_m = forces[moving], steps[moving], offset_m[moving]
    if len(rows) < 4 * (cells + axles):
        return nothing(cells)
    thin = max(1, len(rows) // ROWS_MAX)
    rows, on, offset_m = rows[::thin], on[::thin], offset_m[::thin]
    total = rows.sum(axis=1)
    loads = np.linalg.lstsq(on, total, rcond=None)[0]
    level = on @ loads
    info, vector = _normal(rows, on, total, TOTAL_SHARE_MIN * mass_kg, mass_kg)
    steady = rows * (level / np.maximum(total, 0.05 * mass_kg))[:, None]
    sign = 2.0 * far - 1.0
    aslant = (on * loads * offset_m).sum(axis=1)
    more = _normal(
        steady * sign,
        np.column_stack([on, aslant]),
        steady @ sign,
        SIDE_SHARE_MIN * mass_kg,
        ROLL_SHARE_MAX * mass_kg,
    )
    return GainEvidence(info + more[0], vector + more[1])


def _normal(
    design: np.ndarray, free: np.ndarray, seen: np.ndarray, least_kg: float, most_kg: float
) -> tuple[np.ndarray, np.ndarray]:
    """Normal equations of seen = free x anything + design x gains, the free part taken out.

    The misfit is coloured, so its weight counts independent rows, and none is given where they
    are hardly more than what is fitted or scatter by more than most_kg.
    """
    basis, _ = np.linalg.qr(free)
    left = seen - basis @ (basis.T @ seen)
    apart = design - basis @ (basis.T @ design)
    rows, fitted = len(left), free.shape[1]
    square, line = apart.T @ apart, apart.T @ left
    # the sum of all cells is what is explained: only small gain errors are let in
    small = np.eye(len(line)) / WRONG_SHARE**2
    scale = FIRST_TRUST / least_kg**2
    for _ in range(ROUNDS):
        scatter = left - apart @ np.linalg.solve(scale * square + small, scale * line)
        independent = rows / _alike(scatter)
        variance = float(scatter @ scatter) / rows
        if independent < fitted + SPARE_MIN:
            return np.zeros_like(square), np.zeros_like(line)
        variance *= independent / (independent - fitted)
        scale = independent / rows / max(variance, least_kg**2)
    if float(scatter @ scatter) / rows > most_kg**2:
        return np.zeros_like(square), np.zeros_like(line)
    return scale * square, scale * line


def _alike(scatter: np.ndarray) -> float:
    """How many neighbouring rows tell the same: from the autocorrelation."""
    rows = len(scatter)
    power = np.abs(np.fft.rfft(scatter, 2 * rows)) ** 2
    correlation = np.fft.irfft(power)[: rows // 2]
    return float(1.0 + 2.0 * ((correlation[1:] / max(correlation[0], 1e-9)) ** 2).sum())
