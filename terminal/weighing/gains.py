"""Evidence on wrong cell gains from one vehicle rolling over the deck.

Two witnesses. The total must not depend on where the vehicle is: bounce blurs this one, so it is
looked at slowly, in running means; a vehicle passes a line of cells in seconds. And every
axle keeps its sideways place whichever line of cells carries it: bounce cancels there, and roll of
the body, which all lines feel at once, is told from a wrong cell, which only its own line feels.
The sides see a wrong cell best, but not whether one of a line reads too much or the other too
little; that the total knows. Gives normal equations, to be added up over passages.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

import numpy as np
from numpy import fft  # by name: numpy loads it when it is first used, amid a visit

ROWS_MAX = 400
SLOW_S = 1.0
"""Length of the running means of the total; a body's slowest bounce is 1.3 Hz."""
SLOW_STEPS = 10
"""So many running means in that time."""
SLOW_MIN = 3
"""A vehicle that rolls for less than so many of them shows bounce and nothing else."""
TOTAL_SHARE_MIN = 2e-3
SIDE_SHARE_MIN = 2e-4
"""Smallest scatter believed of the total's running means (an edge lifts every axle alike) and of
a line's side."""
WRONG_SHARE = 0.015
"""Spread of gain errors that are looked for."""
GAIN_MAX = 0.05
"""A cell that is wrong by more shows elsewhere."""
DEPENDENT_MAX = 1e-9
SPARE_MIN = 4
"""Independent rows that must be left over when the axles have been fitted."""
SIDE_SHARE_MAX = 5e-4
"""Sides that scatter more than this are those of a vehicle that weaves: they say nothing."""
SLOW_M_MIN = 1e-4
"""Rows with less travel than this a bin stand still and repeat themselves."""
LINE_M = 0.3
"""Cells so close to each other along the deck are one line."""
LINE_SHARE_MIN = 0.01
"""A line that carries less of the vehicle has nothing to say about sides."""


@dataclass(frozen=True, slots=True)
class GainEvidence:
    """info x gain errors = vector, in the least-squares sense; zeros where nothing is known."""

    info: np.ndarray
    vector: np.ndarray

    @property
    def known(self) -> bool:
        """Whether this passage says anything."""
        return bool(self.info.any())

    def plus(self, other: GainEvidence) -> GainEvidence:
        """Both together."""
        return GainEvidence(self.info + other.info, self.vector + other.vector)


@dataclass(frozen=True, slots=True)
class Rolling:
    """One drive-on, bins x cells or bins x axles. forces: kg. x_m: cells from the entry edge; far:
    0 left, 1 right line. steps: share of each axle that is on; offset_m: its distance past the
    entry edge; travel_m: of the vehicle. mass_kg: as it stands. bin_s: length of a bin.
    """

    forces: np.ndarray
    x_m: np.ndarray
    far: np.ndarray
    steps: np.ndarray
    offset_m: np.ndarray
    travel_m: np.ndarray
    mass_kg: float
    bin_s: float


def nothing(cells: int) -> GainEvidence:
    """No evidence."""
    return GainEvidence(np.zeros((cells, cells)), np.zeros(cells))


