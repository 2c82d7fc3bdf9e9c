"""gpiozero and lgpio on a Raspberry Pi 3's own pin controller, in QEMU's raspi3b machine.

`make arm64` builds what it needs. The machine has no disk: Debian's kernel starts from a file
system in memory, this clone's hal/ on top of it. What only a Pi shows (levels on a wire, timing)
is in images/bench-pi.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from tests.tools.rungs import ROOT, folder, need

pytestmark = pytest.mark.arm64

PI = folder("tests/arm64/build-root") / "pi"
QEMU = "qemu-system-aarch64"
RUN_S_MAX = 200
CODE = ("hal/__init__.py", "hal/contract", "hal/drivers", "hal/linux", "tests/arm64/pi")
EXPECTED = 6
ENDS = ("\nEND", "Kernel panic")
HASH_SEED = "PYTHONHASHSEED=0"
"""Passed on to init: so early a machine without a random source has no number for Python's own."""


def absent() -> str:
    """Why the machine cannot run here; empty when it can."""
    if not (PI / "first.gz").exists():
        return f"the Raspberry Pi's file system is not built ({PI} has none): make arm64"
    for tool in (QEMU, "cpio"):
        if shutil.which(tool) is None:
            return f"{tool} is not installed: make arm64 as root"
    return ""


def file_system(folder_: Path) -> Path:
    """The first file system with this clone's code behind it: the kernel unpacks one after the
    other."""
    source = folder_ / "code"
    for name in CODE:
        target = source / "src" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, target)
    for package in ("tests", "tests/arm64"):
        (source / "src" / package / "__init__.py").touch()
    init = source / "init"
    shutil.copy(ROOT / "tests/arm64/pi/init", init)
    init.chmod(0o755)
    whole = folder_ / "whole.cpio"
    names = "\n".join(str(path.relative_to(source)) for path in sorted(source.rglob("*")))
    shutil.copy(PI / "first.gz", whole)
    with whole.open("ab") as out:
        out.write(bytes(-out.tell() % 4))
        out.flush()
        subprocess.run(
            ["cpio", "--quiet", "-o", "-H", "newc"],
            input=names.encode(),
            stdout=out,
            cwd=source,
            check=True,
        )
    return whole


def boot(tmp_path: Path) -> str:
    """The machine's console until it says END. It halts without ending, so it is ended."""
    console = tmp_path / "console.log"
    command = [
        *(QEMU, "-M", "raspi3b", "-display", "none", "-monitor", "none", "-no-reboot"),
        *("-kernel", str(PI / "vmlinuz"), "-dtb", str(PI / "pi.dtb")),
        *("-initrd", str(file_system(tmp_path)), "-serial", "null", "-serial", f"file:{console}"),
        *("-append", "console=ttyS1,115200 rdinit=/init quiet panic=-1 " + HASH_SEED),
    ]
    machine = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    deadline_s = time.monotonic() + RUN_S_MAX
    try:
        while time.monotonic() < deadline_s and machine.poll() is None:
            seen = console.read_text(errors="replace") if console.exists() else ""
            if any(word in seen for word in ENDS):
                break
            time.sleep(0.2)
    finally:
        machine.kill()
        machine.wait()
    return console.read_text(errors="replace") if console.exists() else ""


def test_the_drivers_work_on_a_raspberry_pis_own_pin_controller(tmp_path: Path) -> None:
    need(absent(), "ARM64")
    begun_s = time.monotonic()
    told = boot(tmp_path)
    lines = told.splitlines()
    verdicts = [line for line in lines if line.startswith(("ok ", "FAIL "))]
    print(f"\nRaspberry Pi 3 in QEMU, {time.monotonic() - begun_s:.0f} s")
    print("\n".join(verdicts))
    assert not [line for line in verdicts if line.startswith("FAIL")], told[-6000:]
    assert len(verdicts) == EXPECTED, told[-6000:]
    assert os.linesep.join(lines).count("on aarch64") == 1
