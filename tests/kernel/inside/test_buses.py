"""The sign on the kernel's SPI, the converters' registers on its I2C, absent chips and nodes."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from hal.contract.types import DeviceAbsentError, FaultCode, MonotonicNs, SampleFlag
from hal.drivers.nau7802 import Nau7802LoadCells
from hal.drivers.sign_max7219 import Max7219Sign
from hal.linux.clock import SystemClock
from hal.linux.gpio import pin_factory
from hal.linux.i2c import LinuxI2c
from hal.linux.spi import LinuxSpi
from hal.linux.watchdog import LinuxWatchdog
from tests.kernel.inside.converter import ADAPTERS, ADDRESS, STUB, Converter, stub_bus

WIDTH, HEIGHT = 128, 32


def test_the_sign_shows_and_blanks_over_spidev() -> None:
    sign = Max7219Sign(LinuxSpi("sign"), WIDTH, HEIGHT, SystemClock(), "sign")
    assert sign.describe().simulated is False
    begun_s = time.monotonic()
    pictures = 50
    for at in range(pictures):
        assert sign.show(bytes([at]) * (WIDTH * HEIGHT // 8)) is None
    print(f"{pictures / (time.monotonic() - begun_s):.0f} pictures/s of {WIDTH}x{HEIGHT}")
    sign.blank()
    sign.close()


def test_a_chip_select_that_is_not_there_is_a_typed_absence() -> None:
    spi = LinuxSpi("sign")
    with pytest.raises(DeviceAbsentError, match=r"sign.*spidev0\.1.*dtparam=spi=on"):
        spi.open(0, 1)


def test_registers_keep_what_is_written_byte_and_block() -> None:
    bus = LinuxI2c(stub_bus(), "load cells")
    bus.write(ADDRESS, 0x02, b"\x35")
    assert bus.read(ADDRESS, 0x02, 1) == b"\x35"
    bus.write(ADDRESS, 0x12, b"\x12\x34\x56")
    assert bus.read(ADDRESS, 0x12, 3) == b"\x12\x34\x56"
    bus.write_byte(0x70, 0x01)
    bus.close()


def test_a_silent_address_is_an_os_error_on_either_adapter() -> None:
    """ENODEV here, ENXIO there, EREMOTEIO on a Pi: nobody may look for one number."""
    seen = set()
    adapters = [int(node.name.split("-")[1]) for node in Path("/dev").glob("i2c-*")]
    assert len(adapters) == 2, "i2c-gpio and i2c-stub"
    for number in adapters:
        bus = LinuxI2c(number, "load cells")
        with pytest.raises(OSError, match=r".+") as caught:
            bus.read(0x55, 0, 1)
        seen.add(caught.value.errno)
        bus.close()
    assert len(seen) == 2


def test_a_bus_that_is_not_there_is_a_typed_absence() -> None:
    with pytest.raises(DeviceAbsentError, match=r"/dev/i2c-9.*i2c_arm=on"):
        LinuxI2c(9, "load cells")


def test_a_missing_converter_is_refused_at_start_with_what_to_check() -> None:
    empty = next(
        int(node.name.split("-")[1])
        for node in Path("/dev").glob("i2c-*")
        if int(node.name.split("-")[1]) != stub_bus()
    )
    with pytest.raises(DeviceAbsentError, match="NAU7802 at 0x2a"):
        load_cells(empty)


def load_cells(bus: int) -> Nau7802LoadCells:
    clock = SystemClock()
    return Nau7802LoadCells(
        LinuxI2c(bus, "load cells"),
        ADDRESS,
        None,
        1,
        80,
        128,
        clock,
        "load cells",
        pause=lambda ns: time.sleep(ns / 1e9),
    )


def test_the_converter_starts_and_its_counts_arrive_over_the_kernels_bus() -> None:
    assert STUB in (ADAPTERS / f"i2c-{stub_bus()}" / "name").read_text()
    with Converter(counts=-123_456) as chip:
        cells = load_cells(stub_bus())
        samples = poll(cells, 20)
        assert {sample.counts for sample in samples} == {-123_456}
        assert not any(sample.flags & SampleFlag.SATURATED for sample in samples)
        chip.brown_out()
        faults = poll_faults(cells)
        assert faults[0].code is FaultCode.RESET
        chip.counts = 654_321
        assert {sample.counts for sample in poll(cells, 5)} == {654_321}
        cells.close()


def poll(cells: Nau7802LoadCells, count: int) -> list:
    """Samples that come, faults passed over; at most five seconds."""
    found: list = []
    deadline_s = time.monotonic() + 5
    while len(found) < count and time.monotonic() < deadline_s:
        outcome = cells.poll(MonotonicNs(time.monotonic_ns()), 8)
        found += [one for one in outcome if not hasattr(one, "code")]
        time.sleep(0.005)
    assert len(found) >= count
    return found


def poll_faults(cells: Nau7802LoadCells) -> list:
    deadline_s = time.monotonic() + 5
    while time.monotonic() < deadline_s:
        faults = [
            one for one in cells.poll(MonotonicNs(time.monotonic_ns()), 8) if hasattr(one, "code")
        ]
        if faults:
            return faults
        time.sleep(0.005)
    raise AssertionError("no fault within 5 s")


def test_nodes_that_are_not_there_name_their_overlay() -> None:
    with pytest.raises(DeviceAbsentError, match="watchdog"):
        LinuxWatchdog("watchdog", "/dev/watchdog7")
    with pytest.raises(DeviceAbsentError, match="gpiochip7"):
        pin_factory("field inputs", 7)
