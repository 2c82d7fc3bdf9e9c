"""Real processes without descriptors, without memory and with a clock that jumps.

A limit is laid on running processes so that nothing more can be opened or mapped, and lifted again
at a later state of the same visit. Meanwhile no exit opens without its record, afterwards the lane
works again, and whoever had to end has said why in a sentence.

Two lanes pass through every state, whoever can go on together starving together:

| | entering | positioning | weighing to committing | releasing | clearing | egress |
|---|---|---|---|---|---|---|
| descriptors | all | all | all; the ledger's is a hold | all | all | all |
| memory | all | all | all; control ends here | all but camera | all | all |

The console has its own test beside this (test_console_dies). Every case by itself, one visit each:
LIMITS=all, or LIMITS=memory:camera:releasing,descriptors:ledger:weighing (about a minute a case).
"""

from __future__ import annotations

import os
import re
import resource
import signal
import struct
import time
from dataclasses import dataclass, field
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
DESCRIPTORS, MEMORY = "descriptors", "memory"
RESOURCES = {DESCRIPTORS: resource.RLIMIT_NOFILE, MEMORY: resource.RLIMIT_AS}
CREW = ("control", "panel", "camera", "uplink")
ALL = (*CREW, "ledger")
TRAIL = ("idle", "entering", "positioning", "weighing", "deciding", "committing")
TRAILS = ((*TRAIL, "releasing", "clearing", "idle"), (*TRAIL, "egress"))
"""States of a visit that passes and of one that is barred; some pass between two looks."""
CASES_WANTED = os.environ.get("LIMITS", "")
CASE_S_MAX = 900.0
"""Only every so many vehicles are barred and come to egress."""
CASES = tuple(
    f"{kind}:{name}:{state}"
    for kind in RESOURCES
    for name in ALL
    for state in ("entering", "positioning", "weighing", "releasing", "clearing", "egress")
)
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


