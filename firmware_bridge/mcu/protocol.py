"""Messages of the microcontroller link, host side: payloads to values and back. Pure.

Numbers and layouts are those of PROTOCOL.md; a payload of another length is no message.
"""

from __future__ import annotations

import struct
from enum import IntEnum
from typing import NamedTuple


class Type(IntEnum):
    """Message numbers. Below 80h from the host, above from the device."""

    HELLO = 0x01
    PING = 0x02
    STREAM = 0x03
    LEASE = 0x04
    BOOTLOADER = 0x05
    WELCOME = 0x81
    PONG = 0x82
    SAMPLES = 0x83
    STATUS = 0x84
    REFUSED = 0x85


class Why(IntEnum):
    """Why the device refused."""

    VERSION = 1
    SESSION = 2
    LATE = 3
    TOO_LONG = 4
    OUTPUT = 5
    FORM = 6
    RELAYS_ON = 7
    NOT_HERE = 8


ADC_NAMES = {1: "HX711", 2: "ADS1232", 3: "fed from outside"}


class Welcome(NamedTuple):
    """What the device is. rate_mhz: conversions of one cell in a thousand seconds."""

    nonce: int
    adc: int
    cells: int
    gain: int
    outputs: int
    rate_mhz: int
    full_scale: int
    lease_ms_max: int
    build: int
    name: str


class Pong(NamedTuple):
    """Answer to a ping."""

    token: int
    device_us: int


class Sample(NamedTuple):
    """One conversion with its flags, which are those of hal.contract.types.SampleFlag."""

    device_us: int
    cell: int
    flags: int
    counts: int


class Status(NamedTuple):
    """What the device does. energised, contacts, inputs: one bit an output or input."""

    device_us: int
    lease_seq: int
    energised: int
    contacts: int
    inputs: int
    lease_ms: int
    bad_frames: int
    overruns: int
    samples_dropped: int
    leases_expired: int
    leases_refused: int


class Refused(NamedTuple):
    """The device did not do what message `about` wanted."""

    about: int
    why: int


Message = Welcome | Pong | Status | Refused | list[Sample]

_WELCOME = struct.Struct("<IBBBBIiHI16s")
_PONG = struct.Struct("<IQ")
_STATUS = struct.Struct("<QHBBBHIIIII")
_SAMPLE = struct.Struct("<HBB3s")
_SAMPLES_HEAD = struct.Struct("<QB")


def hello(nonce: int) -> bytes:
    """Payload of HELLO: lowest and highest version, nonce."""
    return struct.pack("<BBI", 1, 1, nonce)


def ping(token: int) -> bytes:
    """Payload of PING."""
    return struct.pack("<I", token)


def stream(on: bool) -> bytes:
    """Payload of STREAM."""
    return bytes((on,))


def lease(seq: int, mask: int, until_us: int) -> bytes:
    """Payload of LEASE: outputs to energise until a time of the device's clock."""
    return struct.pack("<HBQ", seq, mask, until_us)


def parse(kind: int, payload: bytes) -> Message | None:
    """The message, None when the payload is not one."""
    if kind == Type.WELCOME and len(payload) == _WELCOME.size:
        welcome = Welcome(*_WELCOME.unpack(payload))
        return welcome._replace(name=payload[-16:].rstrip(b"\0").decode("ascii", "replace"))
    if kind == Type.PONG and len(payload) == _PONG.size:
        return Pong(*_PONG.unpack(payload))
    if kind == Type.STATUS and len(payload) == _STATUS.size:
        return Status(*_STATUS.unpack(payload))
    if kind == Type.REFUSED and len(payload) == 2:
        return Refused(payload[0], payload[1])
    return _samples(payload) if kind == Type.SAMPLES else None


def _samples(payload: bytes) -> list[Sample] | None:
    if len(payload) < _SAMPLES_HEAD.size:
        return None
    base_us, count = _SAMPLES_HEAD.unpack_from(payload)
    if len(payload) != _SAMPLES_HEAD.size + count * _SAMPLE.size:
        return None
    return [
        Sample(base_us + delta, cell, flags, int.from_bytes(counts, "little", signed=True))
        for delta, cell, flags, counts in _SAMPLE.iter_unpack(payload[_SAMPLES_HEAD.size :])
    ]
