"""What can be wrong with a ledger, as errors that tell a person what to do.

A refusal leaves everything as it is; a ledger that cannot be read refuses to serve and keeps
its files. Nothing here repairs or recreates.
"""

from __future__ import annotations

from pathlib import Path

import apsw

BROKEN = (apsw.CorruptError, apsw.NotADBError)


class LedgerCorruptError(Exception):
    """The stored ledger cannot be trusted. Nothing is served, nothing is changed."""


class LedgerRefusedError(Exception):
    """This one write cannot be made durable now. str() says why, in one sentence."""


def translated(path: Path, error: apsw.Error) -> LedgerCorruptError | LedgerRefusedError:
    """What an SQLite error at start means: a damaged file, or a disk that refuses."""
    if isinstance(error, BROKEN):
        return corrupt(path, str(error))
    return LedgerRefusedError(f"{path} cannot be opened: {error}")


def corrupt(path: Path, what: str) -> LedgerCorruptError:
    """What is wrong with the file at path, and what a person does then."""
    return LedgerCorruptError(
        f"{path} is damaged ({what}). It was left as it is. Copy the folder {path.parent} away, "
        f"run `weigh-terminal verify {path}` to see how far it can be trusted, and put back a "
        f"backup or move the folder away to start a new ledger."
    )
