"""The whole terminal with an indicator on a serial line: a pty that sends captured frames."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from firmware_bridge.sim.pty_line import PtyLine
from terminal.core.types import Weighed
from terminal.link import Hub, Received
from terminal.messages import Snapshot
from tests.process.lane import ROOT, STOP_S_MAX

pytestmark = pytest.mark.process

XK3190_0 = bytes.fromhex("02 2B 30 30 30 30 30 30 30 31 42 03")
XK3190_1560 = bytes.fromhex("02 2B 30 30 31 35 36 30 30 31 39 03")
TOLEDO_200 = bytes.fromhex("02 31 30 20 20 20 20 32 30 30 20 20 20 20 30 30 0D 1E")
READY_S_MAX = 30.0
SEND_S = 0.1

CONFIG = """
[weighing]
source = "indicator"
[indicator]
port = "{port}"
protocol = "{protocol}"
confirmed_scaling = "{scaling}"
[camera]
kind = "none"
[console]
enabled = false
"""


class Terminal:
    """`weigh-terminal run` with its indicator on a pty of ours; we also stand for the console."""

    def __init__(self, folder: Path) -> None:
        self.line = PtyLine(folder / "line")
        self.port = str(folder / "line")
        self._hub = Hub("console", folder / "run", simulated=True)
        self.snapshot: Snapshot | None = None

    def send_and_look(self, frame: bytes) -> Snapshot | None:
        """Send one frame, wait a tenth of a second, take the newest snapshot."""
        if frame:
            self.line.send(frame)
        time.sleep(SEND_S)
        for event in self._hub.poll(time.monotonic_ns()):
            if isinstance(event, Received) and isinstance(event.message, Snapshot):
                self.snapshot = event.message
        return self.snapshot

    def until_weighed(self, frame: bytes, gross_kg: int | None) -> Weighed:
        """Send the frame ten times a second until the lane shows that mass."""
        deadline_s = time.monotonic() + READY_S_MAX
        while time.monotonic() < deadline_s:
            seen = self.send_and_look(frame)
            weighed = seen.weighed if seen is not None else None
            if weighed is not None and weighed.gross_kg == gross_kg:
                return weighed
        raise AssertionError(f"the lane never showed {gross_kg} kg; last: {self.snapshot}")

    def until_fault(self, frame: bytes, code: str) -> Snapshot:
        """Send the frame until the lane tells that fault."""
        deadline_s = time.monotonic() + READY_S_MAX
        while time.monotonic() < deadline_s:
            seen = self.send_and_look(frame)
            if seen is not None and code in {fault.code.value for fault in seen.faults}:
                return seen
        raise AssertionError(f"the lane never told {code}; last: {self.snapshot}")

    def close(self) -> None:
        self._hub.close()
        self.line.close()


@contextmanager
def running(folder: Path, protocol: str, scaling: str) -> Iterator[Terminal]:
    (folder / "run").mkdir()
    terminal = Terminal(folder)
    config = folder / "terminal.toml"
    config.write_text(CONFIG.format(port=terminal.port, protocol=protocol, scaling=scaling))
    command = [sys.executable, "-m", "terminal.cli", "run", "--config", str(config)]
    with (folder / "log.txt").open("w") as log:
        process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT)
        try:
            yield terminal
        finally:
            print((folder / "log.txt").read_text()[-3000:])
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(STOP_S_MAX)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            terminal.close()


def test_captured_xk3190_frames_reach_the_core_and_silence_is_no_mass(tmp_path: Path) -> None:
    with running(tmp_path, "xk3190-tf0", "places-kg") as terminal:
        terminal.until_weighed(XK3190_0, 0)
        terminal.until_weighed(XK3190_1560, 1_560)
        assert terminal.until_weighed(b"", None).held_kg is None
        terminal.until_fault(b"", "stale")
        terminal.until_weighed(XK3190_1560, 1_560)


def test_a_line_pulled_out_is_absent_and_found_again_by_itself(tmp_path: Path) -> None:
    with running(tmp_path, "xk3190-tf0", "places-kg") as terminal:
        terminal.until_weighed(XK3190_1560, 1_560)
        terminal.line.send(XK3190_1560[:5])
        terminal.line.unplug()
        seen = terminal.until_fault(b"", "absent")
        assert seen.leases == ("", "")
        assert terminal.until_weighed(b"", None).held_kg is None
        terminal.line.plug()
        terminal.until_weighed(XK3190_0, 0)


def test_captured_toledo_frames_reach_the_core(tmp_path: Path) -> None:
    with running(tmp_path, "toledo", "as-sent") as terminal:
        terminal.until_weighed(TOLEDO_200, 200)


def test_a_scaling_nobody_confirmed_shows_a_fault_and_no_mass(tmp_path: Path) -> None:
    with running(tmp_path, "toledo", "") as terminal:
        assert terminal.until_fault(TOLEDO_200, "calibration").weighed is None
