"""weigh-terminal weigh-trace FILE.npz [...] --json OUT: recorded traces through the live code.

Two worker processes of one thread each share the files. A malformed file costs one line and
exit 65; the others are still done and written.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from concurrent.futures import BrokenExecutor, Future, ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from terminal import exits
from terminal.processes import ONE_THREAD
from terminal.weighing.trace import TraceResult, weigh_trace
from terminal.weighing.tracemeta import TraceError

NAME = "weigh-trace"
HELP = "weigh recorded traces with the live pipeline and write the results as JSON"
WORKERS_MAX = 2
POOL_FILES_MIN = 4
"""Fewer files are done in this process: a pool costs more than it saves."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the files and the output."""
    parser.add_argument("files", nargs="+", metavar="FILE.npz", help="traces to weigh")
    parser.add_argument("--json", required=True, metavar="OUT", help="where the results go")


def run(args: argparse.Namespace) -> int:
    """0 when all files were weighed, 65 when one could not be, 73 when OUT cannot be written."""
    files = list(dict.fromkeys(args.files))
    if why := _unfit(Path(args.json), files):
        print(f"{args.json}: {why}; give another path.", file=sys.stderr)
        return 73
    results: dict[str, TraceResult] = {}
    problems = 0
    for name, outcome in zip(files, _outcomes(files), strict=True):
        if isinstance(outcome, str):
            print(outcome, file=sys.stderr)
            problems += 1
        else:
            results[name] = outcome
    try:
        Path(args.json).write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        why = f"cannot be written ({error.strerror})"
        print(f"{args.json}: {why}; give another path.", file=sys.stderr)
        return 73
    print(f"{len(results)} of {len(files)} traces weighed, results in {args.json}")
    return exits.BAD_INPUT if problems else exits.OK


def _unfit(out: Path, files: list[str]) -> str:
    """Why nothing may be written to out, found before the work; a recording is never replaced."""
    if not out.parent.is_dir():
        return "cannot be written (its folder does not exist)"
    return "is one of the traces" if any(_same(out, Path(name)) for name in files) else ""


def _same(out: Path, path: Path) -> bool:
    try:
        return out.samefile(path)
    except OSError:  # one of them is not there
        return False


def _one(name: str) -> TraceResult | str:
    """The result of one file, or the line that says what is wrong with it."""
    try:
        return weigh_trace(name)
    except TraceError as error:
        return " ".join(str(error).split())
    except (ArithmeticError, ValueError) as error:  # numbers no scale gives; the others go on
        return " ".join(f"{name}: counts: cannot be weighed ({error})".split())
    except MemoryError:
        return f"{name}: file: is too long for the memory of this machine"


def _outcomes(files: list[str]) -> list[TraceResult | str]:
    workers = min(WORKERS_MAX, os.cpu_count() or 1)
    if workers < 2 or len(files) < POOL_FILES_MIN:
        return [_one(name) for name in files]
    with pool(workers) as up:
        pending = [up.submit(_one, name) for name in files]
        return [_outcome(name, job) for name, job in zip(files, pending, strict=True)]


def _outcome(name: str, job: Future[TraceResult | str]) -> TraceResult | str:
    try:
        return job.result()
    except BrokenExecutor:
        return f"{name}: file: not weighed, a worker process was ended (no memory?); try it alone"


def pool(workers: int) -> ProcessPoolExecutor:
    """Fresh processes of one thread each: numpy reads the variables when it is loaded."""
    os.environ.update(ONE_THREAD)
    return ProcessPoolExecutor(max_workers=workers, mp_context=get_context("spawn"))
