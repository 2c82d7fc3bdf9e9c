"""Read-only questions to the receiver's store: what the status page and its CSV show.

Opens its own connection per question, so a slow reader never stands in the writer's way. It
must never write.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass

from terminal.county.reading import StorePlace, open_reader

LIST_MAX = 200
GAPS_MAX = 100


@dataclass(frozen=True, slots=True)
class ChainRow:
    """One terminal's chain: stored records, contiguous up to high, highest seen."""

    terminal: str
    ledger: str
    stored: int
    high: int
    highest: int
    seen_ns: int

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
class Report:
    """Everything on the page."""

    records: int
    photos: int
    photos_missing: int
    chains: tuple[ChainRow, ...]
    over: tuple[OverRow, ...]
    refusals: tuple[tuple[str, int, int, str], ...]


def read_report(store: StorePlace) -> Report:
    """All figures in one read transaction. Raises READ_ERRORS."""
    with closing(open_reader(store)) as db:
        db.execute("BEGIN")
        chains = db.execute(
            "SELECT terminal, ledger, stored, high, highest, seen_ns FROM chain"
            " ORDER BY seen_ns DESC LIMIT ?",
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
        (records,) = db.execute("SELECT coalesce(sum(stored), 0) FROM chain").fetchone()
        photos, named = db.execute("SELECT count(stored_ns), count(*) FROM photo").fetchone()
    return Report(
        int(records),
        photos,
        named - photos,
        tuple(ChainRow(row[0], row[1].hex(), *row[2:]) for row in chains),
        tuple(OverRow(*row) for row in over),
        tuple((row[0], row[1], row[2], row[3]) for row in refusals),
    )


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
