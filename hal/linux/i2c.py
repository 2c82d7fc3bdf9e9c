"""I2C on /dev/i2c-N through smbus2. SMBus transfers only, which every adapter here supports.

The adapter's timeout is cut to 10 ms and its retries to none, so that a stuck bus costs the
control loop one tick and not a second; bounded retries are the driver's business.
"""

from __future__ import annotations

from contextlib import suppress
from fcntl import ioctl
from typing import Final

from smbus2 import SMBus

from hal.linux.absent import absent

I2C_RETRIES: Final = 0x0701
I2C_TIMEOUT: Final = 0x0702
TIMEOUT_CENTISECONDS: Final = 1
BLOCK_MAX: Final = 32


class LinuxI2c:
    """One bus. Raises DeviceAbsentError when it cannot be opened; OSError from transfers."""

    def __init__(self, bus: int, name: str) -> None:
        path = f"/dev/i2c-{bus}"
        check = (
            "Check that config.txt has dtparam=i2c_arm=on,i2c_arm_baudrate=400000, that the "
            "module i2c-dev is loaded and that this user is in the group i2c"
        )
        try:
            self._bus = SMBus(path)
        except OSError as error:
            raise absent(name, path, error, check) from error
        if self._bus.fd is not None:
            with suppress(OSError):  # an adapter without these settings works without
                ioctl(self._bus.fd, I2C_RETRIES, 0)
                ioctl(self._bus.fd, I2C_TIMEOUT, TIMEOUT_CENTISECONDS)

    @property
    def simulated(self) -> bool:
        """A real bus."""
        return False

    def read(self, address: int, register: int, length: int) -> bytes:
        """At most 32 bytes from `register`. Raises OSError."""
        assert 1 <= length <= BLOCK_MAX
        if length == 1:
            return bytes((self._bus.read_byte_data(address, register),))
        return bytes(self._bus.read_i2c_block_data(address, register, length))

    def write(self, address: int, register: int, payload: bytes) -> None:
        """At most 32 bytes from `register` on. Raises OSError."""
        assert 1 <= len(payload) <= BLOCK_MAX
        if len(payload) == 1:
            self._bus.write_byte_data(address, register, payload[0])
        else:
            self._bus.write_i2c_block_data(address, register, list(payload))

    def write_byte(self, address: int, value: int) -> None:
        """One bare byte. Raises OSError."""
        self._bus.write_byte(address, value)

    def close(self) -> None:
        """Free the bus."""
        self._bus.close()
