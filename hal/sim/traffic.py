"""Drivers: small state machines that see only what a driver sees, and move their truck by it.

A driver knows lamps, arms, the truck ahead and his own patience. He must never be told what the
terminal thinks: a demo in which drivers know too much would prove nothing.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from enum import Enum
from typing import ClassVar, NamedTuple

from hal.contract.types import NS_PER_S, Side
from hal.sim.lane import Lane
from hal.sim.seeds import stream
from hal.sim.truck import Truck, TruckPlan
from hal.sim.world import TRUCKS_MAX

FOLLOW_GAP_MM = 2_500
PUSH_MM = 1_100.0
"""How far a pusher puts his bumper over the deck: into the beam, no axle on the deck yet."""
REACTION_NS_MIN = 600_000_000
REACTION_NS_MAX = 1_500_000_000
BACK_SIGNS = ("back_out",)
"""Signs that send a driver back, by the names the panel gives its texts."""
KEEP_OFF_SIGNS = ("off_entry",)
"""Signs that keep the entry free: who waits there backs off, who comes stops in the queue."""
BACK_AFTER_S = 3
"""He reads such a sign this long before he believes it."""
ARM_MEANS_BACK_S = 20
"""An entry arm that stays open this long behind a standing driver tells him the same."""
MIRROR_MM = 5_000
"""Nobody backs towards a truck that he sees this close behind him."""
SENT_MAX = 16
"""Trucks a person may have waiting in the queue of send()."""


@dataclass(frozen=True, slots=True)
class Traits:
    """How a driver behaves. gives_up_s: stands this long before an exit that stays red, then
    backs out (0: waits for ever). pushes: follows the truck ahead onto the deck at a red lamp.
    pushed_s: how long he stands where he blocks the beam before he backs off.
    """

    gives_up_s: int = 0
    pushes: bool = False
    pushed_s: int = 4


TRAITS: dict[str, Traits] = {
    "patient": Traits(),
    "overloaded": Traits(gives_up_s=25),
    "tailgater": Traits(pushes=True),
}
"""Behaviours a plan may name. Everyone backs out when the entry is opened behind him."""


class Stage(Enum):
    """Where a driver is in his errand."""

    APPROACH = "approach"
    WAIT = "wait"
    PUSH = "push"
    RETREAT = "retreat"
    BOARD = "board"
    STAND = "stand"
    LEAVE = "leave"
    BACK = "back"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Finished:
    """One truck that has gone. what: "left" or "backed_out"; deck_ms: first to last axle of its
    last stay. pushed: it came onto the deck behind another truck before its turn.
    """

    plan: TruckPlan
    what: str
    deck_ms: int
    pushed: bool


class Sight(NamedTuple):
    """What a driver sees. coil: the lamps' relays; sign: name of what the sign says."""

    now_ns: int
    coil: Callable[[str], bool]
    ahead: Driver | None
    sign: str


