"""The ledger's answers: durable once, the same for ever, refused with a reason."""

from __future__ import annotations

import dataclasses
import errno
import os
from pathlib import Path

import pytest

from hal.contract.types import NS_PER_S, MonotonicNs
from terminal.config import Target
from terminal.core.types import Event, PhotoRef
from terminal.ledger.again import OFFERED_MAX
from terminal.ledger.book import PAIR_DAYS_MAX
from terminal.ledger.node import JOURNAL_WAITING_MAX, PULL_MAX, SPOOL_SWEEP_S
from terminal.ledger.store import NEWEST_MAX, WAL_PAGES_MAX, WAL_PAGES_QUIET
from terminal.link import PeerDown, PeerUp
from terminal.messages import (
    CommitDone,
    CommitDraft,
    CommitRefused,
    CornersKept,
    Delivered,
    FlightFrame,
    ItemClass,
    Journal,
    LedgerStatus,
    Pending,
    Pull,
    PullDone,
    Reconcile,
    TargetStatus,
    Undeliverable,
    VehicleFound,
    VehicleLookup,
    Wake,
    ZeroKept,
)
from terminal.outbox import LOST, UNREADABLE, DeliveryState, after_loss
from terminal.records import decode_signed, verify_chain
from tests.unit.ledger.builders import draft
from tests.unit.ledger.lane import Lane, of_kind


@pytest.fixture
def lane(tmp_path: Path) -> Lane:
    return Lane(tmp_path)


def test_a_visit_is_committed_once_and_answered_the_same_for_ever(lane: Lane) -> None:
    node = lane.open()
    first = lane.commit(node, draft(7))
    assert isinstance(first, CommitDone)
    assert lane.commit(node, draft(7)) == first
    node.close()
    node = lane.open()
    assert lane.commit(node, draft(7)) == first
    second = lane.commit(node, draft(8))
    assert isinstance(second, CommitDone)
    assert second.committed.seq == first.committed.seq + 1
    signed = list(node.store.signed_records())
    assert verify_chain(signed, node.book.public_key) is None
    assert len(signed) == 2
    node.close()


def test_other_content_for_the_same_visit_is_refused(lane: Lane) -> None:
    node = lane.open()
    lane.commit(node, draft(7))
    answer = lane.commit(node, draft(7, gross_kg=20_000))
    assert isinstance(answer, CommitRefused)
    assert "already committed" in answer.why
    assert len(list(node.store.signed_records())) == 1
    node.close()


def test_the_same_visit_number_after_a_reboot_is_another_visit(lane: Lane) -> None:
    node = lane.open()
    lane.commit(node, draft(7))
    node.close()
    node = lane.open(boot_id=b"n" * 16)
    answer = lane.commit(node, draft(7, gross_kg=20_000))
    assert isinstance(answer, CommitDone)
    assert answer.committed.seq == 2
    node.close()


def test_the_record_says_what_the_draft_said_and_who_we_are(lane: Lane) -> None:
    node = lane.open()
    lane.commit(node, draft(7, over_kg=1_200, gross_kg=50_200, plate_colour="pink"))
    record = decode_signed(next(node.store.signed_records()))
    assert record.weigh is not None
    assert (record.weigh.gross_kg, record.weigh.over_permille) == (50_200, 24)
    assert record.weigh.plate_colour == "unknown"
    assert record.weigh.limit_edition == "2016-62"
    assert record.origin.config_sha256 == b"c" * 32
    assert record.wall_ns == lane.clock.wall
    assert not record.simulated
    node.close()


@pytest.mark.parametrize("who", ["node", "peer", "draft"])
def test_anything_simulated_marks_the_record(lane: Lane, who: str) -> None:
    lane.simulated = who == "node"
    node = lane.open()
    lane.up(node, "control", simulated=who == "peer")
    lane.commit(node, draft(7, simulated=who == "draft"))
    assert decode_signed(next(node.store.signed_records())).simulated
    node.close()


