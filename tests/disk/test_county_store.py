"""The county's disk dies at every operation of its work: no receipt was given for what is gone.

For every k the k-th write, truncation or sync of the store fails (or tears, or the power goes and
unsynced writes are lost), and everything after it too; the same for the folder of photos. The
receiver ends, a sound one starts on what is left, and every terminal sends again.
"""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import cbor2
import pytest

from terminal.county.keys import KeyRegistry
from terminal.county.photos import PhotoFolder
from terminal.county.problems import RefusedError
from terminal.county.server import REAL_TIMES
from terminal.county.service import County
from terminal.county.store import Store
from terminal.county.store_check import StoreDamagedError, check_store
from terminal.county.store_sqlite import SqliteStore, create
from terminal.county.writer import Writer
from terminal.records import record_hash
from tests.disk.county_disk import DiskConnection
from tests.disk.pictures_disk import PicturesDisk
from tests.unit.county.samples import Chain, photo, weigh
from tests.unit.ledger.failing_vfs import FailingVfs

OPERATIONS_MAX = 400
CHAINS, ROUNDS = 2, 2
PICTURES = [photo(b"picture %d" % number) for number in range(CHAINS)]


def terminals(keys: Path) -> list[Chain]:
    """Each with ROUNDS records, the first of which names a photo."""
    keys.mkdir(exist_ok=True)
    chains = []
    for number in range(CHAINS):
        chain = Chain(f"T-{number}", bytes([number]) * 8, bytes([number + 1]) * 32)
        (keys / f"{number}.pub").write_text(chain.key_line)
        for visit in range(ROUNDS):
            named = (PICTURES[number][0],) if visit == 0 else ()
            chain.add(weigh(visit_id=visit + 1, photos=named))
        chains.append(chain)
    return chains


def open_store(base: Path, vfs: str | None) -> Store:
    path = base / "county.sqlite"
    if vfs is None:
        check_store(path, base / "photos")
        return SqliteStore(path)
    return SqliteStore(path, connect=lambda path: DiskConnection(path, vfs))


async def serve(base: Path, chains: list[Chain], vfs: str | None = None) -> set[bytes]:
    """Everybody sends everything at once, photos after their records; digests with a receipt."""
    writer = Writer(lambda: open_store(base, vfs))
    photos = PhotoFolder(base / "photos")
    photos.prepare()
    county = County(
        writer, photos, KeyRegistry(base / "keys"), REAL_TIMES, accept_simulated=False
    )  # fmt: skip
    believed: set[bytes] = set()

    async def send(chain: Chain, seq: int) -> None:
        signed = chain.signed[seq - 1]
        name = f"{chain.terminal_id}-{chain.ledger_id.hex()}-{seq}"
        with suppress(RefusedError):
            receipt = cbor2.loads((await county.put_record(name, signed)).payload)
            assert receipt[2] == record_hash(signed)[:16]
            believed.add(record_hash(signed))

    async def show(number: int) -> None:
        ref, content = PICTURES[number]
        with suppress(RefusedError):
            await county.put_photo(ref.sha256.hex(), content)
            believed.add(ref.sha256)

    try:
        for seq in range(1, ROUNDS + 1):
            await asyncio.gather(*(send(chain, seq) for chain in chains))
            if seq == 1:
                await asyncio.gather(*(show(number) for number in range(CHAINS)))
    finally:
        with suppress(sqlite3.Error):
            await writer.close()
    return believed


def held(base: Path) -> set[bytes]:
    """Digests of the records stored, and of the photos said to be here that are."""
    photos = PhotoFolder(base / "photos")
    with closing(sqlite3.connect(base / "county.sqlite")) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        found = set()
        for signed, digest in db.execute("SELECT signed, hash FROM record"):
            assert record_hash(signed) == digest
            found.add(digest)
        said = db.execute("SELECT sha256, size_bytes FROM photo WHERE stored_ns IS NOT NULL")
        for sha256, size_bytes in said:
            content = photos.read(sha256)
            assert content is not None, "a photo said to be here is not"
            assert len(content) == size_bytes
            found.add(sha256)
    return found


