"""MCP23017: sixteen more input lines over I2C, as pins that the contact and keypad drivers take.

Inputs and matrix rows only. A line can be pulled to ground or left alone, never driven high: an
expander keeps its outputs when its owner dies, so no relay may ever hang on one. Every read also
reads the pull-up registers back, which proves that the chip has not been reset meanwhile.
"""

from __future__ import annotations

import errno
from typing import Final

from gpiozero import Factory, GPIOPinInUse, Pin
from gpiozero.exc import PinInvalidFunction, PinInvalidPin, PinInvalidPull

from hal.contract.bus import I2c
from hal.contract.devices import Clock
from hal.contract.types import NS_PER_MS, DeviceAbsentError

IODIR, IPOL, IOCON, GPPU, GPIO, OLAT = 0x00, 0x02, 0x0A, 0x0C, 0x12, 0x14
"""First register of each pair (A, then B) with IOCON.BANK = 0, as after reset (DS20001952)."""
LINES: Final = 16
OUTPUT_ONLY: Final = (7, 15)
"""GPA7 and GPB7 must not be inputs: they can disturb SDA (datasheet revision D, 2022)."""
ALL: Final = 0xFFFF
FRESH_NS: Final = 1 * NS_PER_MS
"""Levels this young are used again, so that one poll of many lines is one transfer."""
RETRY_NS: Final = 100 * NS_PER_MS
"""After a failed transfer the bus is left alone for this long."""


def label(line: int) -> str:
    """Print on the chip: GPA0 to GPB7."""
    return f"GP{'AB'[line // 8]}{line % 8}"


class Mcp23017Pin(Pin):  # type: ignore[misc]  # gpiozero has no types
    """One line; every access goes through its chip."""

    def __init__(self, chip: Mcp23017Gpio, line: int) -> None:
        super().__init__()
        self._chip, self._line = chip, line

    def __repr__(self) -> str:
        return f"{self._chip.name} {label(self._line)}"

    def _get_info(self) -> Mcp23017Pin:
        return self

    @property
    def name(self) -> int:
        """The number under which the factory reserves it."""
        return self._line

    def _get_function(self) -> str:
        return "input" if self._chip.is_input(self._line) else "output"

    def _set_function(self, value: str) -> None:
        if value != "input":
            raise PinInvalidFunction(f"{self!r} can be an input, or pulled to ground")
        self._chip.direct(self._line, low=False)

    def _get_pull(self) -> str:
        return "up"

    def _set_pull(self, value: str) -> None:
        if value != "up":
            raise PinInvalidPull(f"{self!r} has a pull-up resistor and no other")

    def _get_state(self) -> bool:
        return self._chip.level(self._line)

    def output_with_state(self, state: int) -> None:
        """Pull the line to ground. Raises PinInvalidFunction for a high level."""
        if state:
            raise PinInvalidFunction(f"{self!r} is never driven high")
        self._chip.direct(self._line, low=True)


class Mcp23017Gpio(Factory):  # type: ignore[misc]  # gpiozero has no types
    """Pin factory of one chip, lines 0 (GPA0) to 15 (GPB7).

    resets: how often the chip lost its supply; errors: failed transfers. Raises
    DeviceAbsentError at construction; later OSError through the pins, which Contact and
    Strobe turn into values.
    """

    def __init__(self, bus: I2c, address: int, clock: Clock, name: str) -> None:
        super().__init__()
        self.name, self.simulated = name, bus.simulated
        self.resets = self.errors = 0
        self._bus, self._address, self._clock = bus, address, clock
        self._iodir, self._levels = ALL, ALL
        self._dirty = False
        self._read_ns: int | None = None
        self._failed_ns: int | None = None
        self._why = ""
        self._pins = {line: Mcp23017Pin(self, line) for line in range(LINES)}
        self._owners: dict[int, object] = {}
        try:
            self._configure()
            self._read()
        except OSError as error:
            bus.close()
            found = f"no MCP23017 at 0x{address:02x} ({error.strerror or error})"
            check = (
                f"Check its supply, SDA and SCL, that RESET is high, and that A0-A2 are strapped "
                f"for 0x{address:02x}; i2cdetect must show it"
            )
            raise DeviceAbsentError(name, found, check) from error

    def reserve_pins(self, requester: object, *names: int) -> None:
        """One owner a line. Raises GPIOPinInUse."""
        for line in names:
            if line in self._owners:
                raise GPIOPinInUse(f"{label(line)} is already in use by {self._owners[line]!r}")
            self._owners[line] = requester

    def release_pins(self, reserver: object, *names: int) -> None:
        """Give lines back."""
        for line in names:
            if self._owners.get(line) is reserver:
                del self._owners[line]

    def pin(self, name: int) -> Mcp23017Pin:
        """The line. Raises PinInvalidPin for a number that the chip cannot read."""
        if name not in self._pins or name in OUTPUT_ONLY:
            raise PinInvalidPin(f"an MCP23017 has no input line {name}")
        return self._pins[name]

    def close(self) -> None:
        """Free the bus; the rows were left floating by their owners."""
        self._bus.close()

    def is_input(self, line: int) -> bool:
        """Whether the line is left alone."""
        return bool(self._iodir >> line & 1)

    def direct(self, line: int, *, low: bool) -> None:
        """Pull a line to ground or let go; sent with the next read, all lines at once."""
        wanted = self._iodir & ~(1 << line) if low else self._iodir | 1 << line
        self._dirty |= wanted != self._iodir
        self._iodir = wanted

    def level(self, line: int) -> bool:
        """Whether the line is high now. Raises OSError."""
        now_ns = self._clock.monotonic_ns()
        if self._failed_ns is not None and now_ns - self._failed_ns < RETRY_NS:
            raise OSError(errno.EIO, self._why)
        if self._dirty or self._read_ns is None or now_ns - self._read_ns >= FRESH_NS:
            try:
                self._refresh()
            except OSError as error:
                self.errors += 1
                self._why = f"{self.name} at 0x{self._address:02x}: {error.strerror or error}"
                self._failed_ns, self._read_ns = now_ns, None
                raise OSError(errno.EIO, self._why) from error
            self._failed_ns, self._read_ns = None, now_ns
        return bool(self._levels >> line & 1)

    def _refresh(self) -> None:
        if self._failed_ns is not None:
            self._configure()
        if self._dirty:
            self._put(IODIR, self._iodir)
            self._dirty = False
        self._read()

    def _configure(self) -> None:
        """Everything that a reset forgets; output latches stay 0 for ever."""
        self._bus.write(self._address, IOCON, b"\0")
        self._put(OLAT, 0)
        self._put(IPOL, 0)
        self._put(GPPU, ALL)
        self._put(IODIR, self._iodir)
        self._dirty = False

    def _put(self, register: int, value: int) -> None:
        self._bus.write(self._address, register, value.to_bytes(2, "little"))

    def _read(self) -> None:
        """Pull-ups, interrupt registers and levels in one transfer."""
        block = self._bus.read(self._address, GPPU, GPIO + 2 - GPPU)
        if int.from_bytes(block[:2], "little") != ALL:
            self.resets += 1
            raise OSError(errno.EIO, "the chip lost its supply and is set up again")
        self._levels = int.from_bytes(block[-2:], "little")
