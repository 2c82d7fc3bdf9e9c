"""Relays and barrier switches of the simulated field: coils that a pin drives, real contacts.

A relay's contact can weld and its coil can break, because the driver must notice both. The arm
itself belongs to the plant; here are only its limit switches.
"""

from __future__ import annotations

from typing import Final

from hal.contract.types import Side
from hal.sim.gpio import SimGpio
from hal.sim.world import World

CLOSED_MDEG_MAX: Final = 2_000
OPEN_MDEG_MIN: Final = 85_000


class SimRelay:
    """One relay on one pin. welded: the contact never opens. broken: the coil never pulls.

    name: the world's name of the coil, such as "exit_open". A pin that drives nothing leaves
    the board's own resistor to hold the relay off.
    """

    def __init__(self, gpio: SimGpio, number: int, world: World, name: str, active_high: bool):
        self.welded = self.broken = False
        self._world, self._name, self._active_high = world, name, active_high
        gpio.attach_coil(number, self._drive)

    def _drive(self, level: bool | None) -> None:
        pulled = level is not None and level == self._active_high and not self.broken
        self._world.set_relay(self._name, pulled or self.welded)

    def made(self) -> bool:
        """Whether the contact is made."""
        return self._world.relay(self._name)


class SimBarrier:
    """Wires one barrier: its relays, its read-back contact, its limit switches."""

    def __init__(  # noqa: PLR0913  # one argument a wire
        self,
        gpio: SimGpio,
        world: World,
        side: Side,
        *,
        open_: int,
        close: int | None = None,
        is_open: int | None = None,
        is_closed: int | None = None,
        contact: int | None = None,
        active_high: bool = True,
    ) -> None:
        name = side.name.lower()
        self.opening = SimRelay(gpio, open_, world, f"{name}_open", active_high)
        self.closing = (
            None if close is None else SimRelay(gpio, close, world, f"{name}_close", active_high)
        )
        if contact is not None:
            gpio.attach_contact(contact, self.opening.made)
        if is_open is not None:
            gpio.attach_contact(is_open, lambda: world.arm_mdeg(side) > OPEN_MDEG_MIN)
        if is_closed is not None:
            gpio.attach_contact(is_closed, lambda: world.arm_mdeg(side) < CLOSED_MDEG_MAX)
