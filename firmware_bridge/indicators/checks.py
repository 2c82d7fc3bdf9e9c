"""Check values of indicator frames: what a sender computes and a receiver must recompute.

Pure. A wrong check is never repaired: the frame is gone.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from operator import xor

from firmware_bridge.indicators.spec import CheckKind


def xor_hex(covered: bytes) -> bytes:
    """Exclusive or of the bytes as two characters '0'..'9', 'A'..'F'."""
    return b"%02X" % reduce(xor, covered, 0)


def sum7(covered: bytes) -> bytes:
    """The byte that makes the 7-bit sum of covered bytes and itself zero."""
    return bytes(((-sum(covered)) & 0x7F,))


def _table(polynomial: int, reflected: bool) -> tuple[int, ...]:
    table = []
    for byte in range(256):
        crc = byte if reflected else byte << 8
        for _ in range(8):
            if reflected:
                crc = (crc >> 1) ^ polynomial if crc & 1 else crc >> 1
            else:
                crc = ((crc << 1) ^ polynomial if crc & 0x8000 else crc << 1) & 0xFFFF
        table.append(crc)
    return tuple(table)


_CCITT = _table(0x1021, reflected=False)
_MODBUS = _table(0xA001, reflected=True)


def crc16_ccitt(covered: bytes) -> int:
    """CRC-16, polynomial 1021h, start 0000h, not reflected."""
    crc = 0
    for byte in covered:
        crc = ((crc << 8) & 0xFFFF) ^ _CCITT[(crc >> 8) ^ byte]
    return crc


def crc16_modbus(covered: bytes) -> int:
    """CRC-16 of Modbus RTU: polynomial 8005h reflected, start FFFFh."""
    crc = 0xFFFF
    for byte in covered:
        crc = (crc >> 8) ^ _MODBUS[(crc ^ byte) & 0xFF]
    return crc


def crc16_hex(covered: bytes) -> bytes:
    """CRC-16 as four hexadecimal characters."""
    return b"%04X" % crc16_ccitt(covered)


def crc16_modbus_bytes(covered: bytes) -> bytes:
    """Modbus CRC as it goes over the wire, low byte first."""
    return crc16_modbus(covered).to_bytes(2, "little")


CHECKS: dict[CheckKind, tuple[int, Callable[[bytes], bytes]]] = {
    CheckKind.XOR_HEX: (2, xor_hex),
    CheckKind.SUM7: (1, sum7),
    CheckKind.CRC16_HEX: (4, crc16_hex),
    CheckKind.CRC16_MODBUS: (2, crc16_modbus_bytes),
}
"""Kind to (width in characters, function over the covered bytes)."""
