"""What makes a file, or a name in a folder, survive a power cut."""

from __future__ import annotations

import os
from pathlib import Path


def durable(path: Path) -> None:
    """Fsync one file, or the names in one folder. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
