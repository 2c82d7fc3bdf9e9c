"""The settling estimator: the mass a ringing total is heading for, with its own uncertainty.

Decaying oscillations are identified (subspace pencil on windows inside the standing period)
and taken out, not waited out; where wind or slosh defeat the model, block means of a longer
window take over. Floats only; it vouches for nothing by itself: the pipeline decides.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from math import hypot, inf, pi, sqrt

import numpy as np

STEP_S = 0.04
WINDOWS_S = (0.8, 1.12, 1.6, 2.4, 3.6, 5.6)
ORDERS = (2, 4, 6)
TURNS = 2
"""Each step looks at every second window and keeps what the others said one step before: half the
work in a tick."""
POINTS_MAX = 45
"""Longer windows are thinned to so many points: the cost of one step stays bounded."""
BLOCK_WINDOW_S_MIN = 3.0
BLOCK_WINDOW_S_MAX = 30.0
BLOCK_S = 1.0
WIND_S = 1.3
WIND_FADE = 0.3
"""The mean of gusts over t is as unsure as (WIND_S / t) ** WIND_FADE of their standard deviation:
most of their power is slower than any window, so that waiting helps little (measured 0.27; the
-5/3 law of turbulence gives 1/3).
"""
FAST_HZ_MAX = 6.0
AGREE_S = 0.4
CLAIM_S = 1.5
SURPRISE_SIGMAS = 4.0
SURPRISE_SHARE = 0.3
AGREE_SHARE = 0.35
FLOOR_KG = 1.0
SANE_KG = 1e9
"""No deck shows more: such points, and NaN, say nothing, and nothing is held on them."""
ROOM_MIN = 1e-9
"""Below this the newest point alone spans a direction: no oscillation can be told from it."""
CYCLES_SURE = 1.5
CYCLE_DOUBT = 0.25
CYCLE_DOUBT_LONG = 0.125
"""Of windows from LONG_S on: too long for a slosh to hide in. With one doubt for all (60 tankers),
that of windows up to 1.12 s was half of the error, that of windows from 2.4 s twice as much."""
LONG_S = 2.0
OVERRULED_SIGMAS = 2.0
"""A shorter window takes part of a slow wave for mass and is sure of it: from a window of LONG_S
on, the longer one has the say. Tankers: t95 4.1 and 4.7 s before, 2.7 s now (two pools of 60)."""
TREND_DOUBT = 0.5
RESIDUAL_FACTOR = 2.0
"""Residuals of neighbouring points are alike (filter, wind): their count is worth less."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """mass_kg and its standard uncertainty, of which gusts_kg is the wind's; window_s: what it
    rests on.
    """

    mass_kg: float
    u_kg: float
    window_s: float
    gusts_kg: float = 0.0

    @property
    def calm_u_kg(self) -> float:
        """The uncertainty without the wind's: what more standing still mends."""
        return sqrt(max(0.0, self.u_kg**2 - self.gusts_kg**2))


SURE_OF_NOTHING = Estimate(0.0, inf, 0.0)


class Settler:
    """step() once per STEP_S with the standing period's filtered total; restart() on motion."""

    def __init__(self, step_s: float) -> None:
        self._recent: deque[Estimate] = deque(maxlen=max(4, round(AGREE_S / step_s)))
        self._claims: deque[Estimate] = deque(maxlen=max(4, round(CLAIM_S / step_s)))
        self._turn = 0
        self._others: list[Estimate] = []

    def restart(self) -> None:
        """Forget the estimates: the vehicle moved or the load shifted."""
        self._recent.clear()
        self._claims.clear()
        self._others = []
        self._turn = 0  # or the mass would depend on the vehicles before

    def step(self, total: np.ndarray, step_s: float, wind_kg: float = 0.0) -> Estimate | None:
        """Best estimate from the newest points of the standing period; None while too short.

        wind_kg: standard deviation of slow forces that the points cannot tell from mass.
        """
        self._turn = (self._turn + 1) % TURNS
        fresh = window_estimates(total, step_s, WINDOWS_S[self._turn :: TURNS])
        best = surest([*fresh, *self._others, *block_estimates(total, step_s)], wind_kg)
        self._others = fresh
        if best is None:
            self._recent.clear()
            return None
        self._recent.append(best)
        self._claims.append(best)
        return replace(best, u_kg=best.u_kg + self._surprise_kg(best))

    def _surprise_kg(self, best: Estimate) -> float:
        """Extra doubt when an estimate of a moment ago was sure of something else."""
        extra = 0.0
        for claim in self._claims:
            if best.window_s >= LONG_S and claim.window_s < best.window_s:
                continue  # the longer look explains the shorter one's error
            off = abs(claim.mass_kg - best.mass_kg)
            if off > SURPRISE_SIGMAS * claim.u_kg:
                extra = max(extra, SURPRISE_SHARE * off)
        return extra

    def agreed(self, band_kg: float) -> bool:
        """Whether the last estimates stand within band_kg of each other."""
        if len(self._recent) < (self._recent.maxlen or 0):
            return False
        masses = [estimate.mass_kg for estimate in self._recent]
        return max(masses) - min(masses) <= band_kg

    def mean_kg(self) -> float:
        """Mean of the last estimates, each as sure as it is."""
        weight = [e.u_kg**-2 for e in self._recent]
        return sum(w * e.mass_kg for w, e in zip(weight, self._recent, strict=True)) / sum(weight)


