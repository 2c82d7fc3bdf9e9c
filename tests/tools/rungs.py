"""Where the test rungs keep what their build scripts make, and whether a rung may be skipped.

The scripts know the folder (tests/tools/rung.sh); asking them keeps one answer.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def folder(script: str) -> Path:
    """The cache folder of a build script (path from the top), whether it is built or not."""
    asked = subprocess.run(
        ["sh", str(ROOT / script), "--where"], capture_output=True, text=True, check=True
    )
    return Path(asked.stdout.strip())


def need(why_absent: str, rung: str) -> None:
    """Skip a rung that cannot run here, with its reason; fail where it is required.

    `make kernel | camera | arm64` sets KERNEL_RUNG, CAMERA_RUNG or ARM64_RUNG to "required".
    """
    if not why_absent:
        return
    if os.environ.get(f"{rung}_RUNG") == "required":
        pytest.fail(why_absent)
    pytest.skip(why_absent)
