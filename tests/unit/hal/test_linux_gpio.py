"""hal.linux.gpio against a recorded lgpio: outputs are claimed together with their level."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest

from hal.drivers.lines import Coil
from hal.linux.gpio import pin_factory

CONSTANTS = {
    **{"SET_PULL_NONE": 128, "SET_PULL_UP": 32, "SET_PULL_DOWN": 64},
    **{"BOTH_EDGES": 3, "RISING_EDGE": 1, "FALLING_EDGE": 2},
}


class RecordedLgpio(ModuleType):
    """The part of lgpio that gpiozero's factory and pins call, writing down what is driven."""

    def __init__(self):
        super().__init__("lgpio")
        self.levels, self.modes = [], {}
        self.__dict__.update(CONSTANTS)
        self.error = RuntimeError

    def gpiochip_open(self, chip):
        return 1

    def gpiochip_close(self, handle):
        pass

    def gpio_claim_input(self, handle, gpio, flags=0):
        self.modes[gpio] = 0
        self.levels.append("input")

    def gpio_claim_output(self, handle, gpio, level=0, flags=0):
        self.modes[gpio] = 2
        self.levels.append(bool(level))

    def gpio_write(self, handle, gpio, level):
        self.levels.append(bool(level))

    def gpio_read(self, handle, gpio):
        return self.levels[-1] is True

    def gpio_get_mode(self, handle, gpio):
        return self.modes[gpio]

    def gpio_free(self, handle, gpio):
        pass


@pytest.fixture
def lgpio(monkeypatch):
    module = RecordedLgpio()
    monkeypatch.setitem(sys.modules, "lgpio", module)
    monkeypatch.delitem(sys.modules, "gpiozero.pins.lgpio", raising=False)
    from gpiozero.pins.lgpio import LGPIOFactory

    monkeypatch.setattr(LGPIOFactory, "_get_revision", lambda _self: 0xC03115)
    yield module
    sys.modules.pop("gpiozero.pins.lgpio", None)


@pytest.mark.parametrize("active_high", [True, False])
def test_a_coil_never_sees_its_active_level_before_it_is_told(lgpio, active_high):
    factory = pin_factory("field", 0)
    coil = Coil(factory, 20, "exit-barrier", active_high)
    coil.set(False)
    assert active_high not in lgpio.levels
    coil.set(True)
    assert lgpio.levels[-1] is active_high
    coil.close()
    assert lgpio.levels[-2:] == [not active_high, "input"]
    factory.close()


def test_the_stock_pin_would_click_which_is_why_ours_exists(lgpio):
    from gpiozero.pins.lgpio import LGPIOFactory

    factory = LGPIOFactory(chip=0)
    Coil(factory, 20, "exit-barrier", False).close()
    assert False in lgpio.levels
    factory.close()


def test_a_library_error_becomes_the_typed_one(lgpio, monkeypatch):
    from hal.contract.types import DeviceAbsentError

    def refuse(_chip):
        raise lgpio.error("can not open gpiochip")

    monkeypatch.setattr(lgpio, "gpiochip_open", refuse)
    with pytest.raises(DeviceAbsentError) as caught:
        pin_factory("field", 4)
    assert caught.value.device == "field"
    assert "/dev/gpiochip4 cannot be opened" in caught.value.found