def window_estimates(
    total: np.ndarray, step_s: float, windows_s: Sequence[float] = WINDOWS_S
) -> list[Estimate]:
    """What each window and order says; windows longer than total say nothing."""
    found: list[Estimate] = []
    for window_s in windows_s:
        count = round(window_s / step_s)
        if 8 <= count <= len(total) and _sane(total[-count:]):
            found += _window_estimates(total[-count:], step_s)
    return found


def _sane(points: np.ndarray) -> bool:
    return bool(np.abs(points).max() <= SANE_KG)  # False for NaN


def surest(found: Sequence[Estimate], wind_kg: float) -> Estimate | None:
    """The estimate with the smallest uncertainty, that of the wind included: the more wind, the
    longer the window that is best.
    """
    found = _overruled(found)
    if wind_kg:
        found = [_in_gusts(e, _gusts_kg(wind_kg, e.window_s)) for e in found]
    return min(found, key=lambda e: e.u_kg) if found else None


def _overruled(found: Sequence[Estimate]) -> list[Estimate]:
    """Each estimate no surer than its distance from what a long window longer than its own says,
    less that one's doubt.
    """
    longer: dict[float, Estimate] = {}
    for e in found:
        if e.window_s >= LONG_S and e.u_kg < longer.get(e.window_s, SURE_OF_NOTHING).u_kg:
            longer[e.window_s] = e
    ruled = []
    for e in found:
        doubt_kg = max(
            (
                abs(e.mass_kg - long.mass_kg) - OVERRULED_SIGMAS * long.u_kg
                for long in longer.values()
                if long.window_s > e.window_s
            ),
            default=0.0,
        )
        ruled.append(replace(e, u_kg=doubt_kg) if doubt_kg > e.u_kg else e)
    return ruled


def _in_gusts(e: Estimate, gusts_kg: float) -> Estimate:
    return replace(e, u_kg=hypot(e.u_kg, gusts_kg), gusts_kg=gusts_kg)


def _gusts_kg(wind_kg: float, window_s: float) -> float:
    return float(wind_kg * (WIND_S / window_s) ** WIND_FADE)