def gain_stages(ride: Rolling) -> Generator[None, None, GainEvidence]:
    """The evidence of one drive-on; only bins in which it rolls count. Yields between pieces of
    bounded work.
    """
    cells, axles = ride.forces.shape[1], ride.steps.shape[1]
    least = 4 * (cells + axles)
    if len(ride.forces) < least:
        return nothing(cells)
    moving = np.flatnonzero(np.gradient(ride.travel_m) > SLOW_M_MIN)
    if len(moving) < least:
        return nothing(cells)
    found = _of_total(ride, moving)
    yield
    moving = moving[:: max(1, len(moving) // ROWS_MAX)]
    forces, on, offset_m = ride.forces[moving], ride.steps[moving], ride.offset_m[moving]
    total = forces.sum(axis=1)
    loads = np.linalg.lstsq(on, total, rcond=None)[0]
    lines = lines_of(ride.x_m, ride.far)
    if len(lines) < 2:
        return found
    sides = _sides(forces, lines, ride.x_m, on * np.maximum(loads, 0.0), offset_m, ride.mass_kg)
    yield
    bounds = (SIDE_SHARE_MIN * ride.mass_kg, SIDE_SHARE_MAX * ride.mass_kg)
    return found.plus(_evidence(*sides, bounds, len(lines) - 1))


def _of_total(ride: Rolling, moving: np.ndarray) -> GainEvidence:
    """What the total says, in running means over the rows in which the vehicle moves."""
    width = max(1, round(SLOW_S / ride.bin_s))
    if len(moving) < SLOW_MIN * width:
        return nothing(ride.forces.shape[1])
    window = np.hanning(width + 2)[1:-1]
    every = max(1, width // SLOW_STEPS, len(moving) // ROWS_MAX)

    def slow(values: np.ndarray) -> np.ndarray:
        windows = np.lib.stride_tricks.sliding_window_view(values[moving], width, axis=0)[::every]
        return np.asarray(windows @ (window / window.sum()))[:, None, :]

    forces = slow(ride.forces)
    bounds = (TOTAL_SHARE_MIN * ride.mass_kg, ride.mass_kg)
    return _evidence(forces, slow(ride.steps), forces.sum(axis=2), bounds, 1)


def lines_of(x_m: np.ndarray, far: np.ndarray) -> list[tuple[int, int]]:
    """(left, right) cell of each line from the entry on; none when some cell has no partner."""
    left, right = np.flatnonzero(far < 0.5), np.flatnonzero(far >= 0.5)
    left, right = left[np.argsort(x_m[left])], right[np.argsort(x_m[right])]
    if len(left) != len(right) or (np.abs(x_m[left] - x_m[right]) > LINE_M).any():
        return []
    return list(zip(left.tolist(), right.tolist(), strict=True))


def _sides(
    forces: np.ndarray,
    lines: list[tuple[int, int]],
    x_m: np.ndarray,
    loads_on: np.ndarray,
    offset_m: np.ndarray,
    mass_kg: float,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Right minus left of every line: what wrong gains would do, what the vehicle is free to do,
    what was seen; bins x lines (x cells, x axles and 2).

    Free: the place of every axle, and one bent path for all. The axles' loads are shared out to
    the lines by levers, then scaled to what the lines carry: bounce is in both. What moves all
    lines alike, each by what it carries, is roll, and is taken out bin by bin.
    """
    left, right = (np.array(side) for side in zip(*lines, strict=True))
    place = x_m[left]
    carried = forces[:, left] + forces[:, right]
    hats = np.eye(len(lines))
    shares = np.stack([np.interp(offset_m, place, hat) for hat in hats], axis=1)
    shares *= loads_on[:, None, :]
    explained = shares.sum(axis=2)
    heard = np.minimum(explained, carried) > LINE_SHARE_MIN * mass_kg
    shares *= np.where(heard, carried / np.maximum(explained, 1.0), 0.0)[:, :, None]
    along = offset_m[:, None, :]
    free = np.concatenate(
        [
            shares,
            (shares * along).sum(axis=2, keepdims=True),
            (shares * along**2).sum(axis=2, keepdims=True),
        ],
        axis=2,
    )
    gains = np.zeros((*carried.shape, forces.shape[1]))
    each = np.arange(len(lines))
    # a wrong cell raises what its line carries too, and with it what the axles' places explain
    apart = 2.0 * forces[:, left] * forces[:, right] / np.maximum(carried, 1.0)
    gains[:, each, right] = apart
    gains[:, each, left] = -apart
    seen = forces[:, right] - forces[:, left]
    roll = np.where(heard, carried, 0.0)
    roll /= np.maximum(np.linalg.norm(roll, axis=1, keepdims=True), 1.0)

    def without_roll(values: np.ndarray) -> np.ndarray:
        along_roll = np.einsum("tk,tkj->tj", roll, values)
        return np.asarray((values - roll[:, :, None] * along_roll[:, None, :]) * heard[:, :, None])

    return without_roll(gains), without_roll(free), without_roll(seen[:, :, None])[:, :, 0]


def _evidence(
    design: np.ndarray,
    free: np.ndarray,
    seen: np.ndarray,
    bounds_kg: tuple[float, float],
    freedom: int,
) -> GainEvidence:
    """Normal equations of seen = free x anything + design x gains, the free part taken out.

    All are bins x channels (x unknowns); freedom: channels that are independent of each other.
    bounds_kg: smallest scatter believed, largest that still says something. The misfit is
    coloured, so its weight counts independent bins.
    """
    bins, channels, cells = design.shape
    none = nothing(cells)
    basis = _basis(free.reshape(bins * channels, -1))
    flat, wide = seen.ravel(), design.reshape(bins * channels, cells)
    left = flat - basis @ (basis.T @ flat)
    apart = wide - basis @ (basis.T @ wide)
    fitted = basis.shape[1]
    square, line = apart.T @ apart, apart.T @ left
    # what one wrong cell does not explain is scatter; all cells together explain a winding path too
    gains = line / np.maximum(square.diagonal(), 1e-9)
    worst = int(np.argmax(gains * line))
    gain = float(np.clip(gains[worst], -GAIN_MAX, GAIN_MAX))
    scatter = left - gain * apart[:, worst]
    independent = freedom * bins / _alike(scatter.reshape(bins, channels))
    variance = float(scatter @ scatter) / (bins * freedom)
    least_kg, most_kg = bounds_kg
    if independent < fitted + SPARE_MIN or variance > most_kg**2:
        return none
    variance = max(variance * independent / (independent - fitted), least_kg**2)
    scale = independent / (bins * freedom) / variance
    return GainEvidence(scale * square, scale * line)


def _basis(columns: np.ndarray) -> np.ndarray:
    """Orthonormal columns that span the same, those that depend on the others left out."""
    scaled = columns / np.maximum(np.linalg.norm(columns, axis=0), 1e-9)
    size, mixed = np.linalg.eigh(scaled.T @ scaled)  # small: no thread is woken for it
    kept = size > DEPENDENT_MAX * size[-1]
    return np.asarray(scaled @ (mixed[:, kept] / np.sqrt(size[kept])))


def _alike(scatter: np.ndarray) -> float:
    """How many neighbouring bins tell the same: from the autocorrelation over all channels."""
    bins = len(scatter)
    power = (np.abs(fft.rfft(scatter, 2 * bins, axis=0)) ** 2).sum(axis=1)
    correlation = fft.irfft(power)[: bins // 2]
    return float(1.0 + 2.0 * ((correlation[1:] / max(correlation[0], 1e-9)) ** 2).sum())
