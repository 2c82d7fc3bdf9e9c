"""Clock and data line of an HX711 or ADS1232 on two GPIO, every high pulse measured.

A preempted process leaves the clock high; after 60 us an HX711 sleeps and the rest of the word
is made of ones. So the pair measures and reports, and the chip's driver judges.
"""

from __future__ import annotations

import errno
from collections.abc import Sequence
from contextlib import suppress

from gpiozero import InputDevice, OutputDevice

from hal.contract.devices import Clock
from hal.contract.types import DeviceAbsentError
from hal.drivers.lines import absent, route, simulated


class GpioClockedPair:
    """ClockedPair on gpiozero lines (BCM numbers). Raises DeviceAbsentError, later OSError."""

    def __init__(self, factory: object, clock_gpio: int, data_gpio: int, clock: Clock, name: str):
        self._clock, self._simulated = clock, simulated(factory)
        try:
            source, number = route(factory, clock_gpio)
            self._sck = OutputDevice(number, initial_value=False, pin_factory=source)
        except Exception as error:
            raise absent(name, clock_gpio, error) from error
        try:
            source, number = route(factory, data_gpio)
            self._dout = InputDevice(number, pull_up=True, pin_factory=source)
        except Exception as error:
            self._sck.close()
            raise absent(name, data_gpio, error) from error

    @property
    def simulated(self) -> bool:
        """Whether the pins are a model."""
        return self._simulated

    def ready(self) -> bool:
        """Data line low: a conversion waits. Raises OSError when the line fails."""
        try:
            return bool(self._dout.is_active)
        except Exception as error:  # lgpio.error derives from Exception alone
            raise OSError(errno.EIO, str(error)) from error

    def shift(self, pulses: int) -> tuple[int, int]:
        """Bits, most significant first, and the longest high in nanoseconds, never too short.

        The measure brackets both writes, so the line itself was high for at most that long.
        """
        bits = longest_ns = 0
        now_ns, sck, dout = self._clock.monotonic_ns, self._sck, self._dout
        try:
            for _ in range(pulses):
                begun_ns = now_ns()
                sck.on()
                sck.off()
                longest_ns = max(longest_ns, now_ns() - begun_ns)
                bits = bits << 1 | (not dout.is_active)
        except Exception as error:  # lgpio.error derives from Exception alone
            raise OSError(errno.EIO, str(error)) from error
        return bits, longest_ns

    def park(self, *, high: bool) -> None:
        """Leave the clock high (an HX711 powers down) or low (it starts). Raises OSError."""
        try:
            self._sck.value = high
        except Exception as error:  # lgpio.error derives from Exception alone
            raise OSError(errno.EIO, str(error)) from error

    def close(self) -> None:
        """Free the lines, clock low."""
        for line in (self._sck, self._dout):
            with suppress(Exception):  # a line that is gone needs no freeing
                line.close()


def open_pairs(
    factory: object, pins: Sequence[tuple[int, int]], clock: Clock, name: str
) -> tuple[GpioClockedPair, ...]:
    """One pair for each (clock, data); all are freed again when one fails. Raises as a pair."""
    pairs: list[GpioClockedPair] = []
    try:
        for clock_gpio, data_gpio in pins:
            pairs.append(GpioClockedPair(factory, clock_gpio, data_gpio, clock, name))
    except DeviceAbsentError:
        for pair in pairs:
            pair.close()
        raise
    return tuple(pairs)
