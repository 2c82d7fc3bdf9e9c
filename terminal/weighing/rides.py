"""The drive-on and the drive-off of each vehicle, studied piece by piece between the ticks.

A study starts when a vehicle stands, or has left, and is worked off a bounded piece at a time, so
that no tick carries the whole of it. Keeps what was found; the diagnostics decide what it means.
A drive-on whose equations have no solution reads as a wheel off the deck: unknown is unsafe.
"""

from __future__ import annotations

from collections.abc import Generator

import numpy as np

from terminal.weighing.axles import AxleSet
from terminal.weighing.boarding import Boarding, Ride, study_stages, tells_place
from terminal.weighing.gains import nothing
from terminal.weighing.history import CENTRE, TOTAL, History
from terminal.weighing.hold import HoldKeeper
from terminal.weighing.params import WeighParams

PIECE_S = 0.02
"""One piece of work for so much of recorded time."""
BEFORE_S = 1.0
"""How much of the standing a drive-off is studied with."""
AGREE_SHARE = 0.03
"""Groups of axles weigh the same rolling on and off to within this share of the mass."""


class Rides:
    """watch() once per step, work() once per bin; on and off hold what was found."""

    def __init__(self, params: WeighParams, history: History, hold: HoldKeeper) -> None:
        self._history = history
        self._hold = hold
        self._deck_m = params.deck_length_mm / 1_000.0
        self._placed = params.beams or tells_place(history.x_m)
        self._pieces = max(1, round(history.bin_s / PIECE_S))
        self._job: Generator[None, None, Boarding] | None = None
        self._moves = -1
        self._still_until = 0
        self._leaving = False
        self.on: Boarding | None = None
        self.off: Boarding | None = None
        self.unread = 0

    @property
    def ready(self) -> bool:
        """Whether the drive-on that ended in this standing has been studied. Never where neither
        beams nor cells tell where the vehicle is: half of one would be weighed.
        """
        studied = self._job is None and self._moves == self._hold.moves and self.on is not None
        return studied and self._placed

    def arrived(self) -> None:
        """A new vehicle: nothing of the last one counts."""
        self._job, self._moves, self._leaving = None, -1, False
        self.on = self.off = None

    def watch(self, began: int, clear: bool) -> None:
        """began: first bin of the vehicle; clear: nothing blocks a beam. Starts the study of the
        drive-on once the vehicle stands wholly on the deck.
        """
        hold, history = self._hold, self._history
        if not hold.standing:
            return
        self._still_until = history.fine.count
        if not clear or self._moves == hold.moves:
            return
        still = history.steps.view(hold.still_from)
        self._moves = hold.moves
        ride = Ride(
            history.fine.view(began).copy(),
            history.x_m,
            history.far,
            history.bin_s,
            len(still) * history.thin,
        )
        self._job = study_stages(
            ride, float(still[:, TOTAL].mean()), float(np.nanmean(still[:, CENTRE]))
        )

    def left(self, mass_kg: float, centre_m: float) -> None:
        """The vehicle that stood at centre_m with mass_kg is gone: look at how it drove off."""
        history = self._history
        rest = round(BEFORE_S / history.bin_s)
        ride = Ride(
            history.fine.view(max(0, self._still_until - rest)).copy(),
            history.x_m,
            history.far,
            history.bin_s,
            rest,
        )
        self._leaving = True
        self._job = study_stages(ride.backwards(self._deck_m), mass_kg, self._deck_m - centre_m)

    def work(self) -> bool:
        """One bin's share of work; True when a drive-off has just been finished."""
        for _ in range(self._pieces if self._job is not None else 0):
            assert self._job is not None
            try:
                next(self._job)
            except StopIteration as done:
                self._job = None
                if self._leaving:
                    self.off = done.value
                    return True
                self.on = done.value
                break
            except np.linalg.LinAlgError:
                self._job = None
                self.unread += 1
                if not self._leaving:  # a wheel beside the deck cannot be excluded
                    self.on = Boarding(None, 1.0, nothing(self._history.fine.width))
                break
        return False


def joined(on: AxleSet | None, off: AxleSet | None) -> tuple[AxleSet | None, str]:
    """Both ways together: the mean where they agree, else the drive-on and a sentence why not.

    off counts from the last axle on, as the exit edge saw them.
    """
    if off is None:
        return on, ""
    ends_m = off.position_m[-1]
    turned = AxleSet(
        off.loads_kg[::-1], tuple(ends_m - p for p in reversed(off.position_m)), off.fit_share
    )
    if on is None:
        return turned, ""
    if len(on.loads_kg) != len(turned.loads_kg):
        return on, f"{len(on.loads_kg)} axles rolled on, {len(turned.loads_kg)} rolled off"
    mean = AxleSet(
        tuple((a + b) / 2 for a, b in zip(on.loads_kg, turned.loads_kg, strict=True)),
        tuple((a + b) / 2 for a, b in zip(on.position_m, turned.position_m, strict=True)),
        max(on.fit_share, turned.fit_share),
    )
    groups = zip(on.groups_kg(), turned.groups_kg(), strict=False)
    worst_kg = max(abs(a - b) for a, b in groups)
    if worst_kg > AGREE_SHARE * sum(on.loads_kg):
        return on, f"an axle group weighs {worst_kg:.0f} kg differently rolling on and off"
    return mean, ""