class Driver:
    """One driver in his truck."""

    def __init__(self, truck: Truck, lane: Lane, rng: random.Random) -> None:
        """rng: this driver's own stream (reaction times, where he stops)."""
        self.truck = truck
        self.stage = Stage.APPROACH
        self.pushed = False
        self.followed = False
        self.backed_out = False
        self.on_deck_ns = 0
        self.off_deck_ns = 0
        self._lane = lane
        self._rng = rng
        self._traits = TRAITS[truck.plan.behaviour]
        self._since_ns = 0
        self._arm_down_ns = 0
        self._go_ns: int | None = None
        centre_mm = (lane.geometry.deck_length_mm + truck.plan.length_mm) / 2
        self.stop_mm = centre_mm + rng.uniform(-100.0, 100.0)
        self._cruise_mm_s = truck.plan.cruise_mm_s * rng.uniform(0.9, 1.1)

    def act(self, sight: Sight) -> None:
        """Look, decide, and set the truck's speed."""
        stage = self.stage
        if not self._lane.passable(Side.ENTRY):
            self._arm_down_ns = sight.now_ns
        self._ACTS[stage](self, sight)
        if self.stage is not stage:
            self._since_ns = sight.now_ns
            self._go_ns = None
        self._note_deck(sight.now_ns)

    def _note_deck(self, now_ns: int) -> None:
        length_mm = self._lane.geometry.deck_length_mm
        front_axle_mm = self.truck.front_mm - self.truck.plan.axle_x_mm[0]
        rear_axle_mm = self.truck.front_mm - self.truck.plan.axle_x_mm[-1]
        on_deck = front_axle_mm > 0 and rear_axle_mm < length_mm
        if self.stage in (Stage.APPROACH, Stage.WAIT):
            self.on_deck_ns = self.off_deck_ns = 0
        elif on_deck and not self.on_deck_ns:
            self.on_deck_ns = now_ns
        if on_deck:
            self.off_deck_ns = now_ns

    def _sure(self, now_ns: int, sees: bool) -> bool:
        """Whether he has seen it for his reaction time."""
        if not sees:
            self._go_ns = None
            return False
        if self._go_ns is None:
            self._go_ns = now_ns + self._rng.randint(REACTION_NS_MIN, REACTION_NS_MAX)
        return now_ns >= self._go_ns

    def _entry_inviting(self, sight: Sight) -> bool:
        return sight.coil("lamp_entry") and self._lane.passable(Side.ENTRY)

    def _approach(self, sight: Sight) -> None:
        stop_mm = float(self._lane.geometry.wait_mm)
        if sight.sign in KEEP_OFF_SIGNS:
            stop_mm = float(self._lane.geometry.queue_mm)
        if sight.ahead is not None:
            behind_mm = sight.ahead.truck.rear_mm - FOLLOW_GAP_MM
            stop_mm = min(float(self._lane.geometry.queue_mm), behind_mm)
            if self._traits.pushes and not self.pushed and sight.ahead.stage is Stage.BOARD:
                self.stage = Stage.PUSH
                return
        self.truck.steer(stop_mm, self._cruise_mm_s)
        if (
            abs(self.truck.front_mm - self._lane.geometry.wait_mm) < 50
            and not self.truck.speed_mm_s
        ):
            self.stage = Stage.WAIT

    def _wait(self, sight: Sight) -> None:
        self.truck.target_mm_s = 0.0
        if sight.ahead is not None and sight.ahead.stage is Stage.BACK:
            self.stage = Stage.APPROACH
            return
        if sight.sign in KEEP_OFF_SIGNS and sight.now_ns - self._since_ns > BACK_AFTER_S * NS_PER_S:
            self.stage = Stage.RETREAT
            return
        clear = sight.ahead is None or sight.ahead.stage is Stage.LEAVE
        if self._sure(sight.now_ns, clear and self._entry_inviting(sight)):
            self.stage = Stage.BOARD

    def _push(self, sight: Sight) -> None:
        """Close behind the truck ahead, under the arm while it is up, until he must stop."""
        if sight.ahead is None or sight.ahead.stage in (Stage.BACK, Stage.GONE):
            self.stage = Stage.APPROACH
            return
        geometry = self._lane.geometry
        stop_mm = min(sight.ahead.truck.rear_mm - 800.0, PUSH_MM)
        before_arm = self.truck.front_mm < geometry.entry_arm_mm
        if before_arm and not self._lane.passable(Side.ENTRY):
            stop_mm = min(stop_mm, float(geometry.wait_mm))
        self.truck.steer(max(stop_mm, self.truck.front_mm - 1), self._cruise_mm_s)
        blocks = self.truck.front_mm >= geometry.entry_beam_mm
        self.pushed = self.pushed or blocks
        if self.truck.speed_mm_s or sight.ahead.truck.speed_mm_s:
            self._since_ns = sight.now_ns
        patience_s = self._traits.pushed_s * (3 if sight.coil("lamp_entry") else 1)
        if sight.now_ns - self._since_ns > patience_s * NS_PER_S:
            self.stage = Stage.RETREAT

    def _retreat(self, sight: Sight) -> None:
        """Back to where the queue stands, so that the arm's passage is free."""
        queue_mm = self._lane.geometry.queue_mm
        self.truck.steer(float(queue_mm), self._cruise_mm_s / 2)
        if self.truck.front_mm < queue_mm + 50 and not self.truck.speed_mm_s:
            self.stage = Stage.APPROACH

    def _board(self, sight: Sight) -> None:
        stop_mm = self.stop_mm
        if sight.ahead is not None:
            stop_mm = min(stop_mm, sight.ahead.truck.rear_mm - FOLLOW_GAP_MM)
        self.truck.steer(max(stop_mm, self.truck.front_mm - 1), self._cruise_mm_s)
        if self.truck.front_mm > self.stop_mm - 50 and self.truck.speed_mm_s == 0.0:
            self.stage = Stage.STAND

    def _stand(self, sight: Sight) -> None:
        """Go when the exit says go; back out when told, or when patience ends."""
        self.truck.target_mm_s = 0.0
        if self._sure(sight.now_ns, self._let_out(sight) or self._let_back(sight)):
            self.stage = Stage.LEAVE if self._let_out(sight) else Stage.BACK

    def _let_out(self, sight: Sight) -> bool:
        return sight.coil("lamp_exit") and self._lane.passable(Side.EXIT)

    def _let_back(self, sight: Sight) -> bool:
        """The way back is open, and the sign, a long open arm or his patience says so."""
        if self.followed or sight.coil("lamp_exit") or not self._lane.passable(Side.ENTRY):
            return False
        stood_s = (sight.now_ns - self._since_ns) // NS_PER_S
        open_s = (sight.now_ns - self._arm_down_ns) // NS_PER_S
        if sight.sign in BACK_SIGNS:
            return stood_s >= BACK_AFTER_S
        if self._lane.has_entry_arm:
            return min(stood_s, open_s) >= ARM_MEANS_BACK_S
        return 0 < self._traits.gives_up_s <= stood_s

    def _leave(self, sight: Sight) -> None:
        geometry = self._lane.geometry
        past_arm = self.truck.rear_mm > geometry.arm_mm(Side.EXIT)
        before_arm = self.truck.front_mm < geometry.arm_mm(Side.EXIT)
        if before_arm and not self._lane.passable(Side.EXIT):
            self.truck.target_mm_s = 0.0
            if sight.sign in BACK_SIGNS and self._lane.passable(Side.ENTRY):
                self.stage = Stage.BACK
            return
        self.truck.steer(1e9, self._cruise_mm_s * (2.0 if past_arm else 1.0))
        if self.truck.rear_mm > geometry.deck_length_mm + geometry.far_past_mm:
            self.stage = Stage.GONE

    def _back(self, sight: Sight) -> None:
        """Out the way he came; shut in behind the entry arm, he takes the exit when it says go."""
        geometry = self._lane.geometry
        behind_arm = self.truck.rear_mm > geometry.entry_arm_mm
        if behind_arm and not self._lane.passable(Side.ENTRY):
            self.truck.target_mm_s = 0.0
            if self._sure(sight.now_ns, self._let_out(sight)):
                self.stage = Stage.LEAVE
            return
        self.truck.steer(-1e9, self._cruise_mm_s / 2)
        if self.truck.front_mm < geometry.entry_loop_mm[0] - 2_000:
            self.backed_out = True
            self.stage = Stage.GONE

    def _gone(self, sight: Sight) -> None:
        self.truck.target_mm_s = 0.0

    def finished(self) -> Finished:
        """What became of this truck."""
        what = "backed_out" if self.backed_out else "left"
        return Finished(
            self.truck.plan, what, (self.off_deck_ns - self.on_deck_ns) // 1_000_000, self.pushed
        )

    _ACTS: ClassVar = {
        Stage.APPROACH: _approach,
        Stage.WAIT: _wait,
        Stage.PUSH: _push,
        Stage.RETREAT: _retreat,
        Stage.BOARD: _board,
        Stage.STAND: _stand,
        Stage.LEAVE: _leave,
        Stage.BACK: _back,
        Stage.GONE: _gone,
    }


