"""ESC/POS slips: lines of text to the bytes of a receipt printer with a Chinese font.

GB 18030 in two- and four-byte form behind FS &, which printers sold in China understand. Pure:
it knows neither what a slip says nor where the bytes go.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

RESET: Final = b"\x1b@"
CHINESE_ON: Final = b"\x1c&"
BIG, NORMAL = b"\x1d!\x11", b"\x1d!\x00"
CENTRE, LEFT = b"\x1ba\x01", b"\x1ba\x00"
FEED_AND_CUT: Final = b"\x1bd\x04\x1dV\x01"
LINES_MAX: Final = 40


def slip(title: str, lines: Sequence[str]) -> bytes:
    """One slip: a large centred title, then the lines; the printer wraps what is too long."""
    assert len(lines) <= LINES_MAX
    body = b"".join(_encode(line) + b"\n" for line in lines)
    head = CENTRE + BIG + _encode(title) + b"\n" + NORMAL + LEFT
    return RESET + CHINESE_ON + head + body + FEED_AND_CUT


def _encode(line: str) -> bytes:
    """Printable characters only: a control byte in a text must never command the printer."""
    shown = "".join(char for char in line if char.isprintable())
    return shown.encode("gb18030")
