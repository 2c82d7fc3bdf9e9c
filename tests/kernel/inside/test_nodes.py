"""A keypad on the kernel's input layer, pulled out and put back; a converter on its IIO layer."""

from __future__ import annotations

import os
import struct
import time
from collections.abc import Iterator
from fcntl import ioctl
from pathlib import Path

import pytest

from hal.contract.types import (
    DeviceAbsentError,
    Fault,
    FaultCode,
    KeyPress,
    MonotonicNs,
    RawSample,
)
from hal.drivers.iio_cells import IioLoadCells
from hal.linux.clock import SystemClock
from hal.linux.iio import LinuxIio
from hal.linux.usb_keypad import EV_KEY, EVENT, KEYS, UsbKeypad

UI_DEV_CREATE, UI_DEV_DESTROY, UI_SET_EVBIT, UI_SET_KEYBIT = 0x5501, 0x5502, 0x40045564, 0x40045565
UINPUT_USER_DEV = struct.Struct("80s4HI256i")
BUS_USB = 3
WAIT_S_MAX = 5.0
CONFIGFS = Path("/sys/kernel/config/iio")


class Keyboard:
    """A keyboard as the kernel sees one: the far end of an input device."""

    def __init__(self) -> None:
        before = {*Path("/dev/input").glob("event*")}
        self._fd = os.open("/dev/uinput", os.O_RDWR | os.O_CLOEXEC)
        ioctl(self._fd, UI_SET_EVBIT, EV_KEY)
        for code in KEYS:
            ioctl(self._fd, UI_SET_KEYBIT, code)
        os.write(self._fd, UINPUT_USER_DEV.pack(b"pad", BUS_USB, 1, 1, 1, 0, *(0,) * 256))
        ioctl(self._fd, UI_DEV_CREATE)
        (self.node,) = {*Path("/dev/input").glob("event*")} - before

    def tap(self, code: int) -> None:
        for value in (1, 0):
            os.write(self._fd, EVENT.pack(0, 0, EV_KEY, code, value) + EVENT.pack(0, 0, 0, 0, 0))

    def pull_out(self) -> None:
        ioctl(self._fd, UI_DEV_DESTROY)
        os.close(self._fd)


def now() -> MonotonicNs:
    return MonotonicNs(time.monotonic_ns())


def test_a_usb_keypad_is_read_grabbed_lost_and_found_again() -> None:
    keyboard = Keyboard()
    keypad = UsbKeypad(str(keyboard.node), "keypad")
    for code, key in KEYS.items():
        keyboard.tap(code)
        (press,) = keypad.poll(now())
        assert isinstance(press, KeyPress)
        assert press.key is key
    for code in KEYS:
        keyboard.tap(code)  # more than the kernel keeps for a reader who is away
    dropped = [one for one in keypad.poll(now()) if isinstance(one, Fault)]
    assert [fault.code for fault in dropped] == [FaultCode.OVERRUN]
    keypad.poll(now())
    with pytest.raises(DeviceAbsentError):
        UsbKeypad(str(keyboard.node), "second keypad")
    node = keyboard.node
    keyboard.pull_out()
    (lost,) = keypad.poll(now())
    assert isinstance(lost, Fault)
    assert (lost.code, lost.device) == (FaultCode.ABSENT, "keypad")
    again = Keyboard()
    assert again.node == node, "the kernel gives the free number away again"
    later = MonotonicNs(now() + 2_000_000_000)
    keypad.poll(later)
    again.tap(next(iter(KEYS)))
    assert len(keypad.poll(later)) == 1
    keypad.close()
    again.pull_out()


@pytest.fixture
def converter() -> Iterator[str]:
    """The kernel's own example of a converter with a buffer, and a timer to trigger it."""
    trigger, device = CONFIGFS / "triggers/hrtimer/weigh", CONFIGFS / "devices/dummy/weigh"
    trigger.mkdir()
    device.mkdir()
    yield "iio:device0"
    device.rmdir()
    trigger.rmdir()


def test_scans_of_the_kernels_iio_arrive_with_the_kernels_time(converter: str) -> None:
    channel = LinuxIio(converter, "load cells")
    cells = IioLoadCells((channel,), 80, 128, SystemClock(), "load cells")
    assert cells.describe().device.simulated is False
    samples: list[RawSample] = []
    begun_ns, deadline_s = now(), time.monotonic() + WAIT_S_MAX
    while len(samples) < 20 and time.monotonic() < deadline_s:
        samples += [one for one in cells.poll(now(), 16) if isinstance(one, RawSample)]
        time.sleep(0.005)
    assert len(samples) >= 20
    stamps = [sample.at_ns for sample in samples]
    assert stamps == sorted(set(stamps))
    assert begun_ns <= stamps[0] <= stamps[-1] <= now()
    cells.close()