def mapped_bytes(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmSize"))


@dataclass
class Starved(Witness):
    """A witness who also lays limits, and notes at which states they lay on whom."""

    met: set[tuple[str, str, str]] = field(default_factory=set)
    _laid: dict[tuple[str, str], tuple[int, str]] = field(default_factory=dict)

    def look(self) -> bool:
        state = self.lane.state()
        for (kind, name), (pid, before) in self._laid.items():
            if state and Path(f"/proc/{pid}").exists():
                self.met |= {(kind, name, passed) for passed in between(before, state)}
                self._laid[kind, name] = (pid, state)
        return super().look()

    def lay(self, kind: str, *names: str) -> None:
        """On whoever of these runs, as it now is."""
        for name in names:
            self.lift(kind, name)
            pid = self.lane.pid(name)
            if pid:
                amount = NONE_MORE if kind == DESCRIPTORS else mapped_bytes(pid)
                starve(pid, RESOURCES[kind], amount)
                self._laid[kind, name] = (pid, self.lane.state())
        self.look()

    def lift(self, kind: str, *names: str) -> None:
        self.look()
        for name in names:
            pid, _state = self._laid.pop((kind, name), (0, ""))
            if pid:
                feed(pid, RESOURCES[kind])

    def check_met(self, kind: str, names: tuple[str, ...], *states: str) -> None:
        missing = {(kind, name, state) for name in names for state in states} - self.met
        assert not missing, f"the limit did not lie there: {sorted(missing)}"


def between(before: str, state: str) -> tuple[str, ...]:
    """The states passed from one look to the next, the later one included."""
    for trail in TRAILS:
        if before in trail and state in trail and trail.index(before) < trail.index(state):
            return trail[trail.index(before) : trail.index(state) + 1]
    return (state,)


def look_on(lane: RunningLane, witness: Witness, seconds: float, *states: str) -> None:
    """Watch for so long, or until a state; what opens must have its record, says the witness."""
    deadline_s = time.monotonic() + seconds
    lane.until(
        "the time is over",
        lambda: witness.look() or lane.state() in states or time.monotonic() >= deadline_s,
        seconds + STEP_S_MAX,
    )


def everybody_back(lane: RunningLane, witness: Witness) -> None:
    lane.until("everybody is back", lambda: witness.look() or all_up(lane), STEP_S_MAX)


def check_ends(tmp_path: Path) -> None:
    """Whoever ended did so for want of memory, and said it.

    The numeric libraries do not always live to say it: OpenBLAS ends the process with a line of its
    own, LAPACK writes where nothing was mapped. Both are the death that the supervisor names.
    """
    said = told(tmp_path)
    for found in re.finditer(r"^(\w+): ended with (-?\d+);", said, re.MULTILINE):
        name, code = found[1], int(found[2])
        if code == exits.STARVED:
            assert f"{name}: out of memory. The process ends here" in said
        elif code not in (-signal.SIGSEGV, -signal.SIGABRT):
            before = said[: found.start()][-2_000:]
            assert "OpenBLAS error: Memory allocation" in before, before + found[0]


def told(tmp_path: Path) -> str:
    return (tmp_path / "log.txt").read_text()


def weighings(witness: Witness) -> list[Verdict]:
    kept = [decode_signed(body) for _seq, body in sorted(witness.records().items())]
    return [record.weigh.verdict for record in kept if record.weigh is not None]


def test_without_descriptors_nothing_opens_and_afterwards_it_goes_on(tmp_path: Path) -> None:
    with RunningLane(tmp_path) as lane:
        lane.until("control is there", lambda: lane.snapshot is not None, START_S_MAX)
        witness = Starved(lane)
        wait(lane, witness, BOARD_S_MAX, "idle", "entering")
        everybody_back(lane, witness)
        before = {name: lane.pid(name) for name in ALL}
        witness.lay(DESCRIPTORS, *ALL)
        wait(lane, witness, BOARD_S_MAX, "positioning")
        witness.lift(DESCRIPTORS, "ledger")
        wait(lane, witness, BOARD_S_MAX, "releasing")
        witness.lay(DESCRIPTORS, "ledger")
        assert {name: lane.pid(name) for name in ALL} == before, "all that is open goes on"
        witness.lay(MEMORY, "control", "ledger", "panel", "uplink")
        look_on(lane, witness, STARVED_S / 3, "clearing")
        witness.lift(MEMORY, "control")  # before it studies how the axles roll off
        wait(lane, witness, BOARD_S_MAX, "clearing")
        witness.lift(MEMORY, *ALL)
        witness.lift(DESCRIPTORS, *ALL)
        everybody_back(lane, witness)
        witness.lay(DESCRIPTORS, *ALL)
        look_on(lane, witness, STARVED_S, "idle")
        witness.lift(DESCRIPTORS, *ALL)
        witness.lay(MEMORY, *ALL)
        wait(lane, witness, BACK_S_MAX, "idle")
        witness.lift(MEMORY, *ALL)
        assert len(witness.openings) == 1, "a legal vehicle passed"
        everybody_back(lane, witness)

        wait(lane, witness, BOARD_S_MAX, "positioning")
        witness.lay(DESCRIPTORS, "ledger")
        witness.lay(MEMORY, "panel", "uplink", "camera")
        wait(lane, witness, BACK_S_MAX, "held", "lockout")
        pause(lane, witness, STARVED_S)
        assert len(weighings(witness)) == 1, "pictures could not be stored: nothing was judged"
        witness.lift(DESCRIPTORS, "ledger")
        witness.lay(MEMORY, "ledger")
        wait(lane, witness, BACK_S_MAX, "egress")
        pictures = len(list((lane.ledger / "evidence").rglob("*.jpg")))
        witness.lift(MEMORY, *ALL)
        everybody_back(lane, witness)

        witness.lay(DESCRIPTORS, *ALL)
        killed = lane.kill("panel")
        lane.until(
            "the panel is back and finds no ear",
            lambda: witness.look() or lane.pid("panel") not in (0, killed),
            STEP_S_MAX,
        )
        lane.until(
            "control says why",
            lambda: witness.look() or "control: no link can be made" in told(tmp_path),
            STEP_S_MAX,
        )
        witness.lift(DESCRIPTORS, *ALL)
        everybody_back(lane, witness)
        verdicts = weighings(witness)
    witness.check_met(DESCRIPTORS, ALL, "entering", "positioning", "releasing", "clearing")
    witness.check_met(DESCRIPTORS, CREW, "weighing", "deciding", "committing", "egress")
    witness.check_met(DESCRIPTORS, ("ledger",), "held", "egress")
    witness.check_met(MEMORY, ("control", "ledger", "panel", "uplink"), "releasing")
    witness.check_met(MEMORY, ALL, "clearing")
    assert pictures, "the record has the pictures that were waiting"
    assert len(witness.openings) == 1, "an overloaded vehicle got out"
    assert verdicts[0] is Verdict.PASS
    assert verdicts[1] in (Verdict.OVER, Verdict.REFUSED)
    assert cli.main(["verify", str(tmp_path / "demo" / "ledger")]) == 0


def test_without_memory_whoever_ends_says_why_and_comes_back(tmp_path: Path) -> None:
    """Whoever is not there any more is starved again as soon as it is back, at the next state."""
    with RunningLane(tmp_path) as lane:
        lane.until("control is there", lambda: lane.snapshot is not None, START_S_MAX)
        witness = Starved(lane)
        wait(lane, witness, BOARD_S_MAX, "idle", "entering")
        everybody_back(lane, witness)
        for _again in range(2):
            witness.lay(MEMORY, *ALL)
            wait(lane, witness, BOARD_S_MAX, "entering")
            everybody_back(lane, witness)
        witness.lay(MEMORY, *ALL)
        wait(lane, witness, BOARD_S_MAX, "positioning")
        everybody_back(lane, witness)
        witness.lay(MEMORY, *ALL)
        wait(lane, witness, BACK_S_MAX, "lockout", "releasing", "held")
        witness.lift(MEMORY, *ALL)
        lane.snapshot = None
        wait(lane, witness, BACK_S_MAX, "egress", "clearing")
        everybody_back(lane, witness)
        witness.lay(MEMORY, *ALL)
        look_on(lane, witness, STARVED_S, "idle", "lockout")
        witness.lift(MEMORY, *ALL)
        everybody_back(lane, witness)
        wait(lane, witness, BACK_S_MAX, "idle")
        wait(lane, witness, BOARD_S_MAX, "entering")
        verdicts = weighings(witness)
    witness.check_met(MEMORY, ALL, "entering", "positioning")
    check_ends(tmp_path)
    assert ": ended with" in told(tmp_path), "somebody needed more"
    assert len(witness.openings) <= 1, "an overloaded vehicle got out"
    assert verdicts.count(Verdict.PASS) == len(witness.openings)
    assert cli.main(["verify", str(tmp_path / "demo" / "ledger")]) == 0


@pytest.mark.skipif(not CASES_WANTED, reason="an hour of visits; set LIMITS=all, or some cases")
def test_every_limit_on_every_process_at_every_state_by_itself(tmp_path: Path) -> None:
    wanted = CASES if CASES_WANTED == "all" else tuple(CASES_WANTED.split(","))
    assert set(wanted) <= set(CASES), f"choose of {CASES}"
    with RunningLane(tmp_path) as lane:
        lane.until("control is there", lambda: lane.snapshot is not None, START_S_MAX)
        witness = Starved(lane)
        for case in wanted:
            kind, name, state = case.split(":")
            wait(lane, witness, BACK_S_MAX, "idle")
            early = "positioning" if state == "weighing" else state
            wait(lane, witness, CASE_S_MAX, early)
            everybody_back(lane, witness)
            witness.lay(kind, name)
            look_on(lane, witness, STARVED_S)
            witness.lift(kind, name)
            states = sorted(state for *what, state in witness.met if what == [kind, name])
            print(f"{case}: it has lain there at {states}")
            everybody_back(lane, witness)
        wait(lane, witness, BACK_S_MAX, "idle")
        passed = len(witness.openings)
        lane.until(
            "a vehicle passes",
            lambda: witness.look() or len(witness.openings) > passed,
            4 * BACK_S_MAX,
        )
    check_ends(tmp_path)
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
