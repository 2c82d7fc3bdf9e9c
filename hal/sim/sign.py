"""A chain of MAX7219 display drivers at the level of SPI bytes, lighting the world's sign.

Each chip shifts 16 bits through and latches them when chip select rises; nothing is ever
answered. Source: Maxim MAX7219 datasheet 19-4452, tables 1 to 10.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Sequence
from typing import Final

from hal.contract.devices import Clock
from hal.sim.world import World

DECODE_MODE, SCAN_LIMIT, SHUTDOWN, DISPLAY_TEST = 0x09, 0x0B, 0x0C, 0x0F
CODE_B: Final = bytes.fromhex("7e306d79335b5f707f7b014f370e6700")
"""Segments of the chip's own font, for digits whose decode bit is left on."""
TURNED: Final[dict[int, Callable[[int, int], tuple[int, int]]]] = {
    0: lambda x, y: (x, y),
    90: lambda x, y: (y, 7 - x),
    -90: lambda x, y: (7 - y, x),
    180: lambda x, y: (7 - x, 7 - y),
}
"""Digit and segment that light pixel (x, y) of a module mounted with that correction."""


class Max7219Chip:
    """One chip's sixteen registers; asleep and arbitrary at power-up, as the datasheet says."""

    def __init__(self) -> None:
        self.registers = bytearray(16)
        self.registers[1:9] = b"\xa5" * 8

    def digit(self, at: int) -> int:
        """Lit segments of one digit line, as the eye sees them."""
        if self.registers[DISPLAY_TEST] & 1:
            return 0xFF
        if not self.registers[SHUTDOWN] & 1 or at > self.registers[SCAN_LIMIT] & 7:
            return 0
        code = self.registers[1 + at]
        if self.registers[DECODE_MODE] >> at & 1:
            return CODE_B[code & 15] | code & 0x80
        return code


class SimSpi:
    """Spi with the sign's chain on it. The first module is top left, rows follow.

    unplugged: the SPI device is gone and writes fail. broken_after: modules from this index on
    hear nothing. dead: indices of modules whose LEDs stay dark. transfers: windows seen.
    opened: the bus and chip select asked for.
    """

    def __init__(
        self,
        world: World,
        width_px: int,
        height_px: int,
        clock: Clock,
        *,
        block_orientation: int = 0,
    ) -> None:
        self.max_speed_hz, self.cshigh = 500_000, False
        self.unplugged = False
        self.dead: frozenset[int] = frozenset()
        self._shift: bytes = b""
        self._chips: tuple[Max7219Chip, ...] = ()
        self._world, self._clock = world, clock
        self._size_px = (width_px, height_px)
        self._count = width_px * height_px // 64
        self.broken_after = self._count
        self.transfers = 0
        self.opened: tuple[int, int] | None = None
        self._pixels = _pixels(TURNED[block_orientation])
        self._powered = False
        self._power_up()

    @property
    def simulated(self) -> bool:
        """A model answers."""
        return True

    @property
    def chips(self) -> tuple[Max7219Chip, ...]:
        """The chain, nearest the Pi first."""
        return self._chips

    def open(self, port: int, device: int) -> None:
        """Select bus and chip select. Raises OSError when unplugged."""
        self._fail_if_unplugged()
        self.opened = (port, device)

    def writebytes(self, payload: Sequence[int]) -> None:
        """Shift the bytes through the chain, then latch one register a chip."""
        self._fail_if_unplugged()
        self.transfers += 1
        alive = self._world.alive(self._clock.monotonic_ns())
        if not alive:
            self._powered = False
            return
        if not self._powered:
            self._power_up()
            self._powered = True
        self._shift = (self._shift + bytes(payload))[-2 * self._count :]
        changed = False
        for at, chip in enumerate(self._chips[: self.broken_after]):
            first = 2 * (self._count - 1 - at)
            register, value = self._shift[first] & 15, self._shift[first + 1]
            changed |= bool(register) and chip.registers[register] != value
            chip.registers[register] = value if register else 0
        if changed:
            self._light()

    def writebytes2(self, payload: Sequence[int]) -> None:
        """Same, for any length."""
        self.writebytes(payload)

    def close(self) -> None:
        """Free the bus; the chips keep what they show."""

    def _power_up(self) -> None:
        self._chips = tuple(Max7219Chip() for _ in range(self._count))
        self._shift = bytes(2 * self._count)

    def _fail_if_unplugged(self) -> None:
        if self.unplugged:
            raise OSError(errno.ENODEV, "no such SPI device")

    def _light(self) -> None:
        """Tell the world which pixels shine now."""
        width_px, height_px = self._size_px
        across = width_px // 8
        rows = bytearray(width_px * height_px // 8)
        for at, chip in enumerate(self._chips):
            if at in self.dead:
                continue
            lit = 0
            for line, pixels in enumerate(self._pixels):
                lit |= pixels[chip.digit(line)]
            first = at // across * 8 * across + at % across
            rows[first : first + 8 * across : across] = lit.to_bytes(8, "big")
        self._world.set_sign(width_px, height_px, bytes(rows))


def _pixels(turned: Callable[[int, int], tuple[int, int]]) -> tuple[tuple[int, ...], ...]:
    """Per digit line and its byte: the module's 64 pixels, top left highest."""
    at = {turned(n % 8, n // 8): 1 << 63 - n for n in range(64)}
    return tuple(
        tuple(sum(at[line, bit] for bit in range(8) if byte >> bit & 1) for byte in range(256))
        for line in range(8)
    )
