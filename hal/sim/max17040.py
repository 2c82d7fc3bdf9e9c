"""MAX17040 battery gauge at register level, behind I2c: charge in steps of 1/256 %."""

from __future__ import annotations

import errno

SOC, VERSION = 0x04, 0x08
STEPS = 256


class SimGauge:
    """One gauge. charge_permille: what the battery holds. nack: answers nobody."""

    simulated = True

    def __init__(self, address: int = 0x36) -> None:
        self.charge_permille, self.nack = 1_000, False
        self._address = address

    def read(self, address: int, register: int, length: int) -> bytes:
        """Registers, big-endian pairs. Raises OSError."""
        if self.nack or address != self._address:
            raise OSError(errno.EREMOTEIO, f"no answer from 0x{address:02x}")
        pairs = {SOC: self.charge_permille * STEPS // 10, VERSION: 0x0003}
        return pairs.get(register, 0).to_bytes(2, "big")[:length]

    def write(self, address: int, register: int, payload: bytes) -> None:
        """The driver never writes."""
        raise OSError(errno.EREMOTEIO, "write to a gauge")

    def write_byte(self, address: int, value: int) -> None:
        """The driver never writes."""
        raise OSError(errno.EREMOTEIO, "write to a gauge")

    def close(self) -> None:
        """Free the bus."""
