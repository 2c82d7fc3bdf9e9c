"""A device that goes away while it runs: whatever errno the kernel chose, the same typed fault."""

from __future__ import annotations

import errno
import os

import pytest

from hal.contract.types import Fault, FaultCode, Key, MonotonicNs, RawSample
from hal.drivers.iio_cells import IioLoadCells
from hal.drivers.keypad_matrix import MatrixKeypad
from hal.drivers.lines import Lines
from hal.drivers.mcp23017 import Mcp23017Gpio
from hal.drivers.nau7802 import Nau7802LoadCells
from hal.drivers.sign_max7219 import Max7219Sign
from hal.sim.iio import SimIio
from hal.sim.keypad import SimKeypad
from hal.sim.mcp23017 import SimExpander
from hal.sim.nau7802 import SimI2c
from hal.sim.sign import SimSpi
from tests.contract.worlds import HandClock, HandWorld

ERRNOS = (errno.ENODEV, errno.ENXIO, errno.EREMOTEIO, errno.EIO, errno.ETIMEDOUT, errno.EAGAIN)
ERRNOS += (errno.ESHUTDOWN, errno.EBADF, errno.EPROTO)
TICK_NS = 10_000_000


class Gone:
    """A bus that answers until it is taken away, then with one errno."""

    def __init__(self, bus):
        self._bus, self.code = bus, 0

    def __getattr__(self, name):
        found = getattr(self._bus, name)
        if not callable(found) or name == "close":
            return found

        def call(*args):
            if self.code:
                raise OSError(self.code, os.strerror(self.code))
            return found(*args)

        return call


@pytest.fixture
def clock():
    return HandClock()


def run(clock, poll, ticks):
    found = []
    for _ in range(ticks):
        clock.now_ns += TICK_NS
        found += poll(MonotonicNs(clock.now_ns))
    return found


@pytest.mark.parametrize("code", ERRNOS)
@pytest.mark.parametrize("kind", ["nau7802", "iio"])
def test_load_cells_that_go_away_are_one_kind_of_fault_and_come_back(clock, code, kind):
    world = HandWorld()
    if kind == "nau7802":
        bus = Gone(SimI2c(world, 1, None, clock))
        device = Nau7802LoadCells(bus, 0x2A, None, 1, 80, 128, clock, "deck", pause=clock.pause)
    else:
        bus = Gone(SimIio(world, 0, clock, 80))
        device = IioLoadCells([bus], 80, 128, clock, "deck")
    bus.code = code
    found = run(clock, lambda now: device.poll(now, 16), 100)
    assert {(item.code, item.device) for item in found} == {(FaultCode.BUS, "deck")}
    assert os.strerror(code) in found[0].detail
    bus.code = 0
    healed = run(clock, lambda now: device.poll(now, 16), 300)
    assert isinstance(healed[-1], RawSample)


@pytest.mark.parametrize("code", ERRNOS)
def test_an_expander_that_goes_away_is_a_bus_fault_of_its_keypad_and_comes_back(clock, code):
    world = HandWorld()
    chip = SimExpander(world, 0x20, clock)
    SimKeypad(chip, world, (8, 9, 10, 11), (0, 1, 2, 3))
    bus = Gone(chip)
    lines = Lines(None, Mcp23017Gpio(bus, 0x20, clock, "expander"))
    keypad = MatrixKeypad(lines, (108, 109, 110, 111), (100, 101, 102, 103), name="keypad")
    bus.code = code
    found = run(clock, keypad.poll, 50)
    assert [(item.code, item.device) for item in found] == [(FaultCode.BUS, "keypad")]
    bus.code = 0
    run(clock, keypad.poll, 20)
    world.press(Key.D1)
    assert [item.key for item in run(clock, keypad.poll, 10)] == [Key.D1]


@pytest.mark.parametrize("code", ERRNOS)
def test_a_sign_whose_bus_goes_away_is_a_bus_fault_and_comes_back(clock, code):
    world = HandWorld()
    bus = Gone(SimSpi(world, 128, 32, clock))
    sign = Max7219Sign(bus, 128, 32, clock, "sign")
    bus.code = code
    fault = sign.show(bytes(512))
    assert isinstance(fault, Fault)
    assert (fault.code, fault.device) == (FaultCode.BUS, "sign")
    bus.code = 0
    assert sign.show(b"\x0f" * 512) is None
    assert world.sign()[2] == b"\x0f" * 512
