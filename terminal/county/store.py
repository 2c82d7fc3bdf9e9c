"""The receiver's store: records, photo references, cursors, counts of refusals.

Synchronous and single-connection: one writer thread owns it (see writer.py) and commits many
requests at once. Keys make every write idempotent. It never overwrites a stored record.
"""

from __future__ import annotations

import sqlite3
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from terminal.county.accept import Accepted
from terminal.county.problems import RefusedError

SCHEMA = """
CREATE TABLE IF NOT EXISTS record(
  terminal TEXT NOT NULL, ledger BLOB NOT NULL, seq INTEGER NOT NULL, id TEXT NOT NULL UNIQUE,
  hash BLOB NOT NULL, prev BLOB NOT NULL, arrived_ns INTEGER NOT NULL, wall_ns INTEGER NOT NULL,
  kind TEXT NOT NULL, source_unit TEXT NOT NULL, simulated INTEGER NOT NULL, verdict TEXT,
  reason TEXT, plate TEXT, axles INTEGER, gross_kg INTEGER, limit_kg INTEGER, over_kg INTEGER,
  event TEXT, signed BLOB NOT NULL, PRIMARY KEY(terminal, ledger, seq)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS record_arrived ON record(arrived_ns);
CREATE INDEX IF NOT EXISTS record_wall ON record(wall_ns);
CREATE INDEX IF NOT EXISTS record_over ON record(verdict, arrived_ns);
CREATE TABLE IF NOT EXISTS chain(
  terminal TEXT NOT NULL, ledger BLOB NOT NULL, high INTEGER NOT NULL, highest INTEGER NOT NULL,
  stored INTEGER NOT NULL, seen_ns INTEGER NOT NULL, PRIMARY KEY(terminal, ledger)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS photo(
  sha256 BLOB PRIMARY KEY, size_bytes INTEGER NOT NULL, record_id TEXT NOT NULL,
  role TEXT NOT NULL, stored_ns INTEGER) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS refusal(
  name TEXT PRIMARY KEY, count INTEGER NOT NULL, last_ns INTEGER NOT NULL, last TEXT NOT NULL
  ) WITHOUT ROWID;
"""
BUSY_MS = 5_000
RUNS_MAX = 100
"""Missing runs named in one cursor; the rest is asked for once these have come."""


@dataclass(frozen=True, slots=True)
class Stored:
    """What the store holds under an id now. new: this call put it there."""

    digest: bytes
    stored_ns: int
    seq_high: int
    new: bool


@dataclass(frozen=True, slots=True)
class PhotoRow:
    """A photo that a stored record names. stored_ns: None while it has not come."""

    size_bytes: int
    stored_ns: int | None


class Cursor(NamedTuple):
    """What is held of one chain: contiguous from 1 to high, up to highest without the runs."""

    ledger: bytes
    high: int
    highest: int
    missing: tuple[tuple[int, int], ...]


class Store(Protocol):
    """What the receiver needs of a database. One thread; writes count after commit()."""

    def put_record(self, accepted: Accepted, arrived_ns: int) -> Stored:
        """Store once; a second time says what is there. Raises RefusedError "chain"."""

    def photo(self, sha256: bytes) -> PhotoRow | None:
        """The photo as named by a record, or None."""

    def photo_stored(self, sha256: bytes, stored_ns: int) -> None:
        """The photo's bytes are durable."""

    def count_refusal(self, name: str, detail: str, at_ns: int) -> None:
        """Count one refusal."""

    def cursors(self, terminal_id: str) -> list[Cursor]:
        """What is held of each chain of the terminal, newest first."""

    def commit(self) -> None:
        """Make everything since the last commit durable, with a full sync."""

    def rollback(self) -> None:
        """Undo everything since the last commit."""

    def close(self) -> None:
        """Close."""