def _window_estimates(points: np.ndarray, step_s: float) -> list[Estimate]:
    window_s = len(points) * step_s
    thin = -(-len(points) // POINTS_MAX)
    if thin > 1:
        kept = len(points) // thin * thin
        points = points[len(points) - kept :].reshape(-1, thin).mean(axis=1)
        step_s *= thin
    centre = float(points.mean())
    centred = points - centre
    try:
        fits = _fits(centred, step_s)
    except np.linalg.LinAlgError:  # no mass from points that have no spectrum
        return []
    found = [(offset + centre, u_kg) for offset, u_kg in fits]
    if not found:
        return []
    spread = float(np.std([mass for mass, _ in found])) if len(found) > 1 else FLOOR_KG
    return [
        Estimate(mass, sqrt(u * u + 0.25 * spread * spread + FLOOR_KG**2), window_s)
        for mass, u in found
    ]


def _fits(points: np.ndarray, step_s: float) -> list[tuple[float, float]]:
    """What each order says that the points are enough for."""
    directions = _directions(points)
    fits = (_fit(points, directions, n, step_s) for n in ORDERS if 3 * n <= len(points))
    return [fit for fit in fits if fit is not None]


def _fit(
    points: np.ndarray, directions: np.ndarray, order: int, step_s: float
) -> tuple[float, float] | None:
    """Constant of constant + decaying oscillations, and its standard uncertainty.

    directions: those of the points as they are, the same for every order; the second pass takes
    them anew, without the constant that the first one found.
    """
    count = len(points)
    cycle_doubt = CYCLE_DOUBT_LONG if count * step_s >= LONG_S else CYCLE_DOUBT
    result = _constant(points, _poles(directions, order, count, step_s), cycle_doubt)
    if result is None:
        return None
    again = _directions(points - result[0])
    return _constant(points, _poles(again, order, count, step_s), cycle_doubt)


@cache
def _hankel_rows(count: int) -> np.ndarray:
    half = count * 2 // 5
    return np.arange(count - half + 1)[:, None] + np.arange(half)


def _directions(points: np.ndarray) -> np.ndarray:
    """Directions of the points' Hankel matrix, strongest last (ESPRIT)."""
    hankel = points[_hankel_rows(len(points))]
    return np.asarray(np.linalg.eigh(hankel.T @ hankel)[1])


def _poles(directions: np.ndarray, order: int, count: int, step_s: float) -> np.ndarray:
    """Upper-half-plane poles of the strongest oscillations."""
    space = directions[:, -order:]
    last = space[-1]
    room = 1.0 - float(last @ last)
    if room < ROOM_MIN:
        return np.empty(0, dtype=complex)
    # The columns are orthonormal, so the least squares of one row shifted has this closed form.
    crossed = space[:-1].T @ space[1:]
    shift = crossed + np.outer(last, last @ crossed) / room
    poles = np.linalg.eigvals(shift)
    poles = poles[poles.imag > 1e-6]
    size = np.abs(poles)
    hz = np.angle(poles) / (2 * pi * step_s)
    window_s = count * step_s
    keep = (hz > 0.55 / window_s) & (hz < FAST_HZ_MAX) & (size > 0.5)
    poles, size = poles[keep], size[keep]
    return np.asarray(poles / np.maximum(size, 1.0))


def _constant(
    points: np.ndarray, poles: np.ndarray, cycle_doubt: float
) -> tuple[float, float] | None:
    """Least squares on constant and modes. Doubt grows with what a short window cannot tell:
    modes seen for less than a cycle and a half, and a trend that is left over.
    """
    n = len(points)
    if n < 2 * len(poles) + 5:
        return None
    angles = np.angle(poles)
    decays = -np.log(np.maximum(np.abs(poles), 1e-3))
    ages = np.arange(n - 1, -1, -1.0)
    modes = np.exp(np.outer(ages - (n - 1), decays) + 1j * np.outer(ages, angles))
    design = np.empty((n, 2 * len(poles) + 1))
    design[:, 0] = 1.0
    design[:, 1::2] = modes.real
    design[:, 2::2] = modes.imag
    try:
        inverse = np.linalg.inv(design.T @ design)
    except np.linalg.LinAlgError:
        return None
    solution = inverse @ (points @ design)
    left = points - design @ solution
    freedom = max(1.0, (n - 2.0 * design.shape[1]) / RESIDUAL_FACTOR)
    variance = float(left @ left) / freedom
    spread = variance * max(float(inverse[0, 0]), 0.0) * RESIDUAL_FACTOR
    doubt = 0.0
    for k, angle in enumerate(angles):
        cycles = float(angle) * n / (2 * pi)
        if cycles < CYCLES_SURE:
            last = float(np.hypot(*solution[2 * k + 1 : 2 * k + 3]))
            doubt += last * cycle_doubt * (CYCLES_SURE - cycles)
    half = n // 2
    doubt += TREND_DOUBT * abs(float(left[:half].mean() - left[half:].mean()))
    return float(solution[0]), sqrt(spread + doubt * doubt)


def block_estimates(total: np.ndarray, step_s: float) -> list[Estimate]:
    """Mean of all that stood still, as sure as its one-second blocks agree."""
    each = max(2, round(BLOCK_S / step_s))
    most = round(BLOCK_WINDOW_S_MAX / step_s)
    count = min(len(total), most) // each * each
    if count * step_s < BLOCK_WINDOW_S_MIN or not _sane(total[-count:]):
        return []
    blocks = total[-count:].reshape(-1, each).mean(axis=1)
    u_kg = 1.4 * float(blocks.std(ddof=1)) / sqrt(len(blocks))
    return [Estimate(float(blocks.mean()), sqrt(u_kg * u_kg + FLOOR_KG**2), count * step_s)]
