"""When a mass may be held, and when a held mass is void again.

Standing is judged from the centre of pressure, so that nothing is held on a plateau between
axles. A held mass is watched until the vehicle moves; a shift of the load voids it. It never
holds while the pipeline says that something forbids it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import inf, sqrt
from sys import maxsize

import numpy as np

from terminal.weighing.history import CENTRE, SIDE, TOTAL, History
from terminal.weighing.params import WeighParams, mpe_kg
from terminal.weighing.settle import Estimate, Settler

STAND_S = 0.7
STAND_MPS_MAX = 0.12
STAND_M_MAX = 0.45
MOVED_M = 0.15
MOVED_MPS_MIN = 0.10
GATES = (
    (0.0, 0.12, 0.05),
    (1.5, 0.2, 0.08),
    (2.0, 0.4, 0.2),
    (2.8, 0.7, 0.6),
    (5.0, 0.85, 0.8),
    (8.0, 1.0, 1.0),
)
"""Standing time in s, then the shares of the MPE that the standard uncertainty and the spread
of the last estimates must stay below; in between they grow evenly. Early sureness must be
greater: less has been seen, and what spoils samples moves an early mass the most."""
CAREFUL_SHARE = 0.2
CAREFUL_S_MAX = 6.0
"""Near a limit the gate is narrower for so long, then the ordinary gate counts again."""
REACH_MPE = 1.5
REACH_SIGMAS = 3.0
"""Near a limit is what so many MPE, or so many uncertainties, could carry across it."""
GUSTY_S = 3.3
GUSTY_SHARE = 1.2
"""From so long on, far from a limit, wind may have so many MPE of the uncertainty: waiting mends
little of it. Of 125 windy passages 113 were held before, 91 of them in MPE, 48 later than 3.2 s;
now, with the zero corrected (LEAN_ROUGH), 120, 98 and 19."""
WATCHES = ((0.8, 2.5, 1.0), (2.4, 2.0, 0.3))
"""A held mass is void when the mean of so many seconds has left it by so many divisions and so much
of the ringing: the longer mean sees a person of 65 kg, the shorter one sees sooner."""
RING_S = 1.2
RING_LEAK = 0.6
"""Share of a ringing that a mean of 0.8 s lets through: 0.2 at 1.8 Hz, 0.6 at 0.7 Hz."""
BLOCKED_S = 2.0
BLOCKED_THIN = 10
"""After so long of standing, a vehicle that something forbids to hold costs one step in so many."""
PERSONS_KG_MAX = 300.0
UNSTEADY_S = 12.0
CALM_S = 0.4
CALM_BLOCKS = 30
CALM_BLOCKS_MIN = 5
CALM_KG_MAX = 150.0
CALM_STEP_KG = 1.0
"""A zero that moves further leaves rows of both zeros in the newest block: it is not counted."""
CALM_KG = 2.0
"""Restlessness of an empty deck without wind: noise, vibration, drift."""
SAIL = 1.9
"""How much more wind a vehicle catches than the empty deck."""
LEAN_ROUGH = 2.5
LEAN_DIVISIONS_MAX = 0.5
"""A zero set in a gust is off by it. In wind the mean of the empty deck since, without what lies so
many times its restlessness out, says by how much, to the reach of zero tracking: on 120 windy
passages the error followed it kilogram for kilogram (slope 0.96), and 14 instead of 17 masses were
out of MPE."""
OWN = 3.0
OWN_AFTER_S = 1.5
OWN_BLOCKS_MIN = 6
"""From so many seconds of standing, without the first, a wind's deviation can be told."""
SIDE_S = 3.0
SMOOTH_S = 1.0
SWAY = 0.4
SWAY_MOST = 3.0
"""Stretch of standing whose sideways sway bears witness of wind, the sway's share, and how many
times the empty deck's wind it may claim: more is roll (1 calm truck in 40 waited 4 s for it)."""


@dataclass(frozen=True, slots=True)
class Held:
    """A mass the estimator vouches for, where and since when. ring_kg: how far the total swung."""

    mass_kg: float
    u_kg: float
    centre_m: float
    step: int
    window_s: float
    ring_kg: float = 0.0


