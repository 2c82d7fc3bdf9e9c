"""Real processes without descriptors, without memory and with a clock that jumps.

The limit is laid on a running process at a state of the visit, so that nothing more can be opened
or mapped; then it is lifted. Meanwhile no exit opens without its record, afterwards the lane works
again, and whoever had to end has said why in a sentence.
"""

from __future__ import annotations

import resource
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from terminal import cli, exits
from terminal.core.types import Verdict
from terminal.records import decode_signed
from tests.process.lane import RunningLane
from tests.process.test_kills import (
    BACK_S_MAX,
    BOARD_S_MAX,
    START_S_MAX,
    STEP_S_MAX,
    Witness,
    all_up,
    pause,
    wait,
)

pytestmark = pytest.mark.process

STARVED_S = 3.0
NONE_MORE = 3
"""Below every descriptor in use: nothing can be opened, everything open goes on."""
STEPPED_CLOCK = """
import mmap, os, struct, time

_real_ns = time.time_ns
with open(os.environ["WALL_OFFSET"], "r+b") as _file:
    _offset = mmap.mmap(_file.fileno(), 8)


def _stepped_ns():
    return _real_ns() + struct.unpack("<q", _offset[:8])[0]


time.time_ns = _stepped_ns
time.time = lambda: _stepped_ns() / 1e9
"""
"""A sitecustomize.py: every Python process of the lane sees the wall clock off by so many ns."""


def starve(pid: int, what: int, amount: int) -> None:
    """Lower the soft limit of a running process."""
    resource.prlimit(pid, what, (amount, resource.prlimit(pid, what)[1]))


def feed(pid: int, what: int) -> None:
    """Back to the hard limit; a process that is gone needs none."""
    try:
        hard = resource.prlimit(pid, what)[1]
        resource.prlimit(pid, what, (hard, hard))
    except ProcessLookupError:
        return


@contextmanager
def without_descriptors(lane: RunningLane, *names: str) -> Iterator[None]:
    pids = [lane.pid(name) for name in names]
    for pid in pids:
        starve(pid, resource.RLIMIT_NOFILE, NONE_MORE)
    try:
        yield
    finally:
        for pid in pids:
            feed(pid, resource.RLIMIT_NOFILE)


@contextmanager
def without_memory(lane: RunningLane, *names: str) -> Iterator[None]:
    pids = [lane.pid(name) for name in names]
    for pid in pids:
        starve(pid, resource.RLIMIT_AS, mapped_bytes(pid))
    try:
        yield
    finally:
        for pid in pids:
            feed(pid, resource.RLIMIT_AS)


