"""hal.linux: absent devices, refused permissions, the clock. No device is needed."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hal.contract.devices import Clock, Watchdog
from hal.contract.types import ClockQuality, DeviceAbsentError, MonotonicNs
from hal.linux import clock, i2c, realtime
from hal.linux.absent import REASONS, absent
from hal.linux.i2c import LinuxI2c
from hal.linux.spi import LinuxSpi
from hal.linux.watchdog import WDIOC_SETTIMEOUT, LinuxWatchdog

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("code", [*REASONS, errno.EIO, errno.ETIMEDOUT])
def test_every_errno_at_open_is_the_same_typed_error(code, monkeypatch):
    def refuse(_path):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(i2c, "SMBus", refuse)
    with pytest.raises(DeviceAbsentError) as caught:
        LinuxI2c(1, "deck")
    assert caught.value.device == "deck"
    assert "/dev/i2c-1" in caught.value.found
    assert "i2c_arm=on" in caught.value.check
    assert str(absent("a", "/dev/b", ValueError("odd"), "Check c")).startswith("a: /dev/b cannot")


def test_i2c_transfers_use_the_fewest_bytes_and_close(monkeypatch):
    log = []

    class Bus:
        fd = None

        def __init__(self, path):
            log.append(path)

        def __getattr__(self, name):
            def call(*args):
                log.append((name, *args))
                return [1, 2, 3] if "block" in name else 9

            return call

    monkeypatch.setattr(i2c, "SMBus", Bus)
    bus = LinuxI2c(1, "deck")
    assert bus.read(0x2A, 0x12, 3) == b"\x01\x02\x03"
    assert bus.read(0x2A, 0, 1) == b"\x09"
    bus.write(0x2A, 0, b"\x01")
    bus.write(0x2A, 3, b"\x01\x02")
    bus.write_byte(0x70, 4)
    bus.write(0x2A, 0, b"\x02")
    bus.close()
    assert not bus.simulated
    assert log == [
        "/dev/i2c-1",
        ("read_i2c_block_data", 0x2A, 0x12, 3),
        ("read_byte_data", 0x2A, 0),
        ("write_byte_data", 0x2A, 0, 1),
        ("write_i2c_block_data", 0x2A, 3, [1, 2]),
        "/dev/i2c-1",  # a file for each address: changing one file's costs a call each time
        ("write_byte", 0x70, 4),
        ("write_byte_data", 0x2A, 0, 2),
        ("close",),
        ("close",),
    ]


def test_missing_spidev_package_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "spidev", None)
    with pytest.raises(DeviceAbsentError, match="weigh-terminal"):
        LinuxSpi("sign")


def test_spi_opens_sends_and_names_its_node_when_absent(monkeypatch):
    class Device:
        max_speed_hz = 0

        def __init__(self):
            self.sent = []

        def open(self, port, device):
            if port:
                raise FileNotFoundError(errno.ENOENT, "no")

        def writebytes(self, payload):
            self.sent.append(payload)

        writebytes2 = writebytes

        def close(self):
            self.sent.append("closed")

    monkeypatch.setitem(sys.modules, "spidev", type("M", (), {"SpiDev": Device}))
    spi = LinuxSpi("sign")
    with pytest.raises(DeviceAbsentError, match=r"/dev/spidev1\.0 does not exist"):
        spi.open(1, 0)
    spi.open(0, 0)
    spi.max_speed_hz = 5
    spi.writebytes([1])
    spi.writebytes2([2])
    spi.close()
    assert (spi.max_speed_hz, spi._device.sent) == (5, [[1], [2], "closed"])


def test_importing_hal_linux_gpio_does_not_import_lgpio(tmp_path):
    code = "import sys, hal.linux.gpio; sys.exit('lgpio' in sys.modules)"
    env = {"PYTHONPATH": str(ROOT), "PATH": os.defpath}
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=env, check=False)
    assert done.returncode == 0
    assert not list(tmp_path.iterdir())


def test_a_machine_without_that_gpio_chip_is_an_absent_device(tmp_path):
    code = (
        "from hal.contract.types import DeviceAbsentError\n"
        "from hal.linux.gpio import pin_factory\n"
        "try:\n    pin_factory('field', 987)\n"
        "except DeviceAbsentError as error:\n    print(error.device, '|', error.found)\n"
    )
    env = {"PYTHONPATH": str(ROOT), "PATH": os.defpath}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=env, check=True, capture_output=True
    )
    assert done.stdout.startswith(b"field | /dev/gpiochip987 ")


def test_the_clock_is_the_systems_and_its_quality_never_a_guess(monkeypatch, tmp_path):
    system = clock.SystemClock()
    assert isinstance(system, Clock)
    assert time.monotonic_ns() - system.monotonic_ns() < 10_000_000_000
    assert abs(time.time_ns() - system.wall_ns()) < 10_000_000_000
    for disciplined, rtc, quality in [
        (True, False, ClockQuality.SYNCED),
        (False, True, ClockQuality.RTC),
        (False, False, ClockQuality.UNKNOWN),
    ]:
        monkeypatch.setattr(clock, "disciplined", lambda answer=disciplined: answer)
        monkeypatch.setattr(clock, "has_rtc", lambda answer=rtc: answer)
        assert system.quality() is quality


def test_an_rtc_counts_only_with_a_plausible_time(tmp_path):
    node = tmp_path / "since_epoch"
    assert not clock.has_rtc(node)
    for text, good in [("12\n", False), ("rubbish", False), ("1790000000\n", True)]:
        node.write_text(text)
        assert clock.has_rtc(node) is good


@pytest.mark.parametrize(
    ("state", "status", "good"),
    [(0, 0x2001, True), (0, 0x2041, False), (5, 0x2001, False), (-1, 0x2001, False)],
)
def test_the_kernel_alone_says_whether_the_clock_is_disciplined(monkeypatch, state, status, good):
    class Libc:
        def __init__(self, *_, **__):
            pass

        def adjtimex(self, pointer):
            pointer._obj.status = status
            return state

    monkeypatch.setattr(clock.ctypes, "CDLL", Libc)
    assert clock.disciplined() is good
    long_size = clock.ctypes.sizeof(clock.ctypes.c_long)
    assert clock._Timex.status.offset == {8: 40, 4: 20}[long_size]


def test_real_time_answers_say_why_when_refused(monkeypatch):
    def refuse(*_):
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "sched_setscheduler", refuse)
    answer = realtime.fifo(50)
    assert (answer.granted, answer.asked) == (False, "SCHED_FIFO 50")
    assert answer.why == (
        "Operation not permitted. Set LimitRTPRIO=50 in the unit, or start as root"
    )
    assert not realtime.pin_to(frozenset({4_000})).granted
    assert realtime.pin_to(frozenset(os.sched_getaffinity(0))).granted


def test_watchdog_sets_its_timeout_pets_and_disarms(tmp_path):
    node, asked = tmp_path / "watchdog", []
    node.touch()
    dog = LinuxWatchdog("dog", str(node), 7, lambda _fd, *args: asked.append(args) or b"")
    assert isinstance(dog, Watchdog)
    dog.pet(MonotonicNs(1))
    dog.disarm()
    assert asked == [(WDIOC_SETTIMEOUT, b"\x07\0\0\0")]
    assert node.read_bytes() == b"\0V"
    dog.pet(MonotonicNs(2))
    assert dog.failures == 1


def test_an_absent_watchdog_and_a_node_that_is_none_are_typed(tmp_path):
    for path in (tmp_path / "none", tmp_path / "file"):
        if path.name == "file":
            path.touch()
        with pytest.raises(DeviceAbsentError, match="dtparam=watchdog=on"):
            LinuxWatchdog("dog", str(path))
