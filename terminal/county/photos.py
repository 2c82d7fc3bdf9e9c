"""Where photos lie: a content-addressed folder, <first two hex digits>/<digest>, or a bucket.

A photo is durable (file synced, renamed, folder synced) before anybody hears that it is here.
Names are digests, so a repeat changes nothing and no name can lead out of the folder, and
whether a photo is still what it was can be told by anybody who reads it.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Protocol

from terminal.disk import durable, put

BUCKET = "s3://"
PhotoPlace = Path | str
"""A folder, or the address of a bucket."""


class PhotoStore(Protocol):
    """What the receiver needs. Methods block: call them in a worker thread."""

    def prepare(self) -> None:
        """Once at the start, before anybody writes. Raises OSError."""

    def store(self, sha256: bytes, photo: bytes) -> None:
        """Make the bytes durable under their digest. Raises OSError."""

    def read(self, sha256: bytes) -> bytes | None:
        """What lies under this digest, whatever it is; None for nothing. Raises OSError."""


def photo_place(text: str) -> PhotoPlace:
    """What --photos says."""
    return text if text.startswith(BUCKET) else Path(text)


def open_photos(place: PhotoPlace) -> PhotoStore:
    """The photos at this place. Raises OSError."""
    if isinstance(place, Path):
        return PhotoFolder(place)
    from terminal.county.photos_s3 import PhotoBucket  # the extra `s3`

    return PhotoBucket(place)


class PhotoFolder:
    """The folder."""

    def __init__(self, root: Path) -> None:
        """root: made by prepare() if it is not there."""
        self._root = root

    def prepare(self) -> None:
        """Make the folder and remove what an interrupted write left."""
        self._root.mkdir(parents=True, exist_ok=True)
        for leftover in self._root.glob("*/*.part"):
            leftover.unlink(missing_ok=True)

    def read(self, sha256: bytes) -> bytes | None:
        """The file's bytes."""
        try:
            return self.path(sha256).read_bytes()
        except FileNotFoundError:
            return None

    def path(self, sha256: bytes) -> Path:
        """Where this photo lies or will lie."""
        digest = sha256.hex()
        return self._root / digest[:2] / digest

    def store(self, sha256: bytes, photo: bytes) -> None:
        """Make the bytes durable; a file there that is not the photo any more gives way."""
        path = self.path(sha256)
        if path.exists() and hashlib.sha256(path.read_bytes()).digest() == sha256:
            return
        path.parent.mkdir(exist_ok=True)
        part = path.with_suffix(f".{os.getpid()}.{id(photo):x}.part")
        put(path, photo, part)
        durable(self._root)
