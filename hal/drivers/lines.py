"""GPIO lines as the drivers want them: contacts to ground and coils, on gpiozero devices.

The one driver file that meets gpiozero, which has no types. Levels are polled; no callback, no
blink, no thread. After opening nothing raises: a line that fails reads UNKNOWN and says why.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Final, Protocol

from gpiozero import GPIODevice, InputDevice, OutputDevice

from hal.contract.types import DeviceAbsentError, Tri

EXPANDER_FIRST: Final = 100
"""Line numbers from here on are an expander's: 100 is GPA0, 108 is GPB0."""


class _Closes(Protocol):
    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Lines:
    """Where line numbers lead: the header's pin factory, and an expander's from 100 on."""

    header: object
    expander: object | None = None


def simulated(factory: object) -> bool:
    """Whether the pin factory says that its pins are a model."""
    if isinstance(factory, Lines):
        return simulated(factory.header) or simulated(factory.expander)
    return bool(getattr(factory, "simulated", False))


def route(factory: object, number: int) -> tuple[object, int]:
    """The pin factory that owns a line number, and the number it knows the line by.

    Raises LookupError for a line of an expander that is not there.
    """
    if not isinstance(factory, Lines):
        return factory, number
    if number < EXPANDER_FIRST:
        return factory.header, number
    if factory.expander is None:
        raise LookupError("no expander is configured")
    return factory.expander, number - EXPANDER_FIRST


def line_name(number: int) -> str:
    """How people find a line: GPIO17, or GPB0 of the expander."""
    if number < EXPANDER_FIRST:
        return f"GPIO{number}"
    line = number - EXPANDER_FIRST
    return f"expander line GP{'AB'[line // 8 % 2]}{line % 8}"


def absent(device: str, gpio: int, error: Exception) -> DeviceAbsentError:
    """The typed error for a line that cannot be claimed, whatever the library raised."""
    found = f"{line_name(gpio)} cannot be claimed ({type(error).__name__}: {error})"
    check = (
        "Check that no other section, overlay or program uses this GPIO (gpioinfo shows the "
        "owner) and that the number is a BCM number"
    )
    return DeviceAbsentError(device, found, check)


class Contact:
    """A contact that connects its input to ground when it closes; pulled up inside the chip.

    error: what the last read failed with, empty when it did not.
    """

    def __init__(self, factory: object, gpio: int, device: str) -> None:
        self.error = ""
        self._gpio = gpio
        try:
            source, number = route(factory, gpio)
            self._line = InputDevice(number, pull_up=True, pin_factory=source)
        except Exception as error:
            raise absent(device, gpio, error) from error

    def closed(self) -> Tri:
        """YES when closed, NO when open or cut, UNKNOWN when the line cannot be read."""
        try:
            closed = bool(self._line.is_active)
        except Exception as error:  # lgpio.error derives from Exception alone
            self.error = f"{line_name(self._gpio)} cannot be read ({error})"
            return Tri.UNKNOWN
        self.error = ""
        return Tri.YES if closed else Tri.NO

    def close(self) -> None:
        """Free the line."""
        _close(self._line)


class Coil:
    """An output that energises a relay, a lamp or a siren; de-energised from its first moment.

    active_high: level that energises. error: what the last write failed with, or empty.
    """

    def __init__(self, factory: object, gpio: int, device: str, active_high: bool) -> None:
        self.error = ""
        self._gpio = gpio
        try:
            source, number = route(factory, gpio)
            self._line = OutputDevice(
                number, active_high=active_high, initial_value=False, pin_factory=source
            )
        except Exception as error:
            raise absent(device, gpio, error) from error

    def set(self, on: bool) -> None:
        """Energise or not; a failed write is kept in error."""
        try:
            self._line.value = on
        except Exception as error:  # lgpio.error derives from Exception alone
            self.error = f"{line_name(self._gpio)} cannot be written ({error})"
        else:
            self.error = ""

    def close(self) -> None:
        """De-energise and free the line: it becomes an input."""
        self.set(False)
        _close(self._line)


class Strobe:
    """A matrix row: pulled to ground, or left floating; never driven high against a key.

    error: what the last change failed with, or empty.
    """

    def __init__(self, factory: object, gpio: int, device: str) -> None:
        self.error = ""
        self._gpio = gpio
        try:
            source, number = route(factory, gpio)
            self._line = GPIODevice(number, pin_factory=source)
            self._line.pin.function = "input"
        except Exception as error:
            raise absent(device, gpio, error) from error

    def ground(self) -> None:
        """Pull the row low."""
        self._change(low=True)

    def release(self) -> None:
        """Let the row float."""
        self._change(low=False)

    def _change(self, *, low: bool) -> None:
        try:
            if low:
                self._line.pin.output_with_state(0)
            else:
                self._line.pin.function = "input"
        except Exception as error:  # lgpio.error derives from Exception alone
            self.error = f"{line_name(self._gpio)} cannot be switched ({error})"
        else:
            self.error = ""

    def close(self) -> None:
        """Free the line."""
        _close(self._line)


def _close(line: _Closes) -> None:
    with suppress(Exception):  # a line that is gone needs no freeing
        line.close()
