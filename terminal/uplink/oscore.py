"""The terminal's OSCORE contexts: opened where their numbers are known, made in pairs.

A context without its number is refused: it needs a new key, never a number set back.
"""

from __future__ import annotations

import secrets
from pathlib import Path

from terminal.enrol.context_files import SEQUENCE_FILE, ContextLostError, write_context
from terminal.enrol.power_safe import UNUSABLE, PowerSafeContext

SECRET_BYTES = 16
SALT_BYTES = 8
STEP_START = 100
"""Numbers reserved by the first write; doubled by the library up to 10,000."""


def open_context(folder: Path) -> PowerSafeContext:
    """The context in this folder. Raises ContextLostError when it may not be used."""
    if not (folder / SEQUENCE_FILE).exists():
        raise ContextLostError(
            f"{folder}: {SEQUENCE_FILE} is missing, so numbers already used are not known. "
            "Enrol this terminal again: it needs a new OSCORE key."
        )
    try:
        return PowerSafeContext(str(folder), sequence_number_chunksize_start=STEP_START)
    except UNUSABLE as error:
        raise ContextLostError(
            f"{folder}: the OSCORE context cannot be used: {error!r}. Another process may hold it; "
            "otherwise enrol this terminal again."
        ) from error


def make_pair(terminal_folder: Path, county_folder: Path) -> None:
    """Make a fresh context for both ends: one random key, ids "t" and "c" the other way round.

    Raises FileExistsError when either folder holds a context already: keys are never re-used.
    """
    secret = secrets.token_bytes(SECRET_BYTES).hex()
    salt = secrets.token_bytes(SALT_BYTES).hex()
    ours = secrets.token_bytes(4).hex()
    theirs = secrets.token_bytes(4).hex()
    write_context(terminal_folder, secret, salt, ours, theirs)
    write_context(county_folder, secret, salt, theirs, ours)