class Traffic:
    """Sends the script's trucks into the lane one after the other and keeps who has finished."""

    def __init__(self, plans: Iterator[TruckPlan], lane: Lane, seed: int, trucks: int = 0) -> None:
        """plans: the script. trucks: how many to let finish, 0 for as long as plans come."""
        self.drivers: list[Driver] = []
        self.finished: list[Finished] = []
        self.waiting: list[TruckPlan] = []
        self._plans = plans
        self._lane = lane
        self._seed = seed
        self._wanted = trucks
        self._sent = 0
        self._next: TruckPlan | None = None
        self._exhausted = False
        self._pause_until_ns = 0

    @property
    def done(self) -> bool:
        """Whether the wanted number of trucks has gone, or all that the script had."""
        if not self._wanted:
            return False
        no_more = self._exhausted and not self.drivers and not self.waiting
        return no_more or len(self.finished) >= self._wanted

    def send(self, plan: TruckPlan) -> bool:
        """A person sends one more truck; False when SENT_MAX wait already."""
        if len(self.waiting) >= SENT_MAX:
            return False
        self.waiting.append(plan)
        return True

    def advance(self, now_ns: int, coil: Callable[[str], bool], sign: str = "") -> list[Finished]:
        """Let everybody look and decide; returns those who have just gone. sign: see Sight."""
        self._let_in(now_ns)
        ahead: Driver | None = None
        for driver in self.drivers:
            if ahead is not None:
                gap_mm = ahead.truck.rear_mm - driver.truck.front_mm
                close = driver.stage in (Stage.PUSH, Stage.RETREAT)
                ahead.followed = close and gap_mm < MIRROR_MM
            driver.act(Sight(now_ns, coil, ahead, sign))
            ahead = driver
        if ahead is not None:
            ahead.followed = False
        gone = [driver.finished() for driver in self.drivers if driver.stage is Stage.GONE]
        if gone:
            self.drivers = [each for each in self.drivers if each.stage is not Stage.GONE]
            self.finished += gone
            self._pause_until_ns = now_ns + 2 * NS_PER_S
        return gone

    def _upcoming(self) -> TruckPlan | None:
        if self._next is None and (not self._wanted or self._sent < self._wanted):
            self._next = self.waiting.pop(0) if self.waiting else next(self._plans, None)
            self._exhausted = self._next is None
        return self._next

    def _let_in(self, now_ns: int) -> None:
        """An ordinary truck comes to an empty lane; a tailgater comes behind one that boards."""
        plan = self._upcoming()
        if plan is None or len(self.drivers) >= TRUCKS_MAX or now_ns < self._pause_until_ns:
            return
        geometry = self._lane.geometry
        front_mm = float(geometry.far_before_mm)
        if self.drivers:
            last = self.drivers[-1]
            follows = TRAITS[plan.behaviour].pushes and last.stage in (Stage.WAIT, Stage.BOARD)
            if not follows:
                return
            front_mm = min(front_mm, last.truck.rear_mm - 4_000.0)
        self._sent += 1
        self._next = None
        rng = stream(self._seed, f"truck/{self._sent}")
        truck = Truck(plan, rng, front_mm)
        self.drivers.append(Driver(truck, self._lane, rng))


def tailgating(plan: TruckPlan) -> TruckPlan:
    """The same truck with an impatient driver."""
    return replace(plan, name=f"{plan.name} (tailgater)", behaviour="tailgater")
