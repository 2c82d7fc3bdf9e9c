"""weigh-terminal weigh-trace FILE.npz [...] --json OUT: recorded traces through the live code.

Two worker processes of one thread each share the files. A malformed file costs one line and
exit 65; the others are still done and written.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from concurrent.futures import ProcessPoolExecutor
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
    """0 when all files were weighed, 65 when one was malformed, 73 when OUT cannot be written."""
    files = list(dict.fromkeys(args.files))
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
        print(f"{args.json}: cannot be written ({error.strerror}); give another path.")
        return 73
    print(f"{len(results)} of {len(files)} traces weighed, results in {args.json}")
    return exits.BAD_INPUT if problems else exits.OK


def _one(name: str) -> TraceResult | str:
    """The result of one file, or the line that says what is wrong with it."""
    try:
        return weigh_trace(name)
    except TraceError as error:
        return " ".join(str(error).split())
    except (ArithmeticError, ValueError) as error:  # numbers no scale gives; the others go on
        return " ".join(f"{name}: counts: cannot be weighed ({error})".split())


def _outcomes(files: list[str]) -> list[TraceResult | str]:
    workers = min(WORKERS_MAX, os.cpu_count() or 1)
    if workers < 2 or len(files) < POOL_FILES_MIN:
        return [_one(name) for name in files]
    with pool(workers) as workers_up:
        return list(workers_up.map(_one, files, chunksize=4))


def pool(workers: int) -> ProcessPoolExecutor:
    """Fresh processes of one thread each: numpy reads the variables when it is loaded."""
    os.environ.update(ONE_THREAD)
    return ProcessPoolExecutor(max_workers=workers, mp_context=get_context("spawn"))
