"""Axles from the drive-on staircase: count, loads, spacing, in the distance domain.

Travel comes from the moment of the cell forces (an axle enters at moment zero), so neither
speed nor stops matter. The total against travel is a rising staircase; its steps are the axles.
The result is checked against the standing mass and centre of pressure, and dropped if it does
not agree. Loads are meant for groups: suspension friction moves single axles by percents.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

Found = TypeVar("Found")

CELL_M = 0.04
RAMP_M = 0.26
"""Length over which a tyre's footprint crosses the edge of the deck."""
START_KG = 250.0
CLUSTER_M = 0.62
APART_M_MIN = 0.75
AXLE_SHARE_MIN = 0.045
AXLE_KG_MIN = 350.0
GROUP_M = 2.2
AXLES_MAX = 12
SUM_SHARE_MAX = 0.01
TOP_SHARE_MAX = 0.02
"""Of 65 simulated drive-ons and drive-offs none differs by more than 0.7 %, with a jack by 2.5 to
12 %, which the fit would put on the last axle."""
CENTRE_M_MAX = 0.35
REFINE_ROUNDS = 4
GRID_MAX = 2_000
LAG_REACH_M = 0.6
LAG_SHARE_MIN = 0.4
HEIGHT_M = 1.3
HEIGHT_M_MAX = 3.0
FIX_WEIGHT = 6.0
"""Weight of the standing mass and moment against the whole staircase."""


@dataclass(frozen=True, slots=True)
class AxleSet:
    """loads_kg from the front axle on; position_m: travel of the front axle when each entered.

    fit_share: rms misfit of the staircase, as a share of the mass. top_share: what all axles
    carried as they rolled, before the fit made them add up to the mass, as a share of it.
    """

    loads_kg: tuple[float, ...]
    position_m: tuple[float, ...]
    fit_share: float
    top_share: float = 1.0

    @property
    def agrees(self) -> bool:
        """Whether the axles rolled with the mass that stands."""
        return abs(self.top_share - 1.0) <= TOP_SHARE_MAX

    @property
    def spacing_m(self) -> tuple[float, ...]:
        """Distances between neighbouring axles."""
        return tuple(b - a for a, b in zip(self.position_m, self.position_m[1:], strict=False))

    def groups_kg(self) -> tuple[float, ...]:
        """Loads of axles closer than 2.2 m, added up."""
        groups = [self.loads_kg[0]]
        for load, gap in zip(self.loads_kg[1:], self.spacing_m, strict=True):
            if gap < GROUP_M:
                groups[-1] += load
            else:
                groups.append(load)
        return tuple(groups)


@dataclass(frozen=True, slots=True)
class _Stairs:
    """Total and acceleration (divided by g) over evenly spaced travel.

    lag_m: how far the centre of pressure is behind the first axle; body bounce leaves it alone.
    """

    grid_m: np.ndarray
    total_kg: np.ndarray
    pull_g: np.ndarray
    lag_m: np.ndarray


def travel_m(total: np.ndarray, moment: np.ndarray, bin_s: float) -> np.ndarray:
    """Travel of the first axle over the edge, from dM = T ds; smoothed against body bounce."""
    first = int(np.argmax(total > START_KG))
    mean = np.maximum(0.5 * (total[1:] + total[:-1]), START_KG)
    limit = 12.0 * bin_s
    step = np.clip(np.diff(moment) / mean, -limit, limit)[first:]
    start = moment[first] / max(float(total[first]), START_KG)
    on = start + np.concatenate([[0.0], np.cumsum(step)])
    on = _smooth(_smooth(on, 0.4, bin_s), 0.24, bin_s)
    ahead = max(3, round(0.2 / bin_s))
    speed = max(float(on[min(ahead, len(on) - 1)] - on[0]) / ahead, 0.1 * bin_s)
    before = on[0] - speed * np.arange(first, 0, -1)
    return np.concatenate([before, on])


Stages = Generator[None, None, "AxleSet | None"]


def axle_stages(
    total: np.ndarray, moment: np.ndarray, bin_s: float, mass_kg: float, centre_m: float
) -> Stages:
    """The axle set of one drive-on, or None when the staircase does not agree with itself.

    total (kg) and moment (kg m from the entry edge) from before the first axle to standstill;
    mass_kg and centre_m as held at standstill. Yields between pieces of bounded work.
    """
    if len(total) < 8 or mass_kg <= 0:
        return None
    travel = travel_m(total, moment, bin_s)
    position, load, misfit = np.zeros(0), np.zeros(0), 0.0
    for _ in range(2):
        yield
        stairs = _staircase(total, moment, travel, bin_s)
        if stairs is None:
            return None
        yield
        rough = _clusters(stairs.grid_m, stairs.total_kg, mass_kg)
        if rough is None:
            return None
        position, load = _without_bounce(stairs, *rough)
        height_m = 0.0
        for _ in range(REFINE_ROUNDS):
            yield
            position, load, height_m, misfit = _refine(stairs, position, load, height_m, mass_kg)
        yield
        travel = _travel_again(total, moment, travel, position, load, bin_s)
    found = _checked(position, load, misfit, mass_kg, centre_m, float(travel[-5:].mean()))
    assert stairs is not None, "both rounds had one"
    top = stairs.total_kg[stairs.grid_m > float(position.max()) + RAMP_M / 2]
    if found is None or not len(top):
        return found
    return replace(found, top_share=float(top.mean()) / mass_kg)


