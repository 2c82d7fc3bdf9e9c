"""Flight recorder: the last minutes of control's ticks in a bounded ring of files.

Not evidence but help: frames are appended without syncing, the oldest file is overwritten, and
a write error is counted and otherwise ignored. It must never slow or stop a commit.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

FILES = 16
FILE_BYTES_MAX = 4_000_000
_HEADER = struct.Struct(">8sQ")
_FRAME = struct.Struct(">II")
_MAGIC = b"WTFLIGHT"


class FlightRecorder:
    """Writer of the ring. Files NNN.bin: magic, generation, then length + CRC-32 + frame."""

    def __init__(
        self, folder: Path, *, files: int = FILES, file_bytes_max: int = FILE_BYTES_MAX
    ) -> None:
        """Go on after the newest file of the ring."""
        self.lost = 0
        self._folder = folder
        self._files = files
        self._bytes_max = file_bytes_max
        self._room = 0
        generations = [generation for generation, _path in _ring(folder)]
        self._generation = max(generations, default=-1)
        self._file: _RingFile | None = None

    def append(self, frame: bytes) -> None:
        """Add one frame; when the file is full the oldest one gives way."""
        wire = _FRAME.pack(len(frame), zlib.crc32(frame)) + frame
        try:
            if self._file is None or len(wire) > self._room:
                self._next_file()
            assert self._file is not None
            self._file.write(wire)
            self._room -= len(wire)
        except OSError:
            self.lost += 1
            self.close()

    def close(self) -> None:
        """Close the file being written."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _next_file(self) -> None:
        self.close()
        self._generation += 1
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / f"{self._generation % self._files:03}.bin"
        self._file = _RingFile(path)
        self._file.write(_HEADER.pack(_MAGIC, self._generation))
        self._room = self._bytes_max - _HEADER.size


class _RingFile:
    """One unbuffered file, begun anew."""

    def __init__(self, path: Path) -> None:
        self._raw = path.open("wb", buffering=0)

    def write(self, wire: bytes) -> None:
        self._raw.write(wire)

    def close(self) -> None:
        self._raw.close()


def _ring(folder: Path) -> list[tuple[int, Path]]:
    """(generation, file) of every readable file of the ring, oldest first."""
    found: list[tuple[int, Path]] = []
    for path in folder.glob("*.bin"):
        with path.open("rb") as file:
            head = file.read(_HEADER.size)
        if len(head) == _HEADER.size and head.startswith(_MAGIC):
            found.append((_HEADER.unpack(head)[1], path))
    return sorted(found)


def read_frames(folder: Path) -> Iterator[bytes]:
    """All frames still there, oldest first. A torn or damaged rest of a file is left out."""
    for _generation, path in _ring(folder):
        yield from frames_in(path.read_bytes())


def frames_in(wire: bytes) -> Iterator[bytes]:
    """Frames of one file's bytes. Raises OSError when it is no file of a flight recorder."""
    if not wire.startswith(_MAGIC) or len(wire) < _HEADER.size:
        raise OSError("not a flight-recorder file")
    at = _HEADER.size
    while at + _FRAME.size <= len(wire):
        length, crc = _FRAME.unpack_from(wire, at)
        frame = wire[at + _FRAME.size : at + _FRAME.size + length]
        if len(frame) != length or zlib.crc32(frame) != crc:
            return
        yield frame
        at += _FRAME.size + length


def file_of(frames: Iterable[bytes]) -> bytes:
    """The bytes of a file that holds these frames."""
    parts = [_HEADER.pack(_MAGIC, 0)]
    parts += [_FRAME.pack(len(frame), zlib.crc32(frame)) + frame for frame in frames]
    return b"".join(parts)