def check_after(base: Path, chains: list[Chain], believed: set[bytes]) -> None:
    """Nothing believed is missing; a sound receiver goes on and has everything once."""
    if believed:
        assert believed <= held(base), "a receipt was given for what is gone"
    everything = {record_hash(signed) for chain in chains for signed in chain.signed}
    everything |= {ref.sha256 for ref, _ in PICTURES}
    assert asyncio.run(serve(base, chains)) == everything
    assert held(base) == everything


def numbers() -> Iterator[int]:
    yield from range(1, OPERATIONS_MAX)
    raise AssertionError("the work does not end")


# A statement that dies meets the dead disk several times; SQLite tells of one, apsw warns of more.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("how", ["fail", "tear", "lose"])
@pytest.mark.parametrize("fresh", [False, True])
def test_no_receipt_for_what_a_dying_disk_did_not_keep(
    tmp_path: Path, how: str, fresh: bool
) -> None:
    for k in numbers():
        base = tmp_path / str(k)
        base.mkdir()
        chains = terminals(base / "keys")
        if not fresh:
            create(base / "county.sqlite")
        vfs = FailingVfs(f"county-{how}-{fresh}-{k}", fail_at=k, how=how)
        believed: set[bytes] = set()
        with suppress(sqlite3.Error):
            believed = asyncio.run(serve(base, chains, vfs.name))
        if how == "lose":
            vfs.power_cut()
            (base / "county.sqlite-shm").unlink(missing_ok=True)
        died = vfs.operations >= k
        vfs.unregister()
        check_after(base, chains, believed)
        shutil.rmtree(base)
        if not died:
            assert k > (25 if fresh else 12), "the work must really write"
            return


@pytest.mark.parametrize("how", ["fail", "tear", "lose"])
def test_no_receipt_for_a_photo_that_a_dying_folder_did_not_keep(tmp_path: Path, how: str) -> None:
    for k in numbers():
        base = tmp_path / str(k)
        base.mkdir()
        chains = terminals(base / "keys")
        create(base / "county.sqlite")
        with PicturesDisk(base, k, how, pattern="photos/*/*") as disk:
            believed = asyncio.run(serve(base, chains))
        if how == "lose":
            disk.power_cut()
        check_after(base, chains, believed)
        shutil.rmtree(base)
        if disk.operations < k:
            assert k > 10, "the work must really write"
            return


def damaged(path: Path, how: str) -> None:
    content = path.read_bytes()
    if how == "empty":
        path.write_bytes(b"")
    elif how == "header":
        path.write_bytes(b"x" * 4096 + content[4096:])
    elif how == "cut":
        path.write_bytes(content[: len(content) // 2])
    elif how == "page":
        path.write_bytes(content[:8192] + b"\xa5" * 4096 + content[12_288:])
    elif how == "other":
        path.unlink()
        with closing(sqlite3.connect(path)) as db:
            db.execute("CREATE TABLE something(x)")
    elif how == "gone":
        path.unlink()
    elif how == "log-alone":
        path.rename(path.with_name("county.sqlite-wal"))


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ("empty", "is empty"),
        ("header", "is damaged, or no store at all"),
        ("cut", "is damaged"),
        ("page", "is damaged"),
        ("other", "is not a county store (it holds something)"),
        ("gone", "is its disk mounted?"),
        ("log-alone", "moved alone"),
    ],
)
def test_a_damaged_store_is_told_and_left_as_it_is(tmp_path: Path, how: str, says: str) -> None:
    chains = terminals(tmp_path / "keys")
    asyncio.run(serve(tmp_path, chains))
    path = tmp_path / "county.sqlite"
    damaged(path, how)
    before = path.read_bytes() if path.exists() else None
    with pytest.raises(StoreDamagedError) as caught:
        check_store(path, tmp_path / "photos")
    assert says in str(caught.value)
    assert (path.read_bytes() if path.exists() else None) == before


def test_a_store_in_use_and_one_that_never_was_are_no_damage(tmp_path: Path) -> None:
    path = tmp_path / "county.sqlite"
    check_store(path, tmp_path / "photos")
    assert not path.exists()
    store = SqliteStore(path)
    check_store(path, tmp_path / "photos")
    store.count_refusal("chain", "why", 1)
    check_store(path, tmp_path / "photos")
    store.close()
    check_store(path, tmp_path / "photos")