def mapped_bytes(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmSize"))


def look_on(lane: RunningLane, witness: Witness, seconds: float) -> None:
    """Watch for so long; what opens must have its record, which the witness checks."""
    deadline_s = time.monotonic() + seconds
    lane.until(
        "the time is over",
        lambda: witness.look() or time.monotonic() >= deadline_s,
        seconds + STEP_S_MAX,
    )


def told(tmp_path: Path) -> str:
    return (tmp_path / "log.txt").read_text()


def weighings(witness: Witness) -> list[Verdict]:
    kept = [decode_signed(body) for _seq, body in sorted(witness.records().items())]
    return [record.weigh.verdict for record in kept if record.weigh is not None]


def test_without_descriptors_nothing_opens_and_afterwards_it_goes_on(tmp_path: Path) -> None:
    with RunningLane(tmp_path) as lane:
        lane.until("control is there", lambda: lane.snapshot is not None, START_S_MAX)
        witness = Witness(lane)
        wait(lane, witness, BOARD_S_MAX, "positioning")
        with without_descriptors(lane, "ledger"):
            wait(lane, witness, BOARD_S_MAX, "held", "lockout")
            pause(lane, witness, STARVED_S)
            assert not weighings(witness), "pictures could not be stored, so nothing was judged"
        wait(lane, witness, BACK_S_MAX, "idle")
        pictures = len(list((lane.ledger / "evidence").rglob("*.jpg")))
        assert not witness.openings or pictures, "the record has the pictures that were waiting"

        with without_descriptors(lane, "control", "panel", "camera", "uplink"):
            before = lane.kill("panel")
            lane.until(
                "the panel is back and finds no ear",
                lambda: witness.look() or lane.pid("panel") not in (0, before),
                STEP_S_MAX,
            )
            lane.until(
                "control says why",
                lambda: witness.look() or "control: no link can be made" in told(tmp_path),
                STEP_S_MAX,
            )
            wait(lane, witness, BOARD_S_MAX, "entering", "positioning", "lockout", "held")
        lane.until("everybody is back", lambda: witness.look() or all_up(lane), STEP_S_MAX)
        wait(lane, witness, BACK_S_MAX, "egress")
        verdicts = weighings(witness)
    assert len(witness.openings) <= 1, "an overloaded vehicle got out"
    assert verdicts.count(Verdict.PASS) == len(witness.openings)
    assert cli.main(["verify", str(tmp_path / "demo" / "ledger")]) == 0


def test_without_memory_whoever_ends_says_why_and_comes_back(tmp_path: Path) -> None:
    names = ("ledger", "uplink", "panel", "control")
    with RunningLane(tmp_path) as lane:
        lane.until("control is there", lambda: lane.snapshot is not None, START_S_MAX)
        witness = Witness(lane)
        wait(lane, witness, BOARD_S_MAX, "positioning")
        before = {name: lane.pid(name) for name in names}
        with without_memory(lane, *names):
            lane.until(
                "somebody needed more",
                lambda: witness.look() or "ended with" in told(tmp_path),
                BACK_S_MAX,
            )
            look_on(lane, witness, STARVED_S)
        lane.until("everybody is back", lambda: witness.look() or all_up(lane), STEP_S_MAX)
        ended = [name for name in names if lane.pid(name) != before[name]]
        for name in ended:
            assert f"{name}: ended with" in told(tmp_path)
        lane.snapshot = None
        wait(lane, witness, BACK_S_MAX, "idle")
        wait(lane, witness, BOARD_S_MAX, "entering")
        verdicts = weighings(witness)
    assert ended
    assert len(witness.openings) <= 1, "an overloaded vehicle got out"
    assert verdicts.count(Verdict.PASS) == len(witness.openings)
    assert f"ended with {exits.CORRUPT}" not in told(tmp_path)
    assert cli.main(["verify", str(tmp_path / "demo" / "ledger")]) == 0


def test_a_wall_clock_that_jumps_changes_no_decision(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Days back, two minutes ahead, to 1970 and home again, at four states of two visits."""
    offset = tmp_path / "offset"
    offset.write_bytes(bytes(8))
    (tmp_path / "sitecustomize.py").write_text(STEPPED_CLOCK)

    def step(seconds: int) -> None:
        with offset.open("r+b") as file:
            file.write(struct.pack("<q", seconds * 10**9))

    monkeypatch.setenv("WALL_OFFSET", str(offset))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with RunningLane(tmp_path) as lane:
        lane.until("control is there", lambda: lane.snapshot is not None, START_S_MAX)
        witness = Witness(lane)
        wait(lane, witness, BOARD_S_MAX, "entering", "positioning")
        step(-3 * 86_400)
        wait(lane, witness, BOARD_S_MAX, "releasing")
        step(120)
        wait(lane, witness, BACK_S_MAX, "idle")
        wait(lane, witness, BOARD_S_MAX, "entering", "positioning")
        step(-int(time.time()) + 600)
        wait(lane, witness, BOARD_S_MAX, "egress")
        step(0)
        assert weighings(witness) == [Verdict.PASS, Verdict.OVER]
        years = {
            time.gmtime(decode_signed(body).wall_ns // 10**9).tm_year
            for body in witness.records().values()
        }
    assert 1970 in years, "the clock did jump"
    assert len(witness.openings) == 1
    assert cli.main(["verify", str(tmp_path / "demo" / "ledger")]) == 0
