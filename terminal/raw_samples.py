"""Raw conversions on their way to the record: a few octets each, on both sides of the link.

Control packs what it feeds its pipeline, the ledger makes the file of a visit from it. Counts are
as the converter gave them; it must never mend or leave out what the pipeline was fed. The messages
are part of terminal.messages.Message.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from struct import Struct
from typing import NamedTuple

import msgspec

from hal.contract.types import RawSample, Tri

CELLS_MAX = 64
PARTS_MAX = 300
"""Parts kept of a visit, a second each: of a longer stay the middle goes, and the file says so."""
NO_PART = -1
_SAMPLE = Struct("<qqBBB")
SAMPLE_BYTES = _SAMPLE.size
ENTRY, LEAVE = 1, 2
"""Bits of the beams that were blocked when the sample was fed."""


class SamplesPart(msgspec.Struct, frozen=True, tag=True):
    """control -> ledger: the next second of a visit's raw conversions (pack()).

    ring: which stay on the deck, by the monotonic time its ring began; number: from 0.
    gone: number of the part that went to make room for this one, or NO_PART.
    """

    ring: int
    number: int
    packed: bytes
    gone: int = NO_PART


class SamplesEnd(msgspec.Struct, frozen=True, tag=True):
    """control -> ledger: these parts of that ring are what this visit was weighed from.

    runs: first and last number of those that follow each other; between two runs is a hole.
    dropped: conversions that the bound took. meta: JSON object of the deck, as in a trace.
    """

    visit_id: int
    ring: int
    runs: tuple[tuple[int, int], ...]
    dropped: int
    meta: str

    @property
    def last(self) -> int:
        """Number of the newest part, NO_PART when there is none."""
        return self.runs[-1][1] if self.runs else NO_PART


class Packed(NamedTuple):
    """One conversion: monotonic ns, counts, cell, SampleFlag bits, ENTRY and LEAVE bits."""

    at_ns: int
    counts: int
    cell: int
    flags: int
    beams: int


def pack(samples: Sequence[RawSample], entry: Tri, leave: Tri) -> bytes:
    """What Pipeline.feed is given in one tick. Cells that it takes no notice of are left out."""
    beams = ENTRY * (entry is Tri.YES) + LEAVE * (leave is Tri.YES)
    return b"".join(
        _SAMPLE.pack(at_ns, counts, cell, int(flags) & 0xFF, beams)
        for at_ns, cell, counts, flags in samples
        if 0 <= cell < CELLS_MAX
    )


def unpack(packed: bytes) -> Iterator[Packed]:
    """The conversions in the order they were fed. Raises struct.error for a torn end."""
    return map(Packed._make, _SAMPLE.iter_unpack(packed))
