"""LED sign of chained MAX7219 modules, 8x8 pixels each, through luma.led_matrix.

The chip answers nothing, so a dark module or a pulled plug cannot be seen from here: every
picture is sent together with the whole configuration, and a sign that lost its supply comes
back with the next one. The only driver file that meets luma, which has no types.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from luma.core.error import Error as LumaError
from luma.core.interface.serial import noop, spi
from luma.led_matrix.device import max7219
from PIL import Image

from hal.contract.bus import Spi
from hal.contract.devices import Clock
from hal.contract.types import DeviceAbsentError, DeviceInfo, Fault, FaultCode

DECODE_MODE, INTENSITY, SCAN_LIMIT, SHUTDOWN, DISPLAY_TEST = 0x09, 0x0A, 0x0B, 0x0C, 0x0F
MODULE_PX: Final = 8
SPEED_HZ: Final = 2_000_000
"""A fifth of the chip's limit: metres of ribbon cable hang on it. One 128x32 picture: 7 ms."""
BRIGHTNESS_MAX: Final = 15
BRIGHTNESS: Final = 7
SPREAD: Final = tuple(
    sum(1 << 8 * x for x in range(MODULE_PX) if byte >> (MODULE_PX - 1 - x) & 1)
    for byte in range(256)
)
"""One row byte of a module as bit 0 of its eight column bytes, column 0 lowest."""


class _Chain(max7219):  # type: ignore[misc]  # luma has no types
    """luma's chain with its picture turned into columns by table.

    luma's own display() asks Pillow for getdata(), which Pillow 14 drops, and visits each pixel.
    """

    def display(self, image: Image.Image) -> None:
        """Send one 1-bit image: eight windows, each one column of every module, last first."""
        rows, across = self.preprocess(image).tobytes(), self._w // MODULE_PX
        columns = []
        for at in range(self.cascaded - 1, -1, -1):
            first = at // across * MODULE_PX * across + at % across
            turned = sum(
                SPREAD[byte] << y for y, byte in enumerate(rows[first::across][:MODULE_PX])
            )
            columns.append(turned.to_bytes(MODULE_PX, "little"))
        for digit in range(MODULE_PX):
            window = [0] * (2 * self.cascaded)
            window[0::2] = [digit + 1] * self.cascaded
            window[1::2] = [column[digit] for column in columns]
            self.data(window)


class Max7219Sign:
    """Sign of width_px x height_px. The first module of the chain is top left, rows follow.

    block_orientation: 0, 90, -90 or 180, how the modules are turned on their boards.
    chip_select: SPI bus and its chip-select number. Fault: BUS.
    Raises DeviceAbsentError at construction.
    """

    def __init__(
        self,
        bus: Spi,
        width_px: int,
        height_px: int,
        clock: Clock,
        name: str,
        *,
        block_orientation: int = 0,
        brightness: int = BRIGHTNESS,
        chip_select: tuple[int, int] = (0, 0),
    ) -> None:
        assert width_px % MODULE_PX == height_px % MODULE_PX == 0
        self._bus, self._clock, self._name = bus, clock, name
        self._size_px = (width_px, height_px)
        self._modules = width_px * height_px // MODULE_PX**2
        self._brightness = brightness
        self._closed = False
        port, device = chip_select
        try:
            serial = spi(
                spi=bus,
                gpio=noop(),
                port=port,
                device=device,
                gpio_DC=None,
                gpio_RST=None,
                bus_speed_hz=SPEED_HZ,
            )
            self._luma = _Chain(
                serial, width=width_px, height=height_px, block_orientation=block_orientation
            )
        except (OSError, LumaError) as error:
            found = f"the sign's SPI device does not open ({error})"
            node = f"/dev/spidev{port}.{device}"
            check = f"Check that config.txt has dtparam=spi=on and that {node} exists"
            raise DeviceAbsentError(name, found, check) from error

    @property
    def size_px(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self._size_px

    def show(self, rows: bytes) -> Fault | None:
        """Show a bitmap: height rows of width/8 bytes, most significant bit left."""
        width_px, height_px = self._size_px
        assert len(rows) == width_px * height_px // 8
        if self._closed:
            return self._fault("the sign is closed")
        try:
            self._configure(test=False)
            self._luma.display(Image.frombytes("1", self._size_px, rows))
        except OSError as error:
            return self._fault(str(error))
        return None

    def blank(self) -> None:
        """All pixels off; a failing bus is left to the next show() to report."""
        self.show(bytes(self._size_px[0] * self._size_px[1] // 8))

    def set_brightness(self, level: int) -> None:
        """0 dimmest to 15; takes effect with the next picture."""
        assert 0 <= level <= BRIGHTNESS_MAX
        self._brightness = level

    def module_test(self, on: bool) -> Fault | None:
        """Light every LED of every module, whatever the picture; a person has to look."""
        try:
            self._configure(test=on)
        except OSError as error:
            return self._fault(str(error))
        return None

    def describe(self) -> DeviceInfo:
        """Who it is."""
        return DeviceInfo(self._name, f"MAX7219 x {self._modules}", self._bus.simulated)

    def close(self) -> None:
        """Blank and free the bus. Safe to call twice."""
        if self._closed:
            return
        self.blank()
        self._closed = True
        with suppress(OSError):  # a sign that is gone needs no shutdown
            self._luma.hide()
        self._bus.close()

    def _configure(self, *, test: bool) -> None:
        """Write every configuration register of every module."""
        settings = (
            *((SCAN_LIMIT, MODULE_PX - 1), (DECODE_MODE, 0), (INTENSITY, self._brightness)),
            *((DISPLAY_TEST, int(test)), (SHUTDOWN, 1)),
        )
        for register, value in settings:
            self._bus.writebytes([register, value] * self._modules)

    def _fault(self, why: str) -> Fault:
        return Fault(FaultCode.BUS, self._name, self._clock.monotonic_ns(), why)
