"""OSCORE contexts as files: written whole or not at all, and never twice with the same key.

A folder holds what aiocoap's context reads. It appears under its name only when everything in it
is durable, so a power cut leaves either no context or a fresh one.
"""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Mapping
from pathlib import Path

from terminal.disk import durable, write_once
from terminal.enrol.papers import Secret

SETTINGS_FILE = "settings.json"
SECRET_FILE = "secret.json"
SEQUENCE_FILE = "sequence.json"
REPLAY_WINDOW = 4_096
"""Numbers behind the highest one that may still come, once each. The library's 32 would refuse a
record that is repeated after half a second, when chunks of a photo have overtaken it."""
PART_PREFIX, PART_SUFFIX = ".", ".part"
"""A folder that is still being written; no reader looks at a name that begins so."""


class ContextLostError(Exception):
    """This context may not be used. str() says why and what to do."""


def write_context(
    folder: Path,
    secret: str,
    salt: str,
    sender: str,
    recipient: str,
    more: Mapping[str, str] | None = None,
) -> None:
    """A fresh context in a folder that does not exist yet; values in hex. more: files beside.

    Raises FileExistsError when it does: keys are never re-used.
    """
    if folder.exists():
        raise FileExistsError(f"{folder} holds a context already; a key is never used again")
    part = folder.with_name(f"{PART_PREFIX}{folder.name}{PART_SUFFIX}")
    shutil.rmtree(part, ignore_errors=True)  # of a power cut: never came under its name
    part.mkdir(parents=True, mode=0o700)
    files = {
        SECRET_FILE: {"secret_hex": secret, "salt_hex": salt},
        SETTINGS_FILE: {
            "sender-id_hex": sender,
            "recipient-id_hex": recipient,
            "window": REPLAY_WINDOW,
        },
        SEQUENCE_FILE: {"next-to-send": 0, "received": {"index": 0, "bitfield": 0}},
    }
    texts = {name: json.dumps(content) for name, content in files.items()} | dict(more or {})
    for name, text in texts.items():
        write_once(part / name, text.encode())
    part.rename(folder)
    durable(folder.parent)


def terminal_context(folder: Path, secret: Secret) -> None:
    """The terminal's end of a secret."""
    write_context(
        folder,
        secret.oscore_secret.hex(),
        secret.oscore_salt.hex(),
        secret.sender_id.hex(),
        secret.recipient_id.hex(),
    )


def county_context(folder: Path, secret: Secret, more: Mapping[str, str]) -> None:
    """The county's end of a secret."""
    write_context(
        folder,
        secret.oscore_secret.hex(),
        secret.oscore_salt.hex(),
        secret.recipient_id.hex(),
        secret.sender_id.hex(),
        more,
    )


def forget_secret(folder: Path) -> None:
    """Take the key out of a context for good; its folder stays and keeps its name taken."""
    with contextlib.suppress(FileNotFoundError):
        (folder / SECRET_FILE).unlink()
        durable(folder)
