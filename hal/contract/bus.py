"""One Protocol per bus. hal.linux implements them on the kernel's interfaces, hal.sim on chip
models; a driver takes one and cannot tell which. Bus errors are OSError, whatever the errno.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class I2c(Protocol):
    """One I2C bus, 7-bit addresses."""

    @property
    def simulated(self) -> bool:
        """Whether a model answers; the driver passes it on in its DeviceInfo."""

    def read(self, address: int, register: int, length: int) -> bytes:
        """Read `length` bytes starting at `register`. Raises OSError when nobody answers."""

    def write(self, address: int, register: int, payload: bytes) -> None:
        """Write `payload` starting at `register`. Raises OSError when nobody answers."""

    def write_byte(self, address: int, value: int) -> None:
        """Write one bare byte (the channel mask of a TCA9548A). Raises OSError."""

    def close(self) -> None:
        """Free the bus."""


class Spi(Protocol):
    """One SPI chip select, write only, as luma's `spi` serial interface wants its device."""

    max_speed_hz: int
    cshigh: bool

    @property
    def simulated(self) -> bool:
        """Whether a model answers; the driver passes it on in its DeviceInfo."""

    def open(self, port: int, device: int) -> None:
        """Select bus and chip select."""

    def writebytes(self, payload: Sequence[int]) -> None:
        """Send the bytes in one chip-select window. Raises OSError."""

    def writebytes2(self, payload: Sequence[int]) -> None:
        """Same, for any length."""

    def close(self) -> None:
        """Free the bus."""


class ClockedPair(Protocol):
    """Clock line and data line of an HX711-like converter, with every high pulse measured."""

    @property
    def simulated(self) -> bool:
        """Whether a model answers; the driver passes it on in its DeviceInfo."""

    def ready(self) -> bool:
        """Data line low: a conversion waits."""

    def shift(self, pulses: int) -> tuple[int, int]:
        """Clock `pulses` bits in, most significant first. Returns (bits, longest high in ns)."""

    def park(self, *, high: bool) -> None:
        """Leave the clock high (a chip with a sleep pin powers down) or low. Raises OSError."""

    def close(self) -> None:
        """Free the lines, clock low."""


class ScanChannel(Protocol):
    """One channel of a converter that the kernel reads and stamps."""

    @property
    def simulated(self) -> bool:
        """Whether a model answers; the driver passes it on in its DeviceInfo."""

    def read(self) -> Sequence[tuple[int, int]]:
        """(monotonic ns, signed counts) of what waits, oldest first. Never blocks; OSError."""

    def close(self) -> None:
        """Stop reading."""
