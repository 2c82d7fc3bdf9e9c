"""The whole lane on this machine: loop lateness under load, memory, time to ready.

The demo's real processes run with both cores loaded; beside them, in the same seconds, a bare
SCHED_FIFO sleeper of the same period. The ratio of the two is the figure, not either alone.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import tempfile
import time
from collections.abc import Iterator
from multiprocessing.queues import SimpleQueue
from pathlib import Path

from terminal.control.lateness import Histogram
from terminal.processes import PROCESSES
from tests.process.lane import RunningLane

PERIOD_NS = 10_000_000
MEASURE_S = 30
READY_S_MAX = 30.0
BURNERS = 2


def _burn(until_s: float) -> None:
    while time.monotonic() < until_s:
        sum(range(1_000))


def _sleeper(until_s: float, answer: SimpleQueue[tuple[int, int, int, int]]) -> None:
    with contextlib.suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(50))
    late = Histogram(10)
    due_ns = time.monotonic_ns() + PERIOD_NS
    while time.monotonic() < until_s:
        time.sleep(max(0, due_ns - time.monotonic_ns()) / 1e9)
        now_ns = time.monotonic_ns()
        late.add((now_ns - due_ns) // 1_000)
        due_ns += PERIOD_NS * max(1, (now_ns - due_ns) // PERIOD_NS + 1)
    answer.put((*(late.permille_us(p) for p in (500, 990, 999)), late.max_us))


@contextlib.contextmanager
def loaded(seconds: float) -> Iterator[SimpleQueue[tuple[int, int, int, int]]]:
    """Both cores busy and the bare sleeper beside, for so many seconds."""
    context = multiprocessing.get_context("spawn")
    answer: SimpleQueue[tuple[int, int, int, int]] = context.SimpleQueue()
    until_s = time.monotonic() + seconds
    workers = [context.Process(target=_burn, args=(until_s,)) for _ in range(BURNERS)]
    workers.append(context.Process(target=_sleeper, args=(until_s, answer)))
    for worker in workers:
        worker.start()
    try:
        yield answer
    finally:
        for worker in workers:
            worker.join(seconds)
            worker.terminate()


def _rss_mb(pid: int) -> str:
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmRSS"):
                return str(int(line.split()[1]) // 1_024)
    return "-"


def table() -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = [("figure", "lane", "bare sleeper", "ratio or bound")]
    with tempfile.TemporaryDirectory() as folder:
        started_s = time.monotonic()
        with RunningLane(Path(folder)) as lane:
            lane.until("lane ready", lambda: lane.state() not in ("", "lockout"), READY_S_MAX)
            ready_s = time.monotonic() - started_s
            with loaded(MEASURE_S) as answer:
                lane.until("measured", lambda: not answer.empty(), 3 * MEASURE_S)
                bare = answer.get()
            assert lane.snapshot is not None
            loop = lane.snapshot.loop
            ours = (loop.p50_us, loop.p99_us, loop.p999_us, loop.max_us)
            names = ("lateness p50 us", "lateness p99 us", "lateness p99.9 us", "lateness max us")
            for name, mine, theirs in zip(names, ours, bare, strict=True):
                rows.append((name, str(mine), str(theirs), f"{mine / max(theirs, 1):.2f}"))
            rows.append(("late over 2 ms", f"{loop.late} of {loop.ticks}", "", ""))
            rows.append(("core.step p50 us", str(loop.step_p50_us), "", "aim <= 150"))
            rows.append(("seconds to lane ready", f"{ready_s:.1f}", "", "aim <= 3"))
            for process in PROCESSES:
                if pid := lane.pid(process.name):
                    bound = f"budget {process.rss_mb_max}"
                    rows.append((f"{process.name} MB resident", _rss_mb(pid), "", bound))
    return rows
