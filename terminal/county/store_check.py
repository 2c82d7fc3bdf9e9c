"""Looks at a SQLite store before the receiver serves: a damaged or vanished one is never replaced.

It changes nothing. Whoever is told here has a backup to put back, a disk to mount, or a file of
something else in the way; a receiver that began anew would answer cursors as if nothing had ever
come, and its gaps would look like the terminals' fault.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from terminal.county.photos import PhotoPlace

CHECK_BYTES_MAX = 256 * 1024 * 1024
"""A store up to this size is read whole at the start (about a second on a county's disk); of a
larger one only its tables. README: the whole check by hand."""
BUSY_MS = 5_000
RESTORE = "It was left as it is. Put a backup back (README: Backup, restore, upgrade)."
TABLES = frozenset(("record", "chain", "photo", "refusal"))


class StoreDamagedError(OSError):
    """The store cannot be served from. str() says what is wrong and what to do."""


def check_store(path: Path, photos: PhotoPlace) -> None:
    """Raises StoreDamagedError; a store that was never there is none."""
    log = path.with_name(f"{path.name}-wal")
    if not path.exists():
        _check_absent(path, log, photos)
        return
    if path.is_dir():
        raise StoreDamagedError(f"{path} is a folder: name a file in it")
    size = path.stat().st_size
    if size == 0:
        raise StoreDamagedError(
            f"{path} is empty: what it held is gone, or a copy was cut off. {RESTORE}"
            " Only if nothing was ever received here, remove it"
        )
    try:
        # A log or a journal that a power cut left is played back by whoever opens the file.
        unfinished = log.exists() or path.with_name(f"{path.name}-journal").exists()
        mode = "rw" if unfinished else "ro"
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode={mode}", uri=True)) as db:
            db.execute(f"PRAGMA busy_timeout={BUSY_MS}")
            _check_tables(path, db)
            _check_pages(path, db, size)
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.OperationalError):
            raise  # it cannot be opened now: nothing is known of what is in it
        raise StoreDamagedError(
            f"{path} is damaged, or no store at all: {error}. {RESTORE}"
        ) from error


def _check_absent(path: Path, log: Path, photos: PhotoPlace) -> None:
    if log.exists():
        raise StoreDamagedError(
            f"{path} is gone, but its log {log.name} is there: it was moved alone. {RESTORE}"
        )
    if isinstance(photos, Path) and next(photos.glob("??/*"), None) is not None:
        raise StoreDamagedError(
            f"{path} is gone, but photos of its records are in {photos}: is its disk mounted?"
            " Put a backup back (README: Backup, restore, upgrade); to begin anew, move"
            f" {photos} away"
        )


def _check_tables(path: Path, db: sqlite3.Connection) -> None:
    found = {str(name) for (name,) in db.execute("SELECT name FROM sqlite_master")}
    if not found >= TABLES:
        held = ", ".join(sorted(found)[:4]) or "no table"
        raise StoreDamagedError(
            f"{path} is not a county store (it holds {held}) and was left as it is:"
            " name another file"
        )


def _check_pages(path: Path, db: sqlite3.Connection, size: int) -> None:
    if size > CHECK_BYTES_MAX:
        for table in sorted(TABLES):
            db.execute(f"SELECT * FROM {table} LIMIT 1").fetchall()  # noqa: S608
        return
    (said,) = db.execute("PRAGMA quick_check(1)").fetchone()
    if said != "ok":
        why = str(said).replace("\n", " ").removeprefix("*** in database main *** ")
        raise StoreDamagedError(f"{path} is damaged: {why}. {RESTORE}")
