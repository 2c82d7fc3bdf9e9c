"""The USB keypad on a pipe in the place of its node: the kernel's own events, byte for byte."""

from __future__ import annotations

import errno
import os

import pytest

from hal.contract.devices import Keypad
from hal.contract.types import DeviceAbsentError, FaultCode, Key, KeyPress, MonotonicNs
from hal.linux.usb_keypad import EVENT, EVIOCGRAB, KEYS, UsbKeypad, find_keypads

NOW = MonotonicNs(5_000_000_000)


class Bench:
    def __init__(self, folder, **options):
        self.path = folder / "usb-pad-event-kbd"
        os.mkfifo(self.path)
        self.grabs = []
        options.setdefault("grab", lambda *args: self.grabs.append(args[1:]))
        self.device = UsbKeypad("", "keypad", find=lambda: find_keypads(folder), **options)
        self.writer = os.open(self.path, os.O_WRONLY)

    def event(self, code, value, kind=1):
        os.write(self.writer, EVENT.pack(1, 2, kind, code, value) + EVENT.pack(1, 2, 0, 0, 0))

    def poll(self, now=NOW):
        return list(self.device.poll(MonotonicNs(now)))


@pytest.fixture
def bench(tmp_path):
    bench = Bench(tmp_path)
    yield bench
    bench.device.close()
    bench.device.close()
    os.close(bench.writer)


def test_it_is_a_keypad_and_grabbed_so_that_no_pin_reaches_a_login(bench):
    assert isinstance(bench.device, Keypad)
    assert bench.grabs == [(EVIOCGRAB, 1)]
    assert not bench.device.describe().simulated


@pytest.mark.parametrize("code", KEYS)
def test_each_key_is_one_press_whatever_repeats(bench, code):
    for value in (1, 2, 2, 0):
        bench.event(code, value)
    assert bench.poll() == [KeyPress(KEYS[code], NOW)]
    assert bench.poll() == []


def test_every_key_of_the_terminal_is_on_a_numeric_pad():
    pad_codes = [code for code in KEYS if code >= 55]
    assert {KEYS[code] for code in pad_codes} == set(Key)


def test_unknown_keys_and_other_events_are_nothing(bench):
    bench.event(69, 1)
    bench.event(4, 458_833, kind=4)
    assert bench.poll() == []


def test_half_an_event_waits_for_its_rest(bench):
    wire = EVENT.pack(1, 2, 1, 79, 1)
    os.write(bench.writer, wire[:10])
    assert bench.poll() == []
    os.write(bench.writer, wire[10:])
    assert bench.poll() == [KeyPress(Key.D1, NOW)]


def test_dropped_events_and_stuck_keys_are_faults_once(bench):
    bench.event(3, 0, kind=0)
    assert [item.code for item in bench.poll()] == [FaultCode.OVERRUN]
    bench.event(79, 1)
    bench.poll()
    late = NOW + 31_000_000_000
    assert [item.code for item in bench.poll(late)] == [FaultCode.STUCK]
    assert bench.poll(late + 1) == []
    bench.event(79, 0)
    bench.event(79, 1)
    assert bench.poll(late + 2) == [KeyPress(Key.D1, late + 2)]


def test_pulled_out_is_one_fault_and_plugged_in_again_works_without_a_restart(bench):
    os.close(bench.writer)
    bench.path.unlink()
    assert [(f.code, f.device) for f in bench.poll()] == [(FaultCode.ABSENT, "keypad")]
    for step in range(1, 40):
        assert bench.poll(NOW + step * 100_000_000) == []
    os.mkfifo(bench.path)
    bench.poll(NOW + 5_000_000_000)
    bench.writer = os.open(bench.path, os.O_WRONLY | os.O_NONBLOCK)
    bench.event(96, 1)
    assert bench.poll(NOW + 6_000_000_000)[0].key is Key.HASH


@pytest.mark.parametrize("code", [errno.ENOENT, errno.ENODEV, errno.EACCES, errno.ENXIO, errno.EIO])
def test_every_errno_is_the_same_typed_error(tmp_path, monkeypatch, code):
    def refuse(_path, _flags):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(DeviceAbsentError) as caught:
        UsbKeypad("/dev/input/event7", "keypad")
    assert caught.value.device == "keypad"
    assert "event7" in caught.value.found
    assert "by-id" in caught.value.check


def test_none_found_and_none_to_grab_say_what_to_check(tmp_path):
    with pytest.raises(DeviceAbsentError, match="no USB keypad was found"):
        UsbKeypad("", "keypad", find=lambda: find_keypads(tmp_path))

    def busy(*_args):
        raise OSError(errno.EBUSY, "busy")

    with pytest.raises(DeviceAbsentError, match="in use by another program"):
        Bench(tmp_path, grab=busy)
