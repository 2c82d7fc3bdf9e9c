"""Tries mutants in two worker processes, each mutant in a child of its own that ends with it.

A warm worker has imported every test and exchanges code in living functions; a cold one has
imported nothing of ours, so that its children can import the mutant. The first test that fails
ends a child. A test that takes far longer than it should counts as failed: it would be noticed.
"""

from __future__ import annotations

import json
import mmap
import os
import select
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from tests.mutants import patch
from tests.mutants.cases import Case, cases, existing, module_of
from tests.mutants.mutate import Mutant

WORKERS = 2
SLOW_FACTOR = 12
SLOW_S_MIN = 2.0
"""A test over a mutant may take so much longer, and at least so long, in processor time."""
KILLED, SURVIVED, AT_IMPORT = 3, 0, 4


class Job(NamedTuple):
    """A mutant, its file and the tests that may notice it, likeliest and quickest first.

    at_import: its code also ran while the tests were imported, so a survivor is tried once more
    by importing it.
    """

    mutant: Mutant
    path: Path
    tests: list[str]
    at_import: bool


class Tried(NamedTuple):
    """by: the test that noticed it, "" for a survivor. how: in a word or two."""

    job: int
    by: str
    how: str


def try_all(
    jobs: Sequence[Job], cost_s: dict[str, float], until_s: float
) -> Iterator[tuple[int, Tried]]:
    """Every job's number with its result, in the order they end; none after `until_s`."""
    again = [at for at, job in enumerate(jobs) if job.mutant.at_import]
    warm = [at for at, job in enumerate(jobs) if not job.mutant.at_import]
    for numbers, worker in ((warm, _warm), (again, _cold)):
        for tried in _spread(numbers, jobs, cost_s, until_s, worker):
            retry = tried.how == "at import" or (not tried.by and jobs[tried.job].at_import)
            if worker is _warm and retry:
                again.append(tried.job)
            else:
                yield tried.job, tried


Worker = Callable[[Sequence[int], Sequence[Job], dict[str, float], float, int], None]


def _spread(
    numbers: Sequence[int],
    jobs: Sequence[Job],
    cost_s: dict[str, float],
    until_s: float,
    worker: Worker,
) -> Iterator[Tried]:
    """Fork the workers, give each every WORKERS-th job, hand on what they say."""
    streams: dict[int, bytes] = {}
    for first in range(min(WORKERS, len(numbers))):
        read, write = os.pipe()
        if os.fork() == 0:
            os.close(read)
            code = 1
            try:
                os.nice(max(0, 10 - os.nice(0)))
                worker(numbers[first::WORKERS], jobs, cost_s, until_s, write)
                code = 0
            finally:
                sys.stderr.flush()
                os._exit(code)
        os.close(write)
        streams[read] = b""
    while streams:
        for read in select.select(list(streams), [], [])[0]:
            said = os.read(read, 65_536)
            *lines, streams[read] = (streams[read] + said).split(b"\n")
            for line in lines:
                yield Tried(*json.loads(line))
            if not said:
                os.close(read)
                del streams[read]
                _, status = os.wait()
                assert os.waitstatus_to_exitcode(status) == 0, "a worker failed"


def _warm(
    numbers: Sequence[int], jobs: Sequence[Job], cost_s: dict[str, float], until_s: float, out: int
) -> None:
    found = {case.name: case for name in existing() for case in cases(name)}
    alive = patch.living(str(jobs[0].path.parents[1]) + "/")
    for at in numbers:
        if time.monotonic() > until_s:
            return
        job = jobs[at]
        _say(out, at, job, lambda job=job: _kill_warm(job, alive), found.__getitem__, cost_s)  # type: ignore[misc]


def _kill_warm(job: Job, alive: patch.Living) -> None:
    patch.exchange(job.mutant, str(job.path), alive)


def _cold(
    numbers: Sequence[int], jobs: Sequence[Job], cost_s: dict[str, float], until_s: float, out: int
) -> None:
    for at in numbers:
        if time.monotonic() > until_s:
            return
        job = jobs[at]
        found = _Lazily()
        _say(out, at, job, lambda job=job: patch.serve(job.mutant, str(job.path)), found, cost_s)  # type: ignore[misc]


class _Lazily:
    """Cases by name; a test module is imported when the first of its cases is asked for."""

    def __init__(self) -> None:
        self._found: dict[str, Case] = {}

    def __call__(self, name: str) -> Case:
        if name not in self._found:
            self._found.update((case.name, case) for case in cases(module_of(name)))
        return self._found[name]


def _say(
    out: int,
    at: int,
    job: Job,
    change: Callable[[], None],
    found: Callable[[str], Case],
    cost_s: dict[str, float],
) -> None:
    """Fork a child for one mutant, wait for it and write its end to the pipe."""
    with mmap.mmap(-1, 4096) as told:  # where the child says what it is at
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                _hush()
                code = _child(job, change, found, cost_s, told)
            finally:
                os._exit(code)
        _, status = os.waitpid(pid, 0)
        place, _, how = told[:].rstrip(b"\0").decode(errors="replace").partition(" ")
    ended = os.waitstatus_to_exitcode(status)
    by = job.tests[int(place)] if place else "import"
    if ended == SURVIVED:
        by, how = "", "survived"
    elif ended == AT_IMPORT:
        by, how = "", "at import"
    elif ended != KILLED:
        how = "out of time" if ended == -signal.SIGPROF else f"ended with {ended}"
    os.write(out, json.dumps([at, by, how]).encode() + b"\n")


def _hush() -> None:
    with open(os.devnull, "r+") as nowhere:  # noqa: PTH123
        for stream in (0, 1, 2):
            os.dup2(nowhere.fileno(), stream)


def _child(
    job: Job,
    change: Callable[[], None],
    found: Callable[[str], Case],
    cost_s: dict[str, float],
    told: mmap.mmap,
) -> int:
    """SURVIVED when every test passes over the mutant, KILLED when one fails."""
    try:
        change()
    except patch.AtImportError:
        return AT_IMPORT
    place = 0
    try:
        for place, name in enumerate(job.tests):
            told[:8] = str(place).encode().ljust(8, b"\0")
            limit_s = max(SLOW_S_MIN, SLOW_FACTOR * cost_s[name])
            signal.setitimer(signal.ITIMER_PROF, limit_s)
            found(name).run()
    except BaseException as error:  # whatever happens, the mutant was noticed
        told[:60] = f"{place} {type(error).__name__}".encode()[:60].ljust(60, b"\0")
        return KILLED
    return SURVIVED
