"""Starts the processes of the table, restarts the ones that die, ends them together.

The supervisor decides nothing about the lane: it only keeps processes alive. What a death
means for the deck is each survivor's business, through its links. Under systemd the same table
gives units and this module is not used.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from terminal import exits
from terminal.processes import ONE_THREAD, PROCESSES, ProcessRow

RESTART_S_MIN = 0.5
RESTART_S_MAX = 10.0
STEADY_S = 30.0
"""A process that lived this long starts again without growing delay."""
STOP_S_MAX = 5.0
POLL_S = 0.05
LATE_START_S = 1.0
"""Low-priority processes start this much later, so that the lane is ready sooner."""
FATAL_AT_START = (exits.ABSENT, exits.CONFIG)


@dataclass(slots=True)
class _Child:
    row: ProcessRow
    command: list[str]
    popen: subprocess.Popen[bytes] | None = None
    started_s: float = 0.0
    due_s: float = 0.0
    delay_s: float = RESTART_S_MIN
    restarts: int = 0
    was_steady: bool = False


@dataclass(slots=True)
class Supervisor:
    """Keeps one child per row. `stop` ends the run; `on_exit` names rows whose exit ends it."""

    config_path: Path
    names: tuple[str, ...]
    extra: dict[str, Sequence[str]] = field(default_factory=dict)
    ends_with: str = ""
    stop: bool = False
    _children: list[_Child] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Make the command line of each child."""
        for process in PROCESSES:
            if process.name in self.names:
                command = [
                    sys.executable,
                    "-m",
                    "terminal.cli",
                    "process",
                    process.name,
                    "--config",
                    str(self.config_path),
                    *self.extra.get(process.name, ()),
                ]
                late_s = LATE_START_S if process.nice else 0.0
                self._children.append(_Child(process, command, due_s=time.monotonic() + late_s))

    def run(self) -> int:
        """Run until stopped or until the process named in ends_with is done."""
        previous = {
            number: signal.signal(number, self._on_signal)
            for number in (signal.SIGINT, signal.SIGTERM)
        }
        try:
            return self._loop()
        finally:
            self._end_all()
            for number, handler in previous.items():
                signal.signal(number, handler)

    def _on_signal(self, _number: int, _frame: object) -> None:
        self.stop = True

    def _loop(self) -> int:
        while not self.stop:
            for child in self._children:
                code = self._tend(child)
                if code is not None:
                    return code
            time.sleep(POLL_S)
        return exits.OK

    def _tend(self, child: _Child) -> int | None:
        now_s = time.monotonic()
        if child.popen is None:
            if now_s >= child.due_s:
                self._start(child, now_s)
            return None
        code = child.popen.poll()
        if code is None:
            if not child.was_steady and now_s - child.started_s > STEADY_S:
                child.was_steady, child.delay_s = True, RESTART_S_MIN
            return None
        child.popen = None
        if child.row.name == self.ends_with and code == exits.OK:
            return exits.OK
        if code in FATAL_AT_START and child.restarts == 0:
            return code
        child.due_s = now_s + child.delay_s
        child.delay_s = min(child.delay_s * 2, RESTART_S_MAX)
        child.restarts += 1
        print(
            f"{child.row.name}: ended with {code}; meanwhile: {child.row.death_means}; "
            f"restart {child.restarts} in {child.due_s - now_s:.1f} s",
            file=sys.stderr,
            flush=True,
        )
        return None

    def _start(self, child: _Child, now_s: float) -> None:
        environment = os.environ | ONE_THREAD
        child.popen = subprocess.Popen(child.command, env=environment, stdin=subprocess.DEVNULL)  # noqa: S603 - our own table
        child.started_s, child.was_steady = now_s, False

    def _end_all(self) -> None:
        for child in reversed(self._children):
            if child.popen is not None:
                child.popen.terminate()
        deadline_s = time.monotonic() + STOP_S_MAX
        for child in self._children:
            if child.popen is None:
                continue
            try:
                child.popen.wait(max(0.0, deadline_s - time.monotonic()))
            except subprocess.TimeoutExpired:
                child.popen.kill()
                child.popen.wait()
