"""python -m tests.mutants: every small change of the proved modules must be noticed by a test.

--sample N takes N mutants, chosen by --seed, for a bounded run; without it all are tried. Ends
with 1 when a mutant survives that is not listed as equivalent, when a line or branch of the
proved modules is not covered, or when the table of equivalents names a mutant that is none.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import cbor2  # noqa: F401 - imported before the forks, so that no child pays for it
import cryptography.hazmat.primitives.asymmetric.ed25519  # noqa: F401
import hypothesis  # noqa: F401
import pytest  # noqa: F401

from tests.mutants import cover as covering
from tests.mutants.equivalent import EQUIVALENT
from tests.mutants.mutate import Mutant, mutants_of
from tests.mutants.runner import SURVIVED, kill

WORKERS = 2
AREAS: dict[str, tuple[str, ...]] = {
    "terminal.core.plate": ("tests.unit.anpr", "tests.unit.core"),
    "terminal.core": ("tests.unit.core",),
    "terminal.records": ("tests.unit.test_records", "tests.unit.core.test_numbers"),
    "terminal.outbox": ("tests.unit.test_outbox", "tests.unit.core.test_numbers"),
}
"""Who could notice a changed constant."""


class Job(NamedTuple):
    """A mutant, its file and the tests that may notice it, quickest first."""

    mutant: Mutant
    path: Path
    tests: list[str]


def main() -> int:
    args = arguments()
    started = time.monotonic()
    found = covering.measure()
    loaded = [name for name in sys.modules if name.startswith(("terminal", "tests.unit"))]
    assert not loaded, f"imported before the forks: {loaded}"
    print(f"{len(found.cost_s)} tests, {sum(found.cost_s.values()):.1f} s of processor time")
    for place in found.missing:
        print(f"not covered: {place}")
    jobs = jobs_of(found, args.only)
    total = len(jobs)
    stale = set(EQUIVALENT) - {job.mutant.name for job in jobs} if not args.only else set()
    jobs = [job for job in jobs if job.mutant.name not in EQUIVALENT]
    if args.sample and args.sample < len(jobs):
        jobs = random.Random(args.seed).sample(jobs, args.sample)
        print(f"seed {args.seed}: {len(jobs)} of {total} mutants")
    survivors, reasons = try_all(jobs)
    for job in survivors:
        print(f"SURVIVED {job.path.relative_to(covering.ROOT)}:{job.mutant.line} {job.mutant.name}")
    for name in sorted(stale):
        print(f"no such mutant any more: {name}")
    common = ", ".join(f"{why} {count}" for why, count in reasons.most_common(4))
    print(
        f"{total} mutants, {len(jobs)} tried, {len(jobs) - len(survivors)} killed, "
        f"{len(survivors)} survived, {len(EQUIVALENT)} equivalent, "
        f"{len(found.missing)} places not covered, {time.monotonic() - started:.0f} s; {common}"
    )
    return 1 if survivors or found.missing or stale else 0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("--sample", type=int, default=0, help="try only so many (default: all)")
    parser.add_argument("--seed", default="1", help="which ones (default: 1)")
    parser.add_argument("--only", default="", help="modules whose name holds this text")
    return parser.parse_args()


def jobs_of(found: covering.Cover, only: str) -> list[Job]:
    jobs = []
    for path in covering.sources():
        module = covering.module_name(path)
        if only in module:
            lines = found.lines[str(path)]
            everything = found.order(set().union(*lines.values()) if lines else set())
            for mutant in mutants_of(module, path.read_text()):
                jobs.append(Job(mutant, path, tests_for(mutant, found, lines, everything)))
    return jobs


def tests_for(
    mutant: Mutant, found: covering.Cover, lines: dict[int, list[str]], everything: list[str]
) -> list[str]:
    """Those that fire the row or run the line; for what is set at import, all of its area."""
    if mutant.row is not None:
        first = found.order(set(found.rows.get(mutant.row, [])))
        return first + [name for name in everything if name not in set(first)]
    named = [] if mutant.at_import else found.order(set(lines.get(mutant.line, [])))
    area = next(names for part, names in AREAS.items() if mutant.module.startswith(part))
    return named or [name for name in found.order(set(found.cost_s)) if name.startswith(area)]


def try_all(jobs: list[Job]) -> tuple[list[Job], Counter[str]]:
    """Fork a child for each, at most WORKERS at a time."""
    survivors: list[Job] = []
    reasons: Counter[str] = Counter()
    running: dict[int, tuple[Job, int]] = {}
    queue: Iterator[Job] = iter(jobs)
    done = 0
    while True:
        job = next(queue, None) if len(running) < WORKERS else None
        if job is not None:
            pid, read = start(job)
            running[pid] = (job, read)
            continue
        if not running:
            return survivors, reasons
        pid, status = os.wait()
        ended, read = running.pop(pid)
        with os.fdopen(read, "rb") as said:
            reasons[said.read().decode(errors="replace").split(" at ")[0] or "out of time"] += 1
        done += 1
        if os.waitstatus_to_exitcode(status) == SURVIVED:
            survivors.append(ended)
            print(f"  survived: {ended.mutant.name}", flush=True)
        if done % 200 == 0:
            print(f"  {done} of {len(jobs)}", flush=True)


def start(job: Job) -> tuple[int, int]:
    read, write = os.pipe()
    pid = os.fork()
    if pid:
        os.close(write)
        return pid, read
    code = 1
    try:
        with open(os.devnull, "w") as nowhere:  # noqa: PTH123
            os.dup2(nowhere.fileno(), 1)
            os.dup2(nowhere.fileno(), 2)
        code = kill(job.mutant, str(job.path), job.tests, write)
    finally:
        os._exit(code)


if __name__ == "__main__":
    sys.exit(main())
