"""Starting a ledger: what cannot be trusted refuses to serve, is kept, and says what to do."""

from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path

import apsw
import pytest

from terminal.ledger import LedgerCorruptError, LedgerRefusedError
from terminal.ledger.identity import boot_id, load_signer, read_public, software_digest
from terminal.messages import CommitDone
from terminal.records import ALG_SM2_SM3, decode_signed
from terminal.records.sm2 import Sm2UnavailableError
from tests.unit.ledger.builders import draft
from tests.unit.ledger.lane import Lane


@pytest.fixture
def lane(tmp_path: Path) -> Lane:
    """A ledger in use: five records, closed."""
    lane = Lane(tmp_path)
    node = lane.open()
    for visit_id in range(5):
        lane.commit(node, draft(visit_id))
    node.close()
    return lane


def scribble(path: Path, at: int, length: int) -> None:
    whole = bytearray(path.read_bytes())
    whole[at : at + length] = b"\xa5" * length
    path.write_bytes(bytes(whole))


def sql(lane: Lane, statement: str) -> None:
    db = apsw.Connection(str(lane.folder / "ledger.db"))
    db.execute(statement)
    db.close()


DAMAGE: dict[str, tuple[Callable[[Lane], object], str]] = {
    "header": (lambda lane: scribble(lane.folder / "ledger.db", 0, 100), "is damaged"),
    "pages": (lambda lane: scribble(lane.folder / "ledger.db", 4096, 40_000), "is damaged"),
    "cut to nothing": (lambda lane: (lane.folder / "ledger.db").write_bytes(b""), "has schema 0"),
    "gone": (lambda lane: (lane.folder / "ledger.db").unlink(), "ledger.db is missing"),
    "newer schema": (lambda lane: sql(lane, "pragma user_version = 9"), "has schema 9"),
    "last record": (
        lambda lane: sql(lane, "update item set body = substr(body, 2) where seq = 5"),
        "record 5 cannot be believed",
    ),
    "first of the tail": (
        lambda lane: sql(lane, "update item set body = x'00' where seq = 1"),
        "record 1 cannot be believed",
    ),
    "key gone": (lambda lane: (lane.folder / "identity.key").unlink(), "identity.key is missing"),
    "key short": (
        lambda lane: (lane.folder / "identity.key").write_bytes(b"x"),
        "not an ed25519 key: .* 32 bytes",
    ),
    "key of another": (
        lambda lane: (lane.folder / "identity.key").write_bytes(b"x" * 32),
        "is not the key that signed",
    ),
    "key open": (lambda lane: (lane.folder / "identity.key").chmod(0o640), "read by others"),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_damage_refuses_keeps_and_tells(lane: Lane, name: str) -> None:
    act, said = DAMAGE[name]
    act(lane)
    before = {path: path.read_bytes() for path in sorted(lane.folder.glob("*.*"))}
    for _ in range(2):
        with pytest.raises(LedgerCorruptError, match=said):
            lane.open()
    assert {path: path.read_bytes() for path in before} == before


def test_damage_before_the_tail_is_left_to_verify(tmp_path: Path) -> None:
    lane = Lane(tmp_path)
    node = lane.open()
    for visit_id in range(70):
        lane.commit(node, draft(visit_id))
    node.close()
    sql(lane, "update item set body = x'00' where seq = 6")
    lane.open().close()
    sql(lane, "update item set body = x'00' where seq = 7")
    with pytest.raises(LedgerCorruptError, match="record 7 cannot be believed"):
        lane.open()


def test_a_folder_that_cannot_be_used_is_an_operating_fault(lane: Lane) -> None:
    path = lane.folder / "ledger.db"
    path.unlink()
    path.mkdir()
    with pytest.raises(LedgerRefusedError, match="cannot be opened"):
        lane.open()


def test_identity_is_made_once_and_closed_to_others(tmp_path: Path) -> None:
    lane = Lane(tmp_path)
    node = lane.open()
    key = lane.folder / "identity.key"
    seed = key.read_bytes()
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert read_public(lane.folder / "terminal.pub") == node.book.public_key
    ledger_id = node.book.origin.ledger_id
    node.close()
    node = lane.open()
    assert (key.read_bytes(), node.book.origin.ledger_id) == (seed, ledger_id)
    node.close()
    other = Lane(tmp_path / "other")
    other.base.mkdir()
    stranger = other.open()
    assert stranger.book.public_key != node.book.public_key
    assert stranger.book.origin.ledger_id != ledger_id
    stranger.close()


def test_a_ledger_keeps_the_signature_it_began_with(lane: Lane) -> None:
    with pytest.raises(LedgerCorruptError, match=r"signature is 'sm2'.*signs with 'ed25519'"):
        load_signer(lane.folder, "sm2")


def test_a_secret_that_is_no_sm2_key_is_drawn_again(tmp_path: Path) -> None:
    draws = [b"\xff" * 32, bytes(32), bytes(range(32))]
    try:
        signer = load_signer(tmp_path, "sm2", lambda _octets: draws.pop(0))
    except Sm2UnavailableError as error:
        pytest.skip(str(error))
    assert (signer.alg, draws) == (ALG_SM2_SM3, [])
    assert (tmp_path / "identity.key").read_bytes() == bytes(range(32))


def test_what_we_say_of_the_program_and_the_boot() -> None:
    assert len(software_digest()) == 32
    assert software_digest() == software_digest()
    assert len(boot_id()) == 16
    assert boot_id() == boot_id()


def test_a_changed_calibration_is_counted_and_told_to_the_county(lane: Lane) -> None:
    (lane.base / "calibration.json").write_text("{}")
    for _ in range(2):
        node = lane.open()
        node.close()
    node = lane.open()
    assert len(node.store.execute("select 1 from calibration")) == 2
    records = [decode_signed(signed) for signed in node.store.signed_records()]
    assert [one.happening.event for one in records if one.happening] == ["calibration_changed"]
    assert records[-1].origin.calibration_id != "none"
    node.close()


def test_orphans_go_and_their_visit_finds_its_pictures_again(lane: Lane) -> None:
    node = lane.open()
    photo = lane.spool(b"picture")
    kept = node.book.evidence.path_of(photo.sha256)
    assert node.book.evidence.adopt((photo,)) == ((photo,), ())
    node.close()  # as if it died between adopting the picture and the commit
    (kept.parent / "half.part").write_bytes(b"x")
    node = lane.open()
    assert not kept.exists()
    assert not (kept.parent / "half.part").exists()
    assert isinstance(lane.commit(node, draft(50, photos=(photo,))), CommitDone)
    node.close()
    lane.open().close()
    assert kept.read_bytes() == b"picture"
