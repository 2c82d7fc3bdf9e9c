"""The drawing of the lane as numbers: pure, from a Snapshot and (simulated) the plant's truth.

Side view, entry left, exit right, in pixels of a 1000 x 300 picture. The grey truck is what the
terminal infers from state, beams and weight; the dashed one is where the simulated truck is.
"""

from __future__ import annotations

from dataclasses import dataclass

from hal.contract.types import InputName, Level, Position, Side, Tri
from terminal.core.types import HoldReason
from terminal.messages import Snapshot
from terminal.plant_messages import PlantTruth

WIDTH_PX = 1000
GROUND_PX = 232
MARGIN_MM = 13_000
TRUCK_HEIGHT_MM = 3_600
TRUCKS_MAX = 3

LENGTH_MM = {2: 8_000, 3: 9_500, 4: 12_000, 5: 15_000, 6: 16_500}
AXLES_MM: dict[int, tuple[int, ...]] = {
    2: (1_400, 6_000),
    3: (1_400, 6_200, 7_550),
    4: (1_400, 3_300, 8_800, 10_150),
    5: (1_400, 4_800, 11_000, 12_310, 13_620),
    6: (1_400, 4_400, 5_750, 12_400, 13_710, 15_020),
}
"""Schematic vehicles by axle count, front bumper first; the real offsets are not known."""

AT_ENTRY = frozenset({"ENTERING", "EGRESS"})
LOWERS = {"CLEARING": Side.EXIT, "EGRESS": Side.ENTRY}
"""States that end with an arm coming down; one that takes too long is a fault, and a LOCKOUT."""
PASSAGE = (("beam_entry", "loop_entry"), ("beam_exit", "loop_exit"))
ON_DECK = frozenset(
    {"POSITIONING", "WEIGHING", "DECIDING", "COMMITTING", "RELEASING", "HELD", "LOCKOUT"}
)


@dataclass(frozen=True, slots=True)
class Truck:
    """One truck: body from x_px to x_px + w_px, cab at its exit end, wheels at wheel_px."""

    x_px: int
    w_px: int
    h_px: int
    cab_px: int
    wheels_px: tuple[int, ...]
    label: str


@dataclass(frozen=True, slots=True)
class Lane:
    """Everything the SVG needs. levels: blocked, clear or unknown, by lower-case input name."""

    deck_px: tuple[int, int]
    truck: Truck | None
    truth: tuple[Truck, ...]
    levels: dict[str, str]
    barriers: tuple[str, str] | tuple[None, str]
    lamps: tuple[str, str]
    leases: tuple[str, str]


def tri_word(level: Level) -> str:
    """yes, no or unknown."""
    return {Tri.YES: "yes", Tri.NO: "no"}.get(level.value, "unknown")


def levels_of(snapshot: Snapshot) -> dict[str, str]:
    """yes, no or unknown by lower-case input name; a missing one is unknown."""
    words = [tri_word(level) for level in snapshot.levels]
    words += ["unknown"] * (len(InputName) - len(words))
    return {name.name.lower(): words[name] for name in InputName}


def position_word(snapshot: Snapshot, side: Side) -> str:
    """closed, moving, open or unknown: sensed, never inferred from the command."""
    feedback = snapshot.barriers[side]
    position = feedback.position if feedback is not None else Position.UNKNOWN
    return position.name.lower()


def lowering(snapshot: Snapshot) -> Side | None:
    """The side whose arm is all that is waited for and comes down in the ordinary way.

    None where somebody has to look: held or locked out, a fault, an arm over an occupied passage.
    """
    side = LOWERS.get(snapshot.state.upper())
    if side is None or snapshot.display.reason is not HoldReason.BARRIER_OPEN:
        return None
    feedback, levels = snapshot.barriers[side], levels_of(snapshot)
    if feedback is None or feedback.fault is not None or snapshot.leases[side]:
        return None
    clear = all(levels[name] == "no" for name in PASSAGE[side])
    falls = feedback.position is Position.MOVING
    return side if falls or (clear and feedback.position is Position.OPEN) else None


def lane(snapshot: Snapshot, truth: PlantTruth | None, deck_mm: int) -> Lane:
    """The drawing for this moment. deck_mm: deck length of the configuration."""
    scale = _Scale(deck_mm)
    levels = levels_of(snapshot)
    exit_word = position_word(snapshot, Side.EXIT)
    double = snapshot.lane_kind == "double"
    trucks = truth.trucks[:TRUCKS_MAX] if truth is not None else ()
    return Lane(
        (scale.x(0), scale.x(deck_mm)),
        _inferred(snapshot, levels, deck_mm, scale),
        tuple(scale.truck(t[0], t[1], t[2], t[4]) for t in trucks),
        levels,
        (position_word(snapshot, Side.ENTRY), exit_word) if double else (None, exit_word),
        ("green" if snapshot.lamps[0] else "red", "green" if snapshot.lamps[1] else "red"),
        snapshot.leases,
    )


class _Scale:
    """Millimetres from the deck's entry edge to pixels."""

    def __init__(self, deck_mm: int) -> None:
        self._whole_mm = deck_mm + 2 * MARGIN_MM

    def x(self, at_mm: int) -> int:
        return (at_mm + MARGIN_MM) * WIDTH_PX // self._whole_mm

    def length(self, mm: int) -> int:
        return mm * WIDTH_PX // self._whole_mm

    def truck(self, front_mm: int, length_mm: int, axles_mm: tuple[int, ...], label: str) -> Truck:
        return Truck(
            self.x(front_mm - length_mm),
            self.length(length_mm),
            self.length(TRUCK_HEIGHT_MM),
            self.length(min(2_300, length_mm // 3)),
            tuple(self.x(front_mm - axle_mm) for axle_mm in axles_mm),
            label,
        )


def _inferred(
    snapshot: Snapshot, levels: dict[str, str], deck_mm: int, scale: _Scale
) -> Truck | None:
    """The truck that state, beams and weight speak of; None when they speak of none."""
    weighed = snapshot.weighed
    loaded = weighed is not None and weighed.deck_empty is Tri.NO
    state = snapshot.state.upper()
    entry, exit_ = levels["beam_entry"] == "yes", levels["beam_exit"] == "yes"
    if not (loaded or entry or exit_ or state in AT_ENTRY):
        return None
    axles = max(2, min(6, snapshot.display.axles or 6))
    length_mm = LENGTH_MM[axles]
    front_mm = (deck_mm + length_mm) // 2
    if state in AT_ENTRY and not loaded:
        front_mm = -1_500
    elif entry and not exit_:
        front_mm = min(deck_mm - 1_500, length_mm - 2_500)
    elif exit_:
        front_mm = deck_mm + (length_mm // 2 if state == "CLEARING" else 2_000)
    elif state == "CLEARING":
        front_mm = deck_mm - 500
    return scale.truck(front_mm, length_mm, AXLES_MM[axles], snapshot.display.plate)
