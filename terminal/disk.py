"""What makes a file, or a name in a folder, survive a power cut."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path


def durable(path: Path) -> None:
    """Fsync one file, or the names in one folder. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def put(path: Path, content: bytes, part: Path | None = None) -> None:
    """Put content in a file's place, whole or not at all, durably. part: its name until then.

    Raises OSError; the part is then taken away again.
    """
    part = part or path.with_name(f"{path.name}.part")
    try:
        part.write_bytes(content)
        durable(part)
        part.replace(path)
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
    durable(path.parent)


def write_once(path: Path, content: bytes, mode: int = 0o600) -> None:
    """Write a file that must not exist, durably. Raises FileExistsError, OSError."""
    _create(path, content, mode)
    durable(path.parent)


def put_private(path: Path, content: bytes) -> None:
    """Put content in a file's place, whole or not at all, readable by its owner only."""
    part = path.with_name(f"{path.name}.part")
    part.unlink(missing_ok=True)
    _create(part, content, 0o600)
    part.replace(path)
    durable(path.parent)


def _create(path: Path, content: bytes, mode: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        left = memoryview(content)
        while left:  # a full disk or a signal may cut a write short
            left = left[os.write(descriptor, left) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