def finish(stages: Generator[None, None, Found]) -> Found:
    """Run a staged computation to its end at once."""
    while True:
        try:
            next(stages)
        except StopIteration as done:
            found: Found = done.value
            return found


def _checked(
    position: np.ndarray,
    load: np.ndarray,
    misfit: float,
    mass_kg: float,
    centre_m: float,
    end_m: float,
) -> AxleSet | None:
    """Cross-checks: sum = mass, centre of pressure as measured, plausible axles."""
    if len(load) > AXLES_MAX or float(load.min()) < 0.6 * AXLE_SHARE_MIN * mass_kg:
        return None
    if abs(float(load.sum()) - mass_kg) > SUM_SHARE_MAX * mass_kg:
        return None
    centre = float((load * (end_m - position)).sum() / load.sum())
    if abs(centre - centre_m) > CENTRE_M_MAX:
        return None
    if len(position) > 1 and float(np.diff(position).min()) < 0.6:
        return None
    scaled = load * (mass_kg / float(load.sum()))
    return AxleSet(
        tuple(float(v) for v in scaled), tuple(float(v) for v in position - position[0]), misfit
    )


def _smooth(values: np.ndarray, seconds: float, bin_s: float) -> np.ndarray:
    half = round(seconds / bin_s / 2)
    if half < 1 or len(values) < 2 * half + 2:
        return values
    before = 2 * values[0] - values[half:0:-1]
    after = 2 * values[-1] - values[-2 : -half - 2 : -1]
    padded = np.concatenate([before, values, after])
    return np.convolve(padded, np.ones(2 * half + 1) / (2 * half + 1), mode="valid")


def _staircase(
    total: np.ndarray, moment: np.ndarray, travel: np.ndarray, bin_s: float
) -> _Stairs | None:
    """Averages over cells of travel; cells that no sample fell into are interpolated."""
    low, high = -0.6, float(travel.max())
    count = int((high - low) / CELL_M)
    if not 10 <= count <= GRID_MAX:
        return None
    speed = np.gradient(_smooth(travel, 0.3, bin_s), bin_s)
    pull = np.clip(np.gradient(_smooth(speed, 0.3, bin_s), bin_s) / 9.81, -0.4, 0.4)
    lag = np.where(total > START_KG, travel - moment / np.maximum(total, START_KG), 0.0)
    cell = ((travel - low) / CELL_M).astype(int)
    inside = (cell >= 0) & (cell < count)
    cell = cell[inside]
    hits = np.bincount(cell, minlength=count).astype(float)
    grid = low + (np.arange(count) + 0.5) * CELL_M
    known = hits > 0
    if known.sum() < 5:
        return None
    means = [
        np.interp(
            grid,
            grid[known],
            np.bincount(cell, weights=values[inside], minlength=count)[known] / hits[known],
        )
        for values in (total, pull, lag)
    ]
    means[0][grid < -0.3] = np.minimum(means[0][grid < -0.3], 0.0)
    return _Stairs(grid, means[0], means[1], means[2])


def _isotonic(values: np.ndarray) -> np.ndarray:
    """Least-squares rising fit (pool adjacent violators): every axle can only add load."""
    means: list[float] = []
    sizes: list[int] = []
    for value in values.tolist():
        mean, size = value, 1
        while means and means[-1] >= mean:
            last, count = means.pop(), sizes.pop()
            mean = (mean * size + last * count) / (size + count)
            size += count
        means.append(mean)
        sizes.append(size)
    return np.repeat(np.asarray(means), np.asarray(sizes))


