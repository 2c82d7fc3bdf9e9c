"""Two namespaces and the emulator between them, for the length of a with-block."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import uuid
from pathlib import Path
from types import TracebackType

from tests.link.emulator import FAR, NEAR

__all__ = ["FAR", "NEAR", "LinkPair", "why_not"]

ROOT = Path(__file__).resolve().parents[2]


def why_not() -> str:
    """Why no link can be emulated here; empty when one can."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    if shutil.which("ip") is None:
        return "the ip command is not installed"
    if not Path("/dev/net/tun").exists():
        return "there is no /dev/net/tun"
    probe = subprocess.run(["unshare", "-n", "true"], capture_output=True, check=False)
    return "" if probe.returncode == 0 else "network namespaces are not permitted"


class LinkPair:
    """near: where the terminal runs; far: where the county runs."""

    def __init__(self, *, delay_ms: float = 0, loss: float = 0, kbit: int = 0) -> None:
        tag = uuid.uuid4().hex[:6]
        self.near = f"wt-{tag}-n"
        self.far = f"wt-{tag}-f"
        self._start = [f"delay_ms {delay_ms}", f"loss {loss}", f"kbit {kbit}"]
        self._emulator: subprocess.Popen[str] | None = None

    def __enter__(self) -> LinkPair:
        for namespace in (self.near, self.far):
            subprocess.run(["ip", "netns", "add", namespace], check=True)
        self._emulator = subprocess.Popen(
            [sys.executable, "-m", "tests.link.emulator", self.near, self.far],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._emulator.stdout is not None
        assert self._emulator.stdout.readline() == "ready\n"
        for command in self._start:
            self.tell(command)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._emulator is not None:
            assert self._emulator.stdin is not None
            self._emulator.stdin.close()
            self._emulator.wait(timeout=10)
            assert self._emulator.stdout is not None
            self._emulator.stdout.close()
        for namespace in (self.near, self.far):
            subprocess.run(["ip", "netns", "del", namespace], check=False)

    def tell(self, command: str) -> dict[str, int]:
        """One command to the emulator; its counts."""
        assert self._emulator is not None
        assert self._emulator.stdin is not None
        assert self._emulator.stdout is not None
        self._emulator.stdin.write(command + "\n")
        self._emulator.stdin.flush()
        counts: dict[str, int] = json.loads(self._emulator.stdout.readline())
        return counts

    def popen(self, namespace: str, *command: str) -> subprocess.Popen[str]:
        """Start a program in one of the namespaces, its output piped."""
        return subprocess.Popen(
            ["ip", "netns", "exec", namespace, *command],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
