"""The sign's 16 px bitmap font: a subset of GNU Unifont, read once at start."""

from __future__ import annotations

import gzip
from functools import cache
from pathlib import Path

GLYPH_PX = 16
_FILE = Path(__file__).with_name("unifont_subset.hex.gz")


@cache
def glyphs() -> dict[str, bytes]:
    """16 rows of one (half-width) or two (full-width) bytes, by character."""
    table: dict[str, bytes] = {}
    for line in gzip.decompress(_FILE.read_bytes()).decode("ascii").splitlines():
        code, pixels = line.split(":")
        table[chr(int(code, 16))] = bytes.fromhex(pixels)
    return table


def glyph(char: str) -> bytes:
    """The glyph of a character; a box for one that the font lacks, never an error."""
    table = glyphs()
    return table.get(char) or table["□"]
