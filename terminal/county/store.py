"""The receiver's store: records, photo references, cursors, counts of refusals.

Synchronous and single-connection: one writer thread owns it (see writer.py) and commits many
requests at once. Keys make every write idempotent. It never overwrites a stored record.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Protocol

from terminal.county.accept import Accepted
from terminal.county.batch import (
    END_OF_RUN,
    INSERT_OWED,
    INSERT_PHOTO,
    INSERT_RECORD,
    OWED,
    UPSERT_CHAIN,
    UPSERT_UNIT,
    Around,
    Chain,
    Held,
    padded,
    photo_rows,
    places,
    record_row,
)
from terminal.county.problems import RefusedError
from terminal.records import Record

SCHEMA = """
CREATE TABLE IF NOT EXISTS record(
  terminal TEXT NOT NULL, ledger BLOB NOT NULL, seq INTEGER NOT NULL, id TEXT NOT NULL,
  hash BLOB NOT NULL, prev BLOB NOT NULL, arrived_ns INTEGER NOT NULL, wall_ns INTEGER NOT NULL,
  kind TEXT NOT NULL, source_unit TEXT NOT NULL, simulated INTEGER NOT NULL, verdict TEXT,
  reason TEXT, plate TEXT, axles INTEGER, gross_kg INTEGER, limit_kg INTEGER, over_kg INTEGER,
  event TEXT, signed BLOB NOT NULL, PRIMARY KEY(terminal, ledger, seq)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS record_arrived ON record(arrived_ns);
CREATE INDEX IF NOT EXISTS record_wall ON record(wall_ns);
CREATE INDEX IF NOT EXISTS record_over ON record(verdict, arrived_ns) WHERE verdict='over';
CREATE INDEX IF NOT EXISTS record_swapped ON record(arrived_ns) WHERE event='exit_mismatch';
CREATE TABLE IF NOT EXISTS chain(
  terminal TEXT NOT NULL, ledger BLOB NOT NULL, high INTEGER NOT NULL, highest INTEGER NOT NULL,
  stored INTEGER NOT NULL, seen_ns INTEGER NOT NULL, PRIMARY KEY(terminal, ledger)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS photo(
  sha256 BLOB PRIMARY KEY, size_bytes INTEGER NOT NULL, record_id TEXT NOT NULL,
  role TEXT NOT NULL, stored_ns INTEGER) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS unpublished(
  terminal TEXT NOT NULL, ledger BLOB NOT NULL, seq INTEGER NOT NULL,
  PRIMARY KEY(terminal, ledger, seq)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS unit(code TEXT PRIMARY KEY, name TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS setting(name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS refused(
  terminal TEXT NOT NULL, name TEXT NOT NULL, count INTEGER NOT NULL, first_ns INTEGER NOT NULL,
  last_ns INTEGER NOT NULL, last TEXT NOT NULL, PRIMARY KEY(terminal, name)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS refusal(
  name TEXT PRIMARY KEY, count INTEGER NOT NULL, last_ns INTEGER NOT NULL, last TEXT NOT NULL
  ) WITHOUT ROWID;
"""
UNITS_MAX = 10_000
STRANGERS_MAX = 500
"""Names of terminals that are not enrolled here, which anybody can make up: the latest are kept."""
STRANGER = "unknown-terminal"
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


@dataclass(frozen=True, slots=True)
class Owed:
    """A stored record that is yet to be published."""

    terminal: str
    ledger: bytes
    seq: int
    record_id: str
    kind: str
    unit: str
    signed: bytes


class Store(Protocol):
    """What the receiver needs of a database. One thread; writes count after commit()."""

    def put_record(self, accepted: Accepted, arrived_ns: int) -> Stored:
        """Store once; a second time says what is there. Raises RefusedError "chain"."""

    def put_records(self, batch: list[tuple[Accepted, int]]) -> list[Stored | RefusedError]:
        """Store many (record, time of arrival) at once; an answer for each, in order."""

    def photo(self, sha256: bytes) -> PhotoRow | None:
        """The photo as named by a record, or None."""

    def photo_stored(self, sha256: bytes, stored_ns: int) -> None:
        """The photo's bytes are durable."""

    def count_refusal(
        self, name: str, detail: str, at_ns: int, terminal: str = "", count: int = 1
    ) -> None:
        """Count refusals of one kind. terminal: who was refused, empty where nobody can say."""

    def cursors(self, terminal_id: str) -> list[Cursor]:
        """What is held of each chain of the terminal, newest first."""

    def publish_from_now(self, wanted: bool) -> None:
        """Owe every stored record to the publisher from now on, or none; commits."""

    def owed(self, count_max: int) -> list[Owed]:
        """Some of what is yet to be published."""

    def published(self, done: list[Owed]) -> None:
        """These are owed no more."""

    def commit(self) -> None:
        """Make everything since the last commit durable, with a full sync."""

    def rollback(self) -> None:
        """Undo everything since the last commit."""

    def close(self) -> None:
        """Close."""


def _with_high(
    answer: Stored | RefusedError,
    terminal: str,
    ledger: bytes,
    chains: dict[tuple[str, bytes], Chain],
) -> Stored | RefusedError:
    if isinstance(answer, RefusedError):
        return answer
    return replace(answer, seq_high=chains[terminal, ledger].high)


class SqlStore(ABC):
    """The rules of a store in SQL that SQLite and PostgreSQL both understand."""

    def __init__(self) -> None:
        self._publishing = False
        self._units: dict[str, str] = {}

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

    @abstractmethod
    def commit(self) -> None:
        """Commit."""

    @abstractmethod
    def rollback(self) -> None:
        """Roll back."""

    @abstractmethod
    def _lock(self, terminals: set[str]) -> None:
        """Keep every other process from writing records of these until the transaction ends."""

    def _write_many(self, sql: str, rows: list[tuple[object, ...]]) -> None:
        if rows:
            self._db.executemany(sql, rows)

    def put_record(self, accepted: Accepted, arrived_ns: int) -> Stored:
        """Insert unless the key exists; the neighbours in the chain must agree."""
        (answer,) = self.put_records([(accepted, arrived_ns)])
        if isinstance(answer, RefusedError):
            raise answer
        return answer

    def put_records(self, batch: list[tuple[Accepted, int]]) -> list[Stored | RefusedError]:
        """put_record for many at once, in order: five statements instead of seven a record."""
        self._begin()
        self._lock({accepted.record.origin.terminal_id for accepted, _ in batch})
        held = self._around([accepted.record for accepted, _ in batch])
        chains = self._chains({key[:2] for key in held.asked})
        answers: list[Stored | RefusedError] = []
        rows, photos = [], []
        for accepted, arrived_ns in batch:
            record = accepted.record
            terminal, ledger = record.origin.terminal_id, record.origin.ledger_id
            found = held.rows.get((terminal, ledger, record.seq))
            why = None if found else held.disagrees(accepted)
            if found is None and why is None:
                held.rows[terminal, ledger, record.seq] = Held(
                    accepted.digest, record.prev_hash, arrived_ns
                )
                chains[terminal, ledger].add(record.seq, arrived_ns)
                rows.append(record_row(accepted, arrived_ns))
                photos += photo_rows(record)
                answers.append(Stored(accepted.digest, arrived_ns, 0, True))
            elif found is not None:
                answers.append(Stored(found.digest, found.arrived_ns, 0, False))
            else:
                answers.append(RefusedError("chain", str(why), "prev_hash", terminal))
        self._write_many(INSERT_RECORD, rows)
        if self._publishing:
            self._write_many(INSERT_OWED, [row[:3] for row in rows])
        self._write_many(INSERT_PHOTO, photos)
        self._name_units([a.record for (a, _), got in zip(batch, answers, strict=True)
                          if isinstance(got, Stored) and got.new])  # fmt: skip
        self._advance(chains)
        return [_with_high(answer, *place, chains) for answer, place in zip(
            answers, ((a.record.origin.terminal_id, a.record.origin.ledger_id) for a, _ in batch),
            strict=True)]  # fmt: skip

    def _name_units(self, records: list[Record]) -> None:
        """Source units by their latest name; in one order, and only what this process has not
        written already, so that workers do not stand in each other's way.
        """
        heard = {record.origin.source_unit: record.origin.source_name for record in records}
        fresh = {code: name for code, name in heard.items() if self._units.get(code) != name}
        self._write_many(UPSERT_UNIT, sorted(fresh.items()))
        self._units.update(fresh)
        if len(self._units) > UNITS_MAX:
            self._units.clear()

    def _around(self, records: list[Record]) -> Around:
        """What is stored of these records and of their neighbours."""
        asked = [
            (record.origin.terminal_id, record.origin.ledger_id, record.seq + step)
            for record in records
            for step in (-1, 0, 1)
        ]
        found = self._db.execute(
            f"WITH asked(t, l, s) AS (VALUES {places(asked)})"  # noqa: S608
            " SELECT terminal, ledger, seq, hash, prev, arrived_ns FROM asked"
            " JOIN record ON terminal=t AND ledger=l AND seq=s",
            padded(asked),
        )
        rows = {(row[0], row[1], row[2]): Held(row[3], row[4], row[5]) for row in found}
        return Around(asked, rows)

    def _chains(self, keys: set[tuple[str, bytes]]) -> dict[tuple[str, bytes], Chain]:
        asked = sorted(keys)
        found = self._db.execute(
            f"WITH asked(t, l) AS (VALUES {places(asked)})"  # noqa: S608
            " SELECT terminal, ledger, high, highest, stored FROM asked"
            " JOIN chain ON terminal=t AND ledger=l",
            padded(asked),
        )
        chains = {key: Chain(0, 0, 0) for key in keys}
        for terminal, ledger, *numbers in found:
            chains[terminal, ledger] = Chain(*numbers)
        return chains

    def _advance(self, chains: dict[tuple[str, bytes], Chain]) -> None:
        """Move the contiguous cursors; amortised one look-up a record that closes a gap."""
        rows: list[tuple[object, ...]] = []
        for (terminal, ledger), chain in chains.items():
            if not chain.new:
                continue
            if chain.grow() and chain.high < chain.highest:
                row = self._db.execute(END_OF_RUN, (terminal, ledger, chain.high)).fetchone()
                chain.high = int(row[0])
            rows.append((terminal, ledger, chain.high, chain.highest, chain.stored, chain.seen_ns))
        self._write_many(UPSERT_CHAIN, rows)

    def _read_settings(self) -> None:
        """What was once decided and holds for every process on this store."""
        row = self._db.execute("SELECT value FROM setting WHERE name='publish'").fetchone()
        self._publishing = row is not None

    def publish_from_now(self, wanted: bool) -> None:
        """Wanted for the first time: all that is stored is owed. It stays so until unwanted."""
        self._begin()
        self._read_settings()
        if wanted and not self._publishing:
            self._db.execute("INSERT INTO setting VALUES('publish', 'on')")
            self._db.execute("INSERT INTO unpublished SELECT terminal, ledger, seq FROM record")
        elif not wanted:
            self._db.execute("DELETE FROM setting WHERE name='publish'")
            self._db.execute("DELETE FROM unpublished")
        self.commit()
        self._publishing = wanted

    def owed(self, count_max: int) -> list[Owed]:
        """In the order of the chains, so that each terminal's records come in theirs."""
        rows = self._db.execute(OWED, (count_max,)).fetchall()
        self.rollback()  # a reader's snapshot must not stay open
        return [Owed(*row) for row in rows]

    def published(self, done: list[Owed]) -> None:
        """Strike them out."""
        self._begin()
        self._write_many(
            "DELETE FROM unpublished WHERE terminal=? AND ledger=? AND seq=?",
            [(one.terminal, one.ledger, one.seq) for one in done],
        )

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

    def count_refusal(
        self, name: str, detail: str, at_ns: int, terminal: str = "", count: int = 1
    ) -> None:
        """So many more of this kind, and of this terminal; the last detail is kept for the page."""
        self._write(
            "INSERT INTO refusal VALUES(?,?,?,?) ON CONFLICT(name) DO UPDATE SET"
            " count=refusal.count+excluded.count, last_ns=excluded.last_ns, last=excluded.last",
            *(name, count, at_ns, detail),
        )
        self._write(
            "INSERT INTO refused VALUES(?,?,?,?,?,?) ON CONFLICT(terminal, name) DO UPDATE SET"
            " count=refused.count+excluded.count, last_ns=excluded.last_ns, last=excluded.last",
            *(terminal, name, count, at_ns, at_ns, detail),
        )
        if name == STRANGER:
            self._write(
                "DELETE FROM refused WHERE name=? AND last_ns < (SELECT min(last_ns) FROM (SELECT"
                " last_ns FROM refused WHERE name=? ORDER BY last_ns DESC LIMIT ?) AS kept)",
                *(name, name, STRANGERS_MAX),
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
