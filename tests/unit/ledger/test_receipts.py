"""Receipts in groups: few transactions, an alarm's at once, and a lost one only sent again."""

from __future__ import annotations

from pathlib import Path

import pytest

from hal.contract.types import MonotonicNs
from terminal.core.types import Event
from terminal.ledger import LedgerNode
from terminal.ledger.receipts import GROUP_MAX
from terminal.link import PeerDown
from terminal.messages import (
    CommitDone,
    Delivered,
    Journal,
    LedgerStatus,
    Message,
    Pending,
    Pull,
    Reconcile,
    Undeliverable,
)
from terminal.outbox import DeliveryState
from tests.unit.ledger.builders import draft
from tests.unit.ledger.lane import Lane, of_kind


@pytest.fixture
def lane(tmp_path: Path) -> Lane:
    return Lane(tmp_path)


def stored(node: LedgerNode, item: int) -> DeliveryState:
    found = node.store.delivery("county", item)
    assert found is not None
    return found.state


def receipt(item: int) -> Message:
    return Delivered("county", item, b"r")


def committed(lane: Lane, count: int) -> LedgerNode:
    node = lane.open()
    for visit_id in range(1, count + 1):
        lane.commit(node, draft(visit_id))
    return node


def test_a_group_is_one_transaction_and_bounded(lane: Lane) -> None:
    node = committed(lane, GROUP_MAX)
    before = node.store.wal_pages
    for item in range(1, GROUP_MAX):
        assert lane.tell(node, receipt(item), "uplink") == ()
        assert lane.tell(node, receipt(item), "uplink") == (), "the same one again"
    assert stored(node, 1) is DeliveryState.WAITING
    assert node.targets["county"].waiting == GROUP_MAX, "what is not written does not count"
    assert node.store.wal_pages == before, "no commit so far"
    status = of_kind(lane.tell(node, receipt(GROUP_MAX), "uplink"), LedgerStatus)
    assert status[-1].unsent == 0
    assert all(stored(node, item) is DeliveryState.DELIVERED for item in range(1, GROUP_MAX + 1))
    assert node.store.wal_pages - before < GROUP_MAX, "less than a page a receipt"
    node.close()


def test_a_receipt_waits_for_a_second_at_most(lane: Lane) -> None:
    node = committed(lane, 2)
    lane.tell(node, receipt(1), "uplink")
    assert of_kind(lane.tick(node), LedgerStatus)[-1].unsent == 1
    assert stored(node, 1) is DeliveryState.DELIVERED
    node.close()


def test_the_receipt_of_an_alarm_is_written_at_once(lane: Lane) -> None:
    node = committed(lane, 1)
    lane.tell(node, Journal((Event("lockout", MonotonicNs(5), "sample_stale"),), 0))
    lane.tell(node, receipt(1), "uplink")
    status = of_kind(lane.tell(node, receipt(2), "uplink"), LedgerStatus)
    assert status[-1].unsent == 0, "and takes those along that waited"
    assert stored(node, 1) is stored(node, 2) is DeliveryState.DELIVERED
    node.close()


@pytest.mark.parametrize(
    "message",
    [
        Pull("county", 9),
        Undeliverable("county", 2, "5.03", "busy"),
        Reconcile("county", bytes(16), 0, ()),
    ],
)
def test_whoever_asks_what_is_owed_asks_after_the_receipts(lane: Lane, message: Message) -> None:
    node = committed(lane, 2)
    if isinstance(message, Reconcile):
        message = Reconcile("county", node.book.origin.ledger_id, 2, ())
    lane.tell(node, receipt(1), "uplink")
    sends = lane.tell(node, message, "uplink")
    assert stored(node, 1) is DeliveryState.DELIVERED
    assert [one.item for one in of_kind(sends, Pending)] in ([], [2])
    node.close()


def test_what_the_platform_lost_meanwhile_is_owed_again(lane: Lane) -> None:
    node = committed(lane, 2)
    lane.tell(node, receipt(1), "uplink")
    lane.tell(node, Reconcile("county", node.book.origin.ledger_id, 0, ()), "uplink")
    assert stored(node, 1) is DeliveryState.WAITING
    assert node.targets["county"].waiting == 2
    node.close()


def test_a_full_outbox_refuses_nobody_for_receipts_that_are_here(lane: Lane) -> None:
    lane.outbox_max = 100
    node = committed(lane, 99)
    assert node.targets["county"].waiting == 100, "with the alarm of the full outbox"
    lane.tell(node, receipt(1), "uplink")
    assert isinstance(lane.commit(node, draft(200)), CommitDone)
    node.close()


def test_a_cut_before_the_writing_costs_a_repeat_and_nothing_else(lane: Lane) -> None:
    node = committed(lane, 2)
    lane.tell(node, receipt(1), "uplink")
    node.store.close()  # the power goes: nothing of the group was written
    node = lane.open()
    owed = of_kind(lane.tell(node, Pull("county", 9), "uplink"), Pending)
    assert [one.item for one in owed] == [1, 2]
    for one in owed:
        lane.tell(node, receipt(one.item), "uplink")
    node.close()
    node = lane.open()
    assert node.targets["county"].waiting == 0, "a polite end writes what waits"
    node.close()


def test_a_disk_that_refuses_forgets_the_group_and_says_so(lane: Lane) -> None:
    node = committed(lane, 1)
    lane.tell(node, receipt(1), "uplink")
    node.store.execute(
        "create trigger no before update on delivery begin select raise(abort, 'x'); end"
    )
    lane.tick(node)
    assert "cannot write" in node.last_refusal
    node.store.execute("drop trigger no")
    assert [one.item for one in of_kind(lane.tell(node, Pull("county", 9), "uplink"), Pending)] == [
        1
    ]
    lane.tell(node, receipt(1), "uplink")
    node.on_event(PeerDown("uplink"), lane.clock.monotonic_ns())
    lane.tick(node)
    assert stored(node, 1) is DeliveryState.DELIVERED
    node.close()
