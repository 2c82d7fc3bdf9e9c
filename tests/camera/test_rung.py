"""Runs the camera driver on real picamera2 and libcamera, in a file tree of Debian's packages.

`make camera` builds that tree once. Where it is absent this says so and skips; `make camera` itself
sets CAMERA_RUNG=required, and then its absence fails. What only a Pi shows (sensor, ISP, the
hardware encoder, exposure) is in images/bench-pi.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from tests.tools.rungs import ROOT, folder, need

pytestmark = pytest.mark.camera

CACHE = folder("tests/camera/build-root")
TREE, BUILT = CACHE / "root", CACHE / "built"
RUN_S_MAX = 100
TESTS_MIN = 6
CODE = ("hal", "tests/camera", "pyproject.toml")


def absent() -> str:
    """Why the rung cannot run here; empty when it can."""
    if not BUILT.exists():
        return f"the file tree of this rung is not built ({BUILT} is absent): make camera"
    if os.geteuid() != 0:
        return "entering a file tree needs root: sudo make camera"
    return ""


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    need(absent(), "CAMERA")
    inside = TREE / "src" / f"rung-{os.getpid()}"
    inside.mkdir(parents=True)
    try:
        for name in CODE:
            source, target = ROOT / name, inside / name
            target.parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir():
                shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(source, target)
        (inside / "tests/__init__.py").touch()
        return _run(f"/src/{inside.name}", inside)
    finally:
        shutil.rmtree(inside)


def _run(folder: str, inside: Path) -> dict[str, str]:
    environment = {
        "PATH": "/usr/bin:/bin",
        "HOME": folder,
        "TMPDIR": folder,
        "PYTHONPATH": f"{folder}:/opt/py",
        "PYTHONDONTWRITEBYTECODE": "1",
        "LD_PRELOAD": "/opt/buffers.so",
        "LIBCAMERA_PIPELINES_MATCH_LIST": "virtual",
        "INSIDE_CAMERA_RUNG": "1",
    }
    words = [f"{key}={value}" for key, value in environment.items()]
    pytest_ = ["python3", "-m", "pytest", "-q", "-s", "-p", "no:cacheprovider"]
    pytest_ += ["-W", "default", "--rootdir", folder, "-c", f"{folder}/pyproject.toml"]
    pytest_ += ["--junitxml", f"{folder}/junit.xml", f"{folder}/tests/camera/inside"]
    pytest_ += ["-o", "faulthandler_timeout=30"]
    bounded = ["timeout", "--kill-after=1", str(RUN_S_MAX)]
    done = subprocess.run(
        [*bounded, "chroot", str(TREE), "env", "-i", *words, *pytest_],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    print(done.stdout[-6000:])
    report = inside / "junit.xml"
    assert report.exists(), done.stderr[-4000:] + done.stdout[-4000:]
    verdicts = {}
    for case in ET.parse(report).getroot().iter("testcase"):
        bad = [part for part in case if part.tag in ("failure", "error", "skipped")]
        verdicts[case.get("name", "")] = bad[0].get("message", bad[0].tag) if bad else ""
    return verdicts


def test_every_camera_test_passes_on_real_picamera2(verdicts: dict[str, str]) -> None:
    failed = {name: why for name, why in verdicts.items() if why}
    assert not failed
    assert len(verdicts) >= TESTS_MIN
