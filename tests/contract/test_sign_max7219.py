"""The sign through the real luma code on modelled chips, in every size and orientation."""

from __future__ import annotations

import pytest

from hal.drivers.sign_max7219 import Max7219Sign
from hal.sim.sign import SimSpi
from tests.contract.sign_contract import SignContract
from tests.contract.worlds import HandClock, HandWorld


class OnChain(SignContract):
    orientation = 0

    @pytest.fixture(autouse=True)
    def rig(self):
        self.clock, self.world = HandClock(), HandWorld()

    def open_device(self):
        args = (*self.size_px, self.clock)
        self.bus = SimSpi(self.world, *args, block_orientation=self.orientation)
        return Max7219Sign(self.bus, *args, "sign", block_orientation=self.orientation)

    def lit(self):
        width, height, rows = self.world.lit
        assert (width, height) == self.size_px
        return rows

    def unplug(self):
        self.bus.unplugged = True

    def replug(self):
        self.bus.unplugged = False

    def lose_power(self):
        self.world.powered = False
        self.bus.writebytes([0, 0])
        self.world.powered = True


class TestTallUpright(OnChain):
    pass


class TestTallTurnedLeft(OnChain):
    orientation = 90


class TestTallTurnedRight(OnChain):
    orientation = -90


class TestTallUpsideDown(OnChain):
    orientation = 180


class TestLow(OnChain):
    size_px, orientation = (64, 16), -90


class TestOneRow(OnChain):
    size_px = (32, 8)
