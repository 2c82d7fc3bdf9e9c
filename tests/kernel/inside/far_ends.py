"""The far end of the kernel's I2C and SPI: chip models that answer what goes over the wires.

The module `wires` hands every transfer of /dev/i2c-1 and /dev/spidev0.* to the program that has
opened /dev/wires. Here the models of hal.sim answer, so that a driver on the kernel's own bus
meets a NAU7802 that converts, calibrates, browns out and sits behind a TCA9548A.
"""

from __future__ import annotations

import ctypes
import os
import struct
import threading
from types import TracebackType

from hal.sim.mcp23017 import SimExpander
from hal.sim.nau7802 import ADDRESS, REVISION, SimI2c
from hal.sim.sign import SimSpi

I2C_BUS = 1
FAR_END = "/dev/wires"
MUX, EXPANDER = 0x70, 0x20
TURN = ord("w") << 8 | 1
HEAD = struct.Struct("<III")
"""Microseconds to wait, bus, bytes: struct turn of wires.c."""
BYTES_MAX = 8_192
LIBC = ctypes.CDLL(None, use_errno=True)
NO_BUS, I2C, SPI = 0, 1, 2
READS = 0x0001
PART = struct.Struct("<HHH")
STATUS = struct.Struct("<i")
WAIT_S = 0.05


class Chips:
    """Converters behind their multiplexer, an expander on the same two wires, a sign on SPI.

    select_line: the sign's chip select. transfers: how many were answered, by bus.
    """

    def __init__(
        self,
        converters: SimI2c | None = None,
        expander: SimExpander | None = None,
        sign: SimSpi | None = None,
        select_line: int = 1,
    ) -> None:
        self.transfers = [0, 0, 0]
        self._converters, self._expander = converters, expander
        self._sign, self._select = sign, select_line
        self._mask = 0
        self._at: dict[int, int] = {}
        self._fd = os.open(FAR_END, os.O_RDWR | os.O_CLOEXEC)
        self._turn = bytearray(HEAD.size + BYTES_MAX)
        self._place = (ctypes.c_char * len(self._turn)).from_buffer(self._turn)
        self._answer = b""

    def serve(self, wait_s: float) -> bool:
        """Give the last answer, wait so long for a transfer, work out its answer. True: one came.

        The answer goes out with the next call.
        """
        turn, ready = self._turn, self._answer
        HEAD.pack_into(turn, 0, max(1, round(wait_s * 1e6)), NO_BUS, len(ready))
        turn[HEAD.size : HEAD.size + len(ready)] = ready
        # Not fcntl.ioctl: that keeps the interpreter while it waits when the buffer is large.
        if LIBC.ioctl(self._fd, TURN, self._place):
            raise OSError(ctypes.get_errno(), f"{FAR_END} refuses its turn")
        _wait_us, bus, length = HEAD.unpack_from(turn)
        self.transfers[bus] += 1
        request = bytes(turn[HEAD.size : HEAD.size + length])
        self._answer = b""
        if bus == I2C:
            self._answer = self._i2c(request)
        elif bus == SPI:
            self._answer = self._spi(request)
        return bus != NO_BUS

    def close(self) -> None:
        """Nobody is at the far end any more."""
        os.close(self._fd)

    def _spi(self, window: bytes) -> bytes:
        if self._sign is not None and window[0] == self._select:
            self._sign.writebytes(window[1:])
        return STATUS.pack(0)

    def _i2c(self, request: bytes) -> bytes:
        try:
            return STATUS.pack(0) + self._transfer(request)
        except OSError as error:
            return STATUS.pack(-(error.errno or 121))

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


class Serving:
    """A thread that answers while used as a context, for tests of one driver in one process."""

    def __init__(self, chips: Chips) -> None:
        self._chips = chips
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
            self._chips.serve(WAIT_S)
