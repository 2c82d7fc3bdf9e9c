"""Opens the store for reading, whichever database holds it: the pages' only way to it.

A connection of its own for each question, so a slow reader never stands in the writer's way.
It must never write: both databases are told so.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

POSTGRES = ("postgresql://", "postgres://")
StorePlace = Path | str
"""A SQLite file, or the address of a PostgreSQL database."""
READ_ERRORS: tuple[type[Exception], ...] = (sqlite3.Error, OSError)


class Reader(Protocol):
    """What the pages need of a connection."""

    def execute(self, sql: str, values: Sequence[Any] = (), /) -> Any:
        """One statement with `?` parameters."""

    def close(self) -> None:
        """Close."""


def store_place(text: str) -> StorePlace:
    """What --store says."""
    return text if text.startswith(POSTGRES) else Path(text)


def shown_place(store: StorePlace) -> str:
    """The place without the password in it."""
    if isinstance(store, Path):
        return str(store)
    scheme, _, rest = store.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2].partition('?')[0]}"


def open_reader(store: StorePlace) -> Reader:
    """A read-only connection. Raises one of READ_ERRORS."""
    if isinstance(store, Path):
        return sqlite3.connect(f"file:{store}?mode=ro", uri=True)
    from terminal.county.store_postgres import Connection  # the extra `postgres`

    return Connection(store, read_only=True)
