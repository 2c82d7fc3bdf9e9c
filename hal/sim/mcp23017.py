"""MCP23017 port expander at register level, behind I2c: contacts on its lines, rows pulled low.

Registers as after power-up with IOCON.BANK = 0. A line without its pull-up and without a contact
floats and reads anything. It never knows what the driver expects. Source: Microchip DS20001952.
"""

from __future__ import annotations

import errno
from collections.abc import Callable
from random import Random
from typing import Final

from hal.contract.devices import Clock
from hal.sim.gpio import SimGpio
from hal.sim.world import World

REGISTERS: Final = 0x16
IODIR, GPPU, GPIO, OLAT = 0x00, 0x0C, 0x12, 0x14
LINES: Final = 16
EXPANDER_FIRST: Final = 100
"""Line numbers of the drivers from here on are the expander's."""


class SimExpander:
    """One chip, and the I2c bus it sits on alone.

    Faults: nack (answers nobody), brown_out() (forgets every register). transactions: how many
    transfers the bus has carried.
    """

    simulated = True

    def __init__(self, world: World, address: int, clock: Clock, seed: int = 0) -> None:
        self.nack = False
        self.transactions = 0
        self._world, self._address, self._clock = world, address, clock
        self._random = Random(f"mcp23017/{seed}")  # noqa: S311  # floating lines, not a secret
        self._contacts: dict[int, Callable[[], bool]] = {}
        self._cut: dict[int, None] = {}
        self._powered = False
        self.brown_out()

    def brown_out(self) -> None:
        """A dip of the supply: every line an input without pull-up."""
        self._registers = bytearray(REGISTERS)
        self._registers[IODIR : IODIR + 2] = b"\xff\xff"

    def attach_contact(self, line: int, closed: Callable[[], bool]) -> None:
        """The line is connected to ground while closed() is true."""
        self._contacts[line] = closed

    def cut(self, line: int) -> None:
        """Cut the wire of a line."""
        self._cut[line] = None

    def driven(self, line: int) -> bool | None:
        """The level that the line drives, None while it is an input."""
        if self._pair(IODIR) >> line & 1:
            return None
        return bool(self._pair(OLAT) >> line & 1)

    def read(self, address: int, register: int, length: int) -> bytes:
        """Registers in sequence. Raises OSError when the chip does not answer."""
        self._answer(address)
        levels = self._levels().to_bytes(2, "little")
        image = bytes(self._registers[:GPIO]) + levels + bytes(self._registers[OLAT:])
        return bytes(image[(register + i) % REGISTERS] for i in range(length))

    def write(self, address: int, register: int, payload: bytes) -> None:
        """Registers in sequence; a write to GPIO sets the latch. Raises OSError."""
        self._answer(address)
        for at, value in enumerate(payload, register):
            place = at % REGISTERS
            self._registers[place + 2 if GPIO <= place < OLAT else place] = value

    def write_byte(self, address: int, value: int) -> None:
        """A bare byte only sets the register pointer."""
        self._answer(address)

    def close(self) -> None:
        """Free the bus."""

    def _answer(self, address: int) -> None:
        self.transactions += 1
        alive = self._world.alive(self._clock.monotonic_ns())
        if alive and not self._powered:
            self.brown_out()
        self._powered = alive
        if not alive or self.nack or address != self._address:
            raise OSError(errno.EREMOTEIO, f"no answer from 0x{address:02x}")

    def _pair(self, register: int) -> int:
        return int.from_bytes(self._registers[register : register + 2], "little")

    def _levels(self) -> int:
        pulled, floating = self._pair(GPPU), self._random.getrandbits(LINES)
        levels = 0
        for line in range(LINES):
            driven = self.driven(line)
            contact = self._contacts.get(line)
            if driven is not None:
                high = driven
            elif contact is not None and line not in self._cut and contact():
                high = False
            else:
                high = bool((pulled | floating) >> line & 1)
            levels |= high << line
        return levels


class SimHeader(SimGpio):
    """A header with an expander beside it: contacts go to whichever carries their line."""

    def __init__(self, expander: SimExpander) -> None:
        super().__init__()
        self.expander = expander

    def attach_contact(self, gpio: int, closed: Callable[[], bool]) -> None:
        """The line is connected to ground while closed() is true."""
        if gpio >= EXPANDER_FIRST:
            self.expander.attach_contact(gpio - EXPANDER_FIRST, closed)
        else:
            super().attach_contact(gpio, closed)
