"""Load cells behind the kernel's IIO buffer: the contract on a model, the files on a folder."""

from __future__ import annotations

import os

import pytest

from hal.contract.types import DeviceAbsentError, Fault, FaultCode, MonotonicNs
from hal.drivers.iio_cells import IioLoadCells
from hal.linux.iio import LinuxIio
from hal.sim.iio import SimIio
from tests.contract.load_cell_contract import LoadCellContract
from tests.contract.worlds import HandClock, HandWorld


class TestOnModel(LoadCellContract):
    def open_device(self):
        self.clock, self.world = HandClock(), HandWorld()
        self.channels = [SimIio(self.world, cell, self.clock, 80) for cell in range(4)]
        return IioLoadCells(self.channels, 80, 128, self.clock, "deck")

    def pass_time(self, ns):
        self.clock.now_ns += ns
        return MonotonicNs(self.clock.now_ns)

    def set_load(self, cell, nv):
        self.world.cells_nv[cell] = nv

    def unplug(self):
        self.world.powered = False

    def replug(self):
        self.world.powered = True

    def test_a_device_that_goes_away_is_a_bus_fault_and_comes_back(self, device):
        self.run(device, 10)
        self.channels[2].gone = True
        faults = [item for item in self.run(device, 100) if isinstance(item, Fault)]
        assert {fault.code for fault in faults} == {FaultCode.BUS}
        assert all("cell 2" in fault.detail for fault in faults)
        self.channels[2].gone = False
        assert any(s.cell == 2 for s in self.samples(self.run(device, 200)))

    def test_scans_nobody_fetched_are_an_overrun_and_bounded(self, device):
        for _ in range(40):
            found = device.poll(self.pass_time(200_000_000), 4)
        assert device.tally.faults[FaultCode.OVERRUN] > 0
        assert len(found) <= 4


def tree(folder, *, kind="le:u24/32>>0", trigger="weigh", buffer=True):
    """A sysfs folder and a pipe in the place of the character device."""
    device = folder / "sys" / "iio:device0"
    files = {"name": "hx711\n", "current_timestamp_clock": "realtime"}
    if buffer:
        files |= {"buffer/enable": "0", "buffer/length": "2", "trigger/current_trigger": "\n"}
        files |= {"scan_elements/in_voltage0_type": kind, "scan_elements/in_voltage0_en": "0"}
        files |= {"scan_elements/in_voltage1_en": "1", "scan_elements/in_timestamp_en": "0"}
    for name, text in files.items():
        path = device / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    if trigger:
        (folder / "sys" / "trigger0").mkdir()
        (folder / "sys" / "trigger0" / "name").write_text(trigger)
    (folder / "dev").mkdir()
    os.mkfifo(folder / "dev" / "iio:device0")
    return device


def open_iio(folder, which="hx711"):
    return LinuxIio(which, "deck", sysfs=folder / "sys", nodes=folder / "dev")


def scan(raw, stamp_ns):
    return raw.to_bytes(4, "little") + bytes(4) + stamp_ns.to_bytes(8, "little")


def test_scans_come_with_their_time_and_sign_and_halves_wait(tmp_path):
    device = tree(tmp_path)
    channel = open_iio(tmp_path)
    assert channel.read() == []
    writer = os.open(tmp_path / "dev" / "iio:device0", os.O_WRONLY)
    assert channel.read() == ()
    whole = scan(0x800000, 7) + scan(0x7FFFFF, 8) + scan(0xFFFFFF, 9)
    os.write(writer, whole[:40])
    assert channel.read() == [(7, 0), (8, -1)]
    os.write(writer, whole[40:])
    assert channel.read() == [(9, 0x7FFFFF)]
    os.close(writer)
    channel.close()
    said = {p.name: p.read_text() for p in (device / "scan_elements").iterdir()}
    assert (said["in_voltage0_en"], said["in_voltage1_en"], said["in_timestamp_en"]) == tuple("101")
    assert (device / "trigger" / "current_trigger").read_text() == "weigh"
    assert (device / "current_timestamp_clock").read_text() == "monotonic"
    assert (device / "buffer" / "enable").read_text() == "0"


def test_a_signed_big_endian_format_is_read_as_such(tmp_path):
    tree(tmp_path, kind="be:s24/32>>8")
    channel = open_iio(tmp_path, "iio:device0")
    writer = os.open(tmp_path / "dev" / "iio:device0", os.O_WRONLY)
    os.write(writer, b"\xff\xff\xfe\x00" + bytes(4) + (5).to_bytes(8, "little"))
    assert channel.read() == [(5, -2)]
    os.close(writer)
    channel.close()


@pytest.mark.parametrize(
    ("changes", "which", "words"),
    [
        ({}, "nau7802", "lists no device called 'nau7802'"),
        ({"buffer": False}, "hx711", "has no buffer"),
        ({"kind": "odd"}, "hx711", "unknown format"),
        ({"trigger": ""}, "hx711", "does not exist"),
    ],
)
def test_what_cannot_be_used_is_one_typed_error(tmp_path, changes, which, words):
    tree(tmp_path, **changes)
    with pytest.raises(DeviceAbsentError, match=words) as caught:
        open_iio(tmp_path, which)
    assert caught.value.device == "deck"
