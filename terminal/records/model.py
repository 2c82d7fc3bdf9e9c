"""What a record says: the typed view of one ledger entry.

Used by the ledger (writes), the uplink, console and verify command (read) and the county
receiver. Plain values only: bytes, text and integers; units end the names. It must never hold
anything that is not in the signed bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from hal.contract.types import ClockQuality
from terminal.core.types import PhotoRef, PlateSource, Verdict, WeightSource

FORMAT = 1
"""Version of the record body. A reader refuses every other one."""
GENESIS_HASH = bytes(32)
"""prev_hash of the first record of a ledger."""
SEQ_FIRST = 1


class RecordError(ValueError):
    """These bytes are not a record that may be believed. str() is one sentence."""


class RecordKind(Enum):
    """What a ledger entry is about."""

    WEIGH = "weigh"
    EVENT = "event"
    GAP = "gap"


@dataclass(frozen=True, slots=True, kw_only=True)
class Weigh:
    """One judged visit. over_permille: (gross - limit) / limit in 1/1000, rounded down.

    rear_plate: the trailer's own plate; None when none was read, and in older records.
    samples_sha256: of the file of raw samples, or of an indicator's frames (kept on site, never
    sent); None when there is none: they did not reach the ledger, or the record is older.
    """

    visit_id: int
    verdict: Verdict
    reason: str
    gross_kg: int
    uncertainty_kg: int
    e_kg: int
    source: WeightSource
    limit_kg: int | None
    over_kg: int
    over_permille: int | None
    limit_row: str
    limit_edition: str
    axles: int | None
    axle_loads_kg: tuple[int, ...]
    vehicle_type: str | None
    plate: str
    plate_colour: str
    colour_table: str
    plate_kind: str
    plate_source: PlateSource
    plate_margin_mn: int
    weigh_flags: int
    zero_age_ms: int
    arrived_ns: int
    weighed_ns: int
    photos: tuple[PhotoRef, ...]
    supersedes: int | None = None
    rear_plate: str | None = None
    samples_sha256: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """One event the county must hear of. at_ns: monotonic, within this boot.

    about_seq: the record of the same chain it is about. evidence: pictures of that visit which
    ended only after its record was durable; exit_plate: what the exit camera read. None: none.
    """

    event: str
    detail: str
    at_ns: int
    about_seq: int | None = None
    evidence: tuple[PhotoRef, ...] | None = None
    exit_plate: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Something that will never be sent: `count` items of a class, of records first..last."""

    gap_class: str
    first_seq: int
    last_seq: int
    count: int
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Who speaks: the same in every record of one run of one terminal.

    ledger_id: 8 random bytes made with the database; a terminal whose storage was replaced
    starts a new chain under a new one. boot_id: 16 bytes. digests: SHA-256.
    """

    terminal_id: str
    ledger_id: bytes
    source_unit: str
    source_name: str
    lane: int
    boot_id: bytes
    software_version: str
    software_sha256: bytes
    config_sha256: bytes
    calibration_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One ledger entry. content decides its kind; wall_ns: UTC when it was recorded."""

    origin: Origin
    seq: int
    prev_hash: bytes
    wall_ns: int
    clock_quality: ClockQuality
    recorded_ns: int
    simulated: bool
    content: Weigh | Happening | Gap

    @property
    def kind(self) -> RecordKind:
        """Kind of this record."""
        if isinstance(self.content, Weigh):
            return RecordKind.WEIGH
        return RecordKind.EVENT if isinstance(self.content, Happening) else RecordKind.GAP

    @property
    def record_id(self) -> str:
        """Name of this record on the wire, the same for ever."""
        return record_id(self.origin.terminal_id, self.origin.ledger_id, self.seq)

    @property
    def weigh(self) -> Weigh | None:
        """The weighing, when it is one."""
        return self.content if isinstance(self.content, Weigh) else None

    @property
    def happening(self) -> Happening | None:
        """The event, when it is one."""
        return self.content if isinstance(self.content, Happening) else None

    @property
    def photos(self) -> tuple[PhotoRef, ...]:
        """Every picture this record vouches for."""
        if isinstance(self.content, Weigh):
            return self.content.photos
        return (self.content.evidence or ()) if isinstance(self.content, Happening) else ()

    @property
    def gap(self) -> Gap | None:
        """The gap, when it is one."""
        return self.content if isinstance(self.content, Gap) else None


def record_id(terminal_id: str, ledger_id: bytes, seq: int) -> str:
    """`<terminal>-<ledger>-<seq>`: the key under which a platform stores the record."""
    return f"{terminal_id}-{ledger_id.hex()}-{seq}"


def over_permille(gross_kg: int, limit_kg: int | None) -> int | None:
    """Over-rate in 1/1000 of the limit, rounded down; 0 when not over; None without a limit."""
    if limit_kg is None or limit_kg <= 0:
        return None
    return max(0, gross_kg - limit_kg) * 1000 // limit_kg
