"""Photos arriving in chunks: which bytes are there, in memory, bounded.

A chunk may come in any order and any number of times. Nothing is durable until the photo is
whole; a restart simply asks for its chunks again. Only photos a stored record names get here.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from terminal.county.problems import RefusedError

CHUNK_BYTES = 1_024
PARTS_MAX = 256
PARTS_BYTES_MAX = 64 * 1024 * 1024
"""Photos under way, and their sum; the one longest untouched gives way and starts again."""


@dataclass(slots=True)
class _Part:
    body: bytearray
    have: set[int]

    @property
    def chunks(self) -> int:
        return -(-len(self.body) // CHUNK_BYTES)


class Parts:
    """Photos under way by digest."""

    def __init__(self) -> None:
        """Empty."""
        self._parts: OrderedDict[bytes, _Part] = OrderedDict()
        self._total_bytes = 0

    def known(self, sha256: bytes) -> bool:
        """Whether chunks of this photo are being collected."""
        return sha256 in self._parts

    def begin(self, sha256: bytes, size_bytes: int) -> None:
        """Start collecting, if it is not under way."""
        if sha256 in self._parts:
            return
        self._parts[sha256] = _Part(bytearray(size_bytes), set())
        self._total_bytes += size_bytes
        while len(self._parts) > PARTS_MAX or self._total_bytes > PARTS_BYTES_MAX:
            oldest = next(iter(self._parts))
            if oldest == sha256:
                return
            self.drop(oldest)

    def put(self, sha256: bytes, offset: int, chunk: bytes) -> bytes | None:
        """Take one chunk; the whole photo when it was the last one missing.

        Raises RefusedError when the chunk does not lie on the grid or in the photo.
        """
        part = self._parts[sha256]
        size = len(part.body)
        length = min(CHUNK_BYTES, size - offset)
        if offset % CHUNK_BYTES or not 0 <= offset < size or len(chunk) != length:
            detail = f"{len(chunk)} bytes at {offset} do not fit a photo of {size} bytes"
            raise RefusedError("malformed", detail, "Uri-Path")
        part.body[offset : offset + length] = chunk
        part.have.add(offset)
        self._parts.move_to_end(sha256)
        return bytes(part.body) if len(part.have) == part.chunks else None

    def missing(self, sha256: bytes, size_bytes: int) -> list[tuple[int, int]]:
        """Byte ranges (first, end) still to come."""
        part = self._parts.get(sha256)
        have = part.have if part else set()
        ranges: list[tuple[int, int]] = []
        for offset in range(0, size_bytes, CHUNK_BYTES):
            if offset in have:
                continue
            end = min(offset + CHUNK_BYTES, size_bytes)
            if ranges and ranges[-1][1] == offset:
                ranges[-1] = (ranges[-1][0], end)
            else:
                ranges.append((offset, end))
        return ranges

    def drop(self, sha256: bytes) -> None:
        """Forget a photo: stored, or not what it said it was."""
        part = self._parts.pop(sha256, None)
        if part is not None:
            self._total_bytes -= len(part.body)
