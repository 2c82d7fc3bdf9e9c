"""Puts block-wise request bodies (RFC 7959) together, within bounds.

The library's own assembly has no size limit and dies on a gap; here every body, the number of
bodies under way and their sum have one, and a gap is answered with 4.08. Bytes only; it knows
nothing of what they mean.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass, field

from terminal.county.problems import RefusedError

ASSEMBLIES_MAX = 512
ASSEMBLY_BYTES_MAX = 64 * 1024 * 1024
"""Sum over all bodies under way; the oldest gives way."""
ASSEMBLY_NS_MAX = 120 * 1_000_000_000


@dataclass(slots=True)
class _Body:
    begun_ns: int
    parts: bytearray = field(default_factory=bytearray)


class Assembler:
    """Bodies under way, by sender and resource."""

    def __init__(self) -> None:
        """Empty."""
        self._bodies: OrderedDict[Hashable, _Body] = OrderedDict()
        self._total_bytes = 0

    def feed(
        self, key: Hashable, start: int, more: bool, payload: bytes, limit_bytes: int, now_ns: int
    ) -> bytes | None:
        """Take one block; the whole body when it was the last one, else None.

        start: offset of the block. Raises RefusedError "incomplete" or "too-large".
        """
        self._expire(now_ns)
        if start == 0:
            self._drop(key)
            self._bodies[key] = _Body(now_ns)
        body = self._bodies.get(key)
        if body is None or start != len(body.parts):
            self._drop(key)
            raise RefusedError("incomplete", f"block at {start} does not follow", "Block1")
        if start + len(payload) > limit_bytes:
            self._drop(key)
            raise RefusedError("too-large", f"more than {limit_bytes} bytes", "Block1")
        body.parts += payload
        self._total_bytes += len(payload)
        if more:
            self._shrink()
            return None
        whole = bytes(body.parts)
        self._drop(key)
        return whole

    def _drop(self, key: Hashable) -> None:
        body = self._bodies.pop(key, None)
        if body is not None:
            self._total_bytes -= len(body.parts)

    def _expire(self, now_ns: int) -> None:
        while self._bodies:
            key, oldest = next(iter(self._bodies.items()))
            if now_ns - oldest.begun_ns < ASSEMBLY_NS_MAX:
                return
            self._drop(key)

    def _shrink(self) -> None:
        while len(self._bodies) > ASSEMBLIES_MAX or self._total_bytes > ASSEMBLY_BYTES_MAX:
            self._drop(next(iter(self._bodies)))
