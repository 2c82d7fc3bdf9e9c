"""A disk for pictures: the k-th operation fails or tears, or the power goes there.

Stands under os.fsync, os.link, Path.replace, Path.open and Path.write_bytes, which is all that
camera spool and evidence folder use. Contents live only when the file was synced, names only
when their folder was; a power cut takes everything else.
"""

from __future__ import annotations

import errno
import os
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from unittest import mock


class PicturesDisk:
    """Use as a context. fail_at: number of the operation that fails, and all after it.

    how: "fail" does nothing, "tear" leaves half of a write, "lose" fails and power_cut() later
    takes what was not synced. error: what the failing operations say. pattern: which files are
    pictures.
    """

    def __init__(
        self,
        root: Path,
        fail_at: int,
        how: str,
        error: int = errno.EIO,
        *,
        pattern: str = "*.jpg",
    ) -> None:
        self.operations = 0
        self._root, self._fail_at, self._how, self._error = root, fail_at, how, error
        self._pattern = pattern
        self._stack = ExitStack()
        self._contents: set[int] = set()
        self._names: set[Path] = set()
        self._real_fsync, self._real_link = os.fsync, os.link
        self._real_replace, self._real_write = Path.replace, Path.write_bytes
        for path in self._files():
            self._contents.add(path.stat().st_ino)
            self._names.add(path)

    def _files(self) -> list[Path]:
        return [path for path in self._root.rglob(self._pattern) if path.is_file()]

    def __enter__(self) -> PicturesDisk:
        disk = self

        def fsync(fd: int) -> None:
            disk._may()
            disk._real_fsync(fd)
            disk._synced(fd)

        def link(source: Any, target: Any, **named: Any) -> None:
            disk._may()
            disk._real_link(source, target, **named)

        def replace(path: Path, target: Any) -> Path:
            disk._may()
            return disk._real_replace(path, target)

        def write_bytes(path: Path, content: bytes) -> int:
            try:
                disk._may()
            except OSError:
                if disk._how == "tear":
                    disk._real_write(path, content[: len(content) // 2])
                raise
            return disk._real_write(path, content)

        for patch in (
            mock.patch.object(os, "fsync", fsync),
            mock.patch.object(os, "link", link),
            mock.patch.object(Path, "replace", replace),
            mock.patch.object(Path, "write_bytes", write_bytes),
        ):
            self._stack.enter_context(patch)
        return self

    def __exit__(self, *_error: object) -> None:
        self._stack.close()

    def _may(self) -> None:
        self.operations += 1
        if self.operations >= self._fail_at:
            raise OSError(self._error, os.strerror(self._error))

    def _synced(self, fd: int) -> None:
        status = os.fstat(fd)
        self._contents.add(status.st_ino)
        folder = Path(f"/proc/self/fd/{fd}").readlink()
        if folder.is_dir():
            self._names |= {path for path in folder.iterdir() if path.is_file()}

    def power_cut(self) -> None:
        """Names whose folder was not synced go; contents never synced become empty."""
        for path in self._files():
            if path not in self._names:
                path.unlink()
            elif path.stat().st_ino not in self._contents:
                self._real_write(path, b"")
