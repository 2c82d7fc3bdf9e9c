"""Lamp and siren relays on simulated pins."""

from __future__ import annotations

import pytest

from hal.drivers.relay import RelayLamp, RelaySiren
from hal.sim.gpio import SimGpio
from hal.sim.relay import SimRelay
from tests.contract.lamp_contract import LampContract, SirenContract
from tests.contract.worlds import HandWorld


class OnPin:
    @pytest.fixture(params=[True, False], ids=["active-high", "active-low"], autouse=True)
    def rig(self, request):
        self.active_high = request.param
        self.world, self.gpio = HandWorld(), SimGpio()
        SimRelay(self.gpio, 17, self.world, "coil", self.active_high)

    def open_device(self):
        return self.kind(self.gpio, 17, name="it", active_high=self.active_high)

    def on(self):
        return self.world.relay("coil")


class TestLamp(OnPin, LampContract):
    kind = RelayLamp
    green = OnPin.on


class TestSiren(OnPin, SirenContract):
    kind = RelaySiren
    sounding = OnPin.on
