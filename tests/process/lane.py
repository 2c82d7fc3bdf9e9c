"""A real lane for process tests: the demo's processes in a folder of their own, watched.

Watches through the console's link (the page itself is not started) and through the simulated
world's wires, which show what the relays really do. Every wait is bounded.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from hal.sim.world_shared import SharedWorld
from terminal.link import Hub, Received
from terminal.messages import Snapshot
from terminal.plant_messages import PlantCommand, PlantTruth
from tests.ports import free_port

ROOT = Path(__file__).resolve().parents[2]
POLL_S = 0.02
STOP_S_MAX = 15.0


class RunningLane:
    """`weigh-terminal demo` as a child process. Use as a context."""

    def __init__(self, folder: Path, *options: str, console: bool = False) -> None:
        """console: run the real one; this then cannot stand in for it, and sees no snapshot."""
        self.folder = folder
        self._console = console
        self.snapshot: Snapshot | None = None
        self.truth: PlantTruth | None = None
        self._options = options
        self._hub: Hub | None = None
        self._world: SharedWorld | None = None

    def __enter__(self) -> RunningLane:
        self.log = (self.folder / "log.txt").open("w+")
        command = [sys.executable, "-m", "terminal.cli", "demo"]
        command += [] if self._console else ["--no-console"]
        command += ["--folder", str(self.folder / "demo"), "--county-port", str(free_port())]
        self.process = subprocess.Popen(
            [*command, *self._options], cwd=ROOT, stdout=self.log, stderr=subprocess.STDOUT
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._hub is not None:
            self._hub.close()
        if self._world is not None:
            self._world.close()
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(STOP_S_MAX)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()
        if kind is not None:
            print((self.folder / "log.txt").read_text()[-4000:])

    @property
    def runtime(self) -> Path:
        return self.folder / "demo" / "run"

    @property
    def ledger(self) -> Path:
        return self.folder / "demo" / "ledger"

    def world(self) -> SharedWorld:
        if self._world is None:
            self._world = SharedWorld(self.runtime / "plant.world")
        return self._world

    def watch(self) -> None:
        """Take what control and plant have told since the last call."""
        if self._console:
            return
        if self._hub is None:
            if not self.runtime.is_dir():
                return
            self._hub = Hub("console", self.runtime, simulated=True)
        for event in self._hub.poll(time.monotonic_ns()):
            if isinstance(event, Received) and isinstance(event.message, Snapshot):
                self.snapshot = event.message
            elif isinstance(event, Received) and isinstance(event.message, PlantTruth):
                self.truth = event.message

    def until(self, what: str, seen: Callable[[], bool], seconds: float) -> None:
        """Watch until seen() holds; fails naming `what` after so many seconds."""
        deadline_s = time.monotonic() + seconds
        while time.monotonic() < deadline_s:
            self.watch()
            if seen():
                return
            assert self.process.poll() is None, f"the lane ended with {self.process.returncode}"
            time.sleep(POLL_S)
        last = self.snapshot
        raise AssertionError(f"not within {seconds} s: {what}; last seen: {last}")

    def state(self) -> str:
        return self.snapshot.state if self.snapshot is not None else ""

    def until_state(self, *states: str, seconds: float = 60.0) -> None:
        self.until(f"state {states}", lambda: self.state() in states, seconds)

    def command(self, name: str, argument: str = "") -> None:
        assert self._hub is not None
        assert self._hub.send("plant", PlantCommand(name, argument))

    def pid(self, name: str) -> int:
        """Process id of one process of the table; 0 while it does not run."""
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                words = (entry / "cmdline").read_bytes().decode().split("\0")
            except OSError:
                continue
            if "process" in words and name in words and str(self.folder / "demo") in str(words):
                return int(entry.name)
        return 0

    def kill(self, name: str, number: int = signal.SIGKILL) -> int:
        """Send a signal to one process; returns its process id."""
        pid = self.pid(name)
        assert pid, f"{name} does not run"
        os.kill(pid, number)
        return pid
