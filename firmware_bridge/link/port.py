"""A serial line that is lost and found again: bytes in and out without ever blocking.

The only file that knows pyserial. It keeps trying to open a line that went away, ever more
slowly, and says so as faults; it never waits, never raises after the first opening, and never
touches modem lines, which many converters do not have.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import serial

from hal.contract.types import NS_PER_MS, NS_PER_S, DeviceAbsentError, Fault, FaultCode, MonotonicNs

READ_OCTETS_MAX = 2_048
"""Bytes taken a call; the kernel keeps the rest for the next one."""
RETRY_NS_MIN = 250 * NS_PER_MS
RETRY_NS_MAX = 5 * NS_PER_S
FAULT_EVERY_NS = NS_PER_S
"""A line that stays away says so once a second, not once a tick."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How the line is set. port: device path; parity: N, E or O."""

    port: str
    baud: int = 9_600
    parity: str = "N"
    data_bits: int = 8

    def octet_ns(self) -> int:
        """Time one byte takes on the line, start, parity and stop bit included."""
        bits = 1 + self.data_bits + (self.parity != "N") + 1
        return bits * NS_PER_S // self.baud


class Line(Protocol):
    """Bytes to and from a peer. Nothing blocks, nothing raises."""

    def read(self, now_ns: MonotonicNs) -> bytes | Fault:
        """What came, perhaps nothing; a fault while the line is away (bytes are then empty)."""

    def write(self, octets: bytes, now_ns: MonotonicNs) -> Fault | None:
        """Hand bytes to the kernel; a fault when it takes none."""

    @property
    def opened(self) -> int:
        """How often the line was opened; a change means: everything before is forgotten."""

    def close(self) -> None:
        """Free the port."""


class SerialLine:
    """A Line over pyserial. Raises DeviceAbsentError only from the constructor."""

    def __init__(self, settings: Settings, name: str) -> None:
        self.settings = settings
        self._name = name
        self._serial: serial.Serial | None = None
        self._retry_ns = RETRY_NS_MIN
        self._due_ns = 0
        self._said_ns = 0
        self._why = ""
        self._opened = 0
        self._open()
        if self._serial is None:
            raise DeviceAbsentError(
                name,
                f"{settings.port} cannot be opened ({self._why})",
                "Check the cable and the converter, the port's name with `ls -l /dev/serial/by-id`"
                " and that no other program uses it",
            )

    @property
    def opened(self) -> int:
        """How often the line was opened."""
        return self._opened

    def read(self, now_ns: MonotonicNs) -> bytes | Fault:
        """What came since the last call, at most READ_OCTETS_MAX bytes."""
        if self._serial is None and not self._reopen(now_ns):
            return self._fault(now_ns)
        assert self._serial is not None
        try:
            octets = self._serial.read(READ_OCTETS_MAX)
        except (OSError, TypeError, ValueError) as error:
            return self._lose(error, now_ns)
        return bytes(octets)

    def write(self, octets: bytes, now_ns: MonotonicNs) -> Fault | None:
        """Give bytes to the kernel without waiting for the line."""
        if self._serial is None:
            return Fault(FaultCode.ABSENT, self._name, now_ns, self._why)
        try:
            written = self._serial.write(octets)
        except serial.SerialTimeoutException:
            return Fault(FaultCode.OVERRUN, self._name, now_ns, "the line takes no more bytes")
        except (OSError, TypeError, ValueError) as error:
            fault = self._lose(error, now_ns)
            return fault if isinstance(fault, Fault) else None
        if written is not None and written < len(octets):
            return Fault(FaultCode.OVERRUN, self._name, now_ns, "the line took half a frame")
        return None

    def close(self) -> None:
        """Free the port; closing twice does nothing."""
        line, self._serial = self._serial, None
        if line is not None:
            try:
                line.close()
            except OSError:
                self._why = "it was gone before it was closed"

    def _open(self) -> None:
        settings = self.settings
        try:
            self._serial = serial.Serial(
                settings.port,
                settings.baud,
                bytesize=settings.data_bits,
                parity=settings.parity,
                timeout=0,
                write_timeout=0,
                exclusive=True,
            )
        except (OSError, ValueError) as error:
            self._serial, self._why = None, _words(error)
            return
        self._opened += 1

    def _reopen(self, now_ns: MonotonicNs) -> bool:
        if now_ns < self._due_ns:
            return False
        self._open()
        if self._serial is None:
            self._due_ns = now_ns + self._retry_ns
            self._retry_ns = min(2 * self._retry_ns, RETRY_NS_MAX)
            return False
        self._retry_ns = RETRY_NS_MIN
        return True

    def _lose(self, error: Exception, now_ns: MonotonicNs) -> bytes | Fault:
        self.close()
        self._why = _words(error)
        self._due_ns, self._said_ns = now_ns + self._retry_ns, 0
        return self._fault(now_ns)

    def _fault(self, now_ns: MonotonicNs) -> bytes | Fault:
        if self._said_ns and now_ns - self._said_ns < FAULT_EVERY_NS:
            return b""
        self._said_ns = now_ns
        return Fault(FaultCode.ABSENT, self._name, now_ns, f"{self.settings.port}: {self._why}")


def _words(error: Exception) -> str:
    """The system's words for an error, without pyserial's wrapping."""
    number = getattr(error, "errno", None)
    if isinstance(error, OSError) and error.strerror and number:
        return error.strerror
    return " ".join(str(error).split())[:120]