class SqlStore(ABC):
    """The rules of a store in SQL that SQLite and PostgreSQL both understand."""

    @property
    @abstractmethod
    def _db(self) -> Any:
        """The connection; execute() takes `?` parameters."""

    @abstractmethod
    def _begin(self) -> None:
        """Begin a transaction unless one is open."""

    def _write(self, sql: str, *values: object) -> None:
        self._begin()
        self._db.execute(sql, values)

    def put_record(self, accepted: Accepted, arrived_ns: int) -> Stored:
        """Insert unless the key exists; the neighbours in the chain must agree."""
        record = accepted.record
        terminal, ledger = record.origin.terminal_id, record.origin.ledger_id
        row = self._db.execute(
            "SELECT hash, arrived_ns FROM record WHERE terminal=? AND ledger=? AND seq=?",
            (terminal, ledger, record.seq),
        ).fetchone()
        if row is not None:
            return Stored(row[0], row[1], self._high(terminal, ledger), False)
        self._check_neighbours(accepted)
        self._insert(accepted, arrived_ns)
        high = self._advance(terminal, ledger, record.seq, arrived_ns)
        return Stored(accepted.digest, arrived_ns, high, True)

    def _check_neighbours(self, accepted: Accepted) -> None:
        record = accepted.record
        key = (record.origin.terminal_id, record.origin.ledger_id)
        for seq, column in ((record.seq - 1, "hash"), (record.seq + 1, "prev")):
            row = self._db.execute(
                f"SELECT {column} FROM record WHERE terminal=? AND ledger=? AND seq=?",  # noqa: S608
                (*key, seq),
            ).fetchone()
            mine = record.prev_hash if column == "hash" else accepted.digest
            if row is not None and row[0] != mine:
                detail = f"its chain disagrees with the stored record {seq}"
                raise RefusedError("chain", detail, "prev_hash")

    def _insert(self, accepted: Accepted, arrived_ns: int) -> None:
        record, weigh = accepted.record, accepted.record.weigh
        happening = record.happening
        self._write(
            "INSERT INTO record VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
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
        for photo in weigh.photos if weigh else ():
            self._write(
                "INSERT INTO photo VALUES(?,?,?,?,NULL) ON CONFLICT DO NOTHING",
                photo.sha256,
                photo.size_bytes,
                record.record_id,
                photo.role,
            )

    def _high(self, terminal: str, ledger: bytes) -> int:
        row = self._db.execute(
            "SELECT high FROM chain WHERE terminal=? AND ledger=?", (terminal, ledger)
        ).fetchone()
        return int(row[0]) if row else 0

    def _advance(self, terminal: str, ledger: bytes, seq: int, now_ns: int) -> int:
        """Move the contiguous cursor; amortised one look-up a record."""
        high = self._high(terminal, ledger)
        if seq == high + 1:
            high = seq
            following = self._db.execute(
                "SELECT seq FROM record WHERE terminal=? AND ledger=? AND seq>? ORDER BY seq",
                (terminal, ledger, high),
            )
            for (next_seq,) in following:
                if next_seq != high + 1:
                    break
                high = next_seq
            following.close()
        self._write(
            "INSERT INTO chain VALUES(?,?,?,?,1,?) ON CONFLICT(terminal, ledger) DO UPDATE SET"
            " high=excluded.high, stored=chain.stored+1, seen_ns=excluded.seen_ns, highest=CASE"
            " WHEN excluded.highest > chain.highest THEN excluded.highest ELSE chain.highest END",
            terminal,
            ledger,
            high,
            seq,
            now_ns,
        )
        return high

    def photo(self, sha256: bytes) -> PhotoRow | None:
        """Look up one photo."""
        row = self._db.execute(
            "SELECT size_bytes, stored_ns FROM photo WHERE sha256=?", (sha256,)
        ).fetchone()
        return PhotoRow(row[0], row[1]) if row else None

    def photo_stored(self, sha256: bytes, stored_ns: int) -> None:
        """Mark one photo as come; the first time counts."""
        self._write(
            "UPDATE photo SET stored_ns=? WHERE sha256=? AND stored_ns IS NULL", stored_ns, sha256
        )

    def count_refusal(self, name: str, detail: str, at_ns: int) -> None:
        """One more of this kind; the last detail is kept for the page."""
        self._write(
            "INSERT INTO refusal VALUES(?,1,?,?) ON CONFLICT(name) DO UPDATE SET"
            " count=refusal.count+1,"
            " last_ns=excluded.last_ns, last=excluded.last",
            name,
            at_ns,
            detail,
        )

    def cursors(self, terminal_id: str) -> list[Cursor]:
        """Chains of one terminal; the runs are looked for above the contiguous part only."""
        rows = self._db.execute(
            "SELECT ledger, high, highest FROM chain WHERE terminal=? ORDER BY seen_ns DESC",
            (terminal_id,),
        ).fetchall()
        return [Cursor(row[0], row[1], row[2], self._runs(terminal_id, *row)) for row in rows]

    def _runs(
        self, terminal: str, ledger: bytes, high: int, highest: int
    ) -> tuple[tuple[int, int], ...]:
        if high == highest:
            return ()
        rows = self._db.execute(
            "SELECT before + 1, seq - 1 FROM (SELECT seq, lag(seq, 1, CAST(? AS BIGINT))"
            " OVER (ORDER BY seq) AS before FROM record WHERE terminal=? AND ledger=? AND seq>?)"
            " AS steps WHERE seq > before + 1 LIMIT ?",
            (high, terminal, ledger, high, RUNS_MAX),
        ).fetchall()
        return tuple((first, last) for first, last in rows)


class SqliteStore(SqlStore):
    """Store in one SQLite file: WAL, synchronous=FULL."""

    def __init__(self, path: Path) -> None:
        """Open or create. Raises sqlite3.Error or OSError when that cannot be done."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._file.execute(f"PRAGMA busy_timeout={BUSY_MS}")
        self._file.execute("PRAGMA journal_mode=WAL")
        self._file.execute("PRAGMA synchronous=FULL")
        self._file.executescript(SCHEMA)

    @property
    def _db(self) -> sqlite3.Connection:
        return self._file

    def _begin(self) -> None:
        if not self._file.in_transaction:
            self._file.execute("BEGIN IMMEDIATE")

    def commit(self) -> None:
        """Commit; returns after the sync."""
        if self._file.in_transaction:
            self._file.execute("COMMIT")

    def rollback(self) -> None:
        """Roll back."""
        if self._file.in_transaction:
            self._file.execute("ROLLBACK")

    def close(self) -> None:
        """Close the file."""
        self.rollback()
        self._file.close()
