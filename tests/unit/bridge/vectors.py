"""The checked vectors of the built-in formats: bytes on the wire and what the display showed."""

from __future__ import annotations

from typing import NamedTuple

from hal.contract.types import Tri

LETTERS = {"y": Tri.YES, "n": Tri.NO, "u": Tri.UNKNOWN}


class Vector(NamedTuple):
    """frame: one whole frame. flags: motion, overload, zero, net as letters y, n, u."""

    protocol: str
    scaling: str
    frame: bytes
    gross_kg: int | None
    flags: str = "uuuu"


def _hex(text: str) -> bytes:
    return bytes.fromhex(text)


TOLEDO = _hex("02 31 30 20 20 20 20 32 30 30 20 20 20 20 30 30 0D 1E")
MODBUS = _hex("01 03 02 00 00 B8 44 01 03 04 00 00 06 18 F9 99")
"""A status reply and the weight reply after it."""

VECTORS: tuple[Vector, ...] = (
    Vector("xk3190-tf0", "places-kg", _hex("02 2B 30 30 30 30 30 30 30 31 42 03"), 0),
    Vector("xk3190-tf0", "places-kg", _hex("02 2B 30 30 30 30 36 30 30 31 44 03"), 60),
    Vector("xk3190-tf0", "places-kg", _hex("02 2D 30 30 30 30 36 30 30 31 42 03"), -60),
    Vector("xk3190-tf0", "places-kg", _hex("02 2B 30 30 31 35 36 30 30 31 39 03"), 1_560),
    Vector("xk3190-tf0", "places-kg", b"\x02+0239600" + b"15\x03", 23_960),
    Vector("xk3190-tf0", "digit-kg", _hex("02 2B 30 30 31 35 36 30 30 31 39 03"), 15_600),
    Vector("xk3190-tf0", "places-t", b"\x02+0156033" + b"19\x03", 15_603),
    Vector("xk3190-command", "places-kg", b"\x02AB+0015600" + b"1A\x03", 1_560, "uuun"),
    Vector("toledo", "as-sent", TOLEDO, 200, "nnun"),
    Vector("toledo", "dummy-zeros", TOLEDO, 2_000, "nnun"),
    Vector("toledo-17", "as-sent", TOLEDO[:17], 200, "nnun"),
    Vector("eq-reversed-8", "kg", b"=000.3000", 3),
    Vector("eq-reversed-8", "kg", b"=00.1000-", -1),
    Vector("eq-reversed-8", "t", b"=06.51000", 15_600),
    Vector("eq-reversed-7", "kg", b"=0651000", 1_560),
    Vector("eq-reversed-6", "kg", b"=065100", 1_560),
    Vector("eq-forward-8", "kg", b"=0003.000", 3),
    Vector("eq-forward-8", "kg", b"=-0001.00", -1),
    Vector("keli-kl3101", "kg", b"=+001560", 1_560),
    Vector("keli-kl3101", "kg", b"=-000060", -60),
    Vector("a12e", "", b"WG004139 kg33\r\n", 4_139, "uuun"),
    Vector("a12e", "", b"         OL23\r\n", None, "uyuu"),
    Vector("a12e", "", b"         LO23\r\n", None),
    Vector("a12e-plain", "", b"ww000.000kg\r\n", 0, "uuun"),
    Vector("a12e-plain", "", b"wn-003.17kg\r\n", None, "uuuy"),
    Vector("mt-sics", "", b"S S     45000 kg\r\n", 45_000, "nnuu"),
    Vector("mt-sics", "", b"S D      45.06 t\r\n", 45_060, "ynuu"),
    Vector("mt-sics", "", b"S +\r\n", None, "uyuu"),
    Vector("mt-sics", "", b"S I\r\n", None),
    Vector("mt-sics", "", b"EL\r\n", None),
    Vector("st-gs", "", b"ST,GS,+ 000060kg\r\n", 60, "nnun"),
    Vector("st-gs", "", b"US,GS,+ 001560kg\r\n", 1_560, "ynun"),
    Vector("st-gs", "", b"ST,NT,+ 000060kg\r\n", None, "nnuy"),
    Vector("st-gs", "", b"ST,GS,- 000060kg\r\n", -60, "nnun"),
    Vector("st-gs", "", b"OL,GS,+--------kg\r\n", None, "uyun"),
    Vector("st-gs-cas", "", b"ST,GS,\x01\x80,    1560 kg\r\n", 1_560, "nnun"),
    Vector("rinstrum-auto", "kg", b"\x02    1560G\x03", 1_560, "unun"),
    Vector("rinstrum-cmd", "", b"81050026:    426 kg G\r\n", 426, "unun"),
    Vector("rinstrum-crc", "", b"\x0181050026:    426 kg G478C\x04", 426, "unun"),
    Vector("flintec", "kg", b"i00 16370     0\r\n", 16_370, "nuuu"),
    Vector("flintec", "kg", b"i80 16370     0\r\n", 16_370, "yuuu"),
    Vector("vishay-vt220", "kg", b"P+031790\r\n", 31_790, "nuuu"),
    Vector("vishay-vt220", "kg", b"@+031790\r\n", 31_790, "yuuu"),
    Vector(
        "modbus-rtu", "kg", _hex("01 03 02 00 00 B8 44 01 03 04 00 00 06 18 F9 99"), 1_560, "nnun"
    ),
)
"""toledo, tF=0, command mode, A12E checks, ST/GS and Modbus requests are captures or manual
examples; the others are written after the manuals' layouts."""
