"""The ledger's database: one SQLite file, WAL, full sync, one writer.

Everything about one vehicle is one transaction; an answer leaves only after COMMIT returned.
It refuses a file that it cannot trust and never creates one in the place of a lost one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import apsw

from terminal.ledger.errors import (
    LedgerCorruptError,
    LedgerRefusedError,
    corrupt,
    translated,
)
from terminal.ledger.schema import ADDED, SCHEMA, SCHEMA_VERSION
from terminal.outbox import CLASS_ORDER, Delivery, DeliveryState, rank
from terminal.records import GENESIS_HASH, SEQ_FIRST

DB_FILE = "ledger.db"
QUICK_CHECK_BYTES_MAX = 64_000_000
"""Larger files are not checked whole at start (`weigh-terminal verify` does); their tail is."""
JOURNAL_ROWS_MAX = 200_000
"""Journal entries kept; what the law wants kept is a record, not a journal entry."""
BUSY_MS_MAX = 2_000
WAL_PAGES_QUIET = 500
"""In a quiet second the WAL is written back from this size on."""
WAL_PAGES_MAX = 1_000
"""At this size (4 MB) it is written back even in a busy one: a log that is begun again is written
over, which costs a commit half of what letting the file grow does (135 against 264 us for six
pages and their sync, ext4), and its pages are mostly the same few, so little is written back."""

OWED = (
    "select i.item, i.class, i.item_id, i.sha256, i.body, i.path from delivery d "
    "join item i on i.item = d.item where d.target = ? and d.state = 0 and d.next_try_ns <= ?"
)
NEWEST_MAX = 4
"""Of a pull's items, so many may be the newest records instead of the oldest."""


@dataclass(frozen=True, slots=True)
class NewItem:
    """One thing to keep and to send. seq: of a record, None for photos. path: of photos."""

    item_class: str
    item_id: str
    sha256: bytes
    body: bytes
    path: str = ""
    seq: int | None = None


@dataclass(frozen=True, slots=True)
class Item:
    """A kept item with its number."""

    item: int
    item_class: str
    item_id: str
    sha256: bytes
    body: bytes
    path: str


@dataclass(frozen=True, slots=True)
class Head:
    """The end of the chain: the last record's seq and hash; 0 and zeros when empty."""

    seq: int
    record_hash: bytes


