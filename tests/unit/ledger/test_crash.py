"""The disk dies at every operation of a run: what was acknowledged is there afterwards.

For every k the k-th write, truncation or sync fails (or tears, or the power goes and unsynced
writes are lost), everything after it fails too, the process ends, and a sound one starts.
"""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path

import apsw
import pytest

from hal.contract.types import MonotonicNs
from terminal.core.types import Committed, Event
from terminal.ledger import LedgerNode, LedgerRefusedError
from terminal.messages import CommitDone, CommitRefused, Delivered, Journal, Pending, Pull
from terminal.records import verify_chain
from tests.unit.ledger.builders import draft
from tests.unit.ledger.failing_vfs import FailingVfs
from tests.unit.ledger.lane import Lane, of_kind

VISITS = range(1, 3)
OPERATIONS_MAX = 400


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger in use, with one record, closed properly."""
    lane = Lane(tmp_path_factory.mktemp("started"))
    node = lane.open()
    lane.commit(node, draft(100))
    node.close()
    return lane.base


def work(lane: Lane, node: LedgerNode) -> list[Committed]:
    """A few visits with pictures, an alarm and a receipt; returns what was acknowledged."""
    acknowledged = []
    for visit_id in VISITS:
        photo = lane.spool(b"picture %d" % visit_id)
        answer = lane.commit(node, draft(visit_id, photos=(photo,)))
        if isinstance(answer, CommitDone):
            acknowledged.append(answer.committed)
        else:
            assert isinstance(answer, CommitRefused)
            assert answer.why
        lane.tell(node, Journal((Event("lockout", MonotonicNs(visit_id)),), 0))
        for item in of_kind(lane.tell(node, Pull("county", 1), "uplink"), Pending):
            lane.tell(node, Delivered("county", item.item, b"receipt"), "uplink")
        node.store.wal_pages *= 1_000
        lane.tick(node)
    return acknowledged


def run_until(started: Path, base: Path, k: int, how: str) -> bool:
    """One run that dies at operation k; checks what is left. False: it did not get to die."""
    shutil.copytree(started, base)
    lane = Lane(base, vfs=f"failing-{how}-{k}")
    vfs = FailingVfs(lane.vfs or "", fail_at=k, how=how)
    acknowledged: list[Committed] = []
    try:
        node = lane.open()
        try:
            acknowledged = work(lane, node)
        finally:
            if how == "lose":
                vfs.power_cut()
                shutil.copytree(base, base.with_suffix(".after"))
            node.close()
    except LedgerRefusedError:
        if how == "lose" and not base.with_suffix(".after").exists():
            vfs.power_cut()
            shutil.copytree(base, base.with_suffix(".after"))
    died = vfs.operations >= k
    vfs.unregister()
    after = Lane(base.with_suffix(".after") if how == "lose" else base)
    check(after, acknowledged)
    return died


def check(lane: Lane, acknowledged: list[Committed]) -> None:
    """Every acknowledged record is there, the chain holds, and the work can go on."""
    node = lane.open()
    signed = list(node.store.signed_records())
    assert verify_chain(signed, node.book.public_key) is None
    for committed in acknowledged:
        found = node.store.execute("select sha256 from item where seq = ?", (committed.seq,))
        assert found == [(committed.record_hash,)]
    for visit_id in VISITS:
        photo = lane.spool(b"picture %d" % visit_id)
        answer = lane.commit(node, draft(visit_id, photos=(photo,)))
        assert isinstance(answer, CommitDone)
        assert node.book.known(draft(visit_id, photos=(photo,))) == answer.committed
        for committed in acknowledged:
            if committed.visit_id == visit_id:
                assert answer.committed == committed
    count = node.store.execute("select count(*) from visit")[0][0]
    assert count == len(VISITS) + 1, "exactly one record a visit"
    signed = list(node.store.signed_records())
    assert verify_chain(signed, node.book.public_key) is None
    node.close()


@pytest.mark.parametrize("how", ["fail", "tear", "lose"])
def test_acknowledged_records_survive_every_dying_disk(
    started: Path, tmp_path: Path, how: str
) -> None:
    k = 1
    while run_until(started, tmp_path / f"k{k}", k, how):
        shutil.rmtree(tmp_path / f"k{k}")
        k += 1
        assert k < OPERATIONS_MAX
    assert k > 25, "the run must really write"


@pytest.mark.parametrize("how", ["fail", "tear"])
def test_a_first_start_that_dies_can_be_repeated(tmp_path: Path, how: str) -> None:
    k = 1
    died = True
    while died:
        lane = Lane(tmp_path / f"k{k}", vfs=f"first-{how}-{k}")
        lane.base.mkdir()
        vfs = FailingVfs(lane.vfs or "", fail_at=k, how=how)
        with suppress(LedgerRefusedError):
            lane.open().close()
        died = vfs.operations >= k
        vfs.unregister()
        check_first(Lane(lane.base))
        k += 1
        assert k < OPERATIONS_MAX
    assert k > 5


def check_first(lane: Lane) -> None:
    node = lane.open()
    assert isinstance(lane.commit(node, draft(1)), CommitDone)
    node.close()


def test_the_checks_find_a_store_that_does_not_sync(
    started: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The power cut test must notice a ledger that answers before it is durable."""
    pragma = apsw.Connection.pragma

    class Careless(apsw.Connection):
        def pragma(self, name: str, *value: object) -> object:
            if name == "synchronous":
                value = ("off",)
            return pragma(self, name, *value)

    monkeypatch.setattr("terminal.ledger.store.apsw.Connection", Careless)
    with pytest.raises(AssertionError):
        run_until(started, tmp_path / "careless", OPERATIONS_MAX, "lose")
