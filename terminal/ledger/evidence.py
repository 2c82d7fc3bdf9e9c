"""Photos of record: a folder whose file names are the digests of the contents.

A picture is linked or copied from the camera's spool, made durable, and only then may a record
name it; the spool copy goes after that record's commit. It must never change a stored file.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
from collections.abc import Container, Iterator, Sequence
from pathlib import Path

from terminal.core.types import PhotoRef
from terminal.disk import durable

SHARDS = 256
PHOTO_BYTES_MAX = 4_000_000
OUR_OWN_WANT = (errno.EMFILE, errno.ENFILE, errno.ENOMEM)
"""Errors that say nothing of the picture: too many files open, no memory."""
SPOOL_FILES_MAX = 500
"""Pictures left in the spool (of visits that came to no record); the oldest go beyond that."""


class Evidence:
    """The content-addressed folder of one ledger."""

    def __init__(self, folder: Path, spool: Path) -> None:
        """Make the folder and its 256 shards, durably, when they are not there. Raises OSError."""
        self.folder = folder
        self.spool = spool
        if not (folder / f"{SHARDS - 1:02x}").is_dir():
            for shard in range(SHARDS):
                (folder / f"{shard:02x}").mkdir(parents=True, exist_ok=True)
            durable(folder)
            durable(folder.parent)

    def path_of(self, sha256: bytes) -> Path:
        """Where the picture of this digest is kept."""
        return self.place(self.folder, sha256)

    def lost(self, sha256: bytes) -> str:
        """Why this picture is gone for good. Empty: it is there, or cannot be looked at now."""
        try:
            return amiss(self.path_of(sha256), sha256)
        except OSError:
            return ""

    @staticmethod
    def place(folder: Path, sha256: bytes) -> Path:
        """Where an evidence folder keeps the picture of this digest."""
        name = sha256.hex()
        return folder / name[:2] / f"{name}.jpg"

    def adopt(
        self, photos: Sequence[PhotoRef]
    ) -> tuple[tuple[PhotoRef, ...], tuple[PhotoRef, ...]]:
        """Make spooled pictures durable evidence: (kept, missing or not what they claim).

        Repeating it is harmless. All names are made first and the folders synced last, so that
        a journalling file system commits once. Raises OSError when the disk refuses.
        """
        kept = tuple(photo for photo in photos if self._place(photo))
        for folder in sorted({self.path_of(photo.sha256).parent for photo in kept}):
            durable(folder)
        return kept, tuple(photo for photo in photos if photo not in kept)

    def _place(self, photo: PhotoRef) -> bool:
        kept = self.path_of(photo.sha256)
        if holds(kept, photo.sha256, photo.size_bytes):
            durable(kept)
            return True
        source = self.spool / kept.name
        if not holds(source, photo.sha256, photo.size_bytes):
            return False
        durable(source)
        kept.unlink(missing_ok=True)
        try:
            os.link(source, kept)
        except OSError:  # the spool lies on another file system, or on one without links
            part = kept.with_suffix(".part")
            part.write_bytes(source.read_bytes())
            durable(part)
            part.replace(kept)
        return True

    def release(self, sha256: bytes) -> None:
        """The record is committed: the spool's copy is no longer needed."""
        with contextlib.suppress(OSError):
            (self.spool / f"{sha256.hex()}.jpg").unlink(missing_ok=True)

    def stored(self) -> Iterator[Path]:
        """Every file of the folder, of any name."""
        for shard in range(SHARDS):
            yield from (self.folder / f"{shard:02x}").iterdir()

    def sweep(self, referenced: Container[str]) -> int:
        """Remove files that no record names (left by a crash before the commit); how many.

        The spool still holds them, so a repeated draft finds its pictures again.
        """
        swept = 0
        for path in self.stored():
            if path.suffix != ".jpg" or path.stem not in referenced:
                path.unlink(missing_ok=True)
                swept += 1
        return swept

    def sweep_spool(self) -> int:
        """Keep the spool within its bound, dropping the oldest; how many went."""
        aged: list[tuple[int, str, Path]] = []
        with contextlib.suppress(OSError):
            for path in self.spool.iterdir():
                with contextlib.suppress(OSError):
                    aged.append((path.stat().st_mtime_ns, path.name, path))
        aged.sort()
        old = aged[: max(0, len(aged) - SPOOL_FILES_MAX)]
        for _mtime_ns, _name, path in old:
            with contextlib.suppress(OSError):
                path.unlink()
        return len(old)


def amiss(path: Path, sha256: bytes) -> str:
    """Why this file is not the one of that digest; empty when it is. Raises OSError."""
    try:
        found = hashlib.sha256(path.read_bytes()).digest()
    except FileNotFoundError:
        return "its file is gone"
    return "" if found == sha256 else "its file holds other bytes"


def holds(path: Path, sha256: bytes, size_bytes: int) -> bool:
    """Whether this file is there and is the picture of that digest and size.

    Raises OSError when only we lack what it takes to look: the picture may well be there.
    """
    try:
        if not path.stat().st_size == size_bytes <= PHOTO_BYTES_MAX:
            return False
        return not amiss(path, sha256)
    except OSError as error:
        if error.errno in OUR_OWN_WANT:
            raise
        return False
