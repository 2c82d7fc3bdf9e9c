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
ADDRESSES_MAX: Final = 128
"""As many as the bus has."""


class LinuxI2c:
    """One bus. Raises DeviceAbsentError when it cannot be opened; OSError from transfers."""

    def __init__(self, bus: int, name: str) -> None:
        self._path = f"/dev/i2c-{bus}"
        check = (
            "Check that config.txt has dtparam=i2c_arm=on,i2c_arm_baudrate=400000, that the "
            "module i2c-dev is loaded and that this user is in the group i2c"
        )
        self._buses: dict[int, SMBus] = {}
        try:
            first = self._open()
        except OSError as error:
            raise absent(name, self._path, error, check) from error
        self._spare: SMBus | None = first

    def _open(self) -> SMBus:
        bus = SMBus(self._path)
        if bus.fd is not None:
            with suppress(OSError):  # an adapter without these settings works without
                ioctl(bus.fd, I2C_RETRIES, 0)
                ioctl(bus.fd, I2C_TIMEOUT, TIMEOUT_CENTISECONDS)
        return bus

    def _at(self, address: int) -> SMBus:
        """The file that talks to this address; changing one file's address costs a call each."""
        bus = self._buses.get(address)
        if bus is None:
            assert len(self._buses) < ADDRESSES_MAX
            bus, self._spare = self._spare or self._open(), None
            self._buses[address] = bus
        return bus

    @property
    def simulated(self) -> bool:
        """A real bus."""
        return False

    def read(self, address: int, register: int, length: int) -> bytes:
        """At most 32 bytes from `register`. Raises OSError."""
        assert 1 <= length <= BLOCK_MAX
        if length == 1:
            return bytes((self._at(address).read_byte_data(address, register),))
        return bytes(self._at(address).read_i2c_block_data(address, register, length))

    def write(self, address: int, register: int, payload: bytes) -> None:
        """At most 32 bytes from `register` on. Raises OSError."""
        assert 1 <= len(payload) <= BLOCK_MAX
        if len(payload) == 1:
            self._at(address).write_byte_data(address, register, payload[0])
        else:
            self._at(address).write_i2c_block_data(address, register, list(payload))

    def write_byte(self, address: int, value: int) -> None:
        """One bare byte. Raises OSError."""
        self._at(address).write_byte(address, value)

    def close(self) -> None:
        """Free the bus."""
        for bus in (*self._buses.values(), *((self._spare,) if self._spare else ())):
            bus.close()
