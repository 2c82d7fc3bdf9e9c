"""What one indicator's frame looks like, as plain values: the vocabulary of the format files.

A format is a list of frames, a frame a row of parts. Decoders are compiled from it, the listening
wizard shows it, the simulated peers write it. Nothing here reads bytes, files or clocks.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, IntFlag, auto


class Fact(IntFlag):
    """What a word or a status bit of a frame states. Facts that contradict reject the frame."""

    NONE = 0
    NEGATIVE = auto()
    MOTION = auto()
    STEADY = auto()
    OVERLOAD = auto()
    UNDERLOAD = auto()
    ERROR = auto()
    IN_RANGE = auto()
    ZERO = auto()
    OFF_ZERO = auto()
    NET = auto()
    GROSS = auto()
    KG = auto()
    TONNE = auto()
    FOREIGN = auto()
    """A unit or a display mode that we do not weigh trucks with; the frame is rejected."""


CONTRADICTIONS: tuple[Fact, ...] = (
    Fact.MOTION | Fact.STEADY,
    Fact.OVERLOAD | Fact.IN_RANGE,
    Fact.ZERO | Fact.OFF_ZERO,
    Fact.NET | Fact.GROSS,
    Fact.KG | Fact.TONNE,
)
NO_MASS = Fact.OVERLOAD | Fact.UNDERLOAD | Fact.ERROR | Fact.NET
"""With any of these the number is not the gross mass and is not passed on."""


class CheckKind(Enum):
    """How a frame proves itself. The value is the name in a format file."""

    XOR_HEX = "xor-hex"
    """Exclusive or, as two upper-case hexadecimal digits (XK3190, A12E)."""
    SUM7 = "sum7"
    """One byte that makes the sum of the frame a multiple of 128 (Mettler Toledo)."""
    CRC16_HEX = "crc16-ccitt-hex"
    """CRC-16 0x1021, four upper-case hexadecimal digits (Rinstrum, framed)."""
    CRC16_MODBUS = "crc16-modbus"
    """CRC-16 0x8005 reflected, low byte first (Modbus RTU)."""


class Confirm(Enum):
    """When a person's comparison with the display is needed before a number is passed on."""

    NEVER = "never"
    DUMMY_ZEROS = "dummy-zeros"
    """Only for frames whose place code is negative (Toledo codes 000 and 001)."""
    ALWAYS = "always"


class PlacesRule(Enum):
    """What the place information of a frame is taken for."""

    SENT = "sent"
    """Decimal places; a negative code is taken as none (its zeros are in the six characters)."""
    DIGIT = "digit"
    """The place character is one more digit of the number (XK3190 byte 9 at some sites)."""
    ZEROS = "zeros"
    """A negative code multiplies by ten for each place."""


@dataclass(frozen=True, slots=True)
class Literal:
    """Fixed bytes."""

    octets: bytes


@dataclass(frozen=True, slots=True)
class Word:
    """One allowed text of a Words part and what it states."""

    octets: bytes
    facts: Fact


@dataclass(frozen=True, slots=True)
class Words:
    """One of some fixed texts, all of the same length."""

    name: str
    words: tuple[Word, ...]


@dataclass(frozen=True, slots=True)
class Number:
    """The weight: width_min to width characters. pad, tail: fill on the left, on the right.

    point: a '.' may stand inside. reverse: least significant character first. signed: a '-' or
    '+' may stand before the digits. fixed_places: decimal places that the format implies.
    """

    width: int
    width_min: int = 0
    pad: bytes = b""
    tail: bytes = b""
    point: bool = False
    reverse: bool = False
    signed: bool = False
    fixed_places: int = 0


@dataclass(frozen=True, slots=True)
class Places:
    """One character '0'..'4': decimal places of the number, or by another reading a digit."""


@dataclass(frozen=True, slots=True)
class BitRule:
    """One bit of a status byte: what it states when set and when clear."""

    bit: int
    if_set: Fact
    if_clear: Fact


@dataclass(frozen=True, slots=True)
class Bits:
    """One status byte, sent as it is or as `hex_digits` hexadecimal characters.

    ones, zeros: bits that must be set, must be clear. places_mask and places: decimal places
    by the masked value, None where the code is refused.
    """

    name: str
    ones: int
    zeros: int
    rules: tuple[BitRule, ...]
    places_mask: int = 0
    places: tuple[int | None, ...] = ()
    hex_digits: int = 0
    refused: tuple[tuple[int, int], ...] = ()
    """(mask, value) pairs that refuse the frame."""


@dataclass(frozen=True, slots=True)
class Skip:
    """Characters that carry nothing for us. allowed: which bytes may stand there."""

    width: int
    allowed: bytes


@dataclass(frozen=True, slots=True)
class Check:
    """The check characters. first, last: covered bytes counted from 1, negative from the end."""

    kind: CheckKind
    first: int
    last: int


Part = Literal | Words | Number | Places | Bits | Skip | Check


@dataclass(frozen=True, slots=True)
class FrameSpec:
    """One shape of frame. followed_by: bytes one of which must come next; empty for none."""

    parts: tuple[Part, ...]
    followed_by: bytes = b""


@dataclass(frozen=True, slots=True)
class Scaling:
    """One way to read the number, confirmed by comparing loads with the display."""

    name: str
    title: str
    places: PlacesRule
    kg_exponent: int


@dataclass(frozen=True, slots=True)
class Poll:
    """The questions an indicator must be asked, in turn, and how often the next one goes out."""

    questions: tuple[bytes, ...]
    every_ms: int


@dataclass(frozen=True, slots=True)
class Format:
    """One indicator protocol. lines: settings such as "9600 8N1", most usual first.

    filler: bytes that may stand between frames without being a fault. has_check: for formats
    read by code instead of frames.
    """

    name: str
    title: str
    lines: tuple[str, ...]
    frames: tuple[FrameSpec, ...]
    confirm: Confirm
    scalings: tuple[Scaling, ...]
    strip_bit7: bool = False
    filler: bytes = b""
    poll: Poll | None = None
    has_check: bool = False

    @property
    def checked(self) -> bool:
        """Whether every frame carries a check."""
        return self.has_check or all(
            any(isinstance(p, Check) for p in f.parts) for f in self.frames
        )

    def scaling(self, name: str) -> Scaling | None:
        """The scaling of that name, None when there is none."""
        return next((s for s in self.scalings if s.name == name), None)
