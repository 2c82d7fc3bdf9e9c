"""A gate of the simulated yard, wired to the kernel's buses as an electrician would wire it.

A process of the test. The terminal beside it opens GPIO lines, an I2C bus and an SPI bus, and
nothing else; this end sees relays pull, rows of the keypad fall and LEDs light, moves a truck and
an attendant's finger by them, and answers for every chip. No object of either side is in the
other's process. The test tells it, a line each, what a person reads off the sign.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict
from pathlib import Path

from hal.contract.types import NS_PER_S, InputName, Side
from hal.linux.clock import SystemClock
from hal.sim.deck import STEP_NS
from hal.sim.keypad import SimKeypad
from hal.sim.mcp23017 import SimExpander
from hal.sim.nau7802 import SimI2c
from hal.sim.relay import CLOSED_MDEG_MAX, OPEN_MDEG_MIN
from hal.sim.scripts import DEMO_REACTIONS, UNREADABLE_3, Script
from hal.sim.sign import SimSpi
from hal.sim.traffic import Finished
from hal.sim.world import RELAYS
from hal.sim.world_local import LocalWorld
from hal.sim.yard import Yard
from terminal.config import Config
from terminal.config_load import load
from terminal.config_pins import EXPANDER_FIRST
from tests.kernel.inside.board import Board
from tests.kernel.inside.far_ends import I2C, SPI, Chips
from tests.kernel.inside.lines import SimLines

CATCH_UP_STEPS_MAX = 20
REFRESH_STEPS = 20
"""Claiming a line with its pull-up moves gpio-sim's pull: every wire is put back this often."""
FIRMWARE = Path(os.environ.get("FIRMWARE", "front_end.so"))
TRUCK = UNREADABLE_3
SCRIPT = Script("gate", (TRUCK,), DEMO_REACTIONS, endless=False)


class Header:
    """The 40-pin header's wires between the lane and the kernel's GPIO lines."""

    def __init__(self, config: Config, world: LocalWorld) -> None:
        self._field, self._world, self._lines = config.field, world, SimLines()
        mine = [key for key in RELAYS if config.field.barriers == "lines" or "lamp" in key]
        self._coils = {name: False for name in mine if getattr(self._field, name) >= 0}
        self._pulls: dict[int, bool] = {}
        self.events: list[tuple[float, str, bool]] = []

    def forget(self) -> None:
        """Put every wire back at the next step."""
        self._pulls.clear()

    def carry(self) -> None:
        """Coils to the yard, contacts to the header."""
        for name, before in self._coils.items():
            level = self._lines.level(getattr(self._field, name))
            if level is not before:
                self._coils[name] = level
                self._world.set_relay(name, level)
                self.events.append((SystemClock().monotonic_ns() / NS_PER_S, name, level))
        inputs = self._world.inputs()
        for name in InputName:
            self._contact(name.name.lower(), closed=not inputs >> name & 1)
        for side in Side if self._field.barriers == "lines" else ():
            word, arm_mdeg = side.name.lower(), self._world.arm_mdeg(side)
            self._contact(f"{word}_is_open", closed=arm_mdeg > OPEN_MDEG_MIN)
            self._contact(f"{word}_is_closed", closed=arm_mdeg < CLOSED_MDEG_MAX)
            self._contact(f"{word}_contact", closed=self._coils.get(f"{word}_open", False))

    def _contact(self, key: str, *, closed: bool) -> None:
        """A closed contact connects the line to ground; an open one leaves it to its pull-up."""
        pin = int(getattr(self._field, key))
        if pin >= 0 and self._pulls.get(pin) is not closed:
            self._pulls[pin] = closed
            self._lines.pull(pin, not closed)


class Gate:
    """Yard, chips and wires of one configuration, at the speed of the machine's clock."""

    def __init__(self, config: Config) -> None:
        clock, self.world = SystemClock(), LocalWorld()
        self.yard = Yard(self.world, SCRIPT, 1, lane_kind=config.lane.kind, trucks=1)
        self.header = Header(config, self.world)
        keypad, sign, amplifier = config.keypad, config.sign, config.amplifier
        expander = SimExpander(self.world, keypad.expander_address, clock)
        rows = [line - EXPANDER_FIRST for line in keypad.rows]
        SimKeypad(expander, self.world, rows, [line - EXPANDER_FIRST for line in keypad.columns])
        converters, self.board = None, None
        if amplifier.kind == "mcu":
            self.board = Board(config, self.world, FIRMWARE, Path(amplifier.port))
        else:
            converters = SimI2c(self.world, amplifier.cells, amplifier.mux_address, clock)
        panel = SimSpi(self.world, sign.width_px, sign.height_px, clock)
        self.chips = Chips(converters, expander, panel, sign.spi_device)
        self.reader = _Reader(self.world)
        self.gone: list[Finished] = []
        self.skipped_steps = 0
        self._clock = clock

    def run(self) -> None:
        """Until standard input closes."""
        step = 0
        stepped_ns = self._clock.monotonic_ns() - STEP_NS
        while not self.reader.ended:
            now_ns = self._clock.monotonic_ns()
            if self.board is not None:
                self.board.step(now_ns)
            if now_ns - stepped_ns < STEP_NS:
                wait_s = (stepped_ns + STEP_NS - now_ns) / NS_PER_S
                self.chips.serve(wait_s)
                continue
            steps = (now_ns - stepped_ns) // STEP_NS
            stepped_ns += steps * STEP_NS
            self.skipped_steps += max(0, steps - CATCH_UP_STEPS_MAX)
            if step % REFRESH_STEPS == 0:
                self.header.forget()
            step += 1
            self.gone += self.yard.advance(min(steps, CATCH_UP_STEPS_MAX), now_ns)
            self.header.carry()
            self.reader.listen()

    def report(self) -> str:
        """What happened, as JSON."""
        told = {
            "coils": self.header.events + (self.board.events if self.board is not None else []),
            "gone": [asdict(each) for each in self.gone],
            "struck": self.world.struck(),
            "skipped_steps": self.skipped_steps,
            "transfers": {"i2c": self.chips.transfers[I2C], "spi": self.chips.transfers[SPI]},
        }
        return json.dumps(told, ensure_ascii=False)


class _Reader:
    """Standard input: what a person reads off the sign, one prompt a line, until it closes."""

    def __init__(self, world: LocalWorld) -> None:
        self._world, self.ended = world, False
        self._fd = sys.stdin.fileno()
        os.set_blocking(self._fd, False)

    def listen(self) -> None:
        """Take in what was said."""
        try:
            heard = os.read(self._fd, 4_096)
        except BlockingIOError:
            return
        self.ended = not heard
        for line in heard.decode().splitlines():
            self._world.set_prompt(line)


def main(config: Path, report: Path) -> None:
    """Run the gate of that configuration; write the report when told to end."""
    gate = Gate(load(config).config)
    gate.header.forget()
    print("ready", flush=True)
    gate.run()
    report.write_text(gate.report())


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
