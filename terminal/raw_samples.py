"""Raw conversions, or an indicator's frames, on their way to the record: a few octets each.

Control packs what it feeds its pipeline, the ledger makes the file of a visit from it. Counts are
as the converter gave them; it must never mend or leave out what the pipeline was fed. The messages
are part of terminal.messages.Message.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from struct import Struct
from typing import NamedTuple

import msgspec

from hal.contract.types import IndicatorReading, MonotonicNs, RawSample, Tri

CELLS_MAX = 64
PARTS_MAX = 300
"""Parts kept of a visit, a second each: of a longer stay the middle goes, and the file says so."""
NO_PART = -1
_SAMPLE = Struct("<qqBBB")
SAMPLE_BYTES = _SAMPLE.size
ENTRY, LEAVE = 1, 2
"""Bits of the beams that were blocked when the sample was fed."""
SAID_BITS = (0, 2, 4, 6)
"""Where an indicator's motion, overload, zero and net stand in its flags, each a Tri."""
NO_FRAME = 0xFF
"""In place of an indicator's flags: no frame came, only the beams have changed."""
SAID = {
    sum(tri << bits for tri, bits in zip(tris, SAID_BITS, strict=True)): tris
    for tris in product(Tri, Tri, Tri, Tri)
}
"""What an indicator says in a frame, by its flags."""
SAID_NOTHING = next(flags for flags, tris in SAID.items() if set(tris) == {Tri.UNKNOWN})
NO_VALUE = -(2**63)
"""In place of the counts: the frame showed no value."""


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
    """One conversion: monotonic ns, counts, cell, SampleFlag bits, ENTRY and LEAVE bits.

    One frame: monotonic ns, kg or NO_VALUE, 0, flags as in SAID or NO_FRAME, beams.
    """

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


def pack_frames(
    readings: Sequence[IndicatorReading], entry: Tri, leave: Tri, changed_ns: MonotonicNs | None
) -> bytes:
    """What Pipeline.feed_indicator is given in one tick. A beam not known clear counts as cut.

    changed_ns: now, in a tick in which the beams are others than before: the moment counts, and a
    frame's stamp is another.
    """
    beams = ENTRY * (entry is not Tri.NO) + LEAVE * (leave is not Tri.NO)
    rows = [] if changed_ns is None else [_SAMPLE.pack(changed_ns, NO_VALUE, 0, NO_FRAME, beams)]
    for reading in readings:
        kg = NO_VALUE if reading.gross_kg is None else reading.gross_kg
        tris = (reading.motion, reading.overload, reading.zero, reading.net)
        said = sum(tri << bits for tri, bits in zip(tris, SAID_BITS, strict=True))
        rows.append(_SAMPLE.pack(reading.at_ns, kg, 0, said, beams))
    return b"".join(rows)


def unpack(packed: bytes) -> Iterator[Packed]:
    """The conversions in the order they were fed. Raises struct.error for a torn end."""
    return map(Packed._make, _SAMPLE.iter_unpack(packed))
