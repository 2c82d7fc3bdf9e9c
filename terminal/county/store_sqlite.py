"""The receiver's store in one SQLite file, which needs nothing installed and no care.

Any number of processes may open it: a transaction takes the only writer's lock before it reads.
It never overwrites a stored record.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from terminal.county.store import SCHEMA, SqlStore

BUSY_MS = 5_000
CACHE_KB = 32_768
CHECKPOINT_PAGES = 4_000
"""Pages go from the log into the file in larger strokes: each is written there once, not often."""


class SqliteStore(SqlStore):
    """Store in one SQLite file: WAL, synchronous=FULL."""

    def __init__(self, path: Path, *, synced: bool = True) -> None:
        """Open or create. Raises sqlite3.Error or OSError when that cannot be done.

        synced: False for a connection whose commits may be forgotten in a power cut.
        """
        super().__init__()
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._file.execute(f"PRAGMA busy_timeout={BUSY_MS}")
        self._file.execute("PRAGMA journal_mode=WAL")
        self._file.execute(f"PRAGMA synchronous={'FULL' if synced else 'NORMAL'}")
        self._file.execute(f"PRAGMA cache_size=-{CACHE_KB}")
        self._file.execute(f"PRAGMA wal_autocheckpoint={CHECKPOINT_PAGES}")
        self._file.executescript(SCHEMA)
        self._read_settings()

    @property
    def _db(self) -> sqlite3.Connection:
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
