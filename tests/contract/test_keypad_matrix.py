"""The matrix keypad on simulated pins."""

from __future__ import annotations

from hal.contract.types import MonotonicNs
from hal.drivers.keypad_matrix import MatrixKeypad
from hal.sim.gpio import SimGpio
from hal.sim.keypad import SimKeypad
from tests.contract.keypad_contract import KeypadContract
from tests.contract.worlds import HandClock, HandWorld

ROWS, COLUMNS = (4, 7, 8, 9), (0, 1, 14, 15)


class TestOnPins(KeypadContract):
    def open_device(self):
        self.clock, self.world, self.gpio = HandClock(), HandWorld(), SimGpio()
        SimKeypad(self.gpio, self.world, ROWS, COLUMNS)
        return MatrixKeypad(self.gpio, ROWS, COLUMNS, name="keypad")

    def pass_time(self, ns):
        self.clock.now_ns += ns
        return MonotonicNs(self.clock.now_ns)

    def press(self, *keys):
        self.world.press(*keys)
