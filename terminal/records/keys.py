"""The table of record keys: integer key, name, type, bound and reason of every field.

Encoder, strict decoder, records.cddl and the interface page all read this one table. A key,
once used, keeps its meaning for ever; new fields take new keys.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from hal.contract.types import ClockQuality
from terminal.core.types import PlateSource, Verdict, WeightSource
from terminal.records.model import RecordKind

UINT_MAX = 2**63 - 1
"""Largest integer in a record: what SQLite, PostgreSQL and JSON readers all hold."""
COLOUR_TABLE = "JT"
"""Name of the plate-colour code table written here: the transport-ministry style codes."""


class Shape(Enum):
    """How a value is written. The value of each member is its CDDL type name."""

    UINT = "count"
    INT = "signed"
    TEXT = "text"
    BYTES = "bytes"
    BOOL = "bool"
    CODE = "code"
    LOADS = "loads"
    PHOTOS = "photos"


class Part(Enum):
    """Which part of a record a field belongs to."""

    ORIGIN = "origin"
    HEAD = "head"
    WEIGH = "weigh"
    EVENT = "event"
    GAP = "gap"


Coded = RecordKind | ClockQuality | Verdict | WeightSource | PlateSource | str

KIND_CODES: dict[Coded, int] = {RecordKind.WEIGH: 1, RecordKind.EVENT: 2, RecordKind.GAP: 3}
CLOCK_CODES: dict[Coded, int] = {
    ClockQuality.UNKNOWN: 0,
    ClockQuality.RTC: 1,
    ClockQuality.SYNCED: 2,
}
VERDICT_CODES: dict[Coded, int] = {Verdict.PASS: 1, Verdict.OVER: 2, Verdict.REFUSED: 3}
SOURCE_CODES: dict[Coded, int] = {WeightSource.INDICATOR: 1, WeightSource.AMPLIFIER: 2}
PLATE_SOURCE_CODES: dict[Coded, int] = {
    PlateSource.NONE: 0,
    PlateSource.CAMERA: 1,
    PlateSource.KEYPAD: 2,
    PlateSource.CHOSEN: 3,
    PlateSource.LISTED: 4,
}
COLOUR_CODES: dict[Coded, int] = {
    "blue": 1,
    "yellow": 2,
    "black": 3,
    "white": 4,
    "unknown": 9,
    "yellow_green": 93,
    "green": 94,
}


@dataclass(frozen=True, slots=True)
class Key:
    """One field. size: octets of BYTES (exact), of TEXT (most), items of a list (most)."""

    key: int
    name: str
    part: Part
    shape: Shape
    why: str
    size: int = 0
    optional: bool = False
    codes: dict[Coded, int] | None = None


_O, _H, _W, _E, _G = Part.ORIGIN, Part.HEAD, Part.WEIGH, Part.EVENT, Part.GAP
_U, _I, _T, _B, _C = Shape.UINT, Shape.INT, Shape.TEXT, Shape.BYTES, Shape.CODE

KEYS: tuple[Key, ...] = (
    Key(1, "format", _H, _U, "version of this table; readers refuse others"),
    Key(2, "terminal_id", _O, _T, "which terminal, as in the county's list", 40),
    Key(3, "ledger_id", _O, _B, "which chain of that terminal; new with new storage", 8),
    Key(4, "seq", _H, _U, "number in the chain, from 1, without gaps"),
    Key(5, "prev_hash", _H, _B, "SHA-256 of the previous signed record; zeros for the first", 32),
    Key(6, "kind", _H, _C, "weigh, event or gap", codes=KIND_CODES),
    Key(7, "source_unit", _O, _T, "code of the source unit on the county's list", 160),
    Key(8, "source_name", _O, _T, "published name of the source unit", 240),
    Key(9, "lane", _O, _U, "lane number at the source unit"),
    Key(10, "wall_ns", _H, _U, "UTC nanoseconds since 1970 when it was recorded"),
    Key(11, "clock_quality", _H, _C, "how far wall_ns is to be trusted", codes=CLOCK_CODES),
    Key(12, "boot_id", _O, _B, "which boot the monotonic times belong to", 16),
    Key(13, "recorded_ns", _H, _U, "monotonic nanoseconds when it was recorded"),
    Key(14, "software_version", _O, _T, "legal identity of the program: version", 80),
    Key(15, "software_sha256", _O, _B, "legal identity of the program: digest", 32),
    Key(16, "config_sha256", _O, _B, "digest of the configuration in force", 32),
    Key(17, "calibration_id", _O, _T, "sealed calibration in force", 80),
    Key(18, "simulated", _H, Shape.BOOL, "true: a simulated device touched it; refuse in service"),
    Key(20, "visit_id", _W, _U, "one vehicle's stay on the deck; at most one record each"),
    Key(21, "verdict", _W, _C, "pass, over or refused", codes=VERDICT_CODES),
    Key(22, "reason", _W, _T, "the one reason of that verdict", 400),
    Key(23, "gross_kg", _W, _I, "displayed gross mass, kg, a multiple of d"),
    Key(24, "uncertainty_kg", _W, _U, "estimated uncertainty of gross_kg, kg"),
    Key(25, "e_kg", _W, _U, "verification scale interval, kg"),
    Key(26, "source", _W, _C, "approved indicator or own amplifier chain", codes=SOURCE_CODES),
    Key(27, "limit_kg", _W, _U, "limit applied, kg; absent: none could be applied", optional=True),
    Key(28, "over_kg", _W, _U, "gross above the limit, kg; 0 when not over"),
    Key(29, "over_permille", _W, _U, "over_kg / limit_kg in 1/1000, rounded down", optional=True),
    Key(30, "limit_row", _W, _T, "row of the limit table that decided", 80),
    Key(31, "limit_edition", _W, _T, "edition of the limit table", 80),
    Key(32, "axles", _W, _U, "axle count; absent: not known", optional=True),
    Key(33, "axle_loads_kg", _W, Shape.LOADS, "loads by axle group in driving order, kg", 20),
    Key(34, "vehicle_type", _W, _T, "vehicle type; absent: not known", 40, optional=True),
    Key(35, "plate", _W, _T, "number plate; empty: none read", 40),
    Key(36, "plate_colour", _W, _C, "plate colour in colour_table's codes", codes=COLOUR_CODES),
    Key(37, "colour_table", _W, _T, "name of the colour code table; JT here", 16),
    Key(38, "plate_kind", _W, _T, "kind of plate by its grammar", 40),
    Key(39, "plate_source", _W, _C, "who vouches for the plate", codes=PLATE_SOURCE_CODES),
    Key(40, "plate_margin_mn", _W, _U, "lead of the plate over the next best, milli-nats"),
    Key(41, "weigh_flags", _W, _U, "what the weighing pipeline noticed, bits"),
    Key(42, "zero_age_ms", _W, _U, "age of the zero reference, ms"),
    Key(43, "arrived_ns", _W, _U, "monotonic nanoseconds: vehicle arrived"),
    Key(44, "weighed_ns", _W, _U, "monotonic nanoseconds: mass latched"),
    Key(45, "photos", _W, Shape.PHOTOS, "role, SHA-256 and octets of each picture", 8),
    Key(46, "supersedes", _W, _U, "seq of the record this one corrects", optional=True),
    Key(47, "rear_plate", _W, _T, "the trailer's own plate; absent: none read", 40, optional=True),
    Key(
        48,
        "samples_sha256",
        _W,
        _B,
        "SHA-256 of the file of raw load-cell samples, kept on site; absent: none was kept",
        32,
        optional=True,
    ),
    Key(60, "event", _E, _T, "kind of event", 80),
    Key(61, "detail", _E, _T, "what happened, for a person", 2000),
    Key(62, "at_ns", _E, _U, "monotonic nanoseconds: it happened"),
    Key(63, "about_seq", _E, _U, "record of the same chain it is about", optional=True),
    Key(
        64,
        "evidence",
        _E,
        Shape.PHOTOS,
        "role, SHA-256 and octets of each picture that came after that record",
        8,
        optional=True,
    ),
    Key(65, "exit_plate", _E, _T, "plate the exit camera read", 40, optional=True),
    Key(70, "gap_class", _G, _T, "class of what will not come", 40),
    Key(71, "first_seq", _G, _U, "first record concerned"),
    Key(72, "last_seq", _G, _U, "last record concerned"),
    Key(73, "count", _G, _U, "how many items will not come"),
    Key(74, "why", _G, _T, "why not, for a person", 400),
)

PART_OF_KIND: dict[RecordKind, Part] = {
    RecordKind.WEIGH: Part.WEIGH,
    RecordKind.EVENT: Part.EVENT,
    RecordKind.GAP: Part.GAP,
}


def key_of(name: str) -> Key:
    """The row of one field. Raises KeyError for a name that is not in the table."""
    for row in KEYS:
        if row.name == name:
            return row
    raise KeyError(f"no record field is called {name!r}")
