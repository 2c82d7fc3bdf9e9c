"""The firmware's C code on this machine, joined to the real session under virtual time."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from firmware_bridge.mcu.protocol import Sample
from firmware_bridge.mcu.session import LinkState, Session
from firmware_bridge.sim.host_firmware import ADS1232, HX711, HostFirmware, build
from hal.contract.types import Fault, MonotonicNs

__all__ = ["ADS1232", "HX711", "Bench", "ChipPins", "library"]

STEP_US = 500
OFFSET_NS = 7_000_000_000


def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build once a session; skip with the reason where there is no compiler."""
    missing = [tool for tool in ("gcc", "make") if shutil.which(tool) is None]
    if missing:
        pytest.skip(f"{', '.join(missing)} is not installed: the firmware's C code is not tested")
    return build(tmp_path_factory.mktemp("firmware"))


class ChipPins:
    """HX711 or ADS1232 at pin level: a word is clocked out, the next waits for convert()."""

    def __init__(self, sleeps_us: int = 60) -> None:
        self.word = 0
        self.pulses = 0
        self.high_after_word = True
        self._bit = 24
        self.ready = False

    def convert(self, counts: int) -> None:
        self.word, self._bit, self.ready, self.pulses = counts & 0xFFFFFF, 0, True, 0

    def clock(self, high: bool) -> None:
        if high:
            self.pulses += 1
            self._bit += 1

    def read(self) -> bool:
        if not self.ready:
            return True
        if self._bit == 0:
            return False
        if self._bit <= 24:
            return bool(self.word >> (24 - self._bit) & 1)
        if self.high_after_word:
            self.ready = False
        return self.high_after_word


class Bench:
    """Session and firmware with a wire between them that a test may cut or delay."""

    def __init__(self, firmware: HostFirmware, *, ppm: int = 0) -> None:
        self.firmware = firmware
        self.session = Session("mcu", 1)
        self.ppm = ppm
        self.cut_up = self.cut_down = False
        self.samples: list[Sample] = []
        self.faults: list[Fault] = []

    @property
    def now_ns(self) -> MonotonicNs:
        """Host time; the device's clock runs `ppm` fast."""
        true_ns = self.firmware.now_us * 1_000 * 1_000_000 // (1_000_000 + self.ppm)
        return MonotonicNs(OFFSET_NS + true_ns)

    def run(self, microseconds: int, step_us: int = STEP_US) -> None:
        end_us = self.firmware.now_us + microseconds
        while self.firmware.now_us < end_us:
            self.once()
            self.firmware.advance(step_us)

    def once(self) -> None:
        down = self.session.outgoing()
        up = self.firmware.step(b"" if self.cut_down else down)
        incoming = self.session.feed(b"" if self.cut_up else up, self.now_ns)
        self.samples += incoming.samples
        self.faults += incoming.faults
        self.faults += self.session.tick(self.now_ns)

    def up(self) -> Bench:
        self.run(100_000)
        assert self.session.state is LinkState.UP
        assert self.session.clock.known
        return self