def _clusters(
    grid: np.ndarray, stairs: np.ndarray, mass_kg: float
) -> tuple[np.ndarray, np.ndarray] | None:
    """Positions and loads of the staircase's steps: strongest first, then what is left."""
    rise = np.diff(_isotonic(stairs), prepend=0.0)
    rise = np.maximum(rise, 0.0)
    least = max(AXLE_SHARE_MIN * mass_kg, AXLE_KG_MIN)
    reach = round(CLUSTER_M / CELL_M)
    kernel = np.ones(2 * (reach // 2) + 1)
    left = rise.copy()
    found: list[tuple[float, float]] = []
    for _ in range(AXLES_MAX + 1):
        sums = np.convolve(left, kernel, mode="same")
        peak = int(np.argmax(sums))
        if sums[peak] < least:
            break
        low, high = max(peak - reach // 2, 0), peak + reach // 2 + 1
        weight = left[low:high]
        centre = float((grid[low:high] * weight).sum() / weight.sum())
        near = np.abs(grid - centre) <= CLUSTER_M / 2
        load = float(left[near].sum())
        if load < least:
            left[low:high] = 0.0
            continue
        found.append((float((grid[near] * left[near]).sum() / load), load))
        left[near] = 0.0
    if not found:
        return None
    return _merged(sorted(found))


def _merged(found: list[tuple[float, float]]) -> tuple[np.ndarray, np.ndarray]:
    """Steps closer than any two axles are one axle, blurred."""
    merged = [found[0]]
    for position, load in found[1:]:
        last, weight = merged[-1]
        if position - last < APART_M_MIN:
            sum_kg = weight + load
            merged[-1] = ((last * weight + position * load) / sum_kg, sum_kg)
        else:
            merged.append((position, load))
    return np.array([p for p, _ in merged]), np.array([w for _, w in merged])


def _without_bounce(
    stairs: _Stairs, position: np.ndarray, load: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Keep steps that also pull the centre of pressure back: bounce raises only the total."""
    keep = [True]
    grid, lag = stairs.grid_m, stairs.lag_m
    for i in range(1, len(load)):
        at = position[i]
        before_m = min(LAG_REACH_M, 0.5 * (at - position[i - 1]))
        after_m = LAG_REACH_M
        if i + 1 < len(load):
            after_m = min(after_m, 0.5 * (position[i + 1] - at))
        half = RAMP_M / 2
        before = lag[(grid > at - half - before_m) & (grid < at - half)]
        after = lag[(grid > at + half) & (grid < at + half + after_m)]
        if not len(before) or not len(after):
            keep.append(True)
            continue
        on = float(load[:i].sum())
        expected = load[i] / (on + load[i]) * (at - float(before.mean()))
        keep.append(float(after.mean() - before.mean()) > LAG_SHARE_MIN * expected)
    return position[keep], load[keep]


def ramp(offset: np.ndarray) -> np.ndarray:
    """Share of a tyre that is on the deck, for its distance past the edge in m."""
    return np.clip(offset / RAMP_M + 0.5, 0.0, 1.0)


def _refine(
    stairs: _Stairs, position: np.ndarray, load: np.ndarray, height_m: float, mass_kg: float
) -> tuple[np.ndarray, np.ndarray, float, float]:
    """One Gauss-Newton round on positions, loads and height of the centre of mass (braking leans
    on the front axles), with the standing mass as one more equation. The misfit is that before.
    """
    grid = stairs.grid_m
    fix = FIX_WEIGHT * np.sqrt(len(grid))
    count = len(load)
    stiff = 0.3 * mass_kg / count
    offset = grid[:, None] - position[None, :]
    steps = ramp(offset)
    inside = (np.abs(offset) < RAMP_M / 2) / RAMP_M
    lean = _lean(position, load)
    leaning = -(steps @ lean) * stairs.pull_g * mass_kg
    model = steps @ load + leaning * height_m
    rows = np.zeros((len(grid) + 1 + count + 1, 2 * count + 1))
    rows[: len(grid), :count] = steps
    rows[: len(grid), count : 2 * count] = -inside * load
    rows[: len(grid), -1] = leaning
    rows[len(grid), :count] = fix
    rows[len(grid) + 1 :, count:] = np.diag([stiff] * count + [0.02 * mass_kg])
    wanted = np.zeros(len(rows))
    wanted[: len(grid)] = stairs.total_kg - model
    wanted[len(grid)] = fix * (mass_kg - load.sum())
    wanted[-1] = 0.02 * mass_kg * (HEIGHT_M - height_m)
    change = np.linalg.lstsq(rows.T @ rows, rows.T @ wanted, rcond=None)[0]
    load = np.maximum(load + change[:count], 0.01 * mass_kg)
    position = position + np.clip(change[count:-1], -0.15, 0.15)
    height_m = float(np.clip(height_m + change[-1], 0.0, HEIGHT_M_MAX))
    return position, load, height_m, float(np.std(stairs.total_kg - model)) / mass_kg


def _lean(position: np.ndarray, load: np.ndarray) -> np.ndarray:
    """Load each axle gives up per metre of height and g of acceleration, as share of the mass."""
    back = position - position[0]
    arm = float((back * load).sum() / load.sum()) - back
    spread = float((load * arm * arm).sum())
    if spread <= 0:
        return np.zeros(len(load))
    return np.asarray(load * arm / spread)


def _travel_again(
    total: np.ndarray,
    moment: np.ndarray,
    travel: np.ndarray,
    position: np.ndarray,
    load: np.ndarray,
    bin_s: float,
) -> np.ndarray:
    """Travel from the centre of pressure of the axles that are on: free of body bounce."""
    share = ramp(travel[:, None] - position[None, :]) * load
    weight = share.sum(axis=1)
    lever = (share * position).sum(axis=1)
    usable = (weight > 0.9 * load[0]) & (total > START_KG)
    measured = np.where(usable, moment / np.maximum(total, START_KG), 0.0)
    again = np.where(usable, measured + lever / np.maximum(weight, 1.0), travel)
    again = np.clip(again, travel - 0.4, travel + 0.4)
    return _smooth(again, 0.2, bin_s)
