"""The lane around the deck: loops, light beams, barrier arms and where they stand.

Pure geometry and two motors. An arm obeys its coils and nothing else, except that its own wired
photo eye keeps it off a truck (EN 12453 is met in the barrier, never by software); when that
happens, `struck` counts it, because the terminal should never have asked.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from hal.contract.types import NS_PER_MS, InputName, Side
from hal.sim.truck import Truck

ARM_OPEN_MDEG = 90_000
ARM_TRAVEL_NS = 1_500 * NS_PER_MS
ARM_CLEAR_MDEG = 60_000
"""Below this angle an arm would touch a truck beneath it."""
ARM_PASSABLE_MDEG = 80_000
"""A driver drives under an arm that is at least this high."""


@dataclass(frozen=True, slots=True)
class LaneGeometry:
    """Places along the lane, mm from the deck's entry edge, exit direction positive.

    wait_mm: stop line on the entry loop. queue_mm: stop line before the loop, for whoever comes
    while another truck is being served. far_*: where trucks appear and vanish.
    """

    deck_length_mm: int = 18_000
    wait_mm: int = -2_500
    queue_mm: int = -6_500
    entry_loop_mm: tuple[int, int] = (-5_500, -2_200)
    entry_arm_mm: int = -800
    entry_beam_mm: int = -100
    exit_beam_past_mm: int = 100
    exit_arm_past_mm: int = 800
    exit_loop_past_mm: tuple[int, int] = (600, 4_000)
    far_before_mm: int = -10_000
    far_past_mm: int = 5_500

    def arm_mm(self, side: Side) -> int:
        """Where the arm of that side crosses the lane."""
        if side is Side.ENTRY:
            return self.entry_arm_mm
        return self.deck_length_mm + self.exit_arm_past_mm


def beams_blocked(geometry: LaneGeometry, trucks: Sequence[Truck]) -> tuple[bool, bool]:
    """(entry, exit) beam interrupted by a truck's body."""
    exit_mm = geometry.deck_length_mm + geometry.exit_beam_past_mm
    return (
        any(truck.covers(geometry.entry_beam_mm) for truck in trucks),
        any(truck.covers(exit_mm) for truck in trucks),
    )


def loops_occupied(geometry: LaneGeometry, trucks: Sequence[Truck]) -> tuple[bool, bool]:
    """(entry, exit) loop under any part of a truck."""
    near_mm, far_mm = geometry.exit_loop_past_mm
    length_mm = geometry.deck_length_mm
    return (
        _over(trucks, *geometry.entry_loop_mm),
        _over(trucks, length_mm + near_mm, length_mm + far_mm),
    )


def _over(trucks: Sequence[Truck], near_mm: float, far_mm: float) -> bool:
    return any(truck.rear_mm <= far_mm and truck.front_mm >= near_mm for truck in trucks)


@dataclass(slots=True)
class Arm:
    """One barrier arm. hold kind: up while its coil is energised. pulse kind: latches pulses.

    struck: times it was let fall onto a truck beneath it. rushed: times a truck drove in under
    it while it was already falling, which is the driver's doing.
    """

    kind: str
    angle_mdeg: int = 0
    struck: int = 0
    rushed: int = 0
    _goal_mdeg: int = 0
    _resting: bool = False
    _fell_free: bool = False

    def advance(self, dt_ns: int, open_coil: bool, close_coil: bool, truck_below: bool) -> None:
        """Turn for dt_ns as the coils say. Both pulse coils at once change nothing."""
        if self.kind == "hold" or open_coil != close_coil:
            self._goal_mdeg = ARM_OPEN_MDEG if open_coil else 0
        reach = ARM_OPEN_MDEG * dt_ns // ARM_TRAVEL_NS
        wanted = self.angle_mdeg + min(reach, max(-reach, self._goal_mdeg - self.angle_mdeg))
        falling = wanted < self.angle_mdeg
        self._fell_free = falling and (self._fell_free or not truck_below)
        if falling and truck_below and wanted < ARM_CLEAR_MDEG <= self.angle_mdeg:
            self._meet()
            return
        if not falling or not truck_below:
            self._resting = False
        self.angle_mdeg = wanted

    def _meet(self) -> None:
        """The arm's own photo eye holds it up; count whose doing it was, once."""
        if not self._resting:
            self.rushed += self._fell_free
            self.struck += not self._fell_free
        self._resting = True


@dataclass(slots=True)
class Lane:
    """Arms and sensors of one lane. kind: "exit-only" has no entry arm; "double" has both."""

    kind: str
    barrier: str
    geometry: LaneGeometry = field(default_factory=LaneGeometry)
    pressed: int = 0
    arms: tuple[Arm, Arm] = field(init=False)

    def __post_init__(self) -> None:
        """An exit-only lane's entry is a road: its arm is open for good."""
        assert self.kind in ("exit-only", "double"), f"unknown lane kind {self.kind!r}"
        assert self.barrier in ("hold", "pulse"), f"unknown barrier kind {self.barrier!r}"
        self.arms = (Arm(self.barrier), Arm(self.barrier))
        if not self.has_entry_arm:
            self.arms[Side.ENTRY].angle_mdeg = ARM_OPEN_MDEG

    @property
    def has_entry_arm(self) -> bool:
        """Whether an arm stands at the entry."""
        return self.kind == "double"

    @property
    def struck(self) -> int:
        """Times any arm met a truck."""
        return self.arms[0].struck + self.arms[1].struck

    def passable(self, side: Side) -> bool:
        """Whether a driver would drive under that arm."""
        return self.arms[side].angle_mdeg >= ARM_PASSABLE_MDEG

    def advance(self, dt_ns: int, trucks: Sequence[Truck], coil: Callable[[str], bool]) -> None:
        """Turn the arms for dt_ns; coil(name) says whether a relay coil is energised."""
        sides = (Side.ENTRY, Side.EXIT) if self.has_entry_arm else (Side.EXIT,)
        for side in sides:
            name = side.name.lower()
            place_mm = self.geometry.arm_mm(side)
            below = any(truck.covers(place_mm) for truck in trucks)
            self.arms[side].advance(dt_ns, coil(f"{name}_open"), coil(f"{name}_close"), below)

    def inputs(self, trucks: Sequence[Truck]) -> int:
        """Bit InputName n set: blocked, occupied or pressed."""
        entry_beam, exit_beam = beams_blocked(self.geometry, trucks)
        entry_loop, exit_loop = loops_occupied(self.geometry, trucks)
        return (
            self.pressed
            | entry_beam << InputName.BEAM_ENTRY
            | exit_beam << InputName.BEAM_EXIT
            | entry_loop << InputName.LOOP_ENTRY
            | exit_loop << InputName.LOOP_EXIT
        )
