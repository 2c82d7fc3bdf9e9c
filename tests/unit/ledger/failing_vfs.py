"""An SQLite file system that fails, tears or loses the k-th write or sync, and then stays dead.

After the k-th operation every write and sync fails, as when the card is pulled. "lose" keeps an
image of each file as of its last sync, which is what a power cut may leave behind.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import apsw


class FailingVfs(apsw.VFS):
    """Counts writes, truncations and syncs; from number `fail_at` on they fail.

    how: "fail": the operation does nothing. "tear": half of the write reaches the file.
    """

    def __init__(self, name: str, *, fail_at: int, how: str) -> None:
        self.name = name
        self.fail_at = fail_at
        self.how = how
        self.operations = 0
        self.synced: dict[str, bytes] = {}
        super().__init__(name, "")

    def xOpen(self, name: Any, flags: Any) -> FailingFile:
        return FailingFile(self, name, flags)

    def due(self) -> bool:
        """Count one operation; whether it must fail."""
        self.operations += 1
        return self.operations >= self.fail_at

    def tears_now(self) -> bool:
        return self.how == "tear" and self.operations == self.fail_at

    def power_cut(self) -> None:
        """Leave every file as it was when it was last synced."""
        for name, content in self.synced.items():
            Path(name).write_bytes(content)


class FailingFile(apsw.VFSFile):
    """One file of a FailingVfs."""

    def __init__(self, vfs: FailingVfs, name: Any, flags: Any) -> None:
        self._vfs = vfs
        self._path = name if isinstance(name, str) or name is None else name.filename()
        if self._path is not None:
            vfs.synced.setdefault(
                self._path, Path(self._path).read_bytes() if Path(self._path).exists() else b""
            )
        super().__init__("", name, flags)

    def xWrite(self, content: Any, offset: int) -> None:
        if self._vfs.due():
            if self._vfs.tears_now():
                super().xWrite(bytes(content)[: len(content) // 2], offset)
            raise apsw.IOError("the write fails")
        super().xWrite(content, offset)

    def xTruncate(self, size: int) -> None:
        if self._vfs.due():
            raise apsw.IOError("the truncation fails")
        super().xTruncate(size)

    def xSync(self, flags: int) -> None:
        if self._vfs.due():
            raise apsw.IOError("the sync fails")
        super().xSync(flags)
        if self._path is not None:
            self._vfs.synced[self._path] = Path(self._path).read_bytes()
