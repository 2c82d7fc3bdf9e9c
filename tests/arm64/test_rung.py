"""Our wheels on aarch64, and the same masses and decisions there as here.

qemu-aarch64 runs Debian's Python for Arm as an ordinary program. `make arm64` builds the file tree
once; where it is absent this says so and skips; `make arm64` itself sets ARM64_RUNG=required, and
then its absence fails. Speed says nothing here.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from hal.sim import passage
from terminal.anpr.models import default_folder, missing
from tests.tools.rungs import ROOT, folder, need

pytestmark = pytest.mark.arm64

CACHE = folder("tests/arm64/build-root")
TREE = CACHE / "root"
QEMU = "qemu-aarch64-static"
RUN_S_MAX = 600
TRACES = (("normal", 1), ("half_on", 4))


def absent() -> str:
    """Why the rung cannot run here; empty when it can."""
    if not (CACHE / "built").exists():
        return f"the file tree of this rung is not built ({CACHE} has none): make arm64"
    if shutil.which(QEMU) is None:
        return f"{QEMU} is not installed: make arm64 (as root) or apt-get install qemu-user-static"
    if missing(default_folder()):
        return "the plate reader's networks are not here: run weigh-terminal fetch-models"
    return ""


def make_inputs(folder: Path) -> None:
    """Traces and a picture, made once and only read by both machines."""
    from hal.contract.types import MonotonicNs
    from hal.sim.camera import SimCamera
    from hal.sim.world import PlantState, Scene, TruckPose
    from hal.sim.world_local import LocalWorld

    for kind, seed in TRACES:
        made = passage.make(kind, seed)
        np.savez(
            folder / f"{kind}-{seed}.npz",
            t=made.t,
            counts=made.counts,
            beam_entry=made.beam_entry,
            beam_exit=made.beam_exit,
            meta=json.dumps(made.meta),
        )
    import cv2

    world = LocalWorld()
    pose = TruckPose(16_500, 15_000, "晋LA8216", "yellow", "ordinary", "", 0)
    world.put(PlantState(heartbeat_ns=1, scene=Scene((pose,), 100, 18_000)))
    seen = SimCamera(world, "front").capture(MonotonicNs(2))
    assert hasattr(seen, "bgr")
    picture = np.frombuffer(seen.bgr, np.uint8).reshape(seen.height_px, seen.width_px, 3)
    cv2.imwrite(str(folder / "lorry.png"), picture)


def run(command: list[str], folder: Path, name: str) -> dict:
    out = folder / f"{name}.json"
    done = subprocess.run(
        [*command, "-B", "-m", "tests.arm64.answers", str(folder), str(out)],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=RUN_S_MAX,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return json.loads(out.read_text())


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict, dict]:
    need(absent(), "ARM64")
    folder = tmp_path_factory.mktemp("arm64")
    make_inputs(folder)
    here = run([sys.executable], folder, "here")
    tree = TREE.resolve()
    there = run(
        [
            QEMU,
            *("-L", str(tree)),
            *("-E", f"PYTHONHOME={tree}/usr"),
            *("-E", f"PYTHONPATH={tree}/opt/py:{ROOT}"),
            f"{tree}/usr/bin/python3.11",
        ],
        folder,
        "there",
    )
    print(f"\nx86-64 {here['seconds']}\naarch64 {there['seconds']} (emulated)")
    return here, there


def test_every_wheel_imports_on_aarch64(answers: tuple[dict, dict]) -> None:
    here, there = answers
    assert there["machine"] == "aarch64"
    assert there["imports"] == here["imports"]
    assert len(there["imports"]) >= 15


def test_decisions_are_the_same_to_the_bit(answers: tuple[dict, dict]) -> None:
    here, there = answers
    assert there["decisions"] == here["decisions"]
    assert {"CLEARING", "RELEASING"} <= set(here["decisions"][0]["phases"])
    assert there["signature"] == here["signature"]


def test_masses_axles_and_flags_of_a_replay_are_the_same(answers: tuple[dict, dict]) -> None:
    here, there = answers
    released = 0
    for name, mine in here["masses"].items():
        other = there["masses"][name]
        assert [one["displayed_kg"] for one in other["releases"]] == [
            one["displayed_kg"] for one in mine["releases"]
        ], name
        assert other["flags"] == mine["flags"], name
        loads = [one and [round(kg) for kg in one["loads_kg"]] for one in (mine["axles"],)]
        assert [other["axles"] and [round(kg) for kg in other["axles"]["loads_kg"]]] == loads, name
        released += len(mine["releases"])
    assert released >= 1
    equal = here["masses"] == there["masses"]
    print(f"unrounded masses are {'equal to the bit' if equal else 'equal after rounding only'}")


def test_the_plate_is_read_the_same(answers: tuple[dict, dict]) -> None:
    here, there = answers
    assert there["plates"] == here["plates"]
    assert list(here["plates"].values()) == ["晋LA8216"]
