"""The store: idempotent, chain-checked, cursors; photos and blocks within their bounds."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import random
import sqlite3
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from terminal.county.accept import Accepted
from terminal.county.blocks import ASSEMBLIES_MAX, ASSEMBLY_NS_MAX, Assembler
from terminal.county.photos import PhotoFolder
from terminal.county.problems import RefusedError
from terminal.county.report import gaps, read_report
from terminal.county.store import Stored
from terminal.county.store_sqlite import SqliteStore
from terminal.county.writer import Writer
from terminal.records import decode_signed, record_hash
from tests.unit.county.samples import LEDGER_ID, Chain, photo, weigh


def accepted(signed: bytes) -> Accepted:
    return Accepted(decode_signed(signed), signed, record_hash(signed))


def test_any_order_and_any_repeats_leave_each_record_once(tmp_path: Path) -> None:
    chain = Chain()
    for _ in range(6):
        chain.add()
    for number, order in enumerate(itertools.permutations(range(6))):
        if number % 60:
            continue
        store = SqliteStore(tmp_path / f"{number}.sqlite")
        seen: set[int] = set()
        for place in (*order, *order):
            stored = store.put_record(accepted(chain.signed[place]), 10)
            assert stored.new == (place not in seen)
            seen.add(place)
            contiguous = next(n for n in range(7) if n not in seen)
            assert stored.seq_high == contiguous
        store.commit()
        assert store.cursors("T-1") == [(LEDGER_ID, 6, 6, ())]
        store.close()


def test_a_forged_neighbour_is_refused_on_either_side(tmp_path: Path) -> None:
    chain, other = Chain(), Chain()
    for _ in range(3):
        chain.add()
        other.add(weigh(visit_id=99))
    for stored, offered in ((0, 1), (1, 0), (1, 2), (2, 1)):
        store = SqliteStore(tmp_path / f"{stored}{offered}.sqlite")
        store.put_record(accepted(chain.signed[stored]), 1)
        with pytest.raises(RefusedError, match="chain"):
            store.put_record(accepted(other.signed[offered]), 2)
        store.close()


def test_same_number_with_other_bytes_answers_with_what_is_stored(tmp_path: Path) -> None:
    chain, other = Chain(), Chain()
    chain.add()
    other.add(weigh(visit_id=99))
    store = SqliteStore(tmp_path / "x.sqlite")
    store.put_record(accepted(chain.signed[0]), 1)
    stored = store.put_record(accepted(other.signed[0]), 2)
    assert not stored.new
    assert stored.digest == record_hash(chain.signed[0])
    store.close()


def test_a_batch_is_judged_in_its_own_order(tmp_path: Path) -> None:
    chain, other = Chain(), Chain()
    for _ in range(4):
        chain.add()
        other.add(weigh(visit_id=99))
    store = SqliteStore(tmp_path / "x.sqlite")
    batch = [accepted(chain.signed[n]) for n in (3, 0, 3, 1)] + [accepted(other.signed[2])]
    answers = store.put_records([(one, at) for at, one in enumerate(batch)])
    assert [a.new for a in answers if isinstance(a, Stored)] == [True, True, False, True]
    assert [(a.stored_ns, a.seq_high) for a in answers if isinstance(a, Stored)] == [
        (0, 2), (1, 2), (0, 2), (3, 2)
    ]  # fmt: skip
    assert isinstance(answers[4], RefusedError)
    assert store.put_record(accepted(chain.signed[2]), 9).seq_high == 4
    store.close()


def test_two_receivers_on_one_file_see_each_other_s_neighbours(tmp_path: Path) -> None:
    chain, other = Chain(), Chain()
    for _ in range(2):
        chain.add()
        other.add(weigh(visit_id=99))
    one, two = SqliteStore(tmp_path / "x.sqlite"), SqliteStore(tmp_path / "x.sqlite")
    one.put_record(accepted(chain.signed[0]), 1)
    seen: list[object] = []

    def second() -> None:
        try:
            seen.append(two.put_record(accepted(other.signed[1]), 2))
        except RefusedError as refusal:
            seen.append(refusal)

    thread = threading.Thread(target=second)
    thread.start()  # waits for the first one's transaction, then sees what it wrote
    one.commit()
    thread.join()
    assert isinstance(seen[0], RefusedError)
    two.rollback()
    one.close()
    two.close()


def test_rollback_forgets_and_commit_keeps(tmp_path: Path) -> None:
    chain = Chain()
    chain.add()
    store = SqliteStore(tmp_path / "x.sqlite")
    store.put_record(accepted(chain.signed[0]), 1)
    store.rollback()
    assert store.put_record(accepted(chain.signed[0]), 2).new
    store.commit()
    store.close()
    again = SqliteStore(tmp_path / "x.sqlite")
    assert not again.put_record(accepted(chain.signed[0]), 3).new
    again.close()


def test_a_store_of_any_name_is_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    chain = Chain()
    chain.add()
    for new in (True, False):
        store = SqliteStore(Path(":memory:"))
        assert store.put_record(accepted(chain.signed[0]), 1).new is new
        store.commit()
        store.close()


def test_report_counts_gaps_photos_and_refusals(tmp_path: Path) -> None:
    chain = Chain()
    ref, _picture = photo()
    for number in range(9):
        chain.add(weigh(photos=(ref,) if number == 0 else ()))
    path = tmp_path / "x.sqlite"
    store = SqliteStore(path)
    for place in (0, 1, 4, 8):
        store.put_record(accepted(chain.signed[place]), place)
    store.count_refusal("signature", "first", 1)
    store.count_refusal("signature", "second", 2)
    store.commit()
    report = read_report(path)
    assert (report.records, report.photos, report.photos_missing) == (4, 0, 1)
    assert report.chains[0].missing == 5
    assert gaps(path, "T-1", LEDGER_ID.hex()) == [(3, 4), (6, 8)]
    assert store.cursors("T-1") == [(LEDGER_ID, 2, 9, ((3, 4), (6, 8)))]
    assert report.refusals == (("signature", 2, 2, "second"),)
    assert len(report.over) == 4
    store.photo_stored(ref.sha256, 5)
    store.photo_stored(ref.sha256, 6)
    store.commit()
    row = store.photo(ref.sha256)
    assert row is not None
    assert row.stored_ns == 5
    store.close()


def test_photo_folder_is_idempotent_and_sweeps_leftovers(tmp_path: Path) -> None:
    folder = PhotoFolder(tmp_path / "photos")
    folder.prepare()
    picture = b"x" * 1000
    digest = hashlib.sha256(picture).digest()
    folder.store(digest, picture)
    folder.store(digest, picture)
    assert folder.path(digest).read_bytes() == picture
    leftover = folder.path(digest).with_suffix(".1.part")
    leftover.write_bytes(b"half")
    folder.prepare()
    assert not leftover.exists()
    assert [path.name for path in tmp_path.glob("photos/*/*")] == [digest.hex()]
    folder.path(digest).write_bytes(b"rotten")
    folder.store(digest, picture)
    assert folder.read(digest) == picture


def test_blocks_make_the_body_whole_again() -> None:
    body = random.Random(1).randbytes(10_500)
    assembler = Assembler()
    for start in range(0, len(body), 1024):
        piece = body[start : start + 1024]
        whole = assembler.feed("a", start, start + 1024 < len(body), piece, 20_000, 1)
    assert whole == body


@pytest.mark.parametrize(
    ("start", "size", "name"), [(2048, 1024, "incomplete"), (1024, 9000, "too-large")]
)
def test_gaps_and_oversize_are_refused(start: int, size: int, name: str) -> None:
    assembler = Assembler()
    assert assembler.feed("a", 0, True, bytes(1024), 8_000, 1) is None
    with pytest.raises(RefusedError, match=name):
        assembler.feed("a", start, False, bytes(size), 8_000, 2)
    with pytest.raises(RefusedError, match="incomplete"):
        assembler.feed("a", 1024, False, bytes(10), 8_000, 3)


def test_transfers_under_way_are_bounded_in_number_and_time() -> None:
    assembler = Assembler()
    for key in range(ASSEMBLIES_MAX + 1):
        assembler.feed(key, 0, True, b"x", 10, 1)
    with pytest.raises(RefusedError, match="incomplete"):
        assembler.feed(0, 1, False, b"y", 10, 2)
    assert assembler.feed(1, 1, False, b"y", 10, 3) == b"xy"
    with pytest.raises(RefusedError, match="incomplete"):
        assembler.feed(2, 1, False, b"y", 10, ASSEMBLY_NS_MAX + 2)


def test_a_store_that_takes_nothing_is_told_once_and_so_is_its_return(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = SqliteStore(tmp_path / "county.sqlite")
    full = {"now": True}
    sound = store.commit

    def commit() -> None:
        if full["now"]:
            raise sqlite3.OperationalError("database or disk is full")
        sound()

    store.commit = commit  # type: ignore[method-assign]

    async def scenario() -> None:
        writer = Writer(lambda: store)
        for now in (True, True, False, False):
            full["now"] = now
            with suppress(RefusedError):
                await writer.do(lambda store: store.count_refusal("chain", "why", 1))
        await writer.close()

    asyncio.run(scenario())
    assert [record.message for record in caplog.records] == [
        "the store takes nothing (database or disk is full); terminals keep what they send",
        "the store takes records again",
    ]
