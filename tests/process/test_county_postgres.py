"""The PostgreSQL store against a real server: the same answers as SQLite, and a lost server."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from terminal.county.accept import Accepted
from terminal.county.figures import parse_month, read_figures
from terminal.county.problems import RefusedError
from terminal.county.reading import READ_ERRORS, open_reader, shown_place, store_place
from terminal.county.report import gaps, read_report
from terminal.county.server import open_store
from terminal.county.store import Store
from terminal.county.store_postgres import (
    Connection,
    PostgresStore,
    StoreFailedError,
    check_durable,
)
from terminal.county.store_sqlite import SqliteStore
from terminal.records import decode_signed, record_hash
from tests.process.test_county_workers import killed_workers
from tests.unit.county.samples import LEDGER_ID, WALL_NS, Chain, photo, weigh

pytestmark = [pytest.mark.process, pytest.mark.postgres]
START_S_MAX = 60
WORKERS_RECORDS = 300
STARTERS = 8


class Server:
    """A cluster of its own in a temporary folder, on a UNIX socket only."""

    def __init__(self, folder: Path, tools: Path, user: str | None) -> None:
        self._folder, self._tools, self._user = folder, tools, user
        self.uri = f"postgresql://county@/postgres?host={folder}"

    def run(self, tool: str, *words: str) -> None:
        subprocess.run(
            [self._tools / tool, "-D", self._folder / "cluster", *words],
            check=True,
            timeout=START_S_MAX,
            user=self._user,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=self._folder,
        )

    def start(self, *settings: str) -> None:
        options = f"-k {self._folder} -c listen_addresses='' -c shared_buffers=8MB"
        options += "".join(f" -c {setting}" for setting in settings)
        self.run("pg_ctl", "-w", "-o", options, "-l", str(self._folder / "log"), "start")

    def stop(self) -> None:
        self.run("pg_ctl", "-w", "-m", "immediate", "stop")


def find_tools() -> Path | None:
    found = shutil.which("initdb")
    candidates = [Path(found).resolve().parent] if found else []
    candidates += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((path for path in candidates if (path / "postgres").exists()), None)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    pytest.importorskip("psycopg", reason="the extra `postgres` (psycopg) is not installed")
    tools = find_tools()
    if tools is None:
        pytest.skip("no PostgreSQL server programs (initdb, postgres) are installed")
    user = None
    if os.geteuid() == 0:  # the server refuses to run as root
        try:
            user = pwd.getpwnam("postgres").pw_name
        except KeyError:
            pytest.skip("running as root and there is no user postgres to run the server as")
    folder = Path(tempfile.mkdtemp(prefix="county-pg-"))
    if user is not None:
        shutil.chown(folder, user)
    one = Server(folder, tools, user)
    try:
        one.run("initdb", "-U", "county", "-A", "trust", "--no-sync", "-E", "UTF8")
        one.start()
        yield one
        one.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def put(store: Store, signed: bytes, at_ns: int) -> tuple[bool, int]:
    stored = store.put_record(Accepted(decode_signed(signed), signed, record_hash(signed)), at_ns)
    return stored.new, stored.seq_high


def test_it_answers_as_sqlite_does_and_survives_its_server(server: Server, tmp_path: Path) -> None:
    chain, ref = Chain(), photo()[0]
    for number in range(9):
        chain.add(weigh(plate=f"晋\0L{number}", photos=(ref,) if number == 0 else ()))
    other = Chain()
    for _ in range(3):
        other.add(weigh(visit_id=99))
    file = tmp_path / "x.sqlite"
    lite, postgres = SqliteStore(file), open_store(store_place(server.uri))
    assert isinstance(postgres, PostgresStore)
    answers = []
    for store in (lite, postgres):
        heard: list[object] = [
            put(store, chain.signed[place], WALL_NS) for place in (1, 0, 0, 4, 8)
        ]
        with pytest.raises(RefusedError, match="chain"):
            put(store, other.signed[2], WALL_NS)
        store.count_refusal("signature", "first", 1)
        store.count_refusal("signature", "second", 2)
        store.photo_stored(ref.sha256, 5)
        store.photo_stored(ref.sha256, 6)
        heard += [store.photo(ref.sha256), store.cursors("T-1")]
        store.commit()
        put(store, chain.signed[2], WALL_NS)
        store.rollback()
        answers.append(heard)
    assert answers[0] == answers[1]
    month = parse_month("2027-01")
    for store_at in (file, server.uri):
        report = read_report(store_at)
        assert (report.records, report.photos, report.chains[0].missing) == (4, 1, 5)
        assert report.refusals == (("signature", 2, 2, "second"),)
        assert gaps(store_at, "T-1", LEDGER_ID.hex()) == [(3, 4), (6, 8)]
        assert read_figures(store_at, month).units[0].trucks == 4
    assert read_figures(file, month).gaps == read_figures(server.uri, month).gaps
    reader = open_reader(server.uri)
    with pytest.raises(READ_ERRORS, match="read-only"):
        reader.execute("DELETE FROM record")
    reader.close()

    put(postgres, chain.signed[2], WALL_NS)
    server.stop()
    with pytest.raises(StoreFailedError, match="PostgreSQL"):
        postgres.commit()
    postgres.rollback()
    with pytest.raises(StoreFailedError):
        postgres.cursors("T-1")
    postgres.rollback()
    server.start()
    assert put(postgres, chain.signed[2], WALL_NS) == (True, 3), "not committed, so not there"
    postgres.commit()
    postgres.close()
    lite.close()


def test_two_receivers_see_each_other_s_neighbours(server: Server) -> None:
    chain, other = Chain("T-two"), Chain("T-two")
    for _ in range(2):
        chain.add()
        other.add(weigh(visit_id=99))
    one, two = PostgresStore(server.uri), PostgresStore(server.uri)
    put(one, chain.signed[0], WALL_NS)
    seen: list[object] = []

    def second() -> None:
        try:
            seen.append(put(two, other.signed[1], WALL_NS))
        except RefusedError as refusal:
            seen.append(refusal.kind.name)

    thread = threading.Thread(target=second)
    thread.start()  # waits for the first one's lock on this terminal
    one.commit()
    thread.join()
    assert seen == ["chain"]
    two.rollback()
    one.close()
    two.close()


def test_killed_workers_lose_nothing_in_one_database(server: Server, tmp_path: Path) -> None:
    before = read_report(server.uri).records
    report = killed_workers(tmp_path, server.uri, WORKERS_RECORDS)
    assert report.records - before == WORKERS_RECORDS
    ours = [row for row in report.chains if row.terminal.startswith("T") and row.stored == 15]
    assert len(ours) == WORKERS_RECORDS // 15
    assert all(row.high == row.highest == row.stored for row in ours)


def test_a_place_is_shown_without_its_password() -> None:
    assert (
        shown_place(store_place("postgresql://u:secret@db/county?x=1")) == "postgresql://db/county"
    )
    assert store_place("a/b.sqlite") == Path("a/b.sqlite")


@pytest.mark.parametrize("setting", ["fsync", "full_page_writes"])
def test_a_server_that_may_forget_its_commits_is_refused(server: Server, setting: str) -> None:
    server.stop()
    server.start(f"{setting}=off")
    try:
        with pytest.raises(StoreFailedError, match=f"{setting} = off: a power cut"):
            open_store(server.uri)
        open_store(server.uri, synced=False).close()
    finally:
        server.stop()
        server.start()
    open_store(server.uri).close()


def test_a_pooler_that_takes_the_synchronous_commit_away_is_refused(server: Server) -> None:
    live = Connection(server.uri)
    try:
        check_durable(live)
        live.execute("SET synchronous_commit = off")
        with pytest.raises(StoreFailedError, match="synchronous_commit = off"):
            check_durable(live)
    finally:
        live.close()


def test_receivers_that_start_together_make_the_tables_in_turn(server: Server) -> None:
    import psycopg

    with psycopg.connect(server.uri, autocommit=True) as db:
        db.execute("CREATE DATABASE fresh")
    uri = server.uri.replace("/postgres?", "/fresh?")
    with ThreadPoolExecutor(STARTERS) as pool:
        for store in pool.map(lambda _number: open_store(uri), range(STARTERS)):
            store.close()
