"""MAX7219 chain: registers, module test, faults that only a person can see."""

from __future__ import annotations

import pytest

from hal.contract.types import DeviceAbsentError, FaultCode
from hal.drivers.sign_max7219 import Max7219Sign
from hal.sim.sign import Max7219Chip, SimSpi
from tests.contract.worlds import HandClock, HandWorld

FULL = b"\xff" * 512


def rig(**kwargs):
    clock, world = HandClock(), HandWorld()
    bus = SimSpi(world, 128, 32, clock)
    return world, bus, Max7219Sign(bus, 128, 32, clock, "sign", **kwargs)


def test_missing_spi_names_the_device_and_the_line_to_add():
    clock = HandClock()
    bus = SimSpi(HandWorld(), 128, 32, clock)
    bus.unplugged = True
    with pytest.raises(DeviceAbsentError) as caught:
        Max7219Sign(bus, 128, 32, clock, "sign")
    assert caught.value.device == "sign"
    assert "dtparam=spi=on" in caught.value.check


def test_brightness_reaches_every_chip():
    _, bus, sign = rig(brightness=3)
    sign.show(FULL)
    assert {chip.registers[0x0A] for chip in bus.chips} == {3}
    sign.set_brightness(15)
    sign.show(FULL)
    assert {chip.registers[0x0A] for chip in bus.chips} == {15}


def test_module_test_lights_all_and_the_next_picture_ends_it():
    world, bus, sign = rig()
    assert sign.module_test(True) is None
    assert world.lit[2] == FULL
    sign.show(bytes(512))
    assert not any(world.lit[2])
    bus.unplugged = True
    assert sign.module_test(True).code is FaultCode.BUS


def test_a_dead_module_and_a_broken_chain_stay_dark_without_a_fault():
    world, bus, sign = rig()
    bus.dead = frozenset({0})
    assert sign.show(FULL) is None
    assert world.lit[2].count(0) == 8
    world, bus, sign = rig()
    bus.broken_after = 16
    assert sign.show(FULL) is None
    assert world.lit[2] == b"\xff" * 128 + bytes(384)


def test_a_chip_obeys_shutdown_scan_limit_decode_and_test():
    chip = Max7219Chip()
    chip.registers[1:9] = bytes(range(1, 9))
    assert [chip.digit(at) for at in range(8)] == [0] * 8
    chip.registers[0x0C], chip.registers[0x0B] = 1, 3
    assert [chip.digit(at) for at in range(8)] == [1, 2, 3, 4, 0, 0, 0, 0]
    chip.registers[0x09] = 1
    assert chip.digit(0) == 0x30
    chip.registers[0x0F] = 1
    assert chip.digit(7) == 0xFF


def test_a_short_write_keeps_what_the_chain_already_held():
    _, bus, _ = rig()
    bus.writebytes([1, 0x55] * 64)
    bus.writebytes([2, 0x66])
    assert bus.chips[0].registers[2] == 0x66
    assert bus.chips[1].registers[1] == 0x55
    assert bus.chips[1].registers[2] == 0


def test_one_picture_is_thirteen_windows_of_two_bytes_a_module():
    _, bus, sign = rig()
    before = bus.transfers
    sign.show(FULL)
    assert bus.transfers - before == 13
    assert bus.max_speed_hz == 2_000_000


def test_the_configured_chip_select_is_opened():
    _, bus, _ = rig(chip_select=(1, 2))
    assert bus.opened == (1, 2)
    assert rig()[1].opened == (0, 0)
