"""Photos in a content-addressed folder: <first two hex digits>/<digest>.

A photo is durable (file synced, renamed, folder synced) before anybody hears that it is here.
Names are digests, so a repeat changes nothing and no name can lead out of the folder.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path


class PhotoFolder:
    """The folder. Methods block on the disk: call them in a worker thread."""

    def __init__(self, root: Path, *, sweep: bool = True) -> None:
        """Make the folder; sweep: remove what an interrupted write left (nobody else may write)."""
        root.mkdir(parents=True, exist_ok=True)
        for leftover in root.glob("*/*.part") if sweep else ():
            leftover.unlink(missing_ok=True)
        self._root = root

    def path(self, sha256: bytes) -> Path:
        """Where this photo lies or will lie."""
        digest = sha256.hex()
        return self._root / digest[:2] / digest

    def store(self, sha256: bytes, photo: bytes) -> None:
        """Make the bytes durable under their digest. Raises OSError."""
        path = self.path(sha256)
        if path.exists():
            return
        path.parent.mkdir(exist_ok=True)
        part = path.with_suffix(f".{os.getpid()}.{id(photo):x}.part")
        try:
            with part.open("wb") as file:
                file.write(photo)
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
        finally:
            with contextlib.suppress(OSError):
                part.unlink(missing_ok=True)
        for folder in (path.parent, self._root):
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
