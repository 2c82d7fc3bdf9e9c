"""The county's store on a disk that dies: the receiver's own SQL on an SQLite with another disk.

Python's sqlite3 takes no file system from us, so apsw, which does, stands in for its connection.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import apsw


class DiskConnection:
    """The few calls of sqlite3.Connection that the store makes. Errors are sqlite3's."""

    def __init__(self, path: Path, vfs: str) -> None:
        try:
            self._db = apsw.Connection(str(path), vfs=vfs)
        except apsw.Error as error:
            raise sqlite3.OperationalError(str(error)) from error

    def execute(self, sql: str, values: Iterable[object] = ()) -> Any:
        try:
            return self._db.execute(sql, tuple(values))  # type: ignore[arg-type]
        except apsw.Error as error:
            raise sqlite3.OperationalError(str(error)) from error

    def executemany(self, sql: str, rows: Iterable[tuple[object, ...]]) -> None:
        try:
            self._db.executemany(sql, rows)  # type: ignore[arg-type]
        except apsw.Error as error:
            raise sqlite3.OperationalError(str(error)) from error

    def executescript(self, sql: str) -> None:
        self.execute(sql)

    @property
    def in_transaction(self) -> bool:
        return self._db.in_transaction

    def close(self) -> None:
        with contextlib.suppress(apsw.Error):  # sqlite3 says nothing of its last checkpoint either
            self._db.close()
