"""The far ends of the kernel's I2C and SPI: chip models that answer what goes over the wires.

The module `wires` hands every transfer of /dev/i2c-1 and /dev/spidev0.* to the program that has
opened its far end. Here the models of hal.sim answer, so that a driver on the kernel's own bus
meets a NAU7802 that converts, calibrates, browns out and sits behind a TCA9548A.
"""

from __future__ import annotations

import os
import select
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Protocol

from hal.sim.mcp23017 import SimExpander
from hal.sim.nau7802 import ADDRESS, REVISION, SimI2c
from hal.sim.sign import SimSpi

I2C_BUS = 1
I2C_END, SPI_END = "/dev/wires-i2c", "/dev/wires-spi"
MUX, EXPANDER = 0x70, 0x20
TRANSFER_BYTES_MAX = 8_192
READS = 0x0001
PART = struct.Struct("<HHH")
STATUS = struct.Struct("<i")
WAIT_S = 0.05


class FarEnd(Protocol):
    """One bus's other side."""

    @property
    def fd(self) -> int:
        """Becomes readable when a transfer waits."""

    def serve(self) -> None:
        """Answer the transfer that waits."""


class _Device:
    def __init__(self, path: str) -> None:
        self.fd = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)

    def close(self) -> None:
        os.close(self.fd)


class I2cFarEnd(_Device):
    """Converters behind their multiplexer, and an expander beside them on the same two wires."""

    def __init__(self, converters: SimI2c | None, expander: SimExpander | None = None) -> None:
        super().__init__(I2C_END)
        self._converters, self._expander = converters, expander
        self._mask = 0
        self._at: dict[int, int] = {}

    def serve(self) -> None:
        request = os.read(self.fd, TRANSFER_BYTES_MAX)
        try:
            answer = STATUS.pack(0) + self._transfer(request)
        except OSError as error:
            answer = STATUS.pack(-(error.errno or 121))
        os.write(self.fd, answer)

    def _transfer(self, request: bytes) -> bytes:
        """Messages of one transfer in turn. Raises OSError when a chip does not acknowledge."""
        answer, place = b"", 0
        while place < len(request):
            address, flags, length = PART.unpack_from(request, place)
            place += PART.size
            if flags & READS:
                answer += self._read(address, length)
                continue
            self._write(address, request[place : place + length])
            place += length
        return answer

    def _read(self, address: int, length: int) -> bytes:
        if address == MUX:
            self._acknowledge(address)
            return bytes([self._mask]) * length
        return self._chips(address).read(address, self._at.get(address, 0), length)

    def _write(self, address: int, payload: bytes) -> None:
        if len(payload) > 1 and address != MUX:
            self._chips(address).write(address, payload[0], payload[1:])
            return
        if address == MUX and payload:
            self._chips(address).write_byte(address, payload[0])
            self._mask = payload[0]
            return
        self._acknowledge(address)
        if payload:
            self._at[address] = payload[0]

    def _acknowledge(self, address: int) -> None:
        """Ask for nothing that changes a chip. Raises OSError when nobody is there."""
        if address == MUX:
            self._chips(address).write_byte(address, self._mask)
        else:
            self._chips(address).read(address, REVISION if address == ADDRESS else 0, 1)

    def _chips(self, address: int) -> SimI2c | SimExpander:
        chips = self._expander if address == EXPANDER else self._converters
        if chips is None:
            raise OSError(121, f"nobody at 0x{address:02x}")
        return chips


class SpiFarEnd(_Device):
    """A sign on one of the two chip selects."""

    def __init__(self, sign: SimSpi, select_line: int) -> None:
        super().__init__(SPI_END)
        self._sign, self._select = sign, select_line

    def serve(self) -> None:
        window = os.read(self.fd, TRANSFER_BYTES_MAX)
        if window[0] == self._select:
            self._sign.writebytes(window[1:])
        os.write(self.fd, STATUS.pack(0))


def answer_until(ends: tuple[FarEnd, ...], wait_s: float, done: Callable[[], bool]) -> None:
    """Serve for wait_s seconds, or until done() after a transfer."""
    by_fd = {end.fd: end for end in ends}
    # Not poll(): its waits are whole milliseconds, and one rounded to none never ends when time
    # is virtual.
    for fd in select.select(tuple(by_fd), (), (), max(0.0, wait_s))[0]:
        with suppress(BlockingIOError):  # whoever asked did not wait for us
            by_fd[fd].serve()
        if done():
            return


class Serving:
    """A thread that answers while used as a context, for tests of one driver in one process."""

    def __init__(self, *ends: FarEnd) -> None:
        self._ends = ends
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Serving:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join(5)

    def _run(self) -> None:
        while not self._stop.is_set():
            answer_until(self._ends, WAIT_S, self._stop.is_set)