def test_photos_become_evidence_before_the_answer(lane: Lane) -> None:
    node = lane.open()
    photo = lane.spool(b"front picture")
    answer = lane.commit(node, draft(7, photos=(photo,)))
    assert isinstance(answer, CommitDone)
    kept = lane.folder / "evidence" / photo.sha256.hex()[:2] / f"{photo.sha256.hex()}.jpg"
    assert kept.read_bytes() == b"front picture"
    assert not list((lane.base / "run" / "spool").iterdir())
    items = of_kind(lane.tell(node, Pull("county", 10), "uplink"), Pending)
    assert [item.item_class for item in items] == [ItemClass.RECORD, ItemClass.PHOTO]
    assert items[1].path == str(kept)
    assert items[1].sha256 == photo.sha256
    assert lane.commit(node, draft(7, photos=(photo,))) == answer
    node.close()


def test_a_clip_is_sent_after_every_photo_and_survives_a_start(lane: Lane) -> None:
    node = lane.open()
    clip = dataclasses.replace(lane.spool(b"moving picture"), role="clip")
    photo = lane.spool(b"front picture")
    lane.commit(node, draft(7, photos=(clip, photo)))
    items = of_kind(lane.tell(node, Pull("county", 8), "uplink"), Pending)
    assert [item.item_class for item in items] == [
        ItemClass.RECORD,
        ItemClass.PHOTO,
        ItemClass.CLIP,
    ]
    node.close()
    node = lane.open()
    assert node.book.evidence.path_of(clip.sha256).read_bytes() == b"moving picture"
    node.close()


def test_another_trailer_than_last_time_gets_a_record(lane: Lane) -> None:
    node = lane.open()

    def told() -> list[tuple[str, int | None]]:
        records = [decode_signed(signed) for signed in node.store.signed_records()]
        events = [record.happening for record in records if record.happening is not None]
        return [(event.detail, event.about_seq) for event in events]

    lane.commit(node, draft(1, rear_plate="晋L7731挂"))
    lane.commit(node, draft(2, rear_plate="晋L7731挂"))
    lane.commit(node, draft(3, plate="晋LB5073", rear_plate="晋LE218挂"))
    lane.commit(node, draft(4))
    assert told() == []
    node.close()
    node = lane.open()
    changed = draft(5, rear_plate="晋LE218挂")
    assert isinstance(lane.commit(node, changed), CommitDone)
    lane.commit(node, changed)
    assert told() == [("晋L12345 with 晋LE218挂 in record 5, with 晋L7731挂 in record 2", 5)]
    items = of_kind(lane.tell(node, Pull("county", 8), "uplink"), Pending)
    assert [item.item_class for item in items] == [ItemClass.RECORD] * 6
    lane.clock.wall += (PAIR_DAYS_MAX * 86_400 + 1) * NS_PER_S
    lane.commit(node, draft(6, rear_plate="晋L7731挂"))
    assert len(told()) == 1
    assert node.store.execute("select plate from pair") == [("晋L12345",)]
    node.close()


def test_a_ledger_from_before_the_table_of_pairs_gets_one(lane: Lane) -> None:
    node = lane.open()
    node.store.execute("drop table pair")
    node.close()
    node = lane.open()
    assert isinstance(lane.commit(node, draft(1, rear_plate="晋L7731挂")), CommitDone)
    node.close()


def test_a_missing_or_wrong_photo_is_left_out_and_said(lane: Lane) -> None:
    node = lane.open()
    good = lane.spool(b"front picture")
    gone = PhotoRef("rear", b"g" * 32, 100)
    wrong = dataclasses.replace(lane.spool(b"deck picture", "deck"), size_bytes=1)
    answer = lane.commit(node, draft(7, photos=(good, gone, wrong)))
    assert isinstance(answer, CommitDone)
    first, second = (decode_signed(signed) for signed in node.store.signed_records())
    assert first.weigh is not None
    assert first.weigh.photos == (good,)
    assert second.happening is not None
    assert second.happening.event == "photo_missing"
    assert "visit 7: rear 6767" in second.happening.detail
    assert ", deck " in second.happening.detail
    node.close()


