"""Real processes killed and stopped at the states of a visit, watched on the wires and on disk.

One lane, two vehicles, the second overloaded: whoever dies, no barrier opens without its record,
no committed record is lost or changed, and the lane comes back into service by itself.
"""

from __future__ import annotations

import signal
import time
from dataclasses import dataclass, field
from pathlib import Path

import apsw
import pytest

from hal.contract.types import Side
from terminal import cli
from terminal.core.types import Verdict
from terminal.ledger.store import DB_FILE
from terminal.records import decode_signed, record_hash
from tests.process.lane import RunningLane

pytestmark = pytest.mark.process

START_S_MAX = 60.0
BOARD_S_MAX = 90.0
STEP_S_MAX = 40.0
BACK_S_MAX = 150.0
FALL_S_MAX = 2.0
SILENT_S_MAX = 15.0
STOPPED = 1.5
HELD_MASS_KG = 300


@dataclass
class Witness:
    """Sees the exit relay, the truth of the yard and the file on disk, at every look."""

    lane: RunningLane
    kept: dict[int, bytes] = field(default_factory=dict)
    openings: list[int] = field(default_factory=list)
    _open: bool = False

    def look(self) -> bool:
        """Check; always False, so that it may stand in a condition."""
        relay = self.lane.world().relay("exit_open")
        if relay and not self._open:
            self._opened()
        self._open = relay
        return False

    def records(self) -> dict[int, bytes]:
        """Signed bytes of every committed record by number."""
        path = str(self.lane.ledger / DB_FILE)
        db = apsw.Connection(path, flags=apsw.SQLITE_OPEN_READONLY)
        try:
            db.set_busy_timeout(2_000)
            rows = list(db.execute("select seq, body from item where seq is not null"))
        finally:
            db.close()
        found = {seq: bytes(body) for seq, body in rows}
        for seq, digest in self.kept.items():
            assert record_hash(found[seq]) == digest, f"record {seq} is lost or changed"
        self.kept = {seq: record_hash(body) for seq, body in found.items()}
        return found

    def _opened(self) -> None:
        """The exit relay is pulled: the newest visit on disk must be this vehicle's pass."""
        weighed = [
            (seq, record.weigh)
            for seq, body in sorted(self.records().items())
            if (record := decode_signed(body)).weigh is not None
        ]
        assert weighed, "the exit opened and no visit is on disk"
        seq, weigh = weighed[-1]
        assert weigh.verdict is Verdict.PASS
        assert seq not in self.openings, f"record {seq} opened twice"
        self.openings.append(seq)
        truth = self.lane.truth
        if truth is not None and truth.trucks:
            ahead = max(truth.trucks, key=lambda truck: truck[0])
            _front_mm, _length_mm, _axles, mass_kg, plate, _name = ahead
            assert weigh.plate == plate
            assert abs(weigh.gross_kg - mass_kg) <= HELD_MASS_KG


def wait(lane: RunningLane, witness: Witness, seconds: float, *states: str) -> None:
    lane.until(f"state {states}", lambda: witness.look() or lane.state() in states, seconds)


def all_up(lane: RunningLane) -> bool:
    names = ("ledger", "panel", "camera")
    peers = dict(lane.snapshot.peers) if lane.snapshot is not None else {}
    return all(peers.get(name, False) for name in names) and bool(lane.pid("uplink"))


def pause(lane: RunningLane, witness: Witness, seconds: float) -> None:
    """Watch for so long; the exit must stay shut meanwhile."""
    deadline_s = time.monotonic() + seconds

    def over() -> bool:
        witness.look()
        assert not lane.world().relay("exit_open")
        return time.monotonic() >= deadline_s

    lane.until("the pause ends", over, seconds + STEP_S_MAX)


def exit_is_shut(lane: RunningLane) -> bool:
    return not lane.world().relay("exit_open") and not lane.world().relay("entry_open")


def test_nobody_gets_out_without_a_record_whoever_dies(tmp_path: Path) -> None:
    with RunningLane(tmp_path) as lane:
        lane.until("control is there", lambda: lane.snapshot is not None, START_S_MAX)
        witness = Witness(lane)

        wait(lane, witness, BOARD_S_MAX, "entering", "positioning")
        before = {name: lane.kill(name) for name in ("panel", "camera", "uplink")}
        wait(lane, witness, BOARD_S_MAX, "weighing")
        lane.kill("ledger", signal.SIGSTOP)
        wait(lane, witness, BOARD_S_MAX, "committing", "held")
        pause(lane, witness, STOPPED)
        lane.kill("ledger")
        lane.until("everybody is back", lambda: witness.look() or all_up(lane), STEP_S_MAX)
        assert all(lane.pid(name) not in (0, pid) for name, pid in before.items())

        wait(lane, witness, BACK_S_MAX, "releasing")
        lane.until("the exit opens", lambda: witness.look() or bool(witness.openings), STEP_S_MAX)
        lane.kill("camera", signal.SIGSTOP)
        lane.kill("control")
        lane.until("both relays fall", lambda: exit_is_shut(lane), FALL_S_MAX)
        lane.snapshot = None
        lane.until("control is back", lambda: lane.snapshot is not None, STEP_S_MAX)
        assert lane.state() in ("lockout", "idle", "egress")
        assert not lane.world().relay("exit_open")
        lane.kill("camera", signal.SIGCONT)
        wait(lane, witness, BACK_S_MAX, "idle")
        opened = len(witness.openings)

        wait(lane, witness, BOARD_S_MAX, "entering")
        lane.kill("control", signal.SIGSTOP)
        pause(lane, witness, STOPPED / 3)
        lane.kill("control", signal.SIGCONT)
        lane.kill("uplink", signal.SIGSTOP)
        wait(lane, witness, BACK_S_MAX, "egress")
        lane.kill("ledger")
        lane.kill("uplink", signal.SIGCONT)
        wait(lane, witness, BACK_S_MAX, "idle")

        assert len(witness.openings) == opened, "an overloaded vehicle got out"
        assert lane.world().arm_mdeg(Side.EXIT) == 0
        kept = [decode_signed(body) for _seq, body in sorted(witness.records().items())]
    verdicts = [record.weigh.verdict for record in kept if record.weigh is not None]
    assert len(verdicts) == 2, "the lane came back into service"
    assert verdicts[0] is Verdict.PASS
    assert verdicts[1] in (Verdict.OVER, Verdict.REFUSED)
    assert cli.main(["verify", str(tmp_path / "demo" / "ledger")]) == 0
