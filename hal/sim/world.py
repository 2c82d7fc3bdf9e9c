"""The simulated world's wires: what the plant puts on them and what the devices answer.

Every simulated chip hangs on a World. LocalWorld keeps it in one object (tests, the seeded
simulator); SharedWorld keeps it in a memory-mapped file, so that the plant process and the
device-owning processes see the same wires without ever waiting for each other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from hal.contract.types import MonotonicNs, Side

CELLS_MAX = 8
SIGN_BYTES_MAX = 1_024
TRUCKS_MAX = 3


@dataclass(frozen=True, slots=True)
class TruckPose:
    """One truck as a camera would see it. front_mm: from the deck's entry edge, exit positive.

    plate_kind and colour name the plate grammar's kinds. dirt_pct: 0 clean to 100 unreadable.
    """

    front_mm: int
    length_mm: int
    plate: str
    plate_colour: str
    plate_kind: str
    rear_plate: str
    dirt_pct: int


@dataclass(frozen=True, slots=True)
class Scene:
    """What stands in front of the cameras. light_pct: 100 noon, 5 night."""

    trucks: tuple[TruckPose, ...]
    light_pct: int
    deck_length_mm: int


class World(Protocol):
    """The wires between the plant and the simulated chips."""

    def alive(self, now_ns: MonotonicNs) -> bool:
        """Whether the plant has moved the world lately; a chip in a dead world is unpowered."""

    def cell_nv(self, cell: int) -> int:
        """Bridge signal of one load cell now, nanovolts."""

    def temperature_mc(self) -> int:
        """Cell temperature, thousandths of a degree Celsius."""

    def inputs(self) -> int:
        """Bit InputName n set: blocked, occupied, pressed (physics, before any wiring)."""

    def arm_mdeg(self, side: Side) -> int:
        """Barrier arm angle, 0 closed to 90,000 open."""

    def keys(self) -> int:
        """Closed keypad contacts, bit row * 4 + column."""

    def scene(self) -> Scene:
        """What the cameras see."""

    def set_relay(self, name: str, energised: bool) -> None:
        """A relay coil: "exit_open", "entry_close", "lamp_exit", "siren"..."""

    def relay(self, name: str) -> bool:
        """Whether that coil is energised."""

    def set_sign(self, width_px: int, height_px: int, rows: bytes) -> None:
        """What the sign's drivers light now."""

    def sign(self) -> tuple[int, int, bytes]:
        """Width, height, rows of the sign as lit."""
