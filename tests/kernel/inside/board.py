"""The microcontroller of a gate: its own C firmware in this process, its link a kernel terminal.

The terminal's processes open the other end of the pty as they would /dev/ttyACM0. Eight HX711 hang
on the firmware's pins, two relays on its outputs, four limit switches on its inputs.
"""

from __future__ import annotations

import os
import tty
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from firmware_bridge.sim.host_firmware import HostFirmware
from hal.contract.types import NS_PER_S, MonotonicNs, Side
from hal.sim.deck import DeckParams
from hal.sim.hx711 import REFERENCE_NV, Hx711Chip
from hal.sim.relay import CLOSED_MDEG_MAX, OPEN_MDEG_MIN
from hal.sim.world import World
from terminal.config import Config

NV_PER_MV = 1_000_000
NS_PER_US = 1_000
RATE_SPS = 80
READ_BYTES_MAX = 4_096


class _Pins:
    """One HX711 on the firmware's two pins. Stands for the board that Hx711Chip is attached to."""

    def __init__(self) -> None:
        self._clocked: Callable[[bool], None] | None = None
        self._low: Callable[[], bool] | None = None

    def attach_coil(self, number: int, clocked: Callable[[bool], None]) -> None:
        del number
        self._clocked = clocked

    def attach_contact(self, number: int, low: Callable[[], bool]) -> None:
        del number
        self._low = low

    def clock(self, high: bool) -> None:
        assert self._clocked is not None
        self._clocked(high)

    def read(self) -> bool:
        assert self._low is not None
        return not self._low()


class _Ratiometric:
    """The yard's bridges as the chip sees them, whose model takes a fixed reference."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._reference_nv = DeckParams().excitation_mv * NV_PER_MV

    def alive(self, now_ns: MonotonicNs) -> bool:
        del now_ns
        return True

    def cell_nv(self, cell: int) -> int:
        return self._world.cell_nv(cell) * REFERENCE_NV // self._reference_nv


class Board:
    """One running board behind `link`. step() is its main loop's turn."""

    def __init__(self, config: Config, world: World, library: Path, link: Path) -> None:
        self._world, self._field = world, config.field
        pins = tuple(_Pins() for _ in range(config.amplifier.cells))
        self._firmware = HostFirmware(library, pins)
        bridges = _Ratiometric(world)
        self._chips = [
            Hx711Chip(each, (0, 1), bridges, cell, self, RATE_SPS)  # type: ignore[arg-type]
            for cell, each in enumerate(pins)
        ]
        self._end, far = os.openpty()
        tty.setraw(far)
        os.set_blocking(self._end, False)
        link.symlink_to(os.ttyname(far))
        self._coils = dict.fromkeys(Side, False)
        self.events: list[tuple[float, str, bool]] = []

    def monotonic_ns(self) -> MonotonicNs:
        """The firmware's clock, which its own delays move too."""
        return MonotonicNs(self._firmware.now_us * NS_PER_US)

    def step(self, now_ns: int) -> None:
        """Inputs in, one turn of the firmware, outputs to the yard."""
        firmware = self._firmware
        firmware.now_us = max(firmware.now_us, now_ns // NS_PER_US)
        firmware.inputs = self._inputs()
        heard = b""
        with suppress(BlockingIOError):
            heard = os.read(self._end, READ_BYTES_MAX)
        said = firmware.step(heard)
        if said:
            with suppress(BlockingIOError):
                os.write(self._end, said)
        for side, before in self._coils.items():
            name = f"{side.name.lower()}_open"
            level = bool(firmware.relays >> int(getattr(self._field, name)) & 1)
            if level is not before:
                self._coils[side] = level
                self._world.set_relay(name, level)
                self.events.append((now_ns / NS_PER_S, name, level))

    def _inputs(self) -> int:
        bits = 0
        for side in Side:
            word, arm_mdeg = side.name.lower(), self._world.arm_mdeg(side)
            bits |= (arm_mdeg > OPEN_MDEG_MIN) << int(getattr(self._field, f"{word}_is_open"))
            bits |= (arm_mdeg < CLOSED_MDEG_MAX) << int(getattr(self._field, f"{word}_is_closed"))
        return bits
