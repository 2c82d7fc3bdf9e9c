"""Named flags for what is wrong with cells, deck, vehicle or load; each blocks or alarms.

Looks at what the other modules already know and names it. Flags of a vehicle stand until it
has left. It changes no mass; the pipeline holds nothing while a blocking flag stands.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import numpy as np

from hal.contract.types import NS_PER_S, MonotonicNs, Tri
from terminal.core.types import Event, WeighFlag
from terminal.weighing.axles import AxleSet
from terminal.weighing.boarding import Boarding
from terminal.weighing.cellwatch import CellWatch
from terminal.weighing.cornerbook import CornerBook
from terminal.weighing.corners import Corner, both_ways
from terminal.weighing.history import CENTRE, TOTAL, History
from terminal.weighing.hold import UNSTEADY_S, Held, HoldKeeper
from terminal.weighing.params import WeighParams, mpe_kg
from terminal.weighing.rides import Rides, joined
from terminal.weighing.samples import CellStream
from terminal.weighing.sureness import Sureness
from terminal.weighing.zero import ZeroKeeper

EVENTS_MAX = 64
NOT_ON_S = 3.0
CLEAR_S = 0.3
BLOCKED_S = 0.25
WALK_S = 1.0
"""Who walks through a beam cuts it for less: what stays for longer is the more surely a vehicle."""
GAP_S_MIN = 0.1
"""A beam that is clear for so long while a vehicle is on shows a gap behind it."""
GONE_S = 2.0
"""What cut the entry beam and added no mass has gone when the beam was clear for so long: a person
who walks round the vehicle, or the nose of the next one, which drew back."""
SECOND_KG_MIN = 500.0
SWING_S = 1.2
"""A stretch that holds a whole swing of the slowest body."""
SUPPORT_KG_MIN = 220.0
"""More than two persons."""
SUPPORT_SHARE_MIN = 0.01
PEAK_S = 0.8
PEAK_SHARE_MAX = 0.025
"""A vehicle never stands lighter than the deck carried it for so long, but for its bounce: 1.1 % at
most in 40 simulated drive-ons, braked hard among them."""
AGAIN_DIVISIONS = 2.0
AGAIN_SIGMAS = 5.0
"""One vehicle held twice with masses further apart than this was disturbed in between."""
WIND_SIGMAS = 3.0
"""A held mass is watched with so much more room in wind."""
DISTURBED_S = 3.0
"""How long a disturbance stands: the mass that is held after it is a new one."""
AFTER_S = 2.0
"""How long a flag about a vehicle that has left still stands."""
LEFT_EARLY_S_MIN = 1.5
WEIGHED_S = 4.0
"""Who stood so long could not be weighed, which is more than leaving early: nearly all that can be
weighed are within 3.2 s."""
UNREAD = (
    "the drive-on could not be evaluated, so a wheel beside the deck cannot be excluded; "
    "let the vehicle back out and drive on again"
)


class Diagnostics:
    """step() once per estimator step: flags standing now, the cell they name, blocked or not."""

    def __init__(self, params: WeighParams, history: History, hold: HoldKeeper) -> None:
        self._params = params
        self._history = history
        self._hold = hold
        self._events: deque[Event] = deque(maxlen=EVENTS_MAX)
        self.sure = Sureness()
        self.cells = CellWatch(params, history.step_s, self.sure)
        self.corners = CornerBook(params.cells, params.calibration)
        self.rides = Rides(params, history, hold)
        self.axles: tuple[tuple[float, ...], tuple[float, ...]] | None = None
        self.groups: tuple[float, ...] = ()
        self._visit = WeighFlag.NONE
        self._after = WeighFlag.NONE
        self._after_until_ns = 0
        self._disturbed_until_ns = 0
        self._began: int | None = None
        self._began_ns = 0
        self._ever_held = False
        self._first_kg = 0.0
        self._centre_m = 0.0
        self._judged: Boarding | None = None
        self._clean = False
        self._clear_s = self._blocked_s = self._across_s = self._gap_s = 0.0
        self._gap_kg: float | None = None
        self._alone_kg: float | None = None
        self._was_clear = False
        self._rest: tuple[float, float, float] | None = None
        self._corner: Corner | None = None
        self._before = WeighFlag.NONE
        self._unread = 0
        self._waited_s = self._stood_s = self._peak_kg = 0.0

    def step(
        self,
        cells: Sequence[CellStream],
        zero: ZeroKeeper,
        loaded: bool,
        beams: tuple[Tri, Tri],
        now_ns: MonotonicNs,
    ) -> tuple[WeighFlag, int, bool]:
        """Flags now standing, the cell named (-1: none), and whether holding is forbidden."""
        self._follow(loaded, now_ns)
        flags, cell = self.cells.step(cells, self._history, zero, loaded, self._hold.standing)
        if WeighFlag.CELL_DRIFT in flags:
            self.corners.tell("cell_drift", cell, f"the zero of cell {cell} runs away", now_ns)
        total = float(self._history.recent(TOTAL, 0.6).mean())
        if total > self._params.gross_kg_max + 0.5 * self._params.e_kg:
            flags |= WeighFlag.OVERLOAD
        if zero.out_of_range:
            flags |= WeighFlag.ZERO_OUT
        if loaded and not zero.referenced():
            flags |= WeighFlag.NO_ZERO_REF
        if loaded:
            carried_kg = float(self._history.recent(TOTAL, PEAK_S).mean())
            self._peak_kg = float(np.fmax(self._peak_kg, carried_kg))  # not by a lost cell's NaN
            self.rides.watch(self._began or 0, Tri.YES not in beams)
            self._vehicle(beams)
            if self._hold.disturbed:
                self._shifted(now_ns)
                self._hold.disturbed = False
            self._stood_s += self._history.step_s if self._hold.standing else 0.0
            stands = self._hold.standing and Tri.YES not in beams
            if stands and self._hold.held is None:
                self._waited_s += self._history.step_s
            waits = stands and self._waited_s > UNSTEADY_S
            if self._hold.held is None and waits and not flags and self._rough():
                self._raise(WeighFlag.UNSTEADY, self._roughness())
            elif self._hold.held is not None:
                self._visit &= ~WeighFlag.UNSTEADY
        if loaded and now_ns < self._disturbed_until_ns:
            flags |= WeighFlag.DISTURBED
        if now_ns < self._after_until_ns:
            flags |= self._after
        flags |= self._visit
        if WeighFlag.CORNER_ERROR in flags and cell < 0 and self._corner is not None:
            cell = self._corner.cell
        self.sure.standing(flags)
        self._note(flags, cell, now_ns)
        stop = flags & ~self._params.alarm_only & ~WeighFlag.UNSTEADY
        return flags, cell, bool(stop)

    def last_look(self, held: Held, now_ns: MonotonicNs) -> bool:
        """Judge the drive-on of a vehicle about to be held; True when that forbids holding."""
        if self._ever_held:
            change = abs(held.mass_kg - self._first_kg)
            support_kg = max(SUPPORT_KG_MIN, SUPPORT_SHARE_MIN * self._first_kg)
            again_kg = AGAIN_DIVISIONS * self._params.e_kg + AGAIN_SIGMAS * held.u_kg
            if change > support_kg:
                self._raise(WeighFlag.EXTERNAL_SUPPORT, change / support_kg)
            elif change > again_kg:
                self._disturb(change / again_kg, now_ns)
        else:
            self._first_kg = held.mass_kg
        lost_kg = self._peak_kg - held.mass_kg
        most_kg = max(SUPPORT_KG_MIN, PEAK_SHARE_MAX * held.mass_kg)
        if lost_kg > most_kg:
            self._raise(WeighFlag.EXTERNAL_SUPPORT, lost_kg / most_kg)
        self._ever_held = True
        self._centre_m = held.centre_m
        found = self.rides.on
        assert found is not None, "nothing is held before its drive-on was studied"
        if self._judged is not found:
            self._judged = found
            self._judge(found, held.mass_kg, now_ns)
        return bool(self._visit & ~self._params.alarm_only & ~WeighFlag.UNSTEADY)

    def _judge(self, found: Boarding, mass_kg: float, now_ns: MonotonicNs) -> None:
        """What the drive-on of the vehicle now held with mass_kg says."""
        self._show(found.axles, mass_kg)
        if found.wheel_off:
            self._raise(WeighFlag.OFF_DECK_WHEEL, found.wheel_off)
        if found.axles is None and self.rides.unread > self._unread:
            self._unread = self.rides.unread
            self._events.append(Event("drive_on_unread", now_ns, UNREAD))
        if found.support_kg(mass_kg):
            self._raise(WeighFlag.EXTERNAL_SUPPORT, found.support_times(mass_kg))
        self._clean = self._clean or not self._visit
        self._corner = self.corners.verdict or both_ways(found.gains)
        if self._corner is not None:
            self._raise(WeighFlag.CORNER_ERROR, self._corner.times)

    def _show(self, axles: AxleSet | None, mass_kg: float) -> None:
        """Axle loads add up to the mass that is held."""
        self.axles, self.groups = None, ()
        if axles is None:
            return
        scale = mass_kg / sum(axles.loads_kg)
        self.axles = (tuple(scale * load for load in axles.loads_kg), axles.spacing_m)
        self.groups = tuple(scale * load for load in axles.groups_kg())

    def work(self, now_ns: MonotonicNs) -> None:
        """Once per bin: a bounded piece of the study under way."""
        if not self.rides.work() or self.rides.off is None:
            return
        off = self.rides.off
        on = self._judged.axles if self._judged is not None else None
        axles, why_not = joined(on, off.axles)
        self._show(axles, self._first_kg)
        if why_not:
            self._events.append(Event("axles_disagree", now_ns, why_not))
        if not self._clean or self._judged is None:
            return
        self.corners.add(off.gains, now_ns)
        self._corner = self.corners.verdict or both_ways(self._judged.gains, off.gains)
        if self._corner is not None:
            self.sure.say(WeighFlag.CORNER_ERROR, self._corner.times)
            self._after |= WeighFlag.CORNER_ERROR
            self._after_until_ns = now_ns + round(AFTER_S * NS_PER_S)

    def drain_events(self) -> Sequence[Event]:
        """Diagnostics since the last call."""
        events = (*self._events, *self.corners.drain_events())
        self._events.clear()
        return events

    def _follow(self, loaded: bool, now_ns: MonotonicNs) -> None:
        """A vehicle's story: from its first axle until the deck is empty again."""
        history = self._history
        if loaded and self._began is None:
            self._began = max(0, history.fine.count - round(2.0 / history.bin_s))
            self._began_ns = now_ns
            self.rides.arrived()
            self._judged, self._clean = None, False
            self._waited_s = self._stood_s = self._peak_kg = 0.0
            self.axles, self.groups = None, ()
        elif not loaded and self._began is not None:
            stayed_s = (now_ns - self._began_ns) / NS_PER_S
            if not self._ever_held and not self._visit and stayed_s > LEFT_EARLY_S_MIN:
                self._after = WeighFlag.LEFT_EARLY
                self.sure.say(WeighFlag.LEFT_EARLY, WEIGHED_S / max(self._stood_s, history.step_s))
                self._after_until_ns = now_ns + round(AFTER_S * NS_PER_S)
            else:
                self._after = WeighFlag.NONE
            if self._ever_held:
                self.rides.left(self._first_kg, self._centre_m)
            if self._clean and self._judged is not None:
                self.corners.add(self._judged.gains, now_ns)
            self._began = None
            self._visit = WeighFlag.NONE
            self._ever_held = self._was_clear = False
            self._rest = self._gap_kg = self._alone_kg = None
            self._clear_s = self._blocked_s = self._across_s = self._gap_s = 0.0

    def _vehicle(self, beams: tuple[Tri, Tri]) -> None:
        """Where the vehicle stands, and whether it is alone."""
        hold, step_s = self._hold, self._history.step_s
        blocked = Tri.YES in beams
        if blocked:
            self._clear_s = 0.0
            self._across_s = self._across_s + step_s if hold.standing else 0.0
        else:
            self._across_s = 0.0
            self._clear_s = self._clear_s + step_s if hold.standing else self._clear_s
        if self._clear_s > CLEAR_S:
            self._was_clear = True
        self._behind(beams[0], step_s)
        if self._blocked_s > BLOCKED_S and self._gap_kg is not None:
            self._raise(WeighFlag.TWO_VEHICLES, self._blocked_s / WALK_S)
            self._alone_kg = self._gap_kg
        elif self._gap_s > GONE_S and self._alone_kg is not None and hold.standing:
            self._part()
        if not hold.standing or not blocked:
            self._visit &= ~WeighFlag.NOT_FULLY_ON
        elif self._across_s > NOT_ON_S and WeighFlag.TWO_VEHICLES not in self._visit:
            self._raise(WeighFlag.NOT_FULLY_ON, self._across_s / NOT_ON_S)
        self._second(beams)

    def _behind(self, entry: Tri, step_s: float) -> None:
        """Something in the entry beam that brought no axle since the beam was last clear is not
        this vehicle: its own gaps are followed by its own axles.
        """
        if entry is Tri.NO:
            self._gap_s += step_s
            self._blocked_s = 0.0
            if self._gap_s > GAP_S_MIN:
                self._gap_kg = float(self._history.recent(TOTAL, 0.3).mean())
        elif entry is Tri.YES:
            self._gap_s = 0.0
            alone = self._gap_kg is None or not self._hold.standing
            if alone or not (self._was_clear or self._came_alone()):
                self._blocked_s = 0.0
            else:
                self._blocked_s += step_s

    def _part(self) -> None:
        """What stood in the entry beam is gone, unless its mass is on the deck."""
        assert self._alone_kg is not None
        total = float(self._history.recent(TOTAL, SWING_S).mean())
        if total - self._alone_kg < SECOND_KG_MIN:
            self._visit &= ~WeighFlag.TWO_VEHICLES
            self._alone_kg = None

    def _came_alone(self) -> bool:
        """Whether no axle has come on since the entry beam was last clear."""
        total = float(self._history.recent(TOTAL, 0.3).mean())
        return self._gap_kg is not None and total - self._gap_kg < SECOND_KG_MIN

    def _second(self, beams: tuple[Tri, Tri]) -> None:
        """Load added at the entry while the first vehicle stands is a second vehicle."""
        history = self._history
        total = float(history.recent(TOTAL, 0.3).mean())
        centre = float(history.recent(CENTRE, 0.3).mean())
        if self._hold.standing and self._was_clear and self._rest is None:
            if self._hold.still_s() > 0.8:
                swing = float(np.ptp(history.recent(TOTAL, SWING_S)))  # it only dies away
                self._rest = (total, centre, swing)
            return
        if self._rest is None or not self._params.beams:
            return
        more = total - self._rest[0]
        most = max(SECOND_KG_MIN, 0.02 * self._rest[0]) + self._rest[2]
        if more > most:
            if beams[0] is Tri.YES and centre < self._rest[1] - 0.1:
                self._raise(WeighFlag.TWO_VEHICLES, more / most)
            elif beams[0] is Tri.NO and self._hold.standing:
                self._raise(WeighFlag.EXTERNAL_SUPPORT, more / most)

    def _shifted(self, now_ns: MonotonicNs) -> None:
        """A held mass has shifted: something took load off, or came on, or shook the deck."""
        share = SUPPORT_SHARE_MIN * self._hold.shifted_from_kg
        most, shift_kg = max(SUPPORT_KG_MIN, share), self._hold.shift_kg
        if shift_kg < -most:
            self._raise(WeighFlag.EXTERNAL_SUPPORT, -shift_kg / most)
        else:
            doubt_kg = WIND_SIGMAS * self._hold.wind_kg
            bound_kg = AGAIN_DIVISIONS * self._params.e_kg + doubt_kg
            self._disturb(abs(shift_kg) / bound_kg, now_ns)

    def _disturb(self, times: float, now_ns: MonotonicNs) -> None:
        """The deck is disturbed for a while from now on; times as for _raise."""
        self.sure.say(WeighFlag.DISTURBED, times)
        self._disturbed_until_ns = now_ns + round(DISTURBED_S * NS_PER_S)

    def _raise(self, flag: WeighFlag, times: float) -> None:
        """A flag of this vehicle, and by how many times its statistic passed the threshold."""
        self._visit |= flag
        self.sure.say(flag, times)

    def _rough(self) -> bool:
        """Whether the load does not settle, or nothing else explains that no mass is held."""
        alone = not self._visit & ~WeighFlag.UNSTEADY
        return alone or self._hold.estimate is None or self._roughness() > 1.0

    def _roughness(self) -> float:
        """Uncertainty over what would be good enough: wind is just over it, a rocked load far."""
        now = self._hold.estimate
        return 1.0 if now is None else now.u_kg / mpe_kg(now.mass_kg, self._params.e_kg)

    def _note(self, flags: WeighFlag, cell: int, now_ns: MonotonicNs) -> None:
        if flags == self._before:
            return
        for flag in WeighFlag:
            if flag in flags and flag not in self._before:
                where = f"cell {cell}, " if cell >= 0 else ""
                detail = f"{where}{self.sure.pct(flag)} % sure"
                self._events.append(Event(f"flag_{(flag.name or '').lower()}", now_ns, detail))
        self._before = flags
