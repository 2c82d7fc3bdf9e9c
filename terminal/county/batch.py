"""What storing many records at once needs: rows to insert, neighbours to compare, chains to move.

Pure bookkeeping between one reading of the database and one writing (see store.py); the rules
of the chain are here once, for every database.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from terminal.county.accept import Accepted
from terminal.records import Record

INSERT_RECORD = "INSERT INTO record VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"
INSERT_PHOTO = "INSERT INTO photo VALUES(?,?,?,?,NULL) ON CONFLICT DO NOTHING"
UPSERT_UNIT = "INSERT INTO unit VALUES(?,?) ON CONFLICT(code) DO UPDATE SET name=excluded.name"
INSERT_OWED = "INSERT INTO unpublished VALUES(?,?,?)"
OWED = (
    "SELECT u.terminal, u.ledger, u.seq, r.id, r.kind, r.source_unit, r.signed FROM unpublished u"
    " JOIN record r ON r.terminal=u.terminal AND r.ledger=u.ledger AND r.seq=u.seq"
    " ORDER BY u.terminal, u.ledger, u.seq LIMIT ?"
)
UPSERT_CHAIN = (
    "INSERT INTO chain VALUES(?,?,?,?,?,?) ON CONFLICT(terminal, ledger) DO UPDATE SET"
    " high=excluded.high, highest=excluded.highest, stored=excluded.stored,"
    " seen_ns=excluded.seen_ns"
)
END_OF_RUN = (
    "SELECT seq FROM record r WHERE terminal=? AND ledger=? AND seq>=? AND NOT EXISTS"
    " (SELECT 1 FROM record n WHERE n.terminal=r.terminal AND n.ledger=r.ledger"
    " AND n.seq=r.seq+1) ORDER BY seq LIMIT 1"
)
"""The last record of the unbroken run that begins at a stored one."""


class Held(NamedTuple):
    """A stored record: its hash, its prev_hash, when it came."""

    digest: bytes
    prev: bytes
    arrived_ns: int


@dataclass(slots=True)
class Around:
    """Keys that were asked for, and the stored rows among them."""

    asked: list[tuple[str, bytes, int]]
    rows: dict[tuple[str, bytes, int], Held]

    def disagrees(self, accepted: Accepted) -> str | None:
        """Why the record does not fit between its stored neighbours."""
        record = accepted.record
        terminal, ledger, seq = record.origin.terminal_id, record.origin.ledger_id, record.seq
        before = self.rows.get((terminal, ledger, seq - 1))
        if before is not None and before.digest != record.prev_hash:
            return f"its chain disagrees with the stored record {seq - 1}"
        after = self.rows.get((terminal, ledger, seq + 1))
        if after is not None and after.prev != accepted.digest:
            return f"its chain disagrees with the stored record {seq + 1}"
        return None


@dataclass(slots=True)
class Chain:
    """A row of `chain` on its way to its next state."""

    high: int
    highest: int
    stored: int
    seen_ns: int = 0
    new: set[int] = field(default_factory=set)

    def add(self, seq: int, arrived_ns: int) -> None:
        """One more record of this chain."""
        self.new.add(seq)
        self.stored += 1
        self.seen_ns = arrived_ns
        self.highest = max(self.highest, seq)

    def grow(self) -> bool:
        """Move high over what is new; whether it moved."""
        before = self.high
        while self.high + 1 in self.new:
            self.high += 1
        return self.high > before


def places(asked: Sequence[tuple[object, ...]]) -> str:
    """`(?,?),(?,?)` for padded(asked): few lengths, so that statements are prepared once."""
    row = f"({','.join('?' * len(asked[0]))})"
    return ",".join([row] * (1 << (len(asked) - 1).bit_length()))


def padded(asked: Sequence[tuple[object, ...]]) -> list[object]:
    """The values, the last ones repeated up to a power of two."""
    full = [*asked, *([asked[-1]] * ((1 << (len(asked) - 1).bit_length()) - len(asked)))]
    return [value for row in full for value in row]


def record_row(accepted: Accepted, arrived_ns: int) -> tuple[object, ...]:
    """Values of INSERT_RECORD."""
    record, weigh, happening = accepted.record, accepted.record.weigh, accepted.record.happening
    return (
        record.origin.terminal_id,
        record.origin.ledger_id,
        record.seq,
        record.record_id,
        accepted.digest,
        record.prev_hash,
        arrived_ns,
        record.wall_ns,
        record.kind.value,
        record.origin.source_unit,
        int(record.simulated),
        weigh.verdict.value if weigh else None,
        weigh.reason if weigh else None,
        weigh.plate if weigh else None,
        weigh.axles if weigh else None,
        weigh.gross_kg if weigh else None,
        weigh.limit_kg if weigh else None,
        weigh.over_kg if weigh else None,
        happening.event if happening else None,
        accepted.signed,
    )


def photo_rows(record: Record) -> list[tuple[object, ...]]:
    """Values of INSERT_PHOTO for each photo the record names."""
    return [
        (photo.sha256, photo.size_bytes, record.record_id, photo.role) for photo in record.photos
    ]
