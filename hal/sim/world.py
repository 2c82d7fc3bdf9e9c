"""The simulated world's wires: what the plant puts on them and what the devices answer.

Every simulated chip hangs on a World. LocalWorld keeps it in one object (tests, the seeded
simulator); SharedWorld keeps it in a memory-mapped file, so that the plant process and the
device-owning processes see the same wires without ever waiting for each other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from hal.contract.types import NS_PER_MS, MonotonicNs, Side

CELLS_MAX = 8
SIGN_BYTES_MAX = 1_024
TRUCKS_MAX = 3
PROMPT_BYTES_MAX = 32
ALIVE_NS = 1_000 * NS_PER_MS
"""A world whose heartbeat is older than this has no power."""

RELAYS: tuple[str, ...] = (
    "entry_open",
    "entry_close",
    "exit_open",
    "exit_close",
    "lamp_entry",
    "lamp_exit",
    "siren",
)
"""Every relay coil of the lane by name; a coil that is not here does not exist."""

KEYPAD_ROWS: tuple[str, ...] = ("123A", "456B", "789C", "*0#D")
"""Print of the 4x4 keypad; key (row, column) is bit row * 4 + column of World.keys()."""


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


EMPTY_SCENE = Scene((), 100, 18_000)


@dataclass(frozen=True, slots=True)
class PlantState:
    """Everything the plant puts on the wires in one go; units as in World's methods.

    heartbeat_ns: monotonic time of this state. struck: times an arm met a truck since start.
    """

    heartbeat_ns: int
    cell_nv: tuple[int, ...] = (0,) * CELLS_MAX
    temperature_mc: int = 20_000
    inputs: int = 0
    arms_mdeg: tuple[int, int] = (0, 0)
    keys: int = 0
    network_up: bool = True
    struck: int = 0
    scene: Scene = EMPTY_SCENE


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

    def network_up(self) -> bool:
        """Whether the simulated cable to the county is plugged in."""

    def set_relay(self, name: str, energised: bool) -> None:
        """A relay coil: "exit_open", "entry_close", "lamp_exit", "siren"..."""

    def relay(self, name: str) -> bool:
        """Whether that coil is energised."""

    def set_sign(self, width_px: int, height_px: int, rows: bytes) -> None:
        """What the sign's drivers light now."""

    def sign(self) -> tuple[int, int, bytes]:
        """Width, height, rows of the sign as lit."""

    def set_prompt(self, name: str) -> None:
        """What the sign says, by name; stands for a person reading it. At most 32 bytes."""

    def prompt(self) -> str:
        """Name of what the sign says now; empty before anything was said."""


class PlantSide(World, Protocol):
    """The same wires with the plant's own end: only the plant puts states on them."""

    def put(self, state: PlantState) -> None:
        """Replace everything the plant drives. Microseconds, never blocks."""

    def struck(self) -> int:
        """Times an arm met a truck since the plant started."""

    def close(self) -> None:
        """Let go of the wires."""
