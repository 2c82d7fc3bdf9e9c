"""What comes after a visit's record: a second record that names the first one and its evidence."""

from __future__ import annotations

from pathlib import Path

import apsw
import pytest

from terminal.cli import main
from terminal.core.types import PhotoRef
from terminal.ledger import LedgerNode
from terminal.messages import FollowedUp, FollowUp, ItemClass, Message, Pending, Pull
from terminal.records import Happening, Record, decode_signed
from tests.unit.ledger.builders import draft
from tests.unit.ledger.lane import Lane, of_kind

NAMES = ("plate", "rear_plate", "exit_plate", "event")
CASES = (
    ("晋L12345", "", "晋L12345", "follow_up"),
    ("晋L12345", "", "", "follow_up"),
    ("晋L12345", "", "晋L12346", "exit_mismatch"),
    ("晋L12345", "晋L7731挂", "晋L7731挂", "follow_up"),
    ("晋L12345", "晋L7731挂", "晋L7732挂", "exit_mismatch"),
    ("晋L12345", "", "晋L7732挂", "follow_up"),
    ("", "", "晋L12345", "follow_up"),
)
"""A trailer's plate is held against the trailer's; where there is none, nothing is claimed."""


@pytest.fixture
def lane(tmp_path: Path) -> Lane:
    return Lane(tmp_path)


def said(lane: Lane, visit_id: int = 7, exit_plate: str = "") -> FollowUp:
    film = lane.spool(b"film of visit %d" % visit_id, role="clip_after")
    return FollowUp(visit_id, (film,), exit_plate, "visit")


def tell(lane: Lane, node: LedgerNode, message: Message) -> list[FollowedUp]:
    return of_kind(lane.tell(node, message, "camera"), FollowedUp)


def records(node: LedgerNode) -> list[Record]:
    return [decode_signed(signed) for signed in node.store.signed_records()]


def happening(node: LedgerNode) -> Happening:
    found = records(node)[-1].happening
    assert found is not None
    return found


@pytest.mark.parametrize(NAMES, CASES)
def test_the_plate_that_left_is_held_against_the_record(
    lane: Lane, plate: str, rear_plate: str, exit_plate: str, event: str
) -> None:
    node = lane.open()
    lane.commit(node, draft(7, plate=plate, rear_plate=rear_plate))
    assert tell(lane, node, said(lane, exit_plate=exit_plate)) == [FollowedUp(7)]
    found = happening(node)
    assert (found.event, found.about_seq) == (event, 1)
    assert found.exit_plate == (exit_plate or None)
    assert ("was weighed" in found.detail) == (event == "exit_mismatch")
    items = of_kind(lane.tell(node, Pull("county", 8), "uplink"), Pending)
    sent = ItemClass.ALARM if event == "exit_mismatch" else ItemClass.RECORD
    assert sorted(item.item_class.value for item in items) == sorted(
        [ItemClass.RECORD.value, sent.value, ItemClass.CLIP.value]
    )
    node.close()


def test_the_film_is_evidence_and_the_second_record_names_it(lane: Lane) -> None:
    node = lane.open()
    lane.commit(node, draft(7))
    message = said(lane)
    assert tell(lane, node, message) == [FollowedUp(7)]
    assert records(node)[-1].photos == message.photos
    assert node.book.evidence.path_of(message.photos[0].sha256).read_bytes() == b"film of visit 7"
    assert not list((lane.base / "run" / "spool").iterdir())
    node.close()


def test_repeating_it_adds_nothing_also_after_a_start(lane: Lane) -> None:
    node = lane.open()
    lane.commit(node, draft(7))
    message = said(lane)
    tell(lane, node, message)
    assert tell(lane, node, message) == [FollowedUp(7)]
    node.close()
    node = lane.open()
    assert tell(lane, node, message) == [FollowedUp(7)]
    assert len(records(node)) == 2
    node.close()


def test_a_visit_without_a_record_is_not_answered(lane: Lane) -> None:
    node = lane.open()
    message = said(lane)
    assert tell(lane, node, message) == []
    lane.commit(node, draft(7))
    assert tell(lane, node, message) == [FollowedUp(7)]
    node.close()


def test_a_film_that_is_not_there_is_said_and_the_plate_kept(lane: Lane) -> None:
    node = lane.open()
    lane.commit(node, draft(7))
    lost = FollowUp(7, (PhotoRef("clip_after", b"x" * 32, 9),), "晋L12346", "time")
    assert tell(lane, node, lost) == [FollowedUp(7)]
    found = happening(node)
    assert found.evidence is None
    assert "not there: clip_after" in found.detail
    assert found.event == "exit_mismatch"
    node.close()


def test_only_the_camera_may_say_it(lane: Lane) -> None:
    node = lane.open()
    lane.commit(node, draft(7))
    assert lane.tell(node, said(lane), "control") == ()
    assert lane.tell(node, said(lane), "uplink") == ()
    assert len(records(node)) == 1
    node.close()


def test_a_full_disk_is_not_answered_and_a_later_try_succeeds(
    lane: Lane, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = lane.open()
    lane.commit(node, draft(7))
    message = said(lane)
    with monkeypatch.context() as full:

        def refuse(_photos: object) -> None:
            raise OSError(28, "No space left on device")

        full.setattr(node.book.evidence, "adopt", refuse)
        assert tell(lane, node, message) == []
    assert "No space left" in node.last_refusal
    assert tell(lane, node, message) == [FollowedUp(7)]
    node.close()


def test_verify_counts_its_film_and_names_one_that_is_changed_or_about_nothing(
    lane: Lane, capsys: pytest.CaptureFixture[str]
) -> None:
    node = lane.open()
    lane.commit(node, draft(7))
    message = said(lane)
    tell(lane, node, message)
    kept = node.book.evidence.path_of(message.photos[0].sha256)
    node.close()
    assert main(["verify", str(lane.folder)]) == 0
    assert "2 good records, 1 pictures" in capsys.readouterr().out
    kept.write_bytes(b"another film!!!")
    assert main(["verify", str(lane.folder)]) == 1
    assert "record 2: the clip_after picture" in capsys.readouterr().out


def test_verify_names_a_record_about_one_that_is_no_weighing(
    lane: Lane, capsys: pytest.CaptureFixture[str]
) -> None:
    node = lane.open()
    lane.commit(node, draft(7))
    wrong = Happening(event="follow_up", detail="", at_ns=1, about_seq=2)
    with node.store.transaction():
        node.book._append([("record", wrong)], simulated=False)
    node.close()
    assert main(["verify", str(lane.folder)]) == 1
    said_now = capsys.readouterr().out
    assert "record 2: it is about record 2, which is no weighing before it" in said_now


def test_a_ledger_from_before_the_table_gets_one(lane: Lane) -> None:
    node = lane.open()
    lane.commit(node, draft(7))
    node.close()
    db = apsw.Connection(str(lane.folder / "ledger.db"))
    db.execute("drop table follow_up")
    db.close()
    node = lane.open()
    assert tell(lane, node, said(lane)) == [FollowedUp(7)]
    node.close()
