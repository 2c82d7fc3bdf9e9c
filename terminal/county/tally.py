"""How many were received, repeated and refused, kept where a killed worker's share is not lost.

Three numbers in memory that the parent shares with a worker through a descriptor: the worker
counts in it, and the one that takes its place counts on.
"""

from __future__ import annotations

import mmap
import os

RECEIVED, REPEATED, REFUSED = KINDS = range(3)
NUMBER_BYTES = 8


def shared_memory(name: str) -> int:
    """A descriptor of memory for one tally, all zero. name: shown by the kernel only."""
    descriptor = os.memfd_create(name)
    os.truncate(descriptor, len(KINDS) * NUMBER_BYTES)
    return descriptor


class Tally:
    """The numbers; one writer at a time."""

    def __init__(self, descriptor: int | None = None) -> None:
        """descriptor: of shared_memory(), which goes on by itself; None for a tally of our own."""
        size = len(KINDS) * NUMBER_BYTES
        memory = bytearray(size) if descriptor is None else mmap.mmap(descriptor, size)
        self._numbers = memoryview(memory).cast("Q")

    def add(self, kind: int) -> None:
        """One more."""
        self._numbers[kind] += 1

    def counts(self) -> list[int]:
        """Received, repeated, refused."""
        return self._numbers.tolist()
