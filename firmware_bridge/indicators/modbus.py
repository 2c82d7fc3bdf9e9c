"""Modbus RTU weight transmitters: status register, then weight, each reply proved by its CRC.

One family's register map (others differ and need their own): status 0008h, gross int32 at 0050h.
A weight counts only with the status that was read directly before it. No client library is used
here, because it would wait for answers.
"""

from __future__ import annotations

import re

from firmware_bridge.indicators.checks import crc16_modbus_bytes
from firmware_bridge.indicators.reading import Reading, Reject, Step
from firmware_bridge.indicators.spec import Confirm, Format, PlacesRule, Poll, Scaling
from hal.contract.types import Tri

UNIT = 1
STATUS_REGISTER = 0x0008
GROSS_REGISTER = 0x0050
DECIMALS_MASK = 0x07
DECIMALS_MAX = 4
MINUS, CLEARED, UNSTEADY, OVERFLOW, ZERO, OVERLOAD = (1 << bit for bit in (3, 4, 5, 6, 7, 9))
REPLY_OCTETS_MAX = 9
JUNK_SHOWN_MAX = 32


def read_request(unit: int, register: int, count: int) -> bytes:
    """A read-holding-registers request with its CRC."""
    body = bytes((unit, 3)) + register.to_bytes(2, "big") + count.to_bytes(2, "big")
    return body + crc16_modbus_bytes(body)


FORMAT = Format(
    name="modbus-rtu",
    title="Modbus RTU transmitter, status 0008h, gross 0050h, unit 1",
    lines=("9600 8N1", "19200 8N1", "115200 8N1", "9600 8E1"),
    frames=(),
    confirm=Confirm.ALWAYS,
    scalings=(
        Scaling("kg", "the number is kilograms", PlacesRule.SENT, 0),
        Scaling("t", "the number is tonnes", PlacesRule.SENT, 3),
    ),
    poll=Poll((read_request(UNIT, STATUS_REGISTER, 1), read_request(UNIT, GROSS_REGISTER, 2)), 60),
    has_check=True,
)

_REPLY = re.compile(
    rb"(?P<status>\x01\x03\x02..)..|(?P<gross>\x01\x03\x04....)..|(?P<refusal>\x01\x83.)..",
    re.DOTALL,
)


class ModbusDecoder:
    """The same calls as Decoder; keeps the newest status between the replies."""

    def __init__(self, format_: Format, scaling: str = "") -> None:
        self.format = format_
        self.scaling = format_.scaling(scaling)
        self._buffer = b""
        self._offset = 0
        self._status: int | None = None

    @property
    def received(self) -> int:
        """Stream offset after the newest byte fed."""
        return self._offset + len(self._buffer)

    def reset(self) -> None:
        """Forget a part of a reply and the status."""
        self._offset += len(self._buffer)
        self._buffer, self._status = b"", None

    def feed(self, chunk: bytes) -> list[Reading | Reject]:
        """Everything that these bytes complete, oldest first."""
        buffer = self._buffer + chunk
        given: list[Reading | Reject] = []
        at = junk_from = 0
        while (found := _REPLY.search(buffer, at)) is not None:
            start, end = found.span()
            if crc16_modbus_bytes(buffer[start : end - 2]) != buffer[end - 2 : end]:
                if not self._may_be_later(buffer, start):
                    given.append(
                        Reject(Step.CHECK, "the reply's CRC is wrong", found[0], self._offset + end)
                    )
                at = start + 1
                continue
            self._junk(buffer[junk_from:start], self._offset + start, given)
            given += self._reply(found, self._offset + end)
            at = junk_from = end
        keep = max(junk_from, len(buffer) - REPLY_OCTETS_MAX)
        self._junk(buffer[junk_from:keep], self._offset + keep, given)
        self._buffer = buffer[keep:]
        self._offset += keep
        return given

    def _may_be_later(self, buffer: bytes, start: int) -> bool:
        """The bytes stay in the buffer and will be judged again with the next chunk."""
        return start >= len(buffer) - REPLY_OCTETS_MAX

    def _junk(self, octets: bytes, end: int, given: list[Reading | Reject]) -> None:
        if octets:
            self._status = None
            why = f"{len(octets)} bytes are no reply of {self.format.name}"
            given.append(Reject(Step.SHAPE, why, octets[:JUNK_SHOWN_MAX], end))

    def _reply(self, found: re.Match[bytes], end: int) -> list[Reading | Reject]:
        raw = found[0]
        if found.lastgroup == "refusal":
            self._status = None
            return [Reject(Step.MEANING, f"the transmitter refuses, code {raw[2]}", raw, end)]
        if found.lastgroup == "status":
            self._status = int.from_bytes(raw[3:5], "big")
            return []
        status, self._status = self._status, None
        if status is None:
            return [Reject(Step.MEANING, "a weight came without its status", raw, end)]
        return [self._weight(status, int.from_bytes(raw[3:7], "big", signed=True), raw, end)]

    def _weight(self, status: int, value: int, raw: bytes, end: int) -> Reading | Reject:
        gross_kg: int | None = None
        over = bool(status & (OVERFLOW | OVERLOAD))
        if not over:
            if self.scaling is None:
                return Reject(Step.SCALING, "its scaling was never compared", raw, end)
            places = status & DECIMALS_MASK
            if places > DECIMALS_MAX or (value < 0 and not status & MINUS):
                return Reject(Step.MEANING, "status and number contradict", raw, end)
            kg, rest = divmod(abs(value) * 10**self.scaling.kg_exponent, 10**places)
            if rest:
                return Reject(Step.MEANING, "it is not a whole number of kilograms", raw, end)
            gross_kg = -kg if status & MINUS else kg
        return Reading(
            gross_kg,
            Tri.YES if status & UNSTEADY else Tri.NO,
            Tri.YES if over else Tri.NO,
            Tri.YES if status & ZERO else Tri.UNKNOWN,
            Tri.NO,
            raw,
            end,
        )
