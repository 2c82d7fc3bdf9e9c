"""The NAU7802 driver on the register-level model, alone and behind the multiplexer."""

from __future__ import annotations

from hal.contract.types import MonotonicNs, SampleFlag
from hal.drivers.lines import Contact
from hal.drivers.nau7802 import Nau7802LoadCells
from hal.sim.gpio import SimGpio
from hal.sim.nau7802 import SimI2c
from tests.contract.load_cell_contract import LoadCellContract
from tests.contract.worlds import HandClock, HandWorld


class OnModel(LoadCellContract):
    mux: int | None = 0x70
    cells = 8
    rate_sps = 80

    def open_device(self):
        self.clock, self.world = HandClock(), HandWorld()
        self.bus = SimI2c(self.world, self.cells, self.mux, self.clock, seed=1)
        return Nau7802LoadCells(
            *(self.bus, 0x2A, self.mux, self.cells, self.rate_sps, 128),
            *(self.clock, "deck"),
            pause=self.clock.pause,
        )

    def pass_time(self, ns):
        self.clock.now_ns += ns
        return MonotonicNs(self.clock.now_ns)

    def set_load(self, cell, nv):
        self.world.cells_nv[cell] = nv

    def unplug(self):
        self.world.powered = False

    def replug(self):
        self.world.powered = True


class TestEightOnMultiplexer(OnModel):
    pass


class TestOneAlone(OnModel):
    mux, cells = None, 1


class TestOneWithItsReadyLine(OnModel):
    mux, cells = None, 1

    def open_device(self):
        self.clock, self.world, self.gpio = HandClock(), HandWorld(), SimGpio()
        self.bus = SimI2c(self.world, 1, None, self.clock, seed=1)
        self.gpio.attach_contact(4, lambda: not self.bus.chips[0].drdy())
        return Nau7802LoadCells(
            *(self.bus, 0x2A, None, 1, 80, 128, self.clock, "deck"),
            pause=self.clock.pause,
            ready=Contact(self.gpio, 4, "deck"),
        )

    def test_the_bus_is_asked_only_when_a_conversion_waits(self, device):
        self.run(device, 100)
        before = self.bus.transactions
        found = self.run(device, 400)
        assert self.bus.transactions - before == 2 * len(found)
        assert len(found) >= 319

    def test_a_ready_line_that_hangs_low_is_found_out_by_asking(self, device):
        self.run(device, 10)
        self.gpio.attach_contact(4, lambda: True)
        slow = self.samples(self.run(device, 200))
        assert slow
        assert all(sample.flags & SampleFlag.MISSED for sample in slow[1:])


class TestTenSamplesASecond(OnModel):
    cells, rate_sps = 2, 10
