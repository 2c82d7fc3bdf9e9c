"""Read-only questions to the receiver's store: what the status page and its CSV show.

Opens its own connection per question, so a slow reader never stands in the writer's way. It
must never write.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass

from terminal.county.reading import Reader, StorePlace, open_reader
from terminal.records import decode_signed

LIST_MAX = 200
GAPS_MAX = 100
UNITS_MAX = 2_000
REFUSED_MAX = 200


@dataclass(frozen=True, slots=True)
class ChainRow:
    """One terminal's chain: stored records, contiguous up to high, highest seen; its unit."""

    terminal: str
    ledger: str
    stored: int
    high: int
    highest: int
    seen_ns: int
    unit: str

    @property
    def missing(self) -> int:
        """Records that must exist and have not come."""
        return self.highest - self.stored


@dataclass(frozen=True, slots=True)
class OverRow:
    """One over-limit weighing."""

    record_id: str
    wall_ns: int
    arrived_ns: int
    source_unit: str
    plate: str
    axles: int | None
    gross_kg: int
    limit_kg: int | None
    over_kg: int
    reason: str


@dataclass(frozen=True, slots=True)
class RefusedRow:
    """Refusals of one kind of one terminal; terminal: empty where nobody can say."""

    terminal: str
    kind: str
    count: int
    first_ns: int
    last_ns: int
    last: str


@dataclass(frozen=True, slots=True)
class SwapRow:
    """A vehicle that left with another plate than was weighed; detail: the record's own words."""

    record_id: str
    terminal: str
    source_unit: str
    arrived_ns: int
    detail: str


@dataclass(frozen=True, slots=True)
class Report:
    """Everything on the page."""

    records: int
    photos: int
    photos_missing: int
    chains: tuple[ChainRow, ...]
    over: tuple[OverRow, ...]
    refusals: tuple[tuple[str, int, int, str], ...]
    today: int
    today_over: int
    unpublished: int | None
    units: dict[str, str]
    refused: tuple[RefusedRow, ...] = ()
    swaps: tuple[SwapRow, ...] = ()


def read_report(store: StorePlace, since_ns: int = 0) -> Report:
    """All figures in one read transaction. since_ns: when today began. Raises READ_ERRORS.

    unpublished: None when nobody wants the records published. units: names by code.
    """
    with closing(open_reader(store)) as db:
        db.execute("BEGIN")
        chains = db.execute(
            "SELECT terminal, ledger, stored, high, highest, seen_ns, (SELECT source_unit FROM"
            " record r WHERE r.terminal=chain.terminal AND r.ledger=chain.ledger"
            " AND r.seq=chain.highest) FROM chain ORDER BY seen_ns DESC LIMIT ?",
            (LIST_MAX,),
        ).fetchall()
        over = db.execute(
            "SELECT id, wall_ns, arrived_ns, source_unit, plate, axles, gross_kg, limit_kg,"
            " over_kg, reason FROM record WHERE verdict='over' ORDER BY arrived_ns DESC LIMIT ?",
            (LIST_MAX,),
        ).fetchall()
        refusals = db.execute(
            "SELECT name, count, last_ns, last FROM refusal ORDER BY count DESC"
        ).fetchall()
        refused = db.execute(
            "SELECT terminal, name, count, first_ns, last_ns, last FROM refused"
            " ORDER BY last_ns DESC LIMIT ?",
            (REFUSED_MAX,),
        ).fetchall()
        (records,) = db.execute("SELECT coalesce(sum(stored), 0) FROM chain").fetchone()
        photos, named = db.execute("SELECT count(stored_ns), count(*) FROM photo").fetchone()
        today, today_over = db.execute(
            "SELECT count(*), sum(CASE WHEN verdict='over' THEN 1 ELSE 0 END) FROM record"
            " WHERE arrived_ns >= ? AND kind='weigh'",
            (since_ns,),
        ).fetchone()
        wanted = db.execute("SELECT 1 FROM setting WHERE name='publish'").fetchone()
        (unpublished,) = db.execute("SELECT count(*) FROM unpublished").fetchone()
        units = read_units(db)
        swaps = _read_swaps(db)
    return Report(
        int(records),
        photos,
        named - photos,
        tuple(ChainRow(row[0], row[1].hex(), *row[2:]) for row in chains),
        tuple(OverRow(*row) for row in over),
        tuple((row[0], row[1], row[2], row[3]) for row in refusals),
        int(today),
        int(today_over or 0),
        int(unpublished) if wanted else None,
        units,
        tuple(RefusedRow(*row) for row in refused),
        swaps,
    )


