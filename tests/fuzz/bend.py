"""Bends a valid input the way lines, disks and people do: bits, cuts, repeats, numbers at edges."""

from __future__ import annotations

from random import Random

EDGES = (
    b"\x00", b"\xff", b"\x7f", b"\x80", b"\r\n", b"\x02", b"\x03", b"'", b'"', b"-", b"e999",
    b"\xff\xff\xff\xff", b"9" * 30, "１".encode(), b"\xed\xa0\x80", b"\x9f", b"[", b"{" * 50,
)  # fmt: skip
BENDS_MAX = 6


def bend(seed: bytes, random: Random) -> bytes:
    """The seed with one to BENDS_MAX changes."""
    wire = bytearray(seed)
    for _ in range(random.randint(1, BENDS_MAX)):
        at = random.randrange(len(wire) + 1)
        end = min(len(wire), at + random.randint(1, 8))
        match random.randrange(5):
            case 0 if at < len(wire):
                wire[at] ^= 1 << random.randrange(8)
            case 1:
                del wire[at:end]
            case 2:
                wire[at:at] = random.choice(EDGES)
            case 3:
                wire[at:at] = wire[at:end] * random.randint(1, 4)
            case _:
                wire[at:end] = random.randbytes(end - at)
    return bytes(wire)
