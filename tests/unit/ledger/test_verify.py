"""weigh-terminal verify: what is good is counted, the first bad record is named."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import apsw
import pytest

from terminal.cli import main
from terminal.core.types import PhotoRef
from terminal.records import record_hash
from tests.unit.ledger.builders import SIGNER, draft
from tests.unit.ledger.lane import Lane


@pytest.fixture
def lane(tmp_path: Path) -> Lane:
    lane = Lane(tmp_path)
    node = lane.open()
    for visit_id in range(1, 6):
        photo = lane.spool(b"picture %d" % visit_id)
        lane.commit(node, draft(visit_id, photos=(photo,)))
    node.close()
    return lane


def change(lane: Lane, statement: str, *values: object) -> None:
    db = apsw.Connection(str(lane.folder / "ledger.db"))
    db.execute(statement, values)
    db.close()


def body(lane: Lane, seq: int) -> bytes:
    db = apsw.Connection(str(lane.folder / "ledger.db"))
    found = bytes(db.execute("select body from item where seq = ?", (seq,)).fetchone()[0])
    db.close()
    return found


def test_a_good_ledger_is_counted(lane: Lane, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", str(lane.folder)]) == 0
    said = capsys.readouterr().out
    assert "good: 5 good records, 5 pictures, 2025-11-13" in said
    assert main(["verify", str(lane.folder / "ledger.db"), "--no-photos"]) == 0


def test_it_reads_while_the_terminal_runs(lane: Lane) -> None:
    node = lane.open()
    lane.commit(node, draft(9))
    assert main(["verify", str(lane.folder)]) == 0
    node.close()


def tampered(lane: Lane, seq: int) -> bytes:
    wire = bytearray(body(lane, seq))
    wire[len(wire) // 2] ^= 1
    return bytes(wire)


def test_the_first_bad_record_is_named(lane: Lane, capsys: pytest.CaptureFixture[str]) -> None:
    wire = tampered(lane, 3)
    change(lane, "update item set body = ?, sha256 = ? where seq = 3", wire, record_hash(wire))
    assert main(["verify", str(lane.folder)]) == 1
    assert "bad: record 3: " in capsys.readouterr().out


CHANGES: dict[str, tuple[Callable[[Lane], None], str]] = {
    "a missing record": (
        lambda lane: change(lane, "delete from item where seq = 2"),
        "record 2: record 3 stands in the place of 2",
    ),
    "a wrong digest": (
        lambda lane: change(lane, "update item set sha256 = zeroblob(32) where seq = 4"),
        "record 4: the stored digest",
    ),
    "a wrong name": (
        lambda lane: change(lane, "update item set item_id = 'x' where seq = 4"),
        "record 4: the stored number or name",
    ),
    "records in each other's place": (
        lambda lane: change(lane, "update item set body = ? where seq = 1", body(lane, 2)),
        "record 1: record 2 stands in the place of 1",
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_tampering_is_named(lane: Lane, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    act, said = CHANGES[name]
    act(lane)
    assert main(["verify", str(lane.folder)]) == 1
    assert said in capsys.readouterr().out


def photo_path(lane: Lane, visit_id: int) -> Path:
    photo: PhotoRef = lane.spool(b"picture %d" % visit_id)
    name = photo.sha256.hex()
    return lane.folder / "evidence" / name[:2] / f"{name}.jpg"


def test_pictures_missing_or_changed_are_named(
    lane: Lane, capsys: pytest.CaptureFixture[str]
) -> None:
    photo_path(lane, 4).write_bytes(b"other")
    assert main(["verify", str(lane.folder)]) == 1
    assert "record 4: the front picture" in capsys.readouterr().out
    photo_path(lane, 2).unlink()
    assert main(["verify", str(lane.folder)]) == 1
    said = capsys.readouterr().out
    assert "record 2: the front picture" in said
    assert "is missing" in said
    assert main(["verify", str(lane.folder), "--no-photos"]) == 0


def test_another_key_fails_at_the_first_record(
    lane: Lane, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key = tmp_path / "other.pub"
    key.write_text(f"ed25519 {SIGNER.public_key.raw.hex()} x\n")
    assert main(["verify", str(lane.folder), "--key", str(key)]) == 1
    assert "record 1: signature does not hold" in capsys.readouterr().out


def test_no_ledger_and_no_key_are_said(
    tmp_path: Path, lane: Lane, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["verify", str(tmp_path / "nothing")]) == 65
    bad_key = tmp_path / "bad.pub"
    bad_key.write_text("rsa 00")
    assert main(["verify", str(lane.folder), "--key", str(bad_key)]) == 65
    assert "is not a public key file" in capsys.readouterr().err


def test_a_torn_file_is_said(lane: Lane, capsys: pytest.CaptureFixture[str]) -> None:
    path = lane.folder / "ledger.db"
    whole = path.read_bytes()
    path.write_bytes(whole[:4096] + b"\xa5" * (len(whole) - 4096))
    assert main(["verify", str(lane.folder)]) == 1
    assert "record 1: the file cannot be read here" in capsys.readouterr().out