def test_low_disk_and_full_outbox_refuse_with_the_figures(lane: Lane) -> None:
    lane.outbox_max = 100
    node = lane.open()
    lane.free_bytes = 199_999_999
    answer = lane.commit(node, draft(1))
    assert isinstance(answer, CommitRefused)
    assert "199 MB" in answer.why
    lane.free_bytes = 200_000_000
    seq = 0
    for visit_id in range(1, 100):
        answer = lane.commit(node, draft(visit_id))
        assert isinstance(answer, CommitDone)
        seq = answer.committed.seq
    assert seq == 99 + 1, "the alarm at 80 % is a record too"
    answer = lane.commit(node, draft(200))
    assert isinstance(answer, CommitRefused)
    assert "its bound is 100" in answer.why
    assert isinstance(lane.commit(node, draft(99)), CommitDone), "what is committed stays so"
    alarms = [decode_signed(one).happening for one in node.store.signed_records()]
    assert [one.event for one in alarms if one] == ["outbox_alarm"]
    node.close()


def test_pull_gives_alarms_first_and_waits_for_receipts(lane: Lane) -> None:
    node = lane.open()
    lane.commit(node, draft(1, photos=(lane.spool(b"p"),)))
    lane.tell(node, Journal((Event("lockout", MonotonicNs(5), "sample_stale"),), 0))
    sends = lane.tell(node, Pull("county", 2), "uplink")
    items = of_kind(sends, Pending)
    assert [item.item_class for item in items] == [ItemClass.ALARM, ItemClass.RECORD]
    assert of_kind(sends, PullDone) == [PullDone("county", 1)]
    assert items == of_kind(lane.tell(node, Pull("county", 2), "uplink"), Pending)
    assert lane.tell(node, Delivered("county", items[0].item, b""), "uplink") == ()
    status = of_kind(
        lane.tell(node, Delivered("county", items[0].item, b"r"), "uplink"), LedgerStatus
    )
    assert status[0].unsent == 2
    assert lane.tell(node, Delivered("county", items[0].item, b"r"), "uplink") == ()
    again = of_kind(lane.tell(node, Pull("county", 9), "uplink"), Pending)
    assert [item.item_class for item in again] == [ItemClass.RECORD, ItemClass.PHOTO]
    for strange in (Delivered("county", 999, b"r"), Delivered("moon", 1, b"r")):
        assert lane.tell(node, strange, "uplink") == ()
    assert of_kind(lane.tell(node, Pull("moon", 9), "uplink"), PullDone) == [PullDone("moon", 0)]
    node.close()


@pytest.mark.parametrize(
    ("content", "why"), [(None, "its file is gone"), (b"rust", "its file holds other bytes")]
)
def test_a_picture_that_is_gone_gets_a_gap_record_and_is_owed_to_nobody(
    tmp_path: Path, content: bytes | None, why: str
) -> None:
    lane = Lane(tmp_path, targets=(Target(), Target(name="city")))
    node = lane.open()
    photo = lane.spool(b"a picture")
    done = lane.commit(node, draft(1, photos=(photo,)))
    assert isinstance(done, CommitDone)
    kept = lane.folder / "evidence" / photo.sha256.hex()[:2] / f"{photo.sha256.hex()}.jpg"
    pending = of_kind(lane.tell(node, Pull("county", 9), "uplink"), Pending)
    item = next(one.item for one in pending if one.item_class is ItemClass.PHOTO)
    told = Undeliverable("county", item, UNREADABLE, "cannot be read")
    lane.tell(node, told, "uplink")
    assert node.book.last_seq == 1
    kept.unlink() if content is None else kept.write_bytes(content)
    sends = lane.tell(node, told, "uplink")
    assert (node.book.last_seq, len(of_kind(sends, Wake))) == (2, 1)
    gap = decode_signed(list(node.store.signed_records())[-1]).gap
    assert gap is not None
    assert (gap.gap_class, gap.first_seq, gap.last_seq, gap.count) == ("photo", 1, 1, 1)
    assert gap.why == f"{why}: {photo.sha256.hex()}"
    for target in ("county", "city"):
        found = node.store.delivery(target, item)
        assert found is not None
        assert (found.state, found.code) == (DeliveryState.QUARANTINED, LOST)
        lane.tell(node, Undeliverable(target, item, UNREADABLE, "again"), "uplink")
    assert node.book.last_seq == 2
    assert verify_chain(list(node.store.signed_records()), node.book.public_key) is None
    node.close()