class Store:
    """The open database. Methods that write must run inside `transaction()`."""

    def __init__(self, path: Path, *, fresh_allowed: bool, vfs: str | None = None) -> None:
        """Open, check and migrate. fresh_allowed: a missing file is a first start.

        Raises LedgerCorruptError when the file cannot be trusted or is missing unexpectedly,
        LedgerRefusedError when the disk does not let us open it.
        """
        self.path = path
        self.wal_pages = 0
        self._queued: Counter[str] = Counter()
        self._grown: Counter[str] = Counter()
        self._db: apsw.Connection | None = None
        if not path.exists() and not fresh_allowed:
            raise LedgerCorruptError(
                f"{path} is missing although this ledger has been in use. Put it back from its "
                f"backup, or move {path.parent} away to start a new ledger."
            )
        try:
            self._open(fresh_allowed, vfs)
        except apsw.Error as error:
            self.close()
            raise translated(path, error) from error
        except (LedgerCorruptError, LedgerRefusedError):
            self.close()
            raise

    def _open(self, fresh_allowed: bool, vfs: str | None) -> None:
        db = apsw.Connection(str(self.path), vfs=vfs)
        self._db = db
        db.set_busy_timeout(BUSY_MS_MAX)
        version = db.pragma("user_version")
        if version == 0 and fresh_allowed and not list(db.execute("select 1 from sqlite_schema")):
            self._settle(db)
            with self.transaction():
                for statement in (*SCHEMA, *ADDED):
                    db.execute(statement)
                db.pragma("user_version", SCHEMA_VERSION)
            return
        if version != SCHEMA_VERSION:
            raise LedgerCorruptError(
                f"{self.path} has schema {version}; this program reads {SCHEMA_VERSION}. Start the "
                f"program version that wrote it; the file was left as it is."
            )
        self._settle(db)
        if self.path.stat().st_size <= QUICK_CHECK_BYTES_MAX:
            verdicts = [row[0] for row in db.execute("pragma quick_check(1)")]
            if verdicts != ["ok"]:
                raise corrupt(self.path, str(verdicts[0]))
        for statement in ADDED:
            db.execute(statement)

    def _settle(self, db: apsw.Connection) -> None:
        db.pragma("journal_mode", "wal")
        db.pragma("synchronous", "full")
        db.pragma("foreign_keys", True)
        db.set_wal_hook(self._wal_grew)
        db.pragma("trusted_schema", False)

    def _wal_grew(self, _db: apsw.Connection, _name: str, pages: int) -> int:
        self.wal_pages = pages
        return int(apsw.SQLITE_OK)

    def checkpoint(self, *, quiet: bool) -> None:
        """Write a grown WAL back, in a quiet moment if there is one; never within a commit.

        Raises LedgerRefusedError when the disk refuses; nothing is lost by that.
        """
        if self.wal_pages < (WAL_PAGES_QUIET if quiet else WAL_PAGES_MAX):
            return
        try:
            self._live().wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
        except apsw.Error as error:
            raise LedgerRefusedError(f"the ledger cannot write back: {error}") from error
        self.wal_pages = 0

    def close(self) -> None:
        """Close the file; the last one out writes the WAL back."""
        if self._db is not None:
            with suppress(apsw.Error):
                self._db.close()
            self._db = None

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing, durable when it returns.

        Raises LedgerRefusedError when the disk or the file refuses; nothing is then kept.
        """
        db = self._live()
        self._queued.clear()
        try:
            db.execute("begin immediate")
            yield
            db.execute("commit")
            self._grown.update(self._queued)
        except apsw.Error as error:
            self._roll_back(db)
            raise LedgerRefusedError(f"the ledger cannot write: {error}") from error
        except BaseException:
            self._roll_back(db)
            raise

    def _roll_back(self, db: apsw.Connection) -> None:
        if db.in_transaction:
            with suppress(apsw.Error):
                db.execute("rollback")

    def _live(self) -> apsw.Connection:
        assert self._db is not None, "the store is closed"
        return self._db

    def meta(self, name: str) -> bytes | None:
        """One value of the ledger itself, None when not set."""
        row = self._live().execute("select value from meta where name = ?", (name,)).fetchone()
        return None if row is None else bytes(row[0])

    def set_meta(self, name: str, value: bytes) -> None:
        """Set one value of the ledger itself."""
        self._live().execute("insert or replace into meta values (?, ?)", (name, value))

    def head(self) -> Head:
        """The end of the chain."""
        row = (
            self._live()
            .execute("select seq, sha256 from item where seq is not null order by seq desc limit 1")
            .fetchone()
        )
        return Head(SEQ_FIRST - 1, GENESIS_HASH) if row is None else Head(row[0], bytes(row[1]))

    def visit(self, boot_id: bytes, visit_id: int) -> tuple[bytes, Head] | None:
        """(digest of the draft, its record) of a visit that is already committed."""
        row = (
            self._live()
            .execute(
                "select v.draft_sha256, i.seq, i.sha256 from visit v join item i on i.seq = v.seq "
                "where v.boot_id = ? and v.visit_id = ?",
                (boot_id, visit_id),
            )
            .fetchone()
        )
        return None if row is None else (bytes(row[0]), Head(row[1], bytes(row[2])))

    def add_visit(self, boot_id: bytes, visit_id: int, draft_sha256: bytes, seq: int) -> None:
        """Remember which record a visit has."""
        self._live().execute(
            "insert into visit values (?, ?, ?, ?)", (boot_id, visit_id, draft_sha256, seq)
        )

    def pair(self, plate: str, since_wall_ns: int) -> tuple[str, int] | None:
        """(trailer plate, seq of the record) a plate last came with since then, if any."""
        row = (
            self._live()
            .execute(
                "select rear_plate, seq from pair where plate = ? and wall_ns >= ?",
                (plate, since_wall_ns),
            )
            .fetchone()
        )
        return None if row is None else (str(row[0]), int(row[1]))

    def set_pair(
        self, plate: str, rear_plate: str, seq: int, wall_ns: int, since_wall_ns: int
    ) -> None:
        """Remember the pair of plates of a record; pairs from before `since_wall_ns` go."""
        db = self._live()
        db.execute("delete from pair where wall_ns < ?", (since_wall_ns,))
        db.execute(
            "insert or replace into pair values (?, ?, ?, ?)", (plate, rear_plate, seq, wall_ns)
        )

    def add(self, new: NewItem, targets: Sequence[str], wall_ns: int) -> bool:
        """Keep an item and queue it for each target. False: that picture is already kept."""
        db = self._live()
        if (
            new.seq is None
            and db.execute("select 1 from item where item_id = ?", (new.item_id,)).fetchone()
        ):
            return False
        order = rank(new.item_class)
        row = (new.item_class, order, new.item_id, new.seq, new.sha256, new.body, new.path, wall_ns)
        db.execute(
            "insert into item(class, rank, item_id, seq, sha256, body, path, wall_ns) "
            "values (?, ?, ?, ?, ?, ?, ?, ?)",
            row,
        )
        item = db.last_insert_rowid()
        for target in targets:
            db.execute(
                "insert into delivery(target, item, rank) values (?, ?, ?)",
                (target, item, order),
            )
            self._queued[target] += 1
        return True

    def add_target(self, name: str, photos: bool) -> bool:
        """Register a target; a new one is owed everything already kept. False: known."""
        db = self._live()
        if db.execute("select 1 from target where name = ?", (name,)).fetchone():
            return False
        db.execute("insert into target(name) values (?)", (name,))
        db.execute(
            "insert into delivery(target, item, rank) select ?, item, rank from item "
            "where ? or seq is not null",
            (name, photos),
        )
        return True

    def pull(self, target: str, now_ns: int, limit: int) -> list[Item]:
        """Up to `limit` items owed to this target and due, in sending order.

        Of a backlog that does not fit, the newest records come too: what is weighed now must not
        wait for what an outage has left.
        """
        items = self._owed("order by d.rank, d.item", (target, now_ns), limit)
        if len(items) < limit or limit <= NEWEST_MAX:
            return items
        newest = self._owed(
            "and d.rank = ? order by d.item desc", (target, now_ns, rank("record")), NEWEST_MAX
        )
        listed = {item.item for item in items}
        more = [item for item in reversed(newest) if item.item not in listed]
        return items[: limit - len(more)] + more

    def _owed(self, order: str, values: tuple[object, ...], limit: int) -> list[Item]:
        rows = self._live().execute(f"{OWED} {order} limit ?", (*values, limit))
        return [Item(r[0], r[1], r[2], bytes(r[3]), bytes(r[4]), r[5]) for r in rows]

    def delivery(self, target: str, item: int) -> Delivery | None:
        """Where one item stands at one target; None when it was never owed."""
        found = self.owed(target, item)
        return None if found is None else found[0]

    def owed(self, target: str, item: int) -> tuple[Delivery, str] | None:
        """Where one item stands at one target, and its class; None when it was never owed."""
        row = (
            self._live()
            .execute(
                "select state, attempts, next_try_ns, code, why, receipt, rank from delivery "
                "where target = ? and item = ?",
                (target, item),
            )
            .fetchone()
        )
        if row is None:
            return None
        state, attempts, next_try_ns, code, why, receipt, order = row
        stands = Delivery(DeliveryState(state), attempts, next_try_ns, code, why, bytes(receipt))
        return stands, CLASS_ORDER[order]

    def set_delivery(self, target: str, item: int, it: Delivery) -> None:
        """Write where it stands now."""
        self._live().execute(
            "update delivery set state = ?, attempts = ?, next_try_ns = ?, code = ?, why = ?, "
            "receipt = ? where target = ? and item = ?",
            (int(it.state), it.attempts, it.next_try_ns, it.code, it.why, it.receipt, target, item),
        )

    def forget_backoff(self) -> None:
        """Monotonic times of an earlier boot mean nothing: everything waiting is due."""
        self._live().execute("update delivery set next_try_ns = 0 where next_try_ns > 0")

    def counts(self, target: str) -> tuple[int, int]:
        """(waiting, quarantined) items of a target."""
        found = dict(
            self._live().execute(
                "select state, count(*) from delivery where target = ? and state <> 1 "
                "group by state",
                (target,),
            )
        )
        return found.get(0, 0), found.get(2, 0)

    def grown(self, target: str) -> int:
        """How many added items came to be owed to a target since this was last asked."""
        return self._grown.pop(target, 0)

    def journal(self, kind: str, at_ns: int, wall_ns: int, boot_id: bytes, detail: str) -> None:
        """Add one journal entry; the oldest beyond the bound goes."""
        db = self._live()
        db.execute(
            "insert into journal(kind, at_ns, wall_ns, boot_id, detail) values (?, ?, ?, ?, ?)",
            (kind, at_ns, wall_ns, boot_id, detail),
        )
        db.execute(
            "delete from journal where no <= ?", (db.last_insert_rowid() - JOURNAL_ROWS_MAX,)
        )

    def photos(self) -> frozenset[str]:
        """Item ids (digests in hex) of every picture a record names."""
        return frozenset(
            row[0] for row in self._live().execute("select item_id from item where path <> ''")
        )

    def signed_records(self, first_seq: int = SEQ_FIRST) -> Iterator[bytes]:
        """The signed bytes of every record from first_seq on, in order."""
        rows = self._live().execute(
            "select body from item where seq >= ? order by seq", (first_seq,)
        )
        return (bytes(row[0]) for row in rows)

    def execute(self, statement: str, values: Sequence[object] = ()) -> list[tuple[object, ...]]:
        """Run one statement of a neighbouring module (vehicle list, calibration)."""
        return [tuple(row) for row in self._live().execute(statement, tuple(values))]
