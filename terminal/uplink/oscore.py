"""OSCORE state that survives a power cut: the library's context with its folder synced.

An AEAD nonce used twice gives the key away, and the nonce is the sequence number in a file. The
library syncs the file and renames it but not the folder, so a power cut can bring an old number
back. Here the folder is synced too, and a context without its number is refused: it needs a new
key, never a number set back.
"""

from __future__ import annotations

import json
import os
import secrets
from pathlib import Path

from aiocoap.oscore import FilesystemSecurityContext

SETTINGS_FILE = "settings.json"
SECRET_FILE = "secret.json"
SEQUENCE_FILE = "sequence.json"
SECRET_BYTES = 16
SALT_BYTES = 8
STEP_START = 100
"""Numbers reserved by the first write; doubled by the library up to 10,000."""


UNUSABLE = (OSError, ValueError, TypeError, LookupError, AttributeError, TimeoutError)
"""What the library raises on a damaged file."""


class ContextLostError(Exception):
    """This context may not be used. str() says why and what to do."""


class PowerSafeContext(FilesystemSecurityContext):  # type: ignore[misc]  # the library has no types
    """FilesystemSecurityContext whose stored number is durable before it is used."""

    def _destroy(self) -> None:
        """One that could not be loaded has nothing to store at its end."""
        if hasattr(self, "sender_sequence_number"):
            super()._destroy()

    def _store(self) -> None:
        super()._store()
        sync_folder(Path(self.basedir))


def sync_folder(folder: Path) -> None:
    """Make renames in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


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


def write_context(folder: Path, secret: str, salt: str, sender: str, recipient: str) -> None:
    """A fresh context in a folder that does not exist yet; all values in hex.

    Raises FileExistsError when it does: keys are never re-used.
    """
    folder.mkdir(parents=True, mode=0o700)
    files = {
        SECRET_FILE: {"secret_hex": secret, "salt_hex": salt},
        SETTINGS_FILE: {"sender-id_hex": sender, "recipient-id_hex": recipient},
        SEQUENCE_FILE: {"next-to-send": 0, "received": {"index": 0, "bitfield": 0}},
    }
    for name, content in files.items():
        descriptor = os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump(content, file)
            file.flush()
            os.fsync(file.fileno())
    sync_folder(folder)