def test_a_permanent_refusal_is_quarantined_and_blocks_nobody(lane: Lane) -> None:
    node = lane.open()
    lane.commit(node, draft(1))
    lane.commit(node, draft(2))
    one, two = of_kind(lane.tell(node, Pull("county", 9), "uplink"), Pending)
    sends = lane.tell(node, Undeliverable("county", one.item, "4.00", "bad plate"), "uplink")
    status = of_kind(sends, LedgerStatus)[0]
    assert (status.unsent, status.quarantined) == (1, 1)
    lane.tell(node, Undeliverable("county", two.item, "5.03", "busy"), "uplink")
    assert of_kind(lane.tell(node, Pull("county", 9), "uplink"), Pending) == []
    lane.clock.at_ns += 5_000_000_000
    assert of_kind(lane.tell(node, Pull("county", 9), "uplink"), Pending) == [two]
    found = node.store.delivery("county", one.item)
    assert found is not None
    assert (found.code, found.why) == ("4.00", "bad plate")
    node.close()
    node = lane.open()
    assert node.targets["county"].quarantined == 1
    node.close()


def test_what_was_set_aside_is_offered_again_at_the_cursor(lane: Lane) -> None:
    """A county that refused by mistake gets everything; each cursor offers a bounded part."""
    node = lane.open()
    count = OFFERED_MAX + 2
    for visit in range(1, count + 1):
        lane.commit(node, draft(visit))
    for number in range(1, count + 1):
        lane.tell(node, Undeliverable("county", number, "4.00", "bad plate"), "uplink")
    cursor = Reconcile("county", node.book.origin.ledger_id, 0, ())
    for left in (2, 0):
        lane.tell(node, cursor, "uplink")
        assert node.targets["county"].quarantined == left
    assert node.targets["county"].waiting == node.book.last_seq
    lane.tell(node, Undeliverable("county", 1, "4.00", "bad plate"), "uplink")
    lane.tell(node, Delivered("county", 2, b"receipt"), "uplink")
    lane.tell(node, cursor, "uplink")
    again = node.store.delivery("county", 1)
    assert again is not None
    assert (again.state, again.attempts) == (DeliveryState.WAITING, 2)
    node.close()


def test_what_is_lost_for_good_is_not_offered_again(lane: Lane) -> None:
    node = lane.open()
    lane.commit(node, draft(1))
    before = node.store.delivery("county", 1)
    assert before is not None
    with node.store.transaction():
        node.store.set_delivery("county", 1, after_loss(before, "the file is gone"))
    lane.tell(node, Reconcile("county", node.book.origin.ledger_id, 1, ()), "uplink")
    found = node.store.delivery("county", 1)
    assert found is not None
    assert found.state is DeliveryState.QUARANTINED
    node.close()


def test_a_new_target_gets_everything_and_changes_no_stored_byte(lane: Lane) -> None:
    node = lane.open()
    lane.commit(node, draft(1, photos=(lane.spool(b"p"),)))
    before = of_kind(lane.tell(node, Pull("county", 9), "uplink"), Pending)
    node.close()
    lane.targets = (Target(), Target(name="province", photos=False))
    node = lane.open()
    owed = of_kind(lane.tell(node, Pull("province", 9), "uplink"), Pending)
    assert [item.body for item in owed] == [before[0].body]
    lane.tell(node, Delivered("province", owed[0].item, b"r"), "uplink")
    assert of_kind(lane.tell(node, Pull("county", 9), "uplink"), Pending) == before
    lane.commit(node, draft(2, photos=(lane.spool(b"q"),)))
    assert node.targets["county"].waiting == 4
    assert node.targets["province"].waiting == 1
    node.close()


