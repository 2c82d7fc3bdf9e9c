"""The receiver's store in one SQLite file, which needs nothing installed and no care.

Any number of processes may open it: a transaction takes the only writer's lock before it reads.
It never overwrites a stored record.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

from terminal.county.store import SCHEMA, SqlStore
from terminal.disk import durable

BUSY_MS = 5_000
CACHE_KB = 32_768
CHECKPOINT_PAGES = 4_000
"""Pages go from the log into the file in larger strokes: each is written there once, not often."""


Connect = Callable[[Path], Any]
"""Opens a file as sqlite3.connect does."""


def plain(path: Path) -> sqlite3.Connection:
    """Transactions are ours to begin; the writer's thread is not the one that opens.

    The whole path: by itself ":memory:" is no file to SQLite, and receipts would rest on nothing.
    """
    return sqlite3.connect(path.absolute(), isolation_level=None, check_same_thread=False)


def create(path: Path, connect: Connect = plain) -> None:
    """A new store, under its name only when it is whole and synced: one that is there is never
    half made, so an empty file is a loss and is told as one. Raises sqlite3.Error, OSError.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{os.getpid()}.new")
    beside = [part.with_name(f"{part.name}{end}") for end in ("-journal", "-wal", "-shm")]
    for old in (part, *beside):
        old.unlink(missing_ok=True)
    try:
        new = connect(part)
        try:
            # No write-ahead log yet: what fails in it at the close is told to nobody.
            new.execute("PRAGMA synchronous=FULL")
            new.executescript(f"BEGIN; {SCHEMA} COMMIT;")
        finally:
            new.close()
        durable(part)
        with contextlib.suppress(FileExistsError):  # another process was quicker
            os.link(part, path)
        durable(path.parent)
    finally:
        for old in (part, *beside):
            old.unlink(missing_ok=True)


class SqliteStore(SqlStore):
    """Store in one SQLite file: WAL, synchronous=FULL."""

    def __init__(self, path: Path, *, synced: bool = True, connect: Connect = plain) -> None:
        """Open or create. Raises sqlite3.Error or OSError when that cannot be done.

        synced: False for a connection whose commits may be forgotten in a power cut.
        """
        super().__init__()
        if not path.exists():
            create(path, connect)
        self._file = connect(path)
        self._file.execute(f"PRAGMA busy_timeout={BUSY_MS}")
        self._file.execute("PRAGMA journal_mode=WAL")
        self._file.execute(f"PRAGMA synchronous={'FULL' if synced else 'NORMAL'}")
        self._file.execute(f"PRAGMA cache_size=-{CACHE_KB}")
        self._file.execute(f"PRAGMA wal_autocheckpoint={CHECKPOINT_PAGES}")
        self._file.executescript(SCHEMA)
        self._read_settings()

    @property
    def _db(self) -> Any:
        return self._file

    def _begin(self) -> None:
        if not self._file.in_transaction:
            self._file.execute("BEGIN IMMEDIATE")

    def _lock(self, terminals: set[str]) -> None:
        """BEGIN IMMEDIATE has locked everything."""

    def commit(self) -> None:
        """Commit; returns after the sync."""
        if self._file.in_transaction:
            self._file.execute("COMMIT")

    def rollback(self) -> None:
        """Roll back."""
        self._units.clear()
        if self._file.in_transaction:
            self._file.execute("ROLLBACK")

    def close(self) -> None:
        """Close the file."""
        self.rollback()
        self._file.close()
