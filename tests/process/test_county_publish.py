"""Publishing to a real nats-server (JetStream): once each, through an outage, no one waits."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import subprocess
import time
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from terminal.county.publish import OFF, STREAM, Publisher, decide, subject_of
from terminal.county.reading import open_reader
from terminal.county.server import CountyOptions, open_store, running_county
from terminal.county.service import County
from terminal.county.store import Owed
from terminal.records import verify_record
from tests.ports import free_port
from tests.process.test_uplink_loopback import TIMES, options
from tests.unit.county.samples import Chain

START_S_MAX = 20.0
FIRST, SECOND = 30, 20


def nats_program() -> str | None:
    return shutil.which("nats-server") or shutil.which("nats-server", path="/usr/sbin")


pytestmark = [
    pytest.mark.process,
    pytest.mark.skipif(nats_program() is None, reason="no nats-server is installed"),
]


class Nats:
    """A server of its own on loopback, that can be stopped and started on the same folder."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        self.url = f"nats://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None

    async def start(self) -> None:
        words = ["-js", "-sd", str(self.folder), "-a", "127.0.0.1", "-p", str(self.port)]
        self._process = subprocess.Popen(  # noqa: ASYNC220
            [str(nats_program()), *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        until = time.monotonic() + START_S_MAX
        while time.monotonic() < until:
            with contextlib.suppress(OSError):
                _reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
                writer.close()
                return
            await asyncio.sleep(0.05)
        raise AssertionError("nats-server does not listen")

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()


@contextlib.asynccontextmanager
async def client(nats_server: Nats) -> AsyncIterator[object]:
    import nats

    connection = await nats.connect(nats_server.url)
    try:
        yield connection.jetstream()
    finally:
        await connection.close()


async def until_empty(opts: CountyOptions) -> None:
    async with asyncio.timeout(60):
        while True:
            with contextlib.closing(open_reader(opts.store)) as db:
                if db.execute("SELECT count(*) FROM unpublished").fetchone()[0] == 0:
                    return
            await asyncio.sleep(0.05)


async def consume(nats_server: Nats, count: int) -> list[tuple[str, str, bytes]]:
    """(subject, message id, payload) of everything in the stream."""
    from nats.errors import TimeoutError as NothingMore

    async with client(nats_server) as stream:
        pull = await stream.pull_subscribe("weigh.records.>", "tester", stream=STREAM)  # type: ignore[attr-defined]
        found: list[tuple[str, str, bytes]] = []
        with contextlib.suppress(NothingMore):
            while True:
                for one in await pull.fetch(100, timeout=3 if len(found) < count else 0.5):
                    found.append((one.subject, one.headers["Nats-Msg-Id"], one.data))
                    await one.ack()
        await pull.unsubscribe()
    return found


async def put(county: County, chain: Chain, count: int) -> None:
    for _ in range(count):
        assert (await county.put_record(*chain.add())).new


def test_each_record_once_through_an_outage(tmp_path: Path) -> None:
    pytest.importorskip("nats", reason="the extra `nats` (nats-py) is not installed")
    chain = Chain()
    base = options(tmp_path, chain)

    async def scenario() -> tuple[list[tuple[str, str, bytes]], list[tuple[str, str, bytes]]]:
        server = Nats(tmp_path / "js")
        opts = replace(base, publish=server.url)
        async with running_county(base, TIMES) as county:  # stored before anybody published
            await put(county, chain, FIRST)
        async with running_county(opts, TIMES) as county:
            await put(county, chain, SECOND)  # the server is not there: nobody waits for it
            await server.start()
            await until_empty(opts)
            server.stop()
            await put(county, chain, SECOND)
            await server.start()
            await until_empty(opts)
        first = await consume(server, FIRST + 2 * SECOND)
        # A publisher that died between the acknowledgement and the striking out says it again.
        store = open_store(opts.store)
        decide(OFF, lambda: open_store(opts.store))
        store.publish_from_now(True)
        publisher = Publisher(server.url, store)
        task = asyncio.create_task(publisher.run())
        await until_empty(opts)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await publisher.close()
        assert publisher.repeated == len(chain.signed)
        again = await consume(server, 0)
        store.close()
        server.stop()
        return first, again

    found, again = asyncio.run(scenario())
    assert again == []
    assert Counter(payload for _, _, payload in found) == Counter(chain.signed)
    for subject, message_id, payload in found:
        record = verify_record(payload, chain.signer.public_key)
        assert message_id == record.record_id
        assert subject == f"weigh.records.weigh.{record.origin.source_unit}.T-1"


def test_an_unwanted_publisher_is_owed_nothing(tmp_path: Path) -> None:
    pytest.importorskip("nats", reason="the extra `nats` (nats-py) is not installed")
    opts = options(tmp_path, Chain())
    decide("nats://127.0.0.1:9", lambda: open_store(opts.store))
    chain = Chain()

    async def scenario(opts: CountyOptions) -> int:
        async with running_county(opts, TIMES) as county:
            await put(county, chain, 3)
        with contextlib.closing(open_reader(opts.store)) as db:
            return int(db.execute("SELECT count(*) FROM unpublished").fetchone()[0])

    assert asyncio.run(scenario(opts)) == 3, "owed until somebody says that it is not wanted"
    assert asyncio.run(scenario(replace(opts, publish=OFF))) == 0


@pytest.mark.parametrize(
    ("terminal", "token"),
    [("T-1", "T-1"), ("a b.c>*", "a_b_c_"), ("", "_"), ("晋南1号", "晋南1号")],
)
def test_a_name_is_one_token_of_a_subject(terminal: str, token: str) -> None:
    owed = Owed(terminal, b"", 1, "id", "weigh", "1410", b"")
    assert subject_of(owed) == f"weigh.records.weigh.1410.{token}"
