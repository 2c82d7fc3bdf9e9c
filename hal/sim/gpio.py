"""GPIO pins of the simulated Pi: gpiozero's mock pins wired to contacts and coils of a World.

Inputs are computed when they are read and outputs act when they are written, so a polled driver
always sees the truth and nothing needs a thread. Active parts only mirror the wires.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, Protocol

from gpiozero.pins.mock import MockFactory, MockPin

from hal.contract.devices import Clock
from hal.contract.types import InputName
from hal.sim.world import World

PI_4B: Final = "c03115"
STATES_MAX: Final = 64
"""The mock pin logs each change for ever; a simulated lane runs for weeks."""


class Board(Protocol):
    """What carries the lines: SimGpio or SimExpander."""

    def attach_contact(self, number: int, closed: Callable[[], bool], /) -> None:
        """Connect a line to ground while closed() is true."""

    def driven(self, number: int, /) -> bool | None:
        """The level that a line drives, None while it is an input."""


class SimPin(MockPin):  # type: ignore[misc]  # gpiozero has no types
    """One pin: reads its contact, tells its coil. `_change_state` is gpiozero's private hook."""

    def _get_state(self) -> bool:
        if self._function == "input":
            self._change_state(self.factory.level(self._number, self._pull, self._state))
        return bool(self._state)

    def _set_function(self, value: str) -> None:
        super()._set_function(value)
        self._tell()

    def _change_state(self, value: bool) -> bool:
        changed = bool(super()._change_state(value))
        if len(self.states) > STATES_MAX:
            del self.states[:-1]
        if changed:
            self._tell()
        return changed

    def _tell(self) -> None:
        self.factory.drive(self._number, bool(self._state) if self._drives() else None)

    def _drives(self) -> bool:
        return bool(self._function == "output")

    def output_with_state(self, state: int) -> None:
        """Claim the line with its level in one request, as the kernel interface does."""
        if not self._drives():
            self._state = bool(state)
        self._function = "output"
        self._change_state(bool(state))
        self._tell()


class SimGpio(MockFactory):  # type: ignore[misc]  # gpiozero has no types
    """Pin factory of a simulated Pi. Give it to the drivers; attach what the wires lead to."""

    simulated = True

    def __init__(self) -> None:
        super().__init__(revision=PI_4B, pin_class=SimPin)
        self._contacts: dict[int, Callable[[], bool]] = {}
        self._coils: dict[int, Callable[[bool | None], None]] = {}
        self._driven: dict[int, bool | None] = {}
        self._cut: dict[int, None] = {}

    def attach_contact(self, gpio: int, closed: Callable[[], bool]) -> None:
        """The pin is connected to ground while closed() is true."""
        self._contacts[gpio] = closed

    def attach_coil(self, gpio: int, drive: Callable[[bool | None], None]) -> None:
        """drive() hears each level that the pin drives, and None when it stops driving."""
        self._coils[gpio] = drive

    def cut(self, gpio: int, *, cut: bool = True) -> None:
        """Cut the wire of an input, or mend it: only the pull resistor remains."""
        if cut:
            self._cut[gpio] = None
        else:
            self._cut.pop(gpio, None)

    def driven(self, gpio: int) -> bool | None:
        """The level that the pin drives now, None while it is an input."""
        return self._driven.get(gpio)

    def level(self, gpio: int, pull: str, before: bool) -> bool:
        """What an input reads: ground through its contact, else its pull, else its charge."""
        closed = self._contacts.get(gpio)
        if closed is not None and gpio not in self._cut and closed():
            return False
        return {"up": True, "down": False}.get(pull, before)

    def drive(self, gpio: int, level: bool | None) -> None:
        """A pin changed what it drives."""
        self._driven[gpio] = level
        coil = self._coils.get(gpio)
        if coil is not None:
            coil(level)


def wire_inputs(
    gpio: Board,
    world: World,
    clock: Clock,
    numbers: Mapping[InputName, int],
    *,
    normally_closed: bool = True,
) -> None:
    """Wire the world's inputs. A sensor without supply opens its contact, as its relay falls."""

    def contact(name: InputName) -> Callable[[], bool]:
        def closed() -> bool:
            if not world.alive(clock.monotonic_ns()):
                return False
            return bool(world.inputs() >> name & 1) != normally_closed

        return closed

    for name, number in numbers.items():
        gpio.attach_contact(number, contact(name))
