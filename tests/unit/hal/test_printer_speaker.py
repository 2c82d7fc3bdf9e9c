"""Printer and speaker on a pipe and a fake player: what is sent, and what a failure becomes."""

from __future__ import annotations

import errno
import io
import os
import wave

import pytest

from hal.contract.types import FaultCode, MonotonicNs
from hal.drivers.escpos import CHINESE_ON, FEED_AND_CUT, RESET, slip
from hal.linux.printer import PRINT_NS_MAX, SLIPS_MAX, RawPrinter
from hal.linux.speaker import Speaker, tone

NOW = MonotonicNs(1_000)


def test_a_slip_is_chinese_and_no_text_can_command_the_printer():
    wire = slip("示例煤场", ["车牌: 晋A12345", "x\x1d\x56\x01y"])
    assert wire.startswith(RESET + CHINESE_ON)
    assert wire.endswith(b"xV" + b"y\n" + FEED_AND_CUT)
    assert "晋A12345".encode("gb18030") in wire


def test_a_slip_goes_out_in_pieces_and_the_next_one_after_it(tmp_path):
    path = tmp_path / "lp0"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    printer = RawPrinter(str(path), "printer")
    assert printer.poll(NOW) is None
    assert printer.put(b"a" * 5_000, NOW) is None
    assert printer.put(b"b", NOW) is None
    got = b""
    for _ in range(4):
        assert printer.poll(NOW) is None
        got += os.read(reader, 65_536) if printer.printed < 2 else b""
    got += os.read(reader, 65_536) if len(got) < 5_001 else b""
    assert got == b"a" * 5_000 + b"b"
    assert (printer.printed, printer.dropped) == (2, 0)
    os.close(reader)


def test_a_printer_out_of_paper_blocks_nobody_and_is_given_up_at_its_bound(tmp_path):
    path = tmp_path / "lp0"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    printer = RawPrinter(str(path), "printer")
    printer.put(b"x" * 500_000, NOW)
    for _ in range(100):
        assert printer.poll(NOW) is None
    fault = printer.poll(MonotonicNs(NOW + PRINT_NS_MAX))
    assert (fault.code, fault.device) == (FaultCode.TIMEOUT, "printer")
    assert printer.dropped == 1
    os.close(reader)


@pytest.mark.parametrize(
    ("code", "means"),
    [
        *((code, FaultCode.ABSENT) for code in (errno.ENOENT, errno.ENODEV, errno.ENXIO)),
        *((code, FaultCode.BUS) for code in (errno.EIO, errno.EACCES)),
    ],
)
def test_a_printer_that_cannot_be_opened_is_a_fault_a_slip(monkeypatch, code, means):
    def refuse(_path, _flags):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "open", refuse)
    printer = RawPrinter("/dev/usb/lp0", "printer")
    printer.put(b"x", NOW)
    fault = printer.poll(NOW)
    assert fault.code is means
    assert "/dev/usb/lp0" in fault.detail
    assert "paper" in fault.detail
    assert printer.poll(NOW) is None


def test_only_so_many_slips_wait():
    printer = RawPrinter("/dev/usb/lp0", "printer")
    for _ in range(SLIPS_MAX):
        assert printer.put(b"x", NOW) is None
    assert printer.put(b"x", NOW).code is FaultCode.OVERRUN


def test_a_tone_is_a_wav_of_its_length():
    with wave.open(io.BytesIO(tone(((880, 100), (0, 50))))) as sound:
        assert sound.getparams()[:4] == (1, 2, 16_000, 2_400)
        frames = sound.readframes(2_400)
    assert any(frames[:3_200])
    assert not any(frames[3_200:])


class FakePlayer:
    def __init__(self, sound_fd):
        self.heard = os.read(sound_fd, 1 << 20)
        self.code, self.killed = None, False

    def poll(self):
        return self.code

    def kill(self):
        self.killed = True

    def wait(self):
        return 0


def test_a_new_sound_replaces_the_old_and_a_failed_player_is_a_fault():
    players = []

    def start(sound_fd):
        players.append(FakePlayer(sound_fd))
        return players[-1]

    speaker = Speaker("speaker", start)
    assert speaker.play(b"RIFF1", NOW) is None
    assert speaker.poll(NOW) is None
    assert speaker.play(b"RIFF2", NOW) is None
    assert [(p.heard, p.killed) for p in players] == [(b"RIFF1", True), (b"RIFF2", False)]
    players[1].code = 1
    assert speaker.poll(NOW).code is FaultCode.BUS
    assert speaker.poll(NOW) is None
    speaker.play(b"RIFF3", NOW)
    players[2].code = 0
    assert speaker.poll(NOW) is None
    speaker.play(b"RIFF4", NOW)
    speaker.close()
    assert players[3].killed
    assert speaker.played == 4


def test_a_player_that_is_not_installed_is_a_fault():
    def missing(_fd):
        raise FileNotFoundError(2, "No such file")

    fault = Speaker("speaker", missing).play(b"RIFF", NOW)
    assert (fault.code, fault.device) == (FaultCode.ABSENT, "speaker")
    assert "alsa-utils" in fault.detail