def test_the_same_picture_twice_is_kept_and_sent_once(lane: Lane) -> None:
    node = lane.open()
    lane.commit(node, draft(1, photos=(lane.spool(b"p"),)))
    lane.commit(node, draft(2, photos=(lane.spool(b"p"),)))
    items = of_kind(lane.tell(node, Pull("county", 9), "uplink"), Pending)
    assert [item.item_class for item in items] == [ItemClass.RECORD] * 2 + [ItemClass.PHOTO]
    node.close()


def test_pull_is_bounded(lane: Lane) -> None:
    node = lane.open()
    for visit_id in range(PULL_MAX + 3):
        lane.commit(node, draft(visit_id))
    for limit, given in ((1_000, PULL_MAX), (-1, 0), (3, 3)):
        sends = lane.tell(node, Pull("county", limit), "uplink")
        assert len(of_kind(sends, Pending)) == given
    node.close()


def test_of_a_backlog_the_newest_records_come_too(lane: Lane) -> None:
    node = lane.open()
    for visit_id in range(1, 2 * PULL_MAX + 1):
        lane.commit(node, draft(visit_id))
    items = of_kind(lane.tell(node, Pull("county", PULL_MAX), "uplink"), Pending)
    oldest = list(range(1, PULL_MAX - NEWEST_MAX + 1))
    newest = list(range(2 * PULL_MAX - NEWEST_MAX + 1, 2 * PULL_MAX + 1))
    assert [item.item for item in items] == oldest + newest
    node.close()


def test_journal_keeps_events_and_raises_alarms(lane: Lane) -> None:
    node = lane.open()
    events = (
        Event("zero_set", MonotonicNs(1), "3 kg"),
        Event("override", MonotonicNs(2), "x" * 900),
    )
    sends = lane.tell(node, Journal(events, 4))
    assert of_kind(sends, Wake)
    kinds = [row[0] for row in node.store.execute("select kind from journal order by no")]
    assert kinds == ["ledger_started", "zero_set", "override", "journal_lost"]
    record = decode_signed(next(node.store.signed_records()))
    assert record.happening is not None
    assert record.happening.event == "override"
    assert lane.tell(node, Journal((Event("zero_set", MonotonicNs(3)),), 0)) == ()
    node.close()


def test_events_wait_while_the_disk_refuses(lane: Lane) -> None:
    node = lane.open()
    node.store.execute("pragma query_only = 1")
    events = tuple(Event("zero_set", MonotonicNs(n)) for n in range(JOURNAL_WAITING_MAX + 10))
    assert lane.tell(node, Journal(events, 0)) == ()
    assert "cannot write" in node.last_refusal
    answer = lane.commit(node, draft(1))
    assert isinstance(answer, CommitRefused)
    assert "cannot write" in answer.why
    assert lane.tell(node, Undeliverable("county", 1, "4.00", ""), "uplink") == ()
    node.store.execute("pragma query_only = 0")
    lane.tick(node)
    assert not node.events_waiting
    lost = node.store.execute("select detail from journal where kind = 'journal_lost'")
    assert lost == [("10",)]
    assert isinstance(lane.commit(node, draft(1)), CommitDone)
    node.close()


def test_status_each_second_and_peers(lane: Lane) -> None:
    node = lane.open()
    assert of_kind(lane.up(node, "control"), LedgerStatus)
    assert of_kind(lane.up(node, "uplink"), Wake)
    lane.tell(node, TargetStatus("county", True, "tcp", ""), "uplink")
    status = of_kind(lane.tick(node), LedgerStatus)[0]
    assert status.targets == (("county", 0, 0, True, "tcp", ""),)
    assert status.outbox_max == 1_000
    assert lane.tell(node, TargetStatus("moon", True, "tcp", ""), "uplink") == ()
    node.close()


