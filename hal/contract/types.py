"""Pure values that cross the hardware boundary: times, levels, samples, leases, faults.

Standard library typing only. Everything here is immutable, hashable and free of I/O, so the
decision core, the drivers and the simulators can share it without sharing anything else.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, IntEnum, IntFlag
from typing import NamedTuple, NewType

MonotonicNs = NewType("MonotonicNs", int)
"""CLOCK_MONOTONIC nanoseconds. Never a wall time; only the ledger stamps wall time."""

Counts = NewType("Counts", int)
"""Signed amplifier counts as the converter delivered them."""

NS_PER_MS = 1_000_000
NS_PER_S = 1_000_000_000


class Tri(IntEnum):
    """Three-valued fact. UNKNOWN is what a missing, stale or contradictory sensor says."""

    NO = 0
    YES = 1
    UNKNOWN = 2


class SampleFlag(IntFlag):
    """What the driver noticed while it read one sample. Any flag makes the sample suspect."""

    NONE = 0
    READ_TOO_LONG = 1
    DESYNC = 2
    SATURATED = 4
    STUCK = 8
    MISSED = 16
    AFTER_FAULT = 32


class RawSample(NamedTuple):
    """One conversion of one load cell.

    at_ns: monotonic time at which the conversion was ready; cell: index from 0;
    counts: signed converter counts, kept raw; flags: what the driver noticed.
    """

    at_ns: MonotonicNs
    cell: int
    counts: Counts
    flags: SampleFlag = SampleFlag.NONE


class FaultCode(Enum):
    """Operating faults of devices. Texts and consequences live in terminal.faults."""

    ABSENT = "absent"
    BUS = "bus"
    TIMEOUT = "timeout"
    STALE = "stale"
    DESYNC = "desync"
    SATURATED = "saturated"
    STUCK = "stuck"
    CALIBRATION = "calibration"
    RESET = "reset"
    OVERRUN = "overrun"
    CONTRADICTION = "contradiction"
    FRAME = "frame"
    DARK = "dark"
    BLURRED = "blurred"
    FROZEN = "frozen"
    BLOCKED = "blocked"
    HOT = "hot"
    SUPPLY = "supply"
    WORN = "worn"
    CLOCK = "clock"
    UNSAVED = "unsaved"


@dataclass(frozen=True, slots=True)
class Fault:
    """One operating fault as a value: which device, what, and a short detail for the log."""

    code: FaultCode
    device: str
    at_ns: MonotonicNs
    detail: str = ""


class InputName(IntEnum):
    """The field inputs. YES means: blocked, occupied, pressed, open door, broken seal."""

    BEAM_ENTRY = 0
    BEAM_EXIT = 1
    LOOP_ENTRY = 2
    LOOP_EXIT = 3
    ESTOP = 4
    WIRED_RELEASE = 5
    SEAL = 6
    DOOR = 7


INPUT_COUNT = len(InputName)


class Level(NamedTuple):
    """Debounced level of one input. at_ns is when it was last confirmed, not when it changed."""

    value: Tri
    at_ns: MonotonicNs


class Side(IntEnum):
    """Which end of the deck."""

    ENTRY = 0
    EXIT = 1


class Position(IntEnum):
    """Sensed barrier position. UNKNOWN counts as possibly open and possibly closed."""

    UNKNOWN = 0
    CLOSED = 1
    MOVING = 2
    OPEN = 3


class Authority(Enum):
    """What a lease rests on."""

    RECORD = "record"
    BOARDING = "boarding"
    BACK_OUT = "back_out"
    OVERRIDE = "override"


LEASE_NS_MAX = 300 * NS_PER_MS
"""Longest life of a lease; a device that gets no newer one de-energises by itself."""


@dataclass(frozen=True, slots=True)
class Lease:
    """Permission to keep one barrier open until expires_ns. Only the interlock makes one."""

    side: Side
    authority: Authority
    visit_id: int
    record_hash: bytes
    expires_ns: MonotonicNs


@dataclass(frozen=True, slots=True)
class ClosePermit:
    """Permission to drive a pulse barrier closed: its passage is known clear until expires_ns."""

    side: Side
    expires_ns: MonotonicNs


@dataclass(frozen=True, slots=True)
class BarrierFeedback:
    """What the barrier's own switches say.

    position: from the limit switches. energised: the relay's read-back contact.
    commanded: whether the driver is energising now. cycles: openings since installation.
    """

    position: Position
    energised: Tri
    commanded: bool
    cycles: int
    at_ns: MonotonicNs
    fault: Fault | None = None


class Aspect(IntEnum):
    """Traffic lamp aspect. De-energised is RED by wiring."""

    RED = 0
    GREEN = 1


class Key(Enum):
    """Keys of the 4x4 keypad, by their print."""

    D0 = "0"
    D1 = "1"
    D2 = "2"
    D3 = "3"
    D4 = "4"
    D5 = "5"
    D6 = "6"
    D7 = "7"
    D8 = "8"
    D9 = "9"
    A = "A"
    B = "B"
    C = "C"
    D = "D"
    STAR = "*"
    HASH = "#"


@dataclass(frozen=True, slots=True)
class KeyPress:
    """One debounced key press (the release is not reported)."""

    key: Key
    at_ns: MonotonicNs


@dataclass(frozen=True, slots=True)
class Frame:
    """One camera picture: rows x columns x BGR, 8 bit, as contiguous bytes."""

    at_ns: MonotonicNs
    width_px: int
    height_px: int
    bgr: bytes


@dataclass(frozen=True, slots=True)
class IndicatorReading:
    """One decoded frame of an approved indicator; the value is passed on unchanged.

    gross_kg: None when the frame says overload, underload or error. raw: the frame's bytes.
    motion/zero/net: the indicator's own flags; UNKNOWN where its format has none.
    """

    at_ns: MonotonicNs
    gross_kg: int | None
    motion: Tri
    overload: Tri
    zero: Tri
    net: Tri
    raw: bytes


@dataclass(frozen=True, slots=True)
class DeviceInfo:
    """Who a device is. A simulated device marks every record it touches."""

    name: str
    model: str
    simulated: bool


@dataclass(frozen=True, slots=True)
class LoadCellInfo:
    """Fixed facts of a load-cell front end: cells, signed counts at full scale, rate in mHz."""

    device: DeviceInfo
    cells: int
    full_scale: int
    rate_mhz: int
    gain: int


class ClockQuality(Enum):
    """How far the wall clock is to be trusted."""

    SYNCED = "synced"
    RTC = "rtc"
    UNKNOWN = "unknown"


class DeviceAbsentError(Exception):
    """A device that the configuration names cannot be opened. Ends the process with exit 69.

    device: the configuration's name for it; check: what a person should check, one sentence.
    """

    def __init__(self, device: str, found: str, check: str) -> None:
        """Keep the three parts apart, so that each can be shown where it is wanted."""
        super().__init__(f"{device}: {found}. {check}")
        self.device = device
        self.found = found
        self.check = check
