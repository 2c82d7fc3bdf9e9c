"""A disk under SQLite that forgets what was not synced, and refuses when told to.

Every write since the last sync of a file is remembered with what it replaced. A power cut
undoes each of them, keeps it, or leaves half of it, as chance wants: that is what a card
promises. Writes that a sync covered stay whole, or nothing could be built at all.
"""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

import apsw


class SimDisk(apsw.VFS):
    """One disk. refuses: every write and sync fails (EIO, or full)."""

    def __init__(self, name: str, rng: Random) -> None:
        self.name = name
        self.refuses = False
        self.refused = 0
        self._rng = rng
        self._undo: dict[str, list[tuple[int, bytes, bytes, int]]] = {}
        super().__init__(name, "")

    def xOpen(self, name: Any, flags: Any) -> _File:
        return _File(self, name, flags)

    def may(self) -> None:
        if self.refuses:
            self.refused += 1
            raise apsw.IOError("the disk refuses")

    def wrote(self, path: str, at: int, before: bytes, after: bytes, size: int) -> None:
        self._undo.setdefault(path, []).append((at, before, after, size))

    def synced(self, path: str) -> None:
        self._undo.pop(path, None)

    def power_cut(self) -> int:
        """Undo, halve or keep what was not synced; files must be closed. Returns how many."""
        touched = 0
        for name in sorted(self._undo):
            path = Path(name)
            if not path.exists():
                continue
            content = bytearray(path.read_bytes())
            for at, before, after, size in reversed(self._undo[name]):
                touched += 1
                chance = self._rng.random()
                if chance < 0.4:
                    continue
                half = len(after) // 2 if chance < 0.6 else 0
                content[at + half : at + len(after)] = before[half:]
                del content[max(size, at + half) if half else size :]
            path.write_bytes(bytes(content))
        self._undo.clear()
        return touched


class _File(apsw.VFSFile):
    """One file of the disk."""

    def __init__(self, disk: SimDisk, name: Any, flags: Any) -> None:
        self._disk = disk
        self._path = name if isinstance(name, str) or name is None else name.filename()
        super().__init__("", name, flags)

    def xWrite(self, content: Any, offset: int) -> None:
        self._disk.may()
        if self._path is not None:
            size = super().xFileSize()
            wanted = max(0, min(len(content), size - offset))
            before = super().xRead(wanted, offset) if wanted else b""
            padded = before + bytes(len(content) - len(before))
            self._disk.wrote(self._path, offset, padded, bytes(content), size)
        super().xWrite(content, offset)

    def xTruncate(self, size: int) -> None:
        self._disk.may()
        super().xTruncate(size)

    def xSync(self, flags: int) -> None:
        self._disk.may()
        super().xSync(flags)
        if self._path is not None:
            self._disk.synced(self._path)
