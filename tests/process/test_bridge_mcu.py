"""The reference firmware's Cortex-M image in QEMU, driven by the real bridge over its pty."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from firmware_bridge.link.port import SerialLine, Settings
from firmware_bridge.mcu.load_cell import Front, McuLoadCells, open_front
from firmware_bridge.mcu.session import LinkState, Session
from firmware_bridge.sim.qemu import QemuBoard, build_image, missing_tools
from hal.contract.types import NS_PER_MS, Fault, FaultCode, MonotonicNs, RawSample
from hal.linux.clock import SystemClock, pause
from tests.process.lane import ROOT

MISSING = missing_tools()
pytestmark = [
    pytest.mark.process,
    pytest.mark.mcu,
    pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}"),
]
BAUD = 921_600
LEASE_NS = 300 * NS_PER_MS
STEP_S = 0.005
WAIT_S_MAX = 20.0
HOLDER = """
import sys, time
from firmware_bridge.link.port import SerialLine, Settings
from firmware_bridge.mcu.load_cell import open_front
from firmware_bridge.mcu.session import Session
from hal.contract.types import MonotonicNs
from hal.linux.clock import SystemClock, pause
front = open_front(
    SerialLine(Settings(sys.argv[1], 921600), "mcu"), Session("mcu", 5), SystemClock(), "mcu", pause
)
while True:
    now_ns = MonotonicNs(time.monotonic_ns())
    front.pump(now_ns)
    front.session.lease(1, MonotonicNs(now_ns + 300_000_000), now_ns)
    front.flush(now_ns)
    time.sleep(0.02)
"""


class Rig:
    """Board and bridge, both stepped by us."""

    def __init__(self, board: QemuBoard, link: Path) -> None:
        self.board = board
        line = SerialLine(Settings(str(link), BAUD), "load cells")
        self.front: Front = open_front(line, Session("load cells", 1), SystemClock(), "mcu", pause)
        self.cells = McuLoadCells(self.front, 8, "load cells", simulated=True)
        self.samples: list[RawSample] = []
        self.faults: list[Fault] = []

    def until(self, what: str, seen: Callable[[], bool], lease: int | None = None) -> None:
        deadline_s = time.monotonic() + WAIT_S_MAX
        while not seen():
            assert time.monotonic() < deadline_s, f"never: {what}; {self.faults[-3:]}"
            now_ns = MonotonicNs(time.monotonic_ns())
            self.board.step(now_ns)
            if lease is not None:
                self.front.session.lease(lease, MonotonicNs(now_ns + LEASE_NS), now_ns)
            for item in self.cells.poll(now_ns, 64):
                if isinstance(item, Fault):
                    self.faults.append(item)
                else:
                    self.samples.append(item)
            time.sleep(STEP_S)

    def codes(self) -> set[FaultCode]:
        return {fault.code for fault in self.faults}


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_image(tmp_path_factory.mktemp("firmware"))


@pytest.fixture
def board(image: Path, tmp_path: Path) -> Iterator[QemuBoard]:
    one = QemuBoard(image, tmp_path / "mcu.line", lambda cell: -1_000 * cell + 7)
    yield one
    one.close()


@pytest.fixture
def rig(board: QemuBoard, tmp_path: Path) -> Iterator[Rig]:
    one = Rig(board, tmp_path / "mcu.line")
    yield one
    one.cells.close()


def test_conversions_of_all_cells_arrive_with_their_counts_and_times(rig: Rig) -> None:
    rig.until("200 conversions", lambda: len(rig.samples) >= 200)
    assert {(s.cell, s.counts) for s in rig.samples} == {(c, -1_000 * c + 7) for c in range(8)}
    for cell in range(8):
        times = [s.at_ns for s in rig.samples if s.cell == cell]
        assert times == sorted(times)
    assert all(s.at_ns <= time.monotonic_ns() for s in rig.samples)
    assert rig.front.session.receiver.bad_frames == 0


def test_the_relay_falls_when_the_host_is_killed(board: QemuBoard, tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLDER, str(tmp_path / "mcu.line")]
    host = subprocess.Popen(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)})
    try:
        _until_relays(board, 1)
        host.send_signal(signal.SIGKILL)
        host.wait()
        _until_relays(board, 0)
    finally:
        host.kill()
        host.wait()


def _until_relays(board: QemuBoard, mask: int) -> None:
    deadline_s = time.monotonic() + WAIT_S_MAX
    while board.relays != mask:
        assert time.monotonic() < deadline_s, f"the relays never were {mask:#x}"
        board.step(MonotonicNs(time.monotonic_ns()))
        time.sleep(0.001)


def test_a_board_that_restarts_is_told_as_a_reset_and_goes_on(rig: Rig) -> None:
    rig.until("a lease", lambda: rig.board.relays == 2, lease=2)
    rig.board.restart()
    rig.board.relays = 0
    rig.until("a new session", lambda: rig.front.session.counters.sessions == 2)
    assert FaultCode.ABSENT in rig.codes()
    assert rig.board.relays == 0
    rig.samples.clear()
    rig.until("conversions again", lambda: len(rig.samples) >= 80)
    missed = [s for s in rig.samples if s.flags]
    assert {s.cell for s in missed} == set(range(8))


def test_a_board_that_hangs_is_stale_and_recovers(rig: Rig) -> None:
    rig.until("conversions", lambda: len(rig.samples) >= 16)
    rig.board.pause()
    rig.until("stale", lambda: FaultCode.STALE in rig.codes())
    assert rig.front.session.state is LinkState.DOWN
    rig.board.resume()
    rig.samples.clear()
    rig.until("conversions again", lambda: len(rig.samples) >= 16)
