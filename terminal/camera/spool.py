"""The spool of pictures: durable on disk under their own digest before anybody is told of them.

The ledger takes a picture over by its digest; a name that is a digest cannot be overwritten by
another picture, so writing twice is harmless. It must never delete.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

from terminal.core.types import PhotoRef
from terminal.disk import put

FOLDER: Final = "spool"
SUFFIX: Final = ".jpg"


def path_of(folder: Path, sha256: bytes) -> Path:
    """Where the picture with this digest lies."""
    return folder / (sha256.hex() + SUFFIX)


def store(folder: Path, role: str, jpeg: bytes) -> PhotoRef:
    """Write a picture durably: file and folder are synced. Raises OSError (full, read-only)."""
    folder.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256(jpeg).digest()
    final = path_of(folder, digest)
    ref = PhotoRef(role, digest, len(jpeg))
    if final.exists() and final.stat().st_size == len(jpeg):
        return ref
    put(final, jpeg, final.with_suffix(".part"))
    return ref
