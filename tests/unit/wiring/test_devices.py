"""Wiring: each kind of the configuration opens its driver, and says by name what is missing."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from hal.contract.types import DeviceAbsentError, DeviceInfo, InputName, Tri
from hal.drivers.ads1232 import Ads1232LoadCells
from hal.drivers.hx711 import Hx711LoadCells
from hal.drivers.keypad_matrix import MatrixKeypad
from hal.drivers.sign_max7219 import Max7219Sign
from hal.sim.ads1232 import Ads1232Chip
from hal.sim.gpio import SimGpio
from hal.sim.hx711 import Hx711Chip
from hal.sim.mcp23017 import SimExpander
from hal.sim.nau7802 import SimI2c
from hal.sim.sign import SimSpi
from terminal.config import Loaded
from terminal.config_load import parse
from terminal.wiring import amplifiers, panel_devices
from terminal.wiring.amplifiers import load_cell
from terminal.wiring.bridge import mcu_barriers
from terminal.wiring.context import Context
from terminal.wiring.devices import lane_devices
from terminal.wiring.plugins import open_plugin
from tests.contract.worlds import HandClock, HandWorld


def context(text: str) -> Context:
    config, problems = parse(text.encode())
    assert config is not None
    assert not problems
    loaded = Loaded(config, Path("/nowhere"), hashlib.sha256(b"").digest())
    return Context("test", loaded, HandClock(), _world=HandWorld())


CLOCKED = """
[amplifier]
kind = "{kind}"
cells = 2
rate_sps = 80
gain = {gain}
clock_pins = [5, 12]
data_pins = [6, 13]
"""


@pytest.fixture
def sleep_on_hand_clock(monkeypatch):
    def use(clock):
        monkeypatch.setattr("hal.linux.clock.pause", clock.pause)

    return use


@pytest.mark.parametrize(
    ("kind", "gain", "chip", "driver"),
    [("hx711", 32, Hx711Chip, Hx711LoadCells), ("ads1232", 128, Ads1232Chip, Ads1232LoadCells)],
)
def test_clocked_converters_open_on_their_pins(kind, gain, chip, driver, sleep_on_hand_clock):
    here = context(CLOCKED.format(kind=kind, gain=gain))
    sleep_on_hand_clock(here.clock)
    gpio = SimGpio()
    for cell, pins in enumerate(((5, 6), (12, 13))):
        chip(gpio, pins, here.world(), cell, here.clock, 80)
    device = load_cell(here, gpio)
    assert isinstance(device, driver)
    assert (device.describe().cells, device.describe().gain) == (2, gain)


def test_an_iio_device_that_is_not_there_is_named():
    here = context('[amplifier]\nkind = "iio"\ncells = 1\nrate_sps = 10\niio_devices = ["none-1"]')
    with pytest.raises(DeviceAbsentError, match=r"load cells.*'none-1'"):
        load_cell(here, None)


def test_a_kind_without_a_driver_lists_those_that_exist(monkeypatch):
    monkeypatch.delitem(amplifiers.OPENERS, "iio")
    with pytest.raises(DeviceAbsentError, match="hx711, ads1232"):
        load_cell(context('[amplifier]\nkind = "iio"'), None)


def test_the_sign_opens_the_chip_select_of_the_configuration(monkeypatch):
    here = context('[sign]\nkind = "max7219"\nspi_port = 1\nspi_device = 2')
    opened = []

    class Spi(SimSpi):
        def __init__(self, _name):
            super().__init__(here.world(), 128, 32, here.clock)

        def open(self, port, device):
            opened.append((port, device))

    monkeypatch.setattr("hal.linux.spi.LinuxSpi", Spi)
    assert isinstance(panel_devices.sign(here), Max7219Sign)
    assert opened == [(1, 2)]


def test_the_keypad_opens_on_its_expander_and_touches_no_header_pin(monkeypatch):
    here = context('[keypad]\nkind = "matrix"\nexpander_bus = 3\nexpander_address = 0x24')
    asked = []

    def bus(number, name):
        asked.append((number, name))
        return SimExpander(here.world(), 0x24, here.clock)

    monkeypatch.setattr("hal.linux.i2c.LinuxI2c", bus)
    assert isinstance(panel_devices.keypad(here), MatrixKeypad)
    assert asked == [(3, "keypad expander")]


@pytest.mark.parametrize("rows", ["[4, 7, 8, 9]", "[108, 109, 110, 111]"])
def test_the_simulated_keypad_sits_on_the_board_that_the_lines_name(rows):
    columns = "[0, 1, 14, 15]" if rows.startswith("[4") else "[100, 101, 102, 103]"
    here = context(f'[keypad]\nkind = "sim"\nrows = {rows}\ncolumns = {columns}\ndebounce_ms = 5')
    keypad = panel_devices.keypad(here)
    assert keypad is not None
    assert keypad.describe().simulated
    keypad.poll(here.clock.monotonic_ns())
    here.world().key_bits = 1
    for _ in range(3):
        here.clock.now_ns += 20_000_000
        found = [press.key.value for press in keypad.poll(here.clock.monotonic_ns())]
        if found:
            break
    assert found == ["1"]


class Point:
    value = "acme_scale.device:open"

    def __init__(self, opener, name="acme"):
        self.opener, self.name = opener, name

    def load(self):
        return self.opener


class ThirdKeypad:
    def poll(self, now_ns):
        return ()

    def describe(self):
        return DeviceInfo("keypad", "ACME", simulated=False)

    def close(self):
        pass


def keypad_plugin(opener, wanted="acme"):
    from hal.contract.devices import Keypad

    clock = HandClock()
    return open_plugin(Keypad, wanted, {"port": 3}, clock, "keypad", find=lambda: [Point(opener)])


def test_a_third_partys_device_is_opened_with_its_options():
    told = []

    def opener(options, clock, name):
        told.append((options, name, clock.monotonic_ns()))
        return ThirdKeypad()

    assert isinstance(keypad_plugin(opener), ThirdKeypad)
    assert told == [({"port": 3}, "keypad", 1_000_000_000)]


@pytest.mark.parametrize(
    ("opener", "wanted", "words"),
    [
        (lambda *_args: ThirdKeypad(), "other", "installed: acme"),
        (lambda *_args: object(), "acme", "gave no Keypad"),
        (lambda *_args: 1 // 0, "acme", "ZeroDivisionError"),
    ],
)
def test_a_third_partys_device_that_cannot_be_used_is_absent_by_name(opener, wanted, words):
    with pytest.raises(DeviceAbsentError, match=words) as caught:
        keypad_plugin(opener, wanted)
    assert caught.value.device == "keypad"
    assert caught.value.check


@pytest.mark.parametrize("section", ["sign", "keypad", "amplifier"])
def test_a_plugin_that_is_not_installed_is_a_typed_error(section):
    here = context(f'[{section}]\nkind = "plugin"\nplugin = "never-heard-of"')
    openers = {
        "sign": panel_devices.sign,
        "keypad": panel_devices.keypad,
        "amplifier": lambda where: load_cell(where, None),
    }
    with pytest.raises(DeviceAbsentError, match="never-heard-of"):
        openers[section](here)


def test_inputs_of_a_simulated_lane_may_sit_on_an_expander(sleep_on_hand_clock):
    here = context("[field]\nexpander_address = 0x21\nestop = 100\nbeam_exit = 113")
    sleep_on_hand_clock(here.clock)
    here.clock.now_ns += 1
    devices = lane_devices(here)
    here.world().set_input(InputName.ESTOP, True)
    for _ in range(6):
        here.clock.now_ns += 10_000_000
        levels = devices.inputs.poll(here.clock.monotonic_ns())
    assert (levels[InputName.ESTOP].value, levels[InputName.BEAM_EXIT].value) == (Tri.YES, Tri.NO)
    assert devices.simulated()
    devices.close()


def test_a_single_converter_s_ready_line_is_claimed(monkeypatch):
    here = context('[amplifier]\nkind = "nau7802"\ncells = 1\nmux_address = 0\nready_pin = 4')
    gpio = SimGpio()
    bus = SimI2c(here.world(), 1, None, here.clock)
    monkeypatch.setattr("hal.linux.i2c.LinuxI2c", lambda _number, _name: bus)
    monkeypatch.setattr("hal.linux.clock.pause", here.clock.pause)
    gpio.attach_contact(4, lambda: not bus.chips[0].drdy())
    device = load_cell(here, gpio)
    with pytest.raises(DeviceAbsentError, match="GPIO4"):
        load_cell(here, gpio)
    device.close()


def test_only_the_doctor_leaves_out_a_front_end_that_is_not_there(sleep_on_hand_clock):
    here = context("")
    sleep_on_hand_clock(here.clock)
    here.world().powered = False
    with pytest.raises(DeviceAbsentError, match="load cells"):
        lane_devices(here)
    told = []
    devices = lane_devices(here, told.append)
    assert devices.load_cell is None
    assert [error.device for error in told] == ["load cells"]
    devices.close()


def test_an_installed_package_is_found_by_its_entry_point(tmp_path, monkeypatch):
    (tmp_path / "acme_pad.py").write_text(
        "from tests.unit.wiring.test_devices import ThirdKeypad\n"
        "def open_device(options, clock, name):\n"
        "    assert options == {'port': 3} and name == 'keypad'\n"
        "    return ThirdKeypad()\n"
    )
    info = tmp_path / "acme_pad-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-pad\nVersion: 1.0\n")
    points = "[weigh_terminal.devices]\nacme-pad = acme_pad:open_device\n"
    (info / "entry_points.txt").write_text(points)
    monkeypatch.syspath_prepend(tmp_path)
    here = context('[keypad]\nkind = "plugin"\nplugin = "acme-pad"\n[keypad.options]\nport = 3\n')
    keypad = panel_devices.keypad(here)
    assert type(keypad).__name__ == "ThirdKeypad"


def test_arms_on_a_board_that_is_not_there_are_refused_by_name():
    config, _problems = parse(b'[field]\nkind = "gpio"\nbarriers = "mcu"\n')
    assert config is not None
    with pytest.raises(DeviceAbsentError, match=r"barriers.*microcontroller.*amplifier\.port"):
        mcu_barriers(config, None)
