"""weigh-terminal process NAME: one process of the table, as supervisor and systemd start it."""

from __future__ import annotations

import argparse
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

from hal.contract.types import DeviceAbsentError
from terminal import exits, link
from terminal.config import ConfigError
from terminal.config_load import load
from terminal.processes import PROCESSES, row
from terminal.wiring.context import Context

NAME = "process"
HELP = "run one process of the table (the supervisor and systemd call this)"

NO_MEMORY = ("bad_alloc", "Insufficient memory", "failed to map segment")
"""How ONNX Runtime, OpenCV and the loader of libraries say it, in errors of their own."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Which process, which configuration; the rest is for the simulated world."""
    parser.add_argument("name", choices=[process.name for process in PROCESSES])
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=1, help="plant: seed of the traffic")
    parser.add_argument("--trucks", type=int, default=0, help="plant: end after so many, 0 never")


def _runner(name: str, args: argparse.Namespace) -> Callable[[Context], int]:
    if name == "control":
        from terminal.wiring.lane import run

        return run
    if name == "plant":
        from terminal.wiring.plant import run_plant

        return lambda context: run_plant(context, seed=args.seed, trucks=args.trucks)
    from terminal.wiring import shells

    runners: dict[str, Callable[[Context], int]] = {
        "ledger": shells.run_ledger,
        "panel": shells.run_panel,
        "camera": shells.run_camera,
        "uplink": shells.run_uplink,
        "console": shells.run_console,
    }
    return runners[name]


def run(args: argparse.Namespace) -> int:
    """The process's own exit code; 69 and 78 with a sentence for the person who reads it."""
    from hal.linux.clock import SystemClock

    try:
        context = Context(args.name, load(args.config), SystemClock())
        context.catch_signals()
        os.nice(row(args.name).nice)
        return _runner(args.name, args)(context)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return exits.CONFIG
    except DeviceAbsentError as error:
        print(f"{args.name}: {error}", file=sys.stderr)
        return exits.ABSENT
    except Exception as error:
        what = wanting(error)
        if not what:
            raise
        return _starved(args.name, what, error)


def wanting(error: Exception) -> str:
    """What a process that ended with this error had none left of; empty: it ended otherwise."""
    if isinstance(error, OSError) and error.errno in link.STARVED:
        return error.strerror or ""
    if isinstance(error, ImportError):  # a library that was to be read from the disk
        whys = [why for why in map(os.strerror, link.STARVED) if why in str(error)]
        if whys:
            return whys[0]
    if isinstance(error, MemoryError) or any(said in str(error) for said in NO_MEMORY):
        return "out of memory"
    return ""


def _starved(name: str, what: str, error: Exception) -> int:
    """The end for want of memory or descriptors, in a sentence."""
    traceback.print_exception(error)
    print(
        f"{name}: {what}. The process ends here and is started again; meanwhile: "
        f"{row(name).death_means}. If it comes again, compare its unit's MemoryMax and "
        f"LimitNOFILE with what it uses (weigh-terminal doctor; /proc/PID/status, /proc/PID/fd).",
        file=sys.stderr,
        flush=True,
    )
    return exits.STARVED
