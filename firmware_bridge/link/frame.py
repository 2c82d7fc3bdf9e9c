"""Frames of the microcontroller link: COBS, CRC-32, header. Pure and resynchronising.

The zero byte ends a frame and occurs nowhere in it, so after any rubbish the next zero starts
clean. A frame whose check is wrong is counted and gone. Layout: PROTOCOL.md.
"""

from __future__ import annotations

import zlib
from typing import NamedTuple

VERSION = 1
HEADER_OCTETS = 8
PAYLOAD_MAX = 128
CRC_OCTETS = 4
WIRE_MAX = HEADER_OCTETS + PAYLOAD_MAX + CRC_OCTETS + 2
COBS_BLOCK = 254


class LinkFrame(NamedTuple):
    """One frame. type: message number; seq: 0..65535 a direction; session: 0 before a hello."""

    type: int
    version: int
    seq: int
    session: int
    payload: bytes


def cobs_encode(octets: bytes) -> bytes:
    """The octets without zeros (Cheshire and Baker, 1999)."""
    out = bytearray()
    for block in (octets + b"\0").split(b"\0")[:-1]:
        while len(block) >= COBS_BLOCK:
            out += b"\xff" + block[:COBS_BLOCK]
            block = block[COBS_BLOCK:]
        out.append(len(block) + 1)
        out += block
    return bytes(out)


def cobs_decode(octets: bytes) -> bytes | None:
    """The octets before encoding; None for what no encoder makes."""
    out = bytearray()
    at = 0
    while at < len(octets):
        code = octets[at]
        block = octets[at + 1 : at + code]
        if code == 0 or len(block) != code - 1 or 0 in block:
            return None
        out += block
        at += code
        if code != COBS_BLOCK + 1 and at < len(octets):
            out.append(0)
    return bytes(out)


def encode(frame: LinkFrame) -> bytes:
    """The frame as it goes over the wire, closing zero included."""
    assert len(frame.payload) <= PAYLOAD_MAX
    head = bytes((frame.type, frame.version))
    head += frame.seq.to_bytes(2, "little") + frame.session.to_bytes(4, "little")
    raw = head + frame.payload
    return cobs_encode(raw + zlib.crc32(raw).to_bytes(CRC_OCTETS, "little")) + b"\0"


def _decode(wire: bytes) -> LinkFrame | None:
    raw = cobs_decode(wire)
    if raw is None or len(raw) < HEADER_OCTETS + CRC_OCTETS:
        return None
    body, crc = raw[:-CRC_OCTETS], raw[-CRC_OCTETS:]
    if zlib.crc32(body).to_bytes(CRC_OCTETS, "little") != crc:
        return None
    return LinkFrame(
        body[0],
        body[1],
        int.from_bytes(body[2:4], "little"),
        int.from_bytes(body[4:8], "little"),
        body[HEADER_OCTETS:],
    )


class FrameReceiver:
    """feed() with bytes as they come; it answers with the good frames. Counts what was not."""

    def __init__(self) -> None:
        self._buffer = b""
        self._skipping = False
        self.bad_frames = 0
        self.overruns = 0

    def feed(self, chunk: bytes) -> list[LinkFrame]:
        """Every frame that these bytes complete, in order."""
        *ended, rest = (self._buffer + chunk).split(b"\0")
        frames = []
        for wire in ended:
            skipped, self._skipping = self._skipping, False
            if skipped or len(wire) >= WIRE_MAX:
                self.overruns += 1
            elif wire:
                frame = _decode(wire)
                if frame is None:
                    self.bad_frames += 1
                else:
                    frames.append(frame)
        if len(rest) >= WIRE_MAX:
            rest, self._skipping = b"", True
        self._buffer = rest
        return frames

    def reset(self) -> None:
        """Forget a part of a frame."""
        self._buffer, self._skipping = b"", False
