"""The matrix keypad on simulated pins, and on the lines of a port expander."""

from __future__ import annotations

from hal.contract.types import FaultCode, Key, MonotonicNs
from hal.drivers.keypad_matrix import MatrixKeypad
from hal.drivers.lines import Lines
from hal.drivers.mcp23017 import Mcp23017Gpio
from hal.sim.gpio import SimGpio
from hal.sim.keypad import SimKeypad
from hal.sim.mcp23017 import SimExpander
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


class TestOnExpander(TestOnPins):
    def open_device(self):
        self.clock, self.world = HandClock(), HandWorld()
        self.chip = SimExpander(self.world, 0x20, self.clock)
        SimKeypad(self.chip, self.world, (8, 9, 10, 11), (0, 1, 2, 3))
        lines = Lines(None, Mcp23017Gpio(self.chip, 0x20, self.clock, "expander"))
        return MatrixKeypad(lines, (108, 109, 110, 111), (100, 101, 102, 103), name="keypad")

    def test_a_quiet_keypad_costs_one_transfer_a_poll(self, device):
        self.run(device, 2)
        before = self.chip.transactions
        self.run(device, 10)
        assert self.chip.transactions - before == 10

    def test_an_unplugged_expander_is_one_fault_and_heals(self, device):
        self.run(device)
        self.chip.nack = True
        found = self.run(device, 30)
        assert [item.code for item in found] == [FaultCode.BUS]
        assert "expander line GPA0" in found[0].detail
        self.chip.nack = False
        self.run(device, 30)
        self.press(Key.HASH)
        assert self.keys(self.run(device, 10)) == [Key.HASH]

    def test_a_brown_out_presses_no_key_and_heals(self, device):
        self.run(device)
        self.chip.brown_out()
        found = self.run(device, 30)
        assert not self.keys(found)
        assert [item.code for item in found] == [FaultCode.BUS]
        assert "lost its supply" in found[0].detail
        self.press(Key.D0)
        assert self.keys(self.run(device, 10)) == [Key.D0]
