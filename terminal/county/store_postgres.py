"""The receiver's store in PostgreSQL: the same rows, rules and SQL as in SQLite.

For a county that has a database already. psycopg comes with the extra `postgres` and is loaded
here only. Every failure of the server is a StoreFailedError: the terminals try again, and the
next request connects anew. It never overwrites a stored record.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterable
from typing import Any

from terminal.county.store import SCHEMA, SqlStore

CONNECT_S_MAX = 10
STATEMENT_MS_MAX = 30_000
REFUSALS_KEY, SCHEMA_KEY = 1, 2
"""Advisory locks. Refusals: taken last, after those of the terminals. Schema: receivers that start
together make the tables in turn."""
MUST_BE = {
    "fsync": ("on",),
    "full_page_writes": ("on",),
    "synchronous_commit": ("on", "local", "remote_write", "remote_apply"),
}
"""What a server must answer, or its commits do not survive a power cut. We set the last one for
our connection; something between may still take it away."""
POSTGRES_SCHEMA = (
    SCHEMA.replace(") WITHOUT ROWID", ")").replace("BLOB", "BYTEA").replace("INTEGER", "BIGINT")
)


class StoreFailedError(OSError):
    """The server did not do it. str() is its own first line."""


class Connection:
    """psycopg behind the few calls that SqlStore and the report make, with `?` parameters."""

    def __init__(self, uri: str, *, read_only: bool = False, synced: bool = True) -> None:
        """Connect. Raises StoreFailedError, also when psycopg is not installed."""
        try:
            import psycopg
        except ImportError as error:
            raise StoreFailedError(
                "psycopg is not installed: pip install 'weigh-terminal[postgres]'"
            ) from error
        self._failure: type[Exception] = psycopg.Error
        commits = "on" if synced else "off"
        options = f"-c synchronous_commit={commits} -c statement_timeout={STATEMENT_MS_MAX}"
        try:
            self._db: Any = psycopg.connect(uri, connect_timeout=CONNECT_S_MAX, options=options)
            self._db.read_only = read_only
        except psycopg.Error as error:
            raise _failed(error) from error

    def execute(self, sql: str, values: Iterable[object] = ()) -> Any:
        """One statement. Text columns take no NUL in PostgreSQL; the signed bytes keep it."""
        try:
            if sql == "BEGIN":  # psycopg begins by itself
                return None
            return self._db.execute(_numbered(sql), _plain(values))
        except self._failure as error:
            raise _failed(error) from error

    def executemany(self, sql: str, rows: Iterable[Iterable[object]]) -> None:
        """One statement for each row, in one round trip."""
        try:
            with self._db.cursor() as cursor:
                cursor.executemany(_numbered(sql), [_plain(row) for row in rows])
        except self._failure as error:
            raise _failed(error) from error

    @property
    def broken(self) -> bool:
        """Whether it is of no more use."""
        return bool(self._db.closed)

    def commit(self) -> None:
        """Commit, with the server's sync."""
        try:
            self._db.commit()
        except self._failure as error:
            raise _failed(error) from error

    def rollback(self) -> None:
        """Roll back; a connection that cannot even do that is closed."""
        try:
            self._db.rollback()
        except self._failure:
            self.close()

    def close(self) -> None:
        """Close, whatever state it is in."""
        with contextlib.suppress(self._failure):
            self._db.close()


def check_durable(live: Connection) -> None:
    """Raises StoreFailedError where the server may forget what it committed."""
    for name, allowed in MUST_BE.items():
        (value,) = live.execute(f"SHOW {name}").fetchone()
        if value not in allowed:
            live.close()
            raise StoreFailedError(
                f"PostgreSQL has {name} = {value}: a power cut there would lose records whose"
                f" terminals hold our receipt. Set {name} = on on the server (or in the pooler)"
            )


def _numbered(sql: str) -> str:
    return sql.replace("%", "%%").replace("?", "%s")


def _plain(values: Iterable[object]) -> list[object]:
    return [value.replace("\0", "\ufffd") if isinstance(value, str) else value for value in values]


def _failed(error: Exception) -> StoreFailedError:
    return StoreFailedError(f"PostgreSQL: {(str(error).splitlines() or ['no reason given'])[0]}")


class PostgresStore(SqlStore):
    """Store in one PostgreSQL database, which any number of receivers may share."""

    def __init__(self, uri: str, *, synced: bool = True) -> None:
        """Connect and make the tables. Raises StoreFailedError.

        synced: False for a connection whose commits may be forgotten in a power cut.
        """
        super().__init__()
        self._uri, self._synced = uri, synced
        self._live = Connection(uri, synced=synced)
        if synced:
            check_durable(self._live)
        self._live.execute("SELECT pg_advisory_xact_lock(?)", (SCHEMA_KEY,))
        for statement in POSTGRES_SCHEMA.split(";"):
            if statement.strip():
                self._live.execute(statement)
        self._read_settings()
        self._live.commit()

    def count_refusal(
        self, name: str, detail: str, at_ns: int, terminal: str = "", count: int = 1
    ) -> None:
        """One more of this kind; these rows are everybody's, so they are taken in turn."""
        self._db.execute("SELECT pg_advisory_xact_lock(?)", (REFUSALS_KEY,))
        super().count_refusal(name, detail, at_ns, terminal, count)

    @property
    def _db(self) -> Connection:
        if self._live.broken:
            self._live = Connection(self._uri, synced=self._synced)
        return self._live

    def _begin(self) -> None:
        """The server has begun already."""

    def _lock(self, terminals: set[str]) -> None:
        """In one order, so that no two processes wait for each other."""
        keys = sorted(
            int.from_bytes(hashlib.sha256(terminal.encode()).digest()[:8], "big", signed=True)
            for terminal in terminals
        )
        self._db.execute(
            "SELECT pg_advisory_xact_lock(key) FROM unnest(CAST(? AS BIGINT[])) AS key", (keys,)
        )

    def commit(self) -> None:
        """Commit; returns after the server's sync."""
        self._live.commit()

    def rollback(self) -> None:
        """Roll back; the next statement connects anew if the connection is gone."""
        self._units.clear()
        self._live.rollback()

    def close(self) -> None:
        """Close the connection; what was not committed is gone."""
        self._live.close()