def test_a_peer_may_say_only_its_own(lane: Lane) -> None:
    node = lane.open()
    assert lane.tell(node, CommitDraft(draft(1)), "uplink") == ()
    assert lane.tell(node, Pull("county", 1), "control") == ()
    assert lane.tell(node, Journal((), 0), "console") == ()
    assert lane.tell(node, FlightFrame(b"tick")) == ()
    assert list(node.store.signed_records()) == []
    node.close()


def test_vehicle_list(lane: Lane) -> None:
    lane.vehicle_list = "vehicles.csv"
    listed = lane.base / "vehicles.csv"
    listed.write_text(
        "plate,vehicle_type,drive_axles,air_suspension,licence_gross_kg,axle_pattern\n"
        "晋L12345,articulated,2,1,,159\n晋L54321,spaceship,,,,\n晋L11111,,-1,,,\n"
        "晋L22222,,,,,1+2+3\n晋L12345,,,,,\n",
        encoding="utf-8",
    )
    node = lane.open()
    found = of_kind(lane.tell(node, VehicleLookup("晋L12345")), VehicleFound)[0]
    assert found == VehicleFound("晋L12345", "articulated", 2, True, None, None, "159")
    unknown = of_kind(lane.tell(node, VehicleLookup("晋L54321")), VehicleFound)[0]
    assert unknown.vehicle_type is None
    said = node.store.execute("select detail from journal where kind = 'vehicle_list'")
    assert said == [("1 vehicles, 4 rows left out",)]
    node.close()
    for bad in (b"\xff\xfe", b"number,kind\n1,2\n", b"plate\n" + b'"' + b"x" * 200_000):
        listed.write_bytes(bad)
        node = lane.open()
        assert node.store.execute("select 1 from journal where kind = 'vehicle_list_refused'")
        assert of_kind(lane.tell(node, VehicleLookup("晋L12345")), VehicleFound) == [found]
        node.close()


