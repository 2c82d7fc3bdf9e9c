"""The ADS1232 driver over gpiozero lines on the edge-level model."""

from __future__ import annotations

import pytest

from hal.contract.types import DeviceAbsentError, FaultCode, MonotonicNs, RawSample
from hal.drivers.ads1232 import Ads1232LoadCells
from hal.drivers.clocked_pair import open_pairs
from hal.drivers.lines import Coil
from hal.sim.ads1232 import Ads1232Chip
from hal.sim.gpio import SimGpio
from tests.contract.load_cell_contract import LoadCellContract
from tests.contract.worlds import HandClock, HandWorld

PINS = ((5, 6), (12, 13))
POWER = 17


class OnModel(LoadCellContract):
    rate_sps, gain = 80, 128

    def open_device(self):
        self.clock, self.world, self.gpio = HandClock(), HandWorld(), SimGpio()
        self.chips = [
            Ads1232Chip(
                self.gpio, pins, self.world, cell, self.clock, self.rate_sps, gain=self.gain
            )
            for cell, pins in enumerate(PINS)
        ]
        pairs = open_pairs(self.gpio, PINS, self.clock, "deck")
        args = (pairs, self.rate_sps, self.gain, self.clock, "deck")
        return Ads1232LoadCells(*args, pause=self.clock.pause)

    def pass_time(self, ns):
        self.clock.now_ns += ns
        return MonotonicNs(self.clock.now_ns)

    def set_load(self, cell, nv):
        self.world.cells_nv[cell] = nv

    def unplug(self):
        self.world.powered = False

    def replug(self):
        self.world.powered = True


class TestEightyAtGain128(OnModel):
    def test_a_chip_that_lost_its_supply_is_calibrated_before_it_counts(self, device):
        self.run(device, 10)
        self.unplug()
        self.run(device, 1)
        self.replug()
        healed = self.samples(self.run(device, 300))
        assert healed
        assert all(chip.calibrated for chip in self.chips)
        assert device.calibrations == 4
        assert abs(healed[-1].counts - self.chips[healed[-1].cell].word) == 0

    def test_a_word_that_the_chip_replaced_while_it_was_read_never_counts(self, device):
        self.run(device, 10)
        chip, overwritten = self.chips[0], 0
        for step in range(4_000):
            self.set_load(0, -9_000_000 if step % 2 else 9_000_000)
            before = chip.overwritten
            self.clock.now_ns += 12_490_000 + step % 23 * 1_000
            shift = self.racing(device)
            found = device.poll(MonotonicNs(self.clock.now_ns), 16)
            device._cells[0].pair.shift = shift
            overwritten += chip.overwritten - before
            for item in self.samples(found):
                assert item.cell or item.counts == self.settled, "half of two words"
        assert overwritten > 20
        assert device.tally.faults[FaultCode.DESYNC] > 20

    def racing(self, device):
        """Let the clock run while the word of cell 0 is shifted, as it does in life."""
        pair, chip = device._cells[0].pair, self.chips[0]
        original = pair.shift

        def slow(pulses):
            self.settled = chip.word
            low = chip._low

            def ticking():
                self.clock.now_ns += 20_000
                return low()

            self.gpio.attach_contact(PINS[0][1], ticking)
            bits = original(pulses)
            self.gpio.attach_contact(PINS[0][1], low)
            return bits

        pair.shift = slow
        return original


class TestTenAtGain64(OnModel):
    rate_sps, gain = 10, 64


def test_the_power_line_resets_the_chip_at_start_and_holds_it_down_after():
    clock, world, gpio = HandClock(), HandWorld(), SimGpio()
    chip = Ads1232Chip(gpio, PINS[0], world, 0, clock, 80)
    gpio.attach_coil(POWER, chip.power)
    pairs = open_pairs(gpio, PINS[:1], clock, "deck")
    power = Coil(gpio, POWER, "deck", active_high=True)
    device = Ads1232LoadCells(pairs, 80, 128, clock, "deck", pause=clock.pause, power=power)
    assert gpio.driven(POWER) is True
    for _ in range(3):
        clock.pause(12_000_000)
        found = device.poll(clock.monotonic_ns(), 4)
    assert isinstance(found[0], RawSample)
    device.close()
    assert gpio.driven(POWER) is None


def test_a_chip_held_in_power_down_is_absent_and_everything_is_freed():
    clock, world, gpio = HandClock(), HandWorld(), SimGpio()
    chip = Ads1232Chip(gpio, PINS[0], world, 0, clock, 80)
    chip.power(False)
    pairs = open_pairs(gpio, PINS[:1], clock, "deck")
    with pytest.raises(DeviceAbsentError, match="ADS1232 does not start") as caught:
        Ads1232LoadCells(pairs, 80, 128, clock, "deck", pause=clock.pause)
    assert "PDWN" in caught.value.check
    assert open_pairs(gpio, PINS[:1], clock, "deck")


def test_a_pin_used_twice_names_the_device_and_frees_the_others():
    clock, gpio = HandClock(), SimGpio()
    with pytest.raises(DeviceAbsentError, match="GPIO6") as caught:
        open_pairs(gpio, ((5, 6), (12, 6)), clock, "load cells")
    assert caught.value.device == "load cells"
    for pair in open_pairs(gpio, PINS, clock, "load cells"):
        pair.close()
