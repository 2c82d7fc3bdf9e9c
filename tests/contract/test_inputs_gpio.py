"""GPIO inputs on simulated pins."""

from __future__ import annotations

from hal.contract.types import InputName, MonotonicNs
from hal.drivers.inputs import GpioFieldInputs
from hal.sim.gpio import SimGpio, wire_inputs
from tests.contract.inputs_contract import UNWIRED, InputsContract
from tests.contract.worlds import HandClock, HandWorld

NUMBERS = {
    name: gpio
    for name, gpio in zip(InputName, (5, 6, 12, 13, 16, 19, 20, 21), strict=True)
    if name is not UNWIRED
}


class TestOnPins(InputsContract):
    def open_device(self):
        self.clock, self.world, self.gpio = HandClock(), HandWorld(), SimGpio()
        wire_inputs(self.gpio, self.world, self.clock, NUMBERS)
        return GpioFieldInputs(self.gpio, NUMBERS, name="field")

    def pass_time(self, ns):
        self.clock.now_ns += ns
        return MonotonicNs(self.clock.now_ns)

    def set_input(self, name, on):
        self.world.set_input(name, on)

    def cut_wire(self, name):
        self.gpio.cut(NUMBERS[name])
