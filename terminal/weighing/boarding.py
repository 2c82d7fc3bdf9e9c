"""What one drive-on tells: axles, wheels beside the deck, outside support, wrong cell gains.

Runs once per standing vehicle on the recorded forces of its drive-on, just before a mass is
held. Pure arithmetic on arrays; the caller decides what a finding forbids.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from terminal.weighing.axles import GROUP_M, AxleSet, find_axles, ramp, travel_m

SIDE_SPREAD_MAX = 0.14
"""Axles whose sideways shares differ by more: one has a wheel beside the deck."""
GROUP_SPREAD_MAX = 0.09
"""The same for a group of axles, whose share is surer."""
SIDE_OFF_MAX = 0.22
"""All axles so far from the middle: one side of the vehicle is beside the deck."""
ROLLING_S_MIN = 1.0
SUPPORT_SHARE_MIN = 0.012
SUPPORT_KG_MIN = 250.0
SUPPORT_SIGMAS = 4.5
STEP_M = 0.4
"""Rows so close to an axle's entry say more about its position than about gains."""
INDEPENDENT_M = 0.4
"""Travel over which body bounce forgets itself."""
GAIN_PRIOR = 0.01
"""Spread of cell gain errors before anything is known."""


@dataclass(frozen=True, slots=True)
class Boarding:
    """Findings of one drive-on. support_kg: how much lighter it stands than it rolled.

    gain_info, gain_vector: normal equations of the cells' gain errors, to be added up over
    passages.
    """

    axles: AxleSet | None
    wheel_off: bool
    support_kg: float
    gain_info: np.ndarray
    gain_vector: np.ndarray


def study(
    forces: np.ndarray,
    x_m: np.ndarray,
    far: np.ndarray,
    bin_s: float,
    mass_kg: float,
    centre_m: float,
    still_bins: int,
) -> Boarding:
    """forces: bins x cells from before the first axle to now; the last still_bins stand.

    x_m: cell positions from the entry edge; far: 0 for the left line of cells, 1 for the right.
    """
    known = np.isfinite(forces).all(axis=1)
    forces = forces[known]
    total, moment = forces.sum(axis=1), forces @ x_m
    cells = forces.shape[1]
    axles = find_axles(total, moment, bin_s, mass_kg, centre_m)
    none = np.zeros((cells, cells)), np.zeros(cells)
    if axles is None:
        off = _side_moved(forces, far, total)
        return Boarding(None, off, 0.0, *none)
    travel = travel_m(total, moment, bin_s)
    steps = ramp(travel[:, None] - np.asarray(axles.position_m)[None, :])
    off = _wheel_off(forces @ far, total, steps, axles)
    support = _support_kg(total, travel, axles, bin_s, mass_kg, still_bins)
    near = np.abs(travel[:, None] - np.asarray(axles.position_m)[None, :]).min(axis=1) < STEP_M
    info, vector = _gains(forces[~near], steps[~near], travel[~near], mass_kg)
    return Boarding(axles, off, support, info, vector)


def _side_moved(forces: np.ndarray, far: np.ndarray, total: np.ndarray) -> bool:
    """Without axles: the sideways share of the whole against that of its front part."""
    loaded = total > 0.1 * float(total[-1])
    if loaded.sum() < 10:
        return False
    share = (forces[loaded] @ far) / total[loaded]
    tenth = max(3, len(share) // 10)
    first, last = float(np.median(share[:tenth])), float(np.median(share[-tenth:]))
    return abs(last - first) > SIDE_OFF_MAX or abs(last - 0.5) > SIDE_OFF_MAX


def _wheel_off(side: np.ndarray, total: np.ndarray, steps: np.ndarray, axles: AxleSet) -> bool:
    """Sideways share of every axle and group of axles, both from the same staircase fit."""
    right, loads = np.linalg.lstsq(steps, np.stack([side, total], axis=1), rcond=None)[0].T
    if float(loads.min()) <= 0.02 * float(loads.sum()):
        return False
    share = right / loads
    if abs(float(right.sum() / loads.sum()) - 0.5) > SIDE_OFF_MAX:
        return True
    starts = [0, *(i + 1 for i, gap in enumerate(axles.spacing_m) if gap >= GROUP_M)]
    grouped = np.add.reduceat(right, starts) / np.add.reduceat(loads, starts)
    return bool(float(np.ptp(share)) > SIDE_SPREAD_MAX or float(np.ptp(grouped)) > GROUP_SPREAD_MAX)


def _support_kg(
    total: np.ndarray,
    travel: np.ndarray,
    axles: AxleSet,
    bin_s: float,
    mass_kg: float,
    still_bins: int,
) -> float:
    """Mass while all axles rolled on the deck, less the standing mass; 0 when not significant."""
    end = len(total) - still_bins
    rolling = total[:end][travel[:end] > axles.position_m[-1] + 0.25]
    if len(rolling) * bin_s < ROLLING_S_MIN:
        return 0.0
    rolled = float(rolling.mean())
    cycles = max(1.0, len(rolling) * bin_s * 1.5)
    doubt = float(rolling.std()) / np.sqrt(cycles)
    lost = rolled - mass_kg
    least = max(SUPPORT_SHARE_MIN * mass_kg, SUPPORT_KG_MIN, SUPPORT_SIGMAS * doubt)
    return lost if abs(lost) > least else 0.0


def _gains(
    forces: np.ndarray, steps: np.ndarray, travel: np.ndarray, mass_kg: float
) -> tuple[np.ndarray, np.ndarray]:
    """Normal equations of the cell gain errors: the total must not depend on position.

    total = axle loads on the deck + gain errors x cell forces; axle loads are eliminated. The
    misfit is coloured by body bounce, so its weight counts cycles of travel, not samples.
    """
    moving = np.gradient(travel) > 1e-4
    rows, on = forces[moving], steps[moving]
    cells = forces.shape[1]
    if len(rows) < 4 * (cells + on.shape[1]):
        return np.zeros((cells, cells)), np.zeros(cells)
    thin = max(1, len(rows) // 400)
    rows, on = rows[::thin], on[::thin]
    total = rows.sum(axis=1)
    basis, _ = np.linalg.qr(on)
    left = total - basis @ (basis.T @ total)
    design = rows - basis @ (basis.T @ rows)
    variance = float(left @ left) / len(left)
    distance = float(np.ptp(travel[moving]))
    worth = max(distance / INDEPENDENT_M, 1.0) / len(left)
    scale = worth / max(variance, (1e-3 * mass_kg) ** 2)
    return scale * (design.T @ design), scale * (design.T @ left)
