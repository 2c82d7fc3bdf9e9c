"""SPI on /dev/spidevB.D through py-spidev, write only, as the sign needs it.

spidev has no wheel and no types: it is imported when the first bus is opened, so a terminal
without a sign needs no compiler. Raises DeviceAbsentError, never ImportError.
"""

from __future__ import annotations

from collections.abc import Sequence

from hal.contract.types import DeviceAbsentError
from hal.linux.absent import absent


class LinuxSpi:
    """One chip select. luma calls open() itself and sets max_speed_hz afterwards."""

    cshigh = False

    def __init__(self, name: str) -> None:
        try:
            from spidev import SpiDev
        except ImportError as error:
            found = "the Python package spidev is not installed"
            check = 'Install it with pip install "weigh-terminal[pi]"'
            raise DeviceAbsentError(name, found, check) from error
        self._name = name
        self._device = SpiDev()

    @property
    def simulated(self) -> bool:
        """A real bus."""
        return False

    @property
    def max_speed_hz(self) -> int:
        """Clock in hertz."""
        return int(self._device.max_speed_hz)

    @max_speed_hz.setter
    def max_speed_hz(self, value: int) -> None:
        self._device.max_speed_hz = value

    def open(self, port: int, device: int) -> None:
        """Select bus and chip select. Raises DeviceAbsentError."""
        path = f"/dev/spidev{port}.{device}"
        check = "Check that config.txt has dtparam=spi=on and that this user is in the group spi"
        try:
            self._device.open(port, device)
        except OSError as error:
            raise absent(self._name, path, error, check) from error

    def writebytes(self, payload: Sequence[int]) -> None:
        """Send the bytes in one chip-select window. Raises OSError."""
        self._device.writebytes(payload)

    def writebytes2(self, payload: Sequence[int]) -> None:
        """Same, for any length."""
        self._device.writebytes2(payload)

    def close(self) -> None:
        """Free the bus."""
        self._device.close()
