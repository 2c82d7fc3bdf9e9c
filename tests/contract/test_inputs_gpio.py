"""The inputs on simulated pins, and spread over pins and a port expander."""

from __future__ import annotations

from hal.contract.types import FaultCode, InputName, MonotonicNs, Tri
from hal.drivers.inputs import GpioFieldInputs
from hal.drivers.lines import Lines
from hal.drivers.mcp23017 import Mcp23017Gpio
from hal.sim.gpio import SimGpio, wire_inputs
from hal.sim.mcp23017 import SimExpander
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


FAR = {InputName.ESTOP: 100, InputName.BEAM_EXIT: 109, InputName.SEAL: 104}


class TestWithExpander(TestOnPins):
    def open_device(self):
        self.clock, self.world, self.gpio = HandClock(), HandWorld(), SimGpio()
        self.chip = SimExpander(self.world, 0x21, self.clock)
        near = {name: gpio for name, gpio in NUMBERS.items() if name not in FAR}
        wire_inputs(self.gpio, self.world, self.clock, near)
        wire_inputs(
            self.chip, self.world, self.clock, {name: line - 100 for name, line in FAR.items()}
        )
        lines = Lines(self.gpio, Mcp23017Gpio(self.chip, 0x21, self.clock, "expander"))
        return GpioFieldInputs(lines, {**near, **FAR}, name="field")

    def cut_wire(self, name):
        self.chip.cut(FAR[name] - 100)

    def test_all_lines_of_the_expander_are_one_transfer_a_poll(self, device):
        self.run(device)
        before = self.chip.transactions
        self.run(device, 10)
        assert self.chip.transactions - before == 10

    def test_a_silent_expander_makes_its_inputs_unknown_and_heals(self, device):
        self.run(device)
        self.chip.nack = True
        levels = self.run(device, 20)
        assert levels[InputName.ESTOP].value is Tri.UNKNOWN
        assert levels[InputName.LOOP_EXIT].value is Tri.NO
        faults = device.faults()
        assert sorted({f.detail.split(":")[0] for f in faults}) == ["beam_exit", "estop", "seal"]
        assert {f.code for f in faults} == {FaultCode.BUS}
        self.chip.nack = False
        assert self.run(device, 20)[InputName.ESTOP].value is Tri.NO
        assert not device.faults()

    def test_a_reset_expander_is_noticed_before_its_floating_lines_are_believed(self, device):
        self.run(device)
        self.chip.brown_out()
        assert self.run(device, 1)[InputName.ESTOP].value is Tri.UNKNOWN
        assert "lost its supply" in device.faults()[0].detail
        assert self.run(device, 20)[InputName.ESTOP].value is Tri.NO
