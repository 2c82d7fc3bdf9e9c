"""Both relay barriers on simulated pins, on boards of either polarity and on both sides."""

from __future__ import annotations

from hal.contract.types import MonotonicNs, Side
from hal.drivers.relay import BarrierPins, HoldBarrier, PulseBarrier
from hal.sim.gpio import SimGpio
from hal.sim.relay import SimBarrier
from tests.contract.barrier_contract import HoldContract, PulseContract
from tests.contract.worlds import HandClock, HandWorld


class OnPins:
    side = Side.EXIT
    active_high = True
    kind: type = HoldBarrier

    def set_up(self):
        self.clock, self.world, self.gpio = HandClock(), HandWorld(), SimGpio()
        self.wires = SimBarrier(
            *(self.gpio, self.world, self.side),
            **{"open_": 20, "close": 16, "is_open": 21, "is_closed": 22, "contact": 23},
            active_high=self.active_high,
        )

    def open_device(self):
        pins = BarrierPins(open=20, close=16, is_open=21, is_closed=22, contact=23)
        return self.kind(
            self.gpio, self.side, pins, name="exit-barrier", active_high=self.active_high
        )

    def pass_time(self, ns):
        self.clock.now_ns += ns
        return self.now()

    def now(self):
        return MonotonicNs(self.clock.now_ns)

    def set_arm(self, mdeg):
        self.world.arms_mdeg[self.side] = mdeg

    def opening(self):
        return self.world.relay(f"{self.side.name.lower()}_open")

    def closing(self):
        return self.world.relay(f"{self.side.name.lower()}_close")

    def weld(self):
        self.wires.opening.welded = True


class TestHold(OnPins, HoldContract):
    pass


class TestHoldOnActiveLowBoardAtEntry(OnPins, HoldContract):
    active_high, side = False, Side.ENTRY


class TestPulse(OnPins, PulseContract):
    kind = PulseBarrier


class TestPulseOnActiveLowBoardAtEntry(OnPins, PulseContract):
    kind, active_high, side = PulseBarrier, False, Side.ENTRY
