"""What one drive-on tells: axles, wheels beside the deck, outside support, wrong cell gains.

Runs once per standing vehicle on the recorded forces of its drive-on, just before a mass is
held. Pure arithmetic on arrays; the caller decides what a finding forbids.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

import numpy as np

from terminal.weighing.axles import AxleSet, axle_stages, finish, ramp, travel_m
from terminal.weighing.gains import LINE_M, GainEvidence, Rolling, gain_stages, nothing

SIDE_SHIFT_MAX = 0.12
"""Axles that run further beside the others' line, as a share of the width, have a wheel beside
the deck: it moves them by a third, a bent approach by 0.07 at most."""
SIDE_SIGMAS = 2.0
SIDE_WANDER = 0.02
"""How far single axles stray from one line (tracks, dry friction), as a share of the width."""
ASLANT_PER_M = 0.006
"""How much further to one side per metre a vehicle drives."""
ROLL_SHARE = 0.01
PUSH_KG = 30.0
SIDE_WAVE_S = 0.4
"""Sideways noise: roll of the body, and wind on few axles. It goes on for so long."""
SIDE_OFF_MAX = 0.22
"""All axles so far from the middle: one side of the vehicle is beside the deck."""
ROLLING_S_MIN = 1.0
ROLLED_DOUBT_MAX = 0.03
"""No ringing leaves more; what wanders further was not rolling with all its axles on the deck."""
SUPPORT_SHARE_MIN = 0.012
SUPPORT_KG_MIN = 250.0
SUPPORT_SIGMAS = 4.5
STEP_M = 0.4
"""Rows so close to an axle's entry say more about its position than about gains."""


@dataclass(frozen=True, slots=True)
class Boarding:
    """Findings of one drive-on.

    mass_kg: the standing mass it was studied with. rolled_kg, rolled_doubt_kg: the mass while all
    axles rolled, 0 where they did not roll long enough. gains: evidence on the cells' gain
    errors, to be added up over passages. wheel_off: by how many times more than allowed some axles
    run beside the others, 0 when none does.
    """

    axles: AxleSet | None
    wheel_off: float
    gains: GainEvidence
    mass_kg: float = 0.0
    rolled_kg: float = 0.0
    rolled_doubt_kg: float = 0.0

    def support_kg(self, mass_kg: float) -> float:
        """How much lighter it stands, at mass_kg, than it rolled; 0 when not significant."""
        if self.rolled_kg <= 0:
            return 0.0
        return self.rolled_kg - mass_kg if self.support_times(mass_kg) > 1.0 else 0.0

    def support_times(self, mass_kg: float) -> float:
        """The same loss over the least that is significant."""
        doubt = SUPPORT_SIGMAS * self.rolled_doubt_kg
        least = max(SUPPORT_SHARE_MIN * mass_kg, SUPPORT_KG_MIN, doubt)
        return abs(self.rolled_kg - mass_kg) / least


@dataclass(frozen=True, slots=True)
class Ride:
    """A drive-on as recorded: bins x cells of forces from before the first axle to now, of which
    the last still_bins stand. x_m: cells from the entry edge; far: 0 left line, 1 right line.
    """

    forces: np.ndarray
    x_m: np.ndarray
    far: np.ndarray
    bin_s: float
    still_bins: int

    def backwards(self, deck_m: float) -> Ride:
        """A drive-off looked at backwards in time from the exit: it is a drive-on."""
        return Ride(self.forces[::-1], deck_m - self.x_m, self.far, self.bin_s, self.still_bins)


def study(ride: Ride, mass_kg: float, centre_m: float) -> Boarding:
    """Study one drive-on in one go; see study_stages()."""
    return finish(study_stages(ride, mass_kg, centre_m))


def study_stages(ride: Ride, mass_kg: float, centre_m: float) -> Generator[None, None, Boarding]:
    """mass_kg, centre_m (from the entry edge): of the standing vehicle. Yields between pieces
    of bounded work, so that no tick carries all of it.

    Cells that all stand at one place along the deck know no axles, cells on one side no wheel
    beside it: nothing is said then, as by an indicator.
    """
    forces, far, bin_s = ride.forces, ride.far, ride.bin_s
    forces = forces[np.isfinite(forces).all(axis=1)]
    total, moment = forces.sum(axis=1), forces @ ride.x_m
    axles = None
    if tells_place(ride.x_m):
        axles = yield from axle_stages(total, moment, bin_s, mass_kg, centre_m)
    if axles is None:
        return Boarding(None, _side_moved(forces, far, total), nothing(forces.shape[1]), mass_kg)
    yield
    travel = travel_m(total, moment, bin_s)
    offset = travel[:, None] - np.asarray(axles.position_m)[None, :]
    steps = ramp(offset)
    yield
    off = _wheel_off(forces @ far, total, steps, offset, axles, bin_s) if far.any() else 0.0
    rolled, doubt = _rolled(total, travel, axles, bin_s, ride.still_bins)
    yield
    if not axles.agrees:
        return Boarding(None, off, nothing(forces.shape[1]), mass_kg, rolled, doubt)
    clear = np.abs(offset).min(axis=1) >= STEP_M
    gains = yield from gain_stages(
        Rolling(
            forces[clear], ride.x_m, far, steps[clear], offset[clear], travel[clear], mass_kg, bin_s
        )
    )
    return Boarding(axles, off, gains, mass_kg, rolled, doubt)


