"""Several worker processes on one address: killed in the middle, nothing lost, nothing twice."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import aiocoap
import cbor2
import pytest

from terminal.county.reading import open_reader, store_place
from terminal.county.report import Report, read_report
from terminal.county.server import CountyOptions
from terminal.county.sharding import ALONE, Place
from terminal.county.worker import pack, unpack
from terminal.enrol.county_contexts import USED_FILE
from terminal.uplink.oscore import make_pair, open_context
from tests.link.load import LoadResult, prepare, send_all
from tests.link.sealed import share_secrets
from tests.link.terminals import run_terminals
from tests.ports import free_port
from tests.process.county_workers import connections, receiver, workers_of
from tests.process.test_uplink_loopback import until

TERMINALS, RECORDS = 20, 600
KILLS = 2
CROWD, EACH = 8, 3
ASKS = 12
STREAMS = 24
"""Connections: that one of three workers gets none of them is a chance of 0.0002."""


def killed_workers(folder: Path, store: str, records: int) -> Report:
    """Load on two workers, one of which is killed KILLS times; all must be receipted."""
    (folder / "keys").mkdir()
    port = free_port()
    items = prepare(folder / "keys", TERMINALS, records)
    results: list[LoadResult] = []
    with receiver(folder, port, "--photos", str(folder / "photos"), store=store) as parent:
        load = threading.Thread(target=lambda: results.append(send_all(port, items, 16, 150.0)))
        load.start()
        seen: set[int] = set()
        for _ in range(KILLS):
            load.join(timeout=1.0)  # real time: it goes on while a worker dies and comes back
            victim = workers_of(parent.pid)[0]
            seen.add(victim)
            os.kill(victim, signal.SIGKILL)
            while len(set(workers_of(parent.pid)) - seen) < 2 and load.is_alive():
                load.join(timeout=0.1)
        load.join(timeout=60)
        assert not load.is_alive()
        parent.send_signal(signal.SIGTERM)
        assert parent.wait(timeout=30) == 0
        assert parent.stdout is not None
        said = parent.stdout.read()
    counts = re.fullmatch(r"Received (\d+), repeated (\d+), refused 0\n", said)
    assert counts, said
    received, repeated = map(int, counts.groups())
    assert received <= records <= received + repeated, "what a killed worker did is counted too"
    assert (results[0].acked, results[0].unproven) == (records, 0)
    return read_report(store_place(store))


@pytest.mark.process
def test_killed_workers_lose_nothing(tmp_path: Path) -> None:
    report = killed_workers(tmp_path, str(tmp_path / "county.sqlite"), RECORDS)
    assert report.records == RECORDS
    assert {(row.stored, row.high, row.highest) for row in report.chains} == {
        (RECORDS // TERMINALS,) * 3
    }
    with closing(open_reader(tmp_path / "county.sqlite")) as db:
        assert db.execute("SELECT count(*) FROM record").fetchone() == (RECORDS,)


@pytest.mark.process
def test_a_crowd_over_oscore_has_every_record_receipted(tmp_path: Path) -> None:
    """The load generator itself: each terminal with its own key, none answered in plain words."""
    (tmp_path / "keys").mkdir()
    names = [f"T{number}" for number in range(CROWD)]
    share_secrets(names, tmp_path / "terminals", tmp_path / "county")
    items = prepare(tmp_path / "keys", CROWD, CROWD * EACH)
    records = {name: items[place::CROWD] for place, name in enumerate(names)}
    port = free_port()
    with receiver(tmp_path, port, "--oscore", str(tmp_path / "county")):
        sums = run_terminals(port, records, 0.5, 0.2, contexts=tmp_path / "terminals")
    assert (sums.wrong, sums.unsealed, sums.given_up) == (0, 0, 0)
    assert sums.receipted == {name for name, _ in items}
    assert sums.repeats_receipted == sums.repeats > 0
    assert read_report(tmp_path / "county.sqlite").records == len(items)
    assert all((tmp_path / "county" / name / USED_FILE).exists() for name in names)


@pytest.mark.process
def test_an_oscore_context_is_used_by_its_owner_whoever_hears_the_request(tmp_path: Path) -> None:
    names = ("A", "B", "C")
    (tmp_path / "keys").mkdir()
    for name in names:
        make_pair(tmp_path / name, tmp_path / "contexts" / name)
    port = free_port()

    async def ask() -> list[int]:
        contexts = {name: open_context(tmp_path / name) for name in names}
        times = []
        for _ in range(ASKS):  # each from a port of its own: the kernel picks the worker
            for scheme in ("coap", "coap+tcp"):
                client = await aiocoap.Context.create_client_context()
                for name in names:
                    uri = f"{scheme}://127.0.0.1:{port}/v1/time"
                    client.client_credentials[uri] = contexts[name]
                    message = aiocoap.Message(code=aiocoap.GET, uri=uri)
                    answer = await asyncio.wait_for(client.request(message).response, 20)
                    times.append(cbor2.loads(answer.payload))
                await client.shutdown()
        return times

    with receiver(tmp_path, port, "--oscore", str(tmp_path / "contexts")):
        times = asyncio.run(ask())
    assert len(times) == ASKS * 2 * len(names)
    assert all(isinstance(at_ms, int) for at_ms in times)


@pytest.mark.process
@pytest.mark.parametrize("scheme", ["coap+tcp", "coap+ws"])
def test_a_connection_serves_any_terminal_on_whichever_worker_it_lands(
    tmp_path: Path, scheme: str
) -> None:
    """Connections over all workers; on each, every terminal asks, and one sends its records."""
    (tmp_path / "keys").mkdir()
    names = ("A", "B", "C", "D")
    for name in names:
        make_pair(tmp_path / name, tmp_path / "contexts" / name)
    contexts = {name: open_context(tmp_path / name) for name in names}
    items = prepare(tmp_path / "keys", STREAMS, STREAMS * 4)
    port = free_port()
    served = port + (3_000 if scheme == "coap+ws" else 0)
    base = f"{scheme}://127.0.0.1:{served}"

    async def use(client: aiocoap.Context, number: int) -> None:
        for name in names:
            client.client_credentials[f"{base}/v1/time?{name}"] = contexts[name]
            message = aiocoap.Message(code=aiocoap.GET, uri=f"{base}/v1/time?{name}")
            answer = await asyncio.wait_for(client.request(message).response, 20)
            assert isinstance(cbor2.loads(answer.payload), int), answer.code
        for record_id, signed in items[number::STREAMS]:
            message = aiocoap.Message(
                code=aiocoap.PUT, uri=f"{base}/v1/records/{record_id}", payload=signed
            )
            message.opt.content_format = 18
            answer = await asyncio.wait_for(client.request(message).response, 20)
            assert cbor2.loads(answer.payload)[1] == record_id

    async def ask(parent: int) -> list[int]:
        clients = [await aiocoap.Context.create_client_context() for _ in range(STREAMS)]
        for number, client in enumerate(clients):
            await use(client, number)
        spread = [connections(worker, served) for worker in workers_of(parent)]
        for client in clients:
            await client.shutdown()
        # The library closes its streams after it said so.
        await until(lambda: not any(connections(one, served) for one in workers_of(parent)))
        return spread

    more = ("--websocket", "--oscore", str(tmp_path / "contexts"))
    with receiver(tmp_path, port, *more, workers=3) as parent:
        spread = asyncio.run(ask(parent.pid))
    assert sum(spread) == STREAMS
    assert len([count for count in spread if count]) == 3, spread
    assert read_report(tmp_path / "county.sqlite").records == len(items)


@pytest.mark.process
@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_receiver_that_nobody_listens_to_serves_on(tmp_path: Path, workers: str) -> None:
    """Whoever started it is gone before it says its address: its terminals are not."""
    (tmp_path / "keys").mkdir()
    items = prepare(tmp_path / "keys", 1, 3)
    port = free_port()
    heard, said = os.pipe()
    os.close(heard)
    command = [
        sys.executable, "-m", "terminal.cli", "county", "--bind", f"127.0.0.1:{port}",
        "--store", str(tmp_path / "county.sqlite"), "--keys", str(tmp_path / "keys"),
        "--workers", workers,
    ]  # fmt: skip
    with (tmp_path / "errors").open("w+") as errors:
        parent = subprocess.Popen(command, stdout=said, stderr=errors)
        os.close(said)
        try:
            assert send_all(port, items, 1).acked == len(items)
            parent.send_signal(signal.SIGTERM)
            assert parent.wait(timeout=30) == 0
        finally:
            parent.kill()
            parent.wait()
        errors.seek(0)
        assert errors.read() == ""


def test_every_key_has_exactly_one_owner() -> None:
    places = [Place(index, (1, 2, 3)) for index in range(3)]
    owners = [[p.index for p in places if p.owns(bytes([n]))] for n in range(64)]
    assert {len(found) for found in owners} == {1}
    assert {found[0] for found in owners} == {0, 1, 2}
    assert ALONE.owns(b"anything")


def test_options_reach_a_worker_unchanged(tmp_path: Path) -> None:
    options = CountyOptions("::1", 5683, tmp_path / "x.sqlite", tmp_path, True, 8080, tmp_path)
    place = Place(1, (40_001, 40_002))
    assert unpack(pack(options, place)) == (options, place)
    shared = CountyOptions("::1", 5683, "postgresql://db/county", tmp_path)
    assert unpack(pack(shared, place)) == (shared, place)
