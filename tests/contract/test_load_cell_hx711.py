"""The HX711 driver over gpiozero lines on the edge-level model."""

from __future__ import annotations

from hal.contract.types import MonotonicNs
from hal.drivers.clocked_pair import GpioClockedPair
from hal.drivers.hx711 import Hx711LoadCells
from hal.sim.gpio import SimGpio
from hal.sim.hx711 import Hx711Chip
from tests.contract.load_cell_contract import LoadCellContract
from tests.contract.worlds import HandClock, HandWorld

PINS = ((5, 6), (12, 13))


class OnModel(LoadCellContract):
    rate_sps, gain = 80, 128

    def open_device(self):
        self.clock, self.world, self.gpio = HandClock(), HandWorld(), SimGpio()
        pairs = []
        for cell, pins in enumerate(PINS):
            Hx711Chip(self.gpio, pins, self.world, cell, self.clock, self.rate_sps)
            pairs.append(GpioClockedPair(self.gpio, *pins, self.clock, "deck"))
        args = (pairs, self.rate_sps, self.gain, self.clock, "deck")
        return Hx711LoadCells(*args, pause=self.clock.pause)

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
    pass


class TestTenAtGain64(OnModel):
    rate_sps, gain = 10, 64