def tells_place(x_m: np.ndarray) -> bool:
    """Whether the cells tell where along the deck the load is."""
    return len(x_m) > 1 and float(np.ptp(x_m)) > LINE_M


def _side_moved(forces: np.ndarray, far: np.ndarray, total: np.ndarray) -> float:
    """Without axles: the sideways share of the whole against that of its front part; by how many
    times more than allowed they differ, 0 when not more.
    """
    loaded = total > 0.1 * float(total[-1])
    if loaded.sum() < 10 or not far.any():
        return 0.0
    share = (forces[loaded] @ far) / total[loaded]
    tenth = max(3, len(share) // 10)
    first, last = float(np.median(share[:tenth])), float(np.median(share[-tenth:]))
    return _over(max(abs(last - first), abs(last - 0.5)) / SIDE_OFF_MAX)


def _over(times: float) -> float:
    """times, when that is over the threshold; else 0."""
    return times if times > 1.0 else 0.0


def _wheel_off(
    side: np.ndarray,
    total: np.ndarray,
    steps: np.ndarray,
    offset_m: np.ndarray,
    axles: AxleSet,
    bin_s: float,
) -> float:
    """Whether some neighbouring axles run beside the line of the others: by how many times more
    than allowed, 0 when they do not.

    Looks at the sideways share of what is on, which bounce leaves alone. A vehicle that drives
    aslant carries every axle a little further to one side the deeper it stands in the deck. How
    far the axles stray and how aslant they drive is known beforehand: what the recording cannot
    tell stays small.
    """
    stands = _over(abs(float(side[-1] / total[-1]) - 0.5) / SIDE_OFF_MAX)
    if stands:
        return stands
    loads = np.asarray(axles.loads_kg)
    count = len(loads)
    on = steps @ loads
    clear = (on > 0.8 * loads[0]) & (np.abs(total - on) < 0.4 * on)
    on = on[clear]
    part = steps[clear] * loads / on[:, None]
    share = side[clear] / total[clear] - 0.5
    rows = np.column_stack([np.ones(len(on)), (part * offset_m[clear]).sum(axis=1), part])
    weight = min(1.0, bin_s / SIDE_WAVE_S) / (ROLL_SHARE**2 + (PUSH_KG / on) ** 2)
    known = (rows * weight[:, None]).T @ rows
    seen = (rows * weight[:, None]).T @ share
    prior = np.array([SIDE_OFF_MAX, ASLANT_PER_M, *[SIDE_WANDER] * count])
    runs = np.array(
        [
            [0, 0] + [low <= k < high for k in range(count)]
            for low in range(count)
            for high in range(low + 1, count + (low > 0))
        ],
        dtype=float,
    ).reshape(-1, count + 2)
    crossed = runs @ known
    inner = np.linalg.solve(known + np.diag(prior**-2.0), np.column_stack([seen, crossed.T]))
    found = runs @ seen - crossed @ inner[:, 0]
    sure = (crossed * runs).sum(axis=1) - (crossed * inner[:, 1:].T).sum(axis=1) + 1.0
    far_off = np.abs(found / sure) / SIDE_SHIFT_MAX
    significant = np.abs(found) / (SIDE_SIGMAS * np.sqrt(sure))
    return _over(float(np.minimum(far_off, significant).max(initial=0.0)))


def _rolled(
    total: np.ndarray, travel: np.ndarray, axles: AxleSet, bin_s: float, still_bins: int
) -> tuple[float, float]:
    """Mass while all axles rolled on the deck, and its standard uncertainty."""
    end = len(total) - still_bins
    rolling = total[:end][travel[:end] > axles.position_m[-1] + 0.25]
    if len(rolling) * bin_s < ROLLING_S_MIN:
        return 0.0, 0.0
    cycles = max(1.0, len(rolling) * bin_s * 1.5)
    rolled_kg, doubt_kg = float(rolling.mean()), float(rolling.std() / np.sqrt(cycles))
    return (rolled_kg, doubt_kg) if doubt_kg < ROLLED_DOUBT_MAX * rolled_kg else (0.0, 0.0)