def _read_swaps(db: Reader) -> tuple[SwapRow, ...]:
    """The latest alarms of another plate that left."""
    rows = db.execute(
        "SELECT id, terminal, source_unit, arrived_ns, signed FROM record"
        " WHERE event='exit_mismatch' ORDER BY arrived_ns DESC LIMIT ?",
        (SWAPS_MAX,),
    ).fetchall()
    said = [decode_signed(bytes(row[4])).happening for row in rows]
    return tuple(
        SwapRow(row[0], row[1], row[2], row[3], one.detail if one else "")
        for row, one in zip(rows, said, strict=True)
    )


def read_units(db: Reader) -> dict[str, str]:
    """Names of source units by code, as their latest records give them."""
    return dict(db.execute("SELECT code, name FROM unit LIMIT ?", (UNITS_MAX,)).fetchall())


ONE_RECORD = "SELECT signed, arrived_ns FROM record WHERE terminal=? AND ledger=? AND seq=?"
SWAPS_MAX = 50
FOLLOWING_MAX = 16
"""Records of this sort looked at behind a weighing: its own come within a few visits."""


@dataclass(frozen=True, slots=True)
class RecordRow:
    """One stored record. photos: (sha256 in hex, role, whether it is here), also of the records
    that follow it up; about: the signed bytes of these. subject: of a follow-up, the signed bytes
    of the record it is about; None where that is not here, or it is no follow-up.
    """

    signed: bytes
    arrived_ns: int
    photos: tuple[tuple[str, str, bool], ...]
    about: tuple[bytes, ...] = ()
    subject: bytes | None = None


def read_record(store: StorePlace, terminal: str, ledger: bytes, seq: int) -> RecordRow | None:
    """One record by its key. Raises READ_ERRORS."""
    with closing(open_reader(store)) as db:
        row = db.execute(ONE_RECORD, (terminal, ledger, seq)).fetchone()
        if row is None:
            return None
        about_seq = _about(bytes(row[0]))
        subject = None
        if about_seq is not None:
            subject = db.execute(ONE_RECORD, (terminal, ledger, about_seq)).fetchone()
        later = db.execute(
            "SELECT signed FROM record WHERE terminal=? AND ledger=? AND seq>?"
            " AND event IN ('follow_up', 'exit_mismatch', 'pair_changed') ORDER BY seq LIMIT ?",
            (terminal, ledger, seq, FOLLOWING_MAX),
        ).fetchall()
        about = [bytes(signed) for (signed,) in later if _about(bytes(signed)) == seq]
        records = [decode_signed(signed) for signed in (bytes(row[0]), *about)]
        names = [photo.sha256 for record in records for photo in record.photos]
        photos = [
            (sha256.hex(), *db.execute(
                "SELECT role, stored_ns IS NOT NULL FROM photo WHERE sha256=?", (sha256,)
            ).fetchone())
            for sha256 in names
        ]  # fmt: skip
    found = tuple((a, b, bool(c)) for a, b, c in photos)
    return RecordRow(
        bytes(row[0]), row[1], found, tuple(about), bytes(subject[0]) if subject else None
    )


def _about(signed: bytes) -> int | None:
    happening = decode_signed(signed).happening
    return None if happening is None else happening.about_seq


def gaps(store: StorePlace, terminal: str, ledger_hex: str) -> list[tuple[int, int]]:
    """Missing runs of one chain as (first, last), at most GAPS_MAX. Raises READ_ERRORS."""
    with closing(open_reader(store)) as db:
        rows = db.execute(
            "SELECT seq, before FROM (SELECT seq, lag(seq, 1, CAST(0 AS BIGINT))"
            " OVER (ORDER BY seq) AS before FROM record WHERE terminal=? AND ledger=?) AS steps"
            " WHERE seq > before + 1 LIMIT ?",
            (terminal, bytes.fromhex(ledger_hex), GAPS_MAX),
        ).fetchall()
    return [(before + 1, seq - 1) for seq, before in rows]


def over_permille(row: OverRow) -> int | None:
    """Over-rate in 1/1000 of the limit, rounded down."""
    return row.over_kg * 1000 // row.limit_kg if row.limit_kg else None
