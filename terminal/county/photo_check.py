"""Reads every stored photo back and compares it with its name: nothing else finds a rotten one.

It reads only; what to do about a photo that is missing or changed (a backup, the terminal's own
copy) is for a person to decide.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass

from terminal.county.photos import PhotoStore
from terminal.county.reading import StorePlace, open_reader

PAGE = 1_000
NEXT = (
    "SELECT sha256, size_bytes, record_id, role FROM photo WHERE stored_ns IS NOT NULL"
    " AND sha256 > ? ORDER BY sha256 LIMIT ?"
)


@dataclass(frozen=True, slots=True)
class Looked:
    """One photo that was looked at. why: empty when it is what it should be."""

    sha256: str
    record_id: str
    role: str
    why: str


def check_photos(store: StorePlace, photos: PhotoStore) -> Iterator[Looked]:
    """Every photo the store says is here. Raises OSError and what the database raises."""
    after = b""
    while True:
        with closing(open_reader(store)) as db:
            rows = db.execute(NEXT, (after, PAGE)).fetchall()
        if not rows:
            return
        for sha256, size_bytes, record_id, role in rows:
            after = bytes(sha256)
            why = _why_not(after, size_bytes, photos.read(after))
            yield Looked(after.hex(), record_id, role, why)


def _why_not(sha256: bytes, size_bytes: int, photo: bytes | None) -> str:
    if photo is None:
        return "missing"
    if len(photo) != size_bytes:
        return f"{len(photo)} bytes instead of {size_bytes}"
    return "" if hashlib.sha256(photo).digest() == sha256 else "changed"
