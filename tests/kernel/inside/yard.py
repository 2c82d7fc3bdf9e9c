"""The wiring between the simulated yard and the kernel's lines: what an electrician would connect.

Runs in a process of the test. The terminal beside it sees GPIO lines, an I2C bus and a video
stream, and nothing else; the yard sees relays pull and arms move. No object of either is in the
other's process.
"""

from __future__ import annotations

import os
import random
import sys
import threading
import time
from pathlib import Path

from hal.contract.types import InputName, Side
from hal.sim.deck import DeckParams
from hal.sim.relay import CLOSED_MDEG_MAX, OPEN_MDEG_MIN
from hal.sim.world_shared import SharedWorld
from terminal.config import Field
from terminal.weighing.calibration import RAIL_24_BIT, Calibration
from tests.kernel.inside.converter import Converter
from tests.kernel.inside.lines import SimLines

COUNTS_PER_KG = 40
CELL_CAP_KG = 150_000
NOISE_COUNTS = 30
STEP_S = 0.005
REFRESH_STEPS = 20
"""Claiming a line with its pull-up moves gpio-sim's pull: every wire is put back this often."""
COILS = ("exit_open", "entry_open", "lamp_entry", "lamp_exit")
FIELD = Field(kind="gpio")


def calibration() -> Calibration:
    """The one big cell that stands for the deck: all corners summed, dead load taken off."""
    deck = DeckParams()
    dead_counts = float(deck.dead_kg * len(deck.cell_x_mm) * COUNTS_PER_KG)
    span = 1.0 / COUNTS_PER_KG
    return Calibration("load cells", RAIL_24_BIT, (span,), (dead_counts,), CELL_CAP_KG)


class Wiring:
    """Carries levels both ways until stopped. events: coil changes as (seconds, name, level)."""

    def __init__(self, world: SharedWorld) -> None:
        self._world, self._lines = world, SimLines()
        self._noise = random.Random(1)
        self._nv_per_kg = DeckParams().nv_per_kg()
        self._coils: dict[str, bool] = {}
        self._pulls: dict[int, bool] = {}
        self.events: list[tuple[float, str, bool]] = []

    def run(self, stop: threading.Event) -> None:
        with Converter(counts=round(calibration().zero_counts[0])) as chip:
            step = 0
            while not stop.is_set():
                if step % REFRESH_STEPS == 0:
                    self._pulls.clear()
                self._outputs()
                self._inputs()
                chip.counts = self._counts()
                step += 1
                time.sleep(STEP_S)

    def _counts(self) -> int:
        total_nv = sum(self._world.cell_nv(cell) for cell in range(8))
        noise = self._noise.randint(-NOISE_COUNTS, NOISE_COUNTS)
        return round(total_nv / self._nv_per_kg * COUNTS_PER_KG) + noise

    def _outputs(self) -> None:
        for name in COILS:
            level = self._lines.level(getattr(FIELD, name))
            if self._coils.get(name) is not level:
                self._coils[name] = level
                self._world.set_relay(name, level)
                self.events.append((time.monotonic(), name, level))

    def _inputs(self) -> None:
        inputs = self._world.inputs()
        for name in InputName:
            pin = getattr(FIELD, name.name.lower())
            if pin >= 0:
                self._contact(pin, closed=not inputs >> name & 1)
        for side, word in ((Side.ENTRY, "entry"), (Side.EXIT, "exit")):
            arm_mdeg = self._world.arm_mdeg(side)
            self._contact(getattr(FIELD, f"{word}_is_open"), closed=arm_mdeg > OPEN_MDEG_MIN)
            self._contact(getattr(FIELD, f"{word}_is_closed"), closed=arm_mdeg < CLOSED_MDEG_MAX)
            made = self._coils.get(f"{word}_open", False)
            self._contact(getattr(FIELD, f"{word}_contact"), closed=made)

    def _contact(self, pin: int, *, closed: bool) -> None:
        """A closed contact connects the line to ground; an open one leaves it to its pull-up."""
        if self._pulls.get(pin) is not closed:
            self._pulls[pin] = closed
            self._lines.pull(pin, not closed)


def main(world_path: Path, report: Path) -> None:
    """Until standard input closes; then the coil changes are written down."""
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(40))
    wiring, stop = Wiring(SharedWorld(world_path)), threading.Event()
    thread = threading.Thread(target=wiring.run, args=(stop,))
    thread.start()
    sys.stdin.read()
    stop.set()
    thread.join()
    rows = [f"{at:.3f} {name} {int(level)}" for at, name, level in wiring.events]
    report.write_text("\n".join(rows) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
