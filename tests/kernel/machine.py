"""Boots the User-mode Linux machine once and brings its results back as values."""

from __future__ import annotations

import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from dataclasses import dataclass, field
from pathlib import Path

from tests.tools.rungs import ROOT, folder

CACHE = folder("tests/kernel/build-uml")
"""What all clones share: the kernel and its modules."""
SMALL = ROOT / ".cache" / "kernel"
"""What this clone's own sources make: device tree, helper, module."""
LINUX = CACHE / "linux"
BOOT_S_MAX = 300
MEMORY = "2G"


@dataclass(slots=True)
class Outcome:
    """What one boot left behind. rc: of pytest inside, None when it never ended."""

    rc: int | None
    log: str
    console: str
    wall_s: float
    boots: int
    reset_uptime_s: float | None
    watchdog_log: str
    cases: dict[str, str] = field(default_factory=dict)
    """Test name to "" or to why it failed or was skipped."""


def boot(out: Path, tests: str, *, watchdog: bool = True, virtual_time: bool = False) -> Outcome:
    """Run `tests` (paths, joined by commas) inside and wait for the machine to power off.

    virtual_time: the machine's clocks move only while nothing in it wants to run, so waiting
    costs nothing and a busy host makes nothing late.
    """
    out.mkdir(parents=True, exist_ok=True)
    command = [
        str(LINUX),
        f"mem={MEMORY}",
        "root=/dev/root",
        "rootfstype=hostfs",
        "rootflags=/",
        "ro",
        f"init={ROOT / 'tests/kernel/init'}",
        "con0=fd:0,fd:1",
        "con=null",
        *(("time-travel=inf-cpu",) if virtual_time else ()),
        "quiet",
        # Programs inside are watched by seccomp, not by ptrace: half the cost of a system call.
        "seccomp=on",
        f"dtb={SMALL / 'pi.dtb'}",
        f"PYTHON={sys.executable}",
        f"REPO={ROOT}",
        f"CACHE={CACHE}",
        f"SMALL={SMALL}",
        f"OUT={out}",
        f"TESTS={tests}",
        f"WATCHDOG={'yes' if watchdog else 'no'}",
    ]
    begun_s = time.monotonic()
    with (out / "console.log").open("wb") as console:
        machine = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=console, stderr=subprocess.STDOUT
        )
        try:
            machine.wait(BOOT_S_MAX)
        except subprocess.TimeoutExpired:
            machine.kill()
            machine.wait()
    return _collect(out, time.monotonic() - begun_s)


def _text(path: Path) -> str:
    return path.read_text(errors="replace") if path.exists() else ""


def _collect(out: Path, wall_s: float) -> Outcome:
    rc, uptime = _text(out / "rc").strip(), _text(out / "reset-uptime").split()
    outcome = Outcome(
        rc=int(rc) if rc else None,
        log=_text(out / "pytest.log"),
        console=_text(out / "console.log"),
        wall_s=wall_s,
        boots=int(_text(out / "boots").strip() or 0),
        reset_uptime_s=float(uptime[0]) if uptime else None,
        watchdog_log=_text(out / "watchdog.log"),
    )
    if (out / "junit.xml").exists():
        for case in ET.parse(out / "junit.xml").getroot().iter("testcase"):
            bad = [part for part in case if part.tag in ("failure", "error", "skipped")]
            name = f"{case.get('classname', '')}::{case.get('name', '')}"
            outcome.cases[name] = bad[0].get("message", bad[0].tag) if bad else ""
    return outcome