@pytest.mark.parametrize("call", ["os.fsync", "Path.replace", "Path.write_bytes"])
def test_a_disk_that_refuses_a_picture_refuses_the_visit(
    lane: Lane, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    """Whatever step of keeping a picture fails, nothing is acknowledged; a repeat succeeds."""
    node = lane.open()
    photo = lane.spool(b"picture")
    one = draft(1, photos=(photo,))

    def refuse(*_args: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("terminal.ledger.evidence.os.link", refuse)
        patch.setattr(f"terminal.ledger.evidence.{call}", refuse)
        answer = lane.commit(node, one)
    assert isinstance(answer, CommitRefused)
    assert "No space left" in answer.why
    assert list(node.store.signed_records()) == []
    with monkeypatch.context() as patch:  # another file system: a copy instead of a link
        patch.setattr("terminal.ledger.evidence.os.link", refuse)
        assert isinstance(lane.commit(node, one), CommitDone)
    assert node.book.evidence.path_of(photo.sha256).read_bytes() == b"picture"
    node.close()


def test_a_draft_that_cannot_be_a_record_is_refused(lane: Lane) -> None:
    node = lane.open()
    answer = lane.commit(node, draft(1, zero_age_ms=-1))
    assert isinstance(answer, CommitRefused)
    assert "zero_age_ms" in answer.why
    assert isinstance(lane.commit(node, draft(1)), CommitDone)
    node.close()


def test_the_wal_is_written_back_in_quiet_seconds_and_bounded_in_busy_ones(lane: Lane) -> None:
    node = lane.open()
    lane.commit(node, draft(1))
    assert 0 < node.store.wal_pages < WAL_PAGES_QUIET
    for pages, busy, after in (
        (WAL_PAGES_QUIET - 1, False, WAL_PAGES_QUIET - 1),
        (WAL_PAGES_QUIET, True, WAL_PAGES_QUIET),
        (WAL_PAGES_QUIET, False, 0),
        (WAL_PAGES_MAX, True, 0),
    ):
        lane.tick(node)
        node.store.wal_pages = pages
        if busy:
            lane.commit(node, draft(1))
        lane.tick(node)
        assert node.store.wal_pages == after
    node.close()


def test_an_uplink_that_is_gone_takes_its_targets_down(lane: Lane) -> None:
    node = lane.open()
    lane.tell(node, TargetStatus("county", True, "tcp", ""), "uplink")
    status = of_kind(node.on_event(PeerDown("uplink"), MonotonicNs(1)), LedgerStatus)[0]
    assert status.targets == (("county", 0, 0, False, "", ""),)
    assert of_kind(node.on_event(PeerDown("control"), MonotonicNs(2)), LedgerStatus)
    assert lane.up(node, "console") == ()
    node.close()


def test_a_database_that_breaks_while_serving_refuses_and_does_not_end(lane: Lane) -> None:
    node = lane.open()
    lane.commit(node, draft(1))
    node.store.execute("drop table visit")
    node.store.execute("drop table delivery")
    answer = lane.commit(node, draft(2))
    assert isinstance(answer, CommitRefused)
    assert "cannot be read" in answer.why
    assert lane.tell(node, Pull("county", 1), "uplink") == ()
    assert lane.tell(node, Journal((Event("lockout", MonotonicNs(1)),), 0)) == ()
    assert of_kind(lane.tick(node), LedgerStatus)
    node.close()


def test_the_outbox_alarm_is_given_again_after_it_was_over(lane: Lane) -> None:
    lane.outbox_max = 100
    node = lane.open()
    for visit_id in range(80):
        lane.commit(node, draft(visit_id))
    for item in range(1, 20):
        lane.tell(node, Delivered("county", item, b"r"), "uplink")
    lane.tick(node)
    for visit_id in range(100, 120):
        lane.commit(node, draft(visit_id))
    events = [decode_signed(one).happening for one in node.store.signed_records()]
    assert [one.event for one in events if one] == ["outbox_alarm", "outbox_alarm"]
    node.close()


def test_alarms_beyond_the_reserve_stay_in_the_journal(
    lane: Lane, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("terminal.ledger.node.ALARM_RESERVE", 2)
    lane.outbox_max = 100
    node = lane.open()
    node.targets["county"].waiting = 101
    assert of_kind(lane.tell(node, Journal((Event("estop", MonotonicNs(1)),), 0)), Wake)
    node.targets["county"].waiting = 102
    assert not of_kind(lane.tell(node, Journal((Event("estop", MonotonicNs(2)),), 0)), Wake)
    assert len(list(node.store.signed_records())) == 1
    assert len(node.store.execute("select 1 from journal where kind = 'estop'")) == 2
    node.close()


def test_a_vehicle_list_that_is_gone_or_too_long_keeps_the_last_one(
    lane: Lane, monkeypatch: pytest.MonkeyPatch
) -> None:
    lane.vehicle_list = "vehicles.csv"
    listed = lane.base / "vehicles.csv"
    listed.write_text("plate,tyres_missing\n晋L12345,0\n晋L54321\n", encoding="utf-8")
    lane.open().close()
    listed.write_text("plate\n" + "".join(f"晋L{n:05}\n" for n in range(4)), encoding="utf-8")
    monkeypatch.setattr("terminal.ledger.vehicles.ROWS_MAX", 3)
    lane.open().close()
    monkeypatch.setattr("terminal.ledger.vehicles.BYTES_MAX", 10)
    lane.open().close()
    listed.unlink()
    node = lane.open()
    said = node.store.execute("select detail from journal where kind = 'vehicle_list_refused'")
    assert [
        text
        for row in said
        for text in ("more than 3", "bytes; at most 10", "cannot be read")
        if text in str(row[0])
    ] == ["more than 3", "bytes; at most 10", "cannot be read"]
    found = of_kind(lane.tell(node, VehicleLookup("晋L12345")), VehicleFound)[0]
    assert found.tyres_missing == 0
    node.close()


@pytest.mark.parametrize("number", [2**63, 2**64 - 1])
def test_numbers_beyond_the_database_are_refused(lane: Lane, number: int) -> None:
    node = lane.open()
    answer = lane.commit(node, draft(number))
    assert isinstance(answer, CommitRefused)
    for message in (Delivered("county", number, b"r"), Undeliverable("county", number, "", "")):
        assert lane.tell(node, message, "uplink") == ()
    assert not of_kind(lane.tell(node, Pull("county", number), "uplink"), Pending)
    assert of_kind(lane.tell(node, Journal((Event("estop", MonotonicNs(number)),), 0)), Wake)
    assert of_kind(lane.tell(node, Journal((Event("estop", MonotonicNs(-1)),), 0)), Wake)
    assert not node.events_waiting
    assert isinstance(lane.commit(node, draft(2**63 - 1)), CommitDone)
    node.close()


def test_a_draft_of_hostile_pictures_is_answered(lane: Lane) -> None:
    node = lane.open()
    hostile = (
        PhotoRef("front", b"", 0),
        PhotoRef("../" * 9, b"x" * 300, 1),
        PhotoRef("x" * 900, b"x" * 32, -1),
    )
    assert isinstance(lane.commit(node, draft(1, photos=hostile)), CommitDone)
    node.close()


def test_the_spool_is_kept_within_its_bound(lane: Lane, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("terminal.ledger.evidence.SPOOL_FILES_MAX", 3)
    node = lane.open()
    refs = [lane.spool(b"picture %d" % number) for number in range(5)]
    folder = lane.base / "run" / "spool"
    for age, ref in enumerate(refs):
        os.utime(folder / f"{ref.sha256.hex()}.jpg", ns=(age, age))
    for _ in range(SPOOL_SWEEP_S):
        lane.tick(node)
    left = {path.stem for path in folder.iterdir()}
    assert left == {ref.sha256.hex() for ref in refs[2:]}
    node.close()


def test_the_zero_is_kept_over_a_restart_and_a_damaged_one_is_not_believed(lane: Lane) -> None:
    kept = ZeroKept((1.25, -3.5), 12.0)
    node = lane.open()
    assert not of_kind(node.on_event(PeerUp("control", False), MonotonicNs(1)), ZeroKept)
    assert lane.tell(node, kept) == ()
    assert lane.tell(node, kept, "uplink") == ()
    node.close()
    node = lane.open()
    assert of_kind(node.on_event(PeerUp("control", False), MonotonicNs(1)), ZeroKept) == [kept]
    with node.store.transaction():
        node.store.set_meta("zero", b"not a zero")
    assert not of_kind(node.on_event(PeerUp("control", False), MonotonicNs(2)), ZeroKept)
    assert "zero" in node.last_refusal
    node.close()


def test_corner_evidence_is_kept_over_a_restart_as_it_was_given(lane: Lane) -> None:
    kept = CornersKept('{"passages": 3}')
    node = lane.open()
    greeted = of_kind(node.on_event(PeerUp("control", False), MonotonicNs(1)), CornersKept)
    assert greeted == [CornersKept("")], "control waits for a word before it keeps anything"
    assert lane.tell(node, kept) == ()
    assert lane.tell(node, CornersKept("from the uplink"), "uplink") == ()
    node.close()
    node = lane.open()
    assert of_kind(node.on_event(PeerUp("control", False), MonotonicNs(1)), CornersKept) == [kept]
    with node.store.transaction():
        node.store.set_meta("corners", b"\xff\xfe no text")
    (spoilt,) = of_kind(node.on_event(PeerUp("control", False), MonotonicNs(2)), CornersKept)
    assert isinstance(spoilt, CornersKept)
    assert spoilt.text
    node.close()


@pytest.mark.parametrize("kind", ["corner_error", "cell_drift"])
def test_a_wrong_cell_is_an_alarm_record(lane: Lane, kind: str) -> None:
    node = lane.open()
    lane.tell(node, Journal((Event(kind, MonotonicNs(5), "cell 3 reads 1.2 % too much"),), 0))
    record = decode_signed(next(node.store.signed_records()))
    assert record.happening is not None
    assert (record.happening.event, record.happening.detail[:6]) == (kind, "cell 3")
    node.close()