class HoldKeeper:
    """step() once per estimator step; `held` is the mass, or None."""

    def __init__(self, params: WeighParams, history: History, limits_kg: Sequence[int]) -> None:
        self._params = params
        self._history = history
        self._limits_kg = tuple(limits_kg)
        self._settler = Settler(history.step_s)
        self.held: Held | None = None
        self.standing = False
        self.still_from = 0
        self._moved_at = 0
        self.moves = 0
        self.disturbed = False
        self.shift_kg = self.shifted_from_kg = 0.0
        self.estimate: Estimate | None = None
        self.wind_kg = 0.0
        self._calm: deque[float] = deque(maxlen=CALM_BLOCKS)
        self._calm_rows = max(1, round(CALM_S / history.step_s))
        self._calm_from = 0

    def reset(self) -> None:
        """A new vehicle, or none: nothing of the last one counts."""
        self.held = None
        self.standing = False
        self.disturbed = False
        self.estimate = None
        self._settler.restart()

    def step(self, loaded: bool, may_hold: bool) -> None:
        """loaded: the deck is occupied. may_hold: beams, zero, cells and diagnostics agree."""
        if not loaded:
            self.reset()
            count = self._history.steps.count
            if count % self._calm_rows == 0 and count >= self._calm_from:
                self._calm.append(float(self._history.recent(TOTAL, CALM_S).mean()))
            return
        self._stand()
        if not may_hold:
            self.held = None
        if self.held is not None:
            self._watch(self.held)
        elif self.standing and (may_hold or self._worth_a_look()):
            self._settle(may_hold)

    def _worth_a_look(self) -> bool:
        """A vehicle that must not be held is looked at less often: nobody waits for its mass."""
        return self.still_s() < BLOCKED_S or self._history.steps.count % BLOCKED_THIN == 0

    def still_s(self) -> float:
        """How long the vehicle has been standing, 0 while it moves."""
        if not self.standing:
            return 0.0
        return (self._history.steps.count - self.still_from) * self._history.step_s

    def zero_moved(self, shift_kg: float) -> None:
        """The zero was set shift_kg higher: a step of the zero is no restlessness of the deck."""
        for i in range(len(self._calm)):
            self._calm[i] -= shift_kg
        if abs(shift_kg) > CALM_STEP_KG:
            self._calm_from = self._history.steps.count + self._calm_rows

    def calm_kg(self) -> tuple[float, ...]:
        """Means of the empty deck before this vehicle: what is known of the wind."""
        return tuple(self._calm)

    def resume_calm(self, calm_kg: Sequence[float]) -> None:
        """Only for samples that were kept: what their hold knew from before them."""
        self._calm.extend(calm_kg)
        self._calm_from = maxsize

    def void(self) -> None:
        """Give the held mass up and settle again from here."""
        self.held = None
        self.still_from = self._history.steps.count
        self._settler.restart()

    def _stand(self) -> None:
        """The vehicle stands when its centre of pressure neither travels nor has just jumped."""
        history = self._history
        track = history.recent(CENTRE, STAND_S)
        count = round(STAND_S / history.step_s)
        if len(track) < count or not np.isfinite(track).all():
            self._moving()
            return
        when = (np.arange(count) - (count - 1) / 2) * history.step_s
        speed = float(when @ track) / float(when @ when)
        if not self.standing:
            if history.steps.count - self._moved_at < count:
                return
            if abs(speed) < STAND_MPS_MAX and float(np.ptp(track)) < STAND_M_MAX:
                self.standing = True
                self.still_from = history.steps.count - count
                self._settler.restart()
            return
        half = count // 2
        since = history.steps.view(self.still_from)[:, CENTRE]
        first, now = float(since[: 2 * count].mean()), float(track[-half:].mean())
        if abs(now - first) > MOVED_M and abs(speed) > MOVED_MPS_MIN:
            self._moving()

    def _moving(self) -> None:
        if self.standing:
            self.standing = False
            self.moves += 1
            self.held = None
            self._moved_at = self._history.steps.count
            self._settler.restart()

    def _settle(self, may_hold: bool) -> None:
        history = self._history
        total = history.steps.view(self.still_from)[:, TOTAL]
        self.wind_kg, lean_kg = self._wind()
        best = self._settler.step(total, history.step_s, self.wind_kg)
        if best is None:
            return
        self.estimate = best = replace(best, mass_kg=best.mass_kg - lean_kg)
        mpe = mpe_kg(best.mass_kg, self._params.e_kg)
        since, shares, bands = zip(*GATES, strict=True)
        gate, band = (float(np.interp(self.still_s(), since, of)) for of in (shares, bands))
        sure = best.u_kg <= self._gate(best, gate, mpe) * mpe
        if may_hold and sure and self._settler.agreed(band * mpe):
            centre = float(history.recent(CENTRE, 0.4).mean())
            ring_kg = 0.5 * float(np.ptp(history.recent(TOTAL, RING_S)))
            self.held = Held(
                self._settler.mean_kg() - lean_kg,
                best.u_kg,
                centre,
                history.steps.count,
                best.window_s,
                ring_kg,
            )

    def _gate(self, best: Estimate, gate: float, mpe: float) -> float:
        """Share of the MPE that the uncertainty must stay below: gate, or less near a limit, or
        more where it is wind's and no limit is in reach.
        """
        still_s = self.still_s()
        reach_kg = max(REACH_MPE * mpe, REACH_SIGMAS * best.u_kg)
        if any(abs(best.mass_kg - limit) <= reach_kg for limit in self._limits_kg):
            return CAREFUL_SHARE if still_s < CAREFUL_S_MAX else gate
        if still_s >= GUSTY_S and best.calm_u_kg <= gate * mpe:
            return max(gate, GUSTY_SHARE)
        return gate

    def _wind(self) -> tuple[float, float]:
        """Slow forces that no window can tell from mass, as one standard deviation: known from the
        empty deck's restlessness before the vehicle came, which catches more of it. And by how
        much the zero was set too low in a gust.
        """
        before = self._before()
        wind, lean_kg, sway_kg = 0.0, 0.0, SWAY * self._sway_kg()
        if len(before) >= CALM_BLOCKS_MIN:
            off = np.abs(before - np.median(before))
            rough_kg = float(np.quantile(off, 0.68))  # a plateau, somebody's weight, is no wind
            wind = SAIL * sqrt(max(0.0, rough_kg**2 - CALM_KG**2))
            if not wind:  # what sways sideways now is the body's roll
                return 0.0, 0.0
            sway_kg = min(sway_kg, SWAY_MOST * wind)
            if rough_kg <= self._params.e_kg:  # more is somebody's comings and goings
                lean_kg = self._lean_kg(float(before[off <= LEAN_ROUGH * rough_kg].mean()))
        return min(max(wind, sway_kg), OWN * self._own_kg()), lean_kg

    def _lean_kg(self, mean_kg: float) -> float:
        """What the zero is corrected by when the empty deck stood at mean_kg."""
        if abs(mean_kg) > self._params.e_kg:  # somebody's weight, no gust's
            return 0.0
        most_kg = LEAN_DIVISIONS_MAX * self._params.e_kg
        return min(max(mean_kg, -most_kg), most_kg)

    def _own_kg(self) -> float:
        """How much the standing vehicle's own total wanders, in means of a second: what shows
        nothing for long stands in no wind, whatever the empty deck did.
        """
        history = self._history
        each = round(SMOOTH_S / history.step_s)
        since = self.still_from + round(OWN_AFTER_S / history.step_s)
        total = history.steps.view(since)[:, TOTAL]
        count = len(total) // each
        if count < OWN_BLOCKS_MIN:
            return inf
        return float(total[len(total) - count * each :].reshape(-1, each).mean(axis=1).std(ddof=1))

    def _before(self) -> np.ndarray:
        """Means of the empty deck before the vehicle came, without those that a light axle, a
        person or the zero took part in, and without their neighbours.
        """
        blocks = np.asarray(list(self._calm)[:-2])
        if not len(blocks):
            return blocks
        foreign = np.abs(blocks - np.quantile(blocks, 0.25)) > CALM_KG_MAX
        near = foreign.copy()
        near[:-1] |= foreign[1:]
        near[1:] |= foreign[:-1]
        return np.asarray(blocks[~near])

    def _sway_kg(self) -> float:
        """How far the load went sideways of late, in means of SMOOTH_S: roll is quicker."""
        history = self._history
        rows = history.steps.view(self.still_from)[-round(SIDE_S / history.step_s) :]
        each = round(SMOOTH_S / history.step_s)
        if len(rows) <= each:
            return 0.0
        side = np.cumsum(rows[:, TOTAL] * (rows[:, SIDE] - 0.5))
        return float(np.ptp(side[each:] - side[:-each])) / each

    def _ring_kg(self, held: Held) -> float:
        """How far the mean of 0.8 s may swing with a vehicle that still rings. The ringing only
        dies away, so what is more than at the hold is none.
        """
        swing = 0.5 * float(np.ptp(self._history.recent(TOTAL, RING_S)))
        return RING_LEAK * min(swing, held.ring_kg)

    def _stepped(self, held: Held, shift_kg: float, centre_m: float) -> bool:
        """Whether somebody stepped on or off: that moves a light vehicle's centre of pressure too,
        but from one place on the deck; a vehicle that rolls takes no mass along.
        """
        if abs(shift_kg) > PERSONS_KG_MAX:
            return False
        moment = (held.mass_kg + shift_kg) * centre_m - held.mass_kg * held.centre_m
        return 0.0 <= moment / shift_kg <= self._params.deck_length_mm / 1_000.0

    def _watch(self, held: Held) -> None:
        """Void the mass when the total leaves it for good while the vehicle stands."""
        history = self._history
        doubt_kg = 3.0 * max(self.wind_kg, held.u_kg)
        for seconds, divisions, leak in WATCHES:
            recent = history.recent(TOTAL, seconds)
            if history.steps.count - held.step < len(recent):
                continue
            shift = float(recent.mean()) - held.mass_kg
            if abs(shift) > divisions * self._params.e_kg + doubt_kg + leak * self._ring_kg(held):
                self._shifted(held, shift, float(history.recent(CENTRE, seconds).mean()))
                return

    def _shifted(self, held: Held, shift: float, centre: float) -> None:
        if abs(centre - held.centre_m) > MOVED_M and not self._stepped(held, shift, centre):
            self._moving()
            return
        self.disturbed = True
        self.shift_kg, self.shifted_from_kg = shift, held.mass_kg
        self.void()
