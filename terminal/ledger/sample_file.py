"""Raw conversions, or an indicator's frames, of one visit as an NPZ archive: a trace as
`weigh-trace` reads it.

Written without numpy: the ledger must be back soon after a restart, on little memory. The same
samples always give the same octets.
"""

from __future__ import annotations

import io
import zipfile
from array import array
from collections.abc import Iterable
from math import nan

from hal.contract.types import NS_PER_S
from terminal.raw_samples import ENTRY, LEAVE, NO_VALUE, Packed

COMPRESS_LEVEL = 1
"""A driver waits while it is written; better ones save a tenth and take four times as long."""
_NPY = b"\x93NUMPY\x01\x00"
_NPY_ALIGN = 64
_EPOCH = (1980, 1, 1, 0, 0, 0)


class _Rows:
    """One row a time stamp; a cell that comes again with the same stamp begins another."""

    def __init__(self, cells: int) -> None:
        self._cells = cells
        self._row_at: dict[int, int] = {}
        self._taken = bytearray()
        self.at_ns = array("q")
        self.counts = array("d")
        self.flags = bytearray()
        self.beams = bytearray()

    def add(self, sample: Packed) -> None:
        row = self._row_at.get(sample.at_ns)
        place = 0 if row is None else row * self._cells + sample.cell
        if row is None or self._taken[place]:
            row = self._row_at[sample.at_ns] = len(self.at_ns)
            self.at_ns.append(sample.at_ns)
            self.counts.extend([nan] * self._cells)
            self.flags += bytes(self._cells)
            self._taken += bytes(self._cells)
            self.beams.append(sample.beams)
            place = row * self._cells + sample.cell
        self._taken[place] = True
        self.counts[place] = nan if sample.counts == NO_VALUE else sample.counts
        self.flags[place] = sample.flags
        self.beams[row] = sample.beams


def npz(samples: Iterable[Packed], cells: int, meta: str) -> bytes:
    """The archive of a deck of so many cells; others are left out, as the pipeline does.

    t: seconds of the boot's monotonic clock; counts: NaN where a cell has no conversion, or a frame
    no value.
    """
    rows = _Rows(cells)
    for sample in samples:
        if sample.cell < cells:
            rows.add(sample)
    count = len(rows.at_ns)
    text = meta.encode()
    arrays = (
        ("t", "<f8", (count,), array("d", (at_ns / NS_PER_S for at_ns in rows.at_ns)).tobytes()),
        ("counts", "<f8", (count, cells), rows.counts.tobytes()),
        ("flags", "|u1", (count, cells), bytes(rows.flags)),
        ("beam_entry", "|b1", (count,), bytes(bool(b & ENTRY) for b in rows.beams)),
        ("beam_exit", "|b1", (count,), bytes(bool(b & LEAVE) for b in rows.beams)),
        ("meta", f"|S{max(1, len(text))}", (), text or b" "),
    )
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=COMPRESS_LEVEL) as archive:
        for name, kind, shape, octets in arrays:
            entry = zipfile.ZipInfo(f"{name}.npy", _EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, _npy_head(kind, shape) + octets, compresslevel=COMPRESS_LEVEL)
    return out.getvalue()


def _npy_head(kind: str, shape: tuple[int, ...]) -> bytes:
    """Head of an array file, format 1.0 (NEP 1): magic, length, description padded to 64."""
    told = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}"
    room = -(len(_NPY) + 2 + len(told) + 1) % _NPY_ALIGN
    head = (told + " " * room + "\n").encode("ascii")
    return _NPY + len(head).to_bytes(2, "little") + head
