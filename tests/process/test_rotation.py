"""Keys replaced over the network while records flow, by the real commands and real receivers."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import threading
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import aiocoap
import pytest
from aiocoap.oscore import NotAProtectedMessage

from terminal.cli import main
from terminal.config import Config, Loaded, Target
from terminal.config import Site as SiteConfig
from terminal.county.page import _page
from terminal.county.report import read_report
from terminal.county.server import CountyOptions, running_county
from terminal.enrol.county_contexts import stages
from terminal.enrol.key_ring import KeyRing
from terminal.link import Hub
from terminal.messages import ItemClass
from terminal.uplink import renewal
from terminal.uplink.oscore import open_context
from terminal.uplink.shell import main_loop
from tests.link.terminal_end import SystemClock
from tests.process.test_county_workers import receiver
from tests.process.test_uplink_loopback import FakeLedger, free_port, until
from tests.process.test_uplink_shell import LedgerSide
from tests.unit.county.samples import Chain, photo, weigh
from tests.unit.enrol.test_enrol import Place
from tests.unit.enrol.test_rotation import rotate

pytestmark = pytest.mark.process

ROUND_NS = 100_000_000
RECORD_EVERY_S = 0.02
RECORDS_AFTER = 10


class Site:
    """An enrolled terminal, its county's folders, and a ledger that never stops recording."""

    def __init__(self, base: Path) -> None:
        self.place = Place(base)
        self.contexts = base / "contexts"
        assert self.place.request() == self.place.grant("--oscore", str(self.contexts)) == 0
        assert self.place.install() == 0
        self.into = self.place.base / "enrolled" / "county"
        seed = (self.place.base / "ledger" / "identity.key").read_bytes()
        self.chain = Chain(seed=seed, wall_ns=time.time_ns())
        self.ledger = FakeLedger()
        self.ring = KeyRing(self.into, "oscore")
        self.port = free_port()
        self.options = CountyOptions(
            "127.0.0.1", self.port, base / "county.sqlite", self.place.keys, oscore=self.contexts
        )

    def record(self, **words: object) -> None:
        number = len(self.chain.signed) + 1
        self.ledger.put(number, ItemClass.RECORD, *self.chain.add(weigh(**words)))

    @contextlib.asynccontextmanager
    async def running(self, scheme: str) -> AsyncIterator[None]:
        """The uplink process's own loop, and records that flow until the block ends."""
        target = Target(uri=f"{scheme}://127.0.0.1:{self.port}", oscore="enrolled/county/oscore")
        config = Config(site=SiteConfig(terminal_id="T-1"), targets=(target,))
        run, stop = self.place.base / "run", threading.Event()
        run.mkdir(exist_ok=True)
        side = LedgerSide(run, self.ledger)
        loaded = Loaded(config, self.place.base, b"c" * 32)
        hub = Hub("uplink", run, simulated=False)
        side.start()
        uplink = asyncio.create_task(main_loop(loaded, hub, SystemClock(), stop))
        flow = asyncio.create_task(self._flow())
        try:
            yield
        finally:
            flow.cancel()
            await asyncio.gather(flow, return_exceptions=True)
            stop.set()
            try:
                await asyncio.wait_for(uplink, 20)
            finally:
                side.stop.set()
                await asyncio.to_thread(side.join)

    async def _flow(self) -> None:
        while True:
            self.record()
            await asyncio.sleep(RECORD_EVERY_S)

    async def rotated(self) -> int:
        """Command a rotation as an engineer does, and wait until both ends have gone over."""
        assert await asyncio.to_thread(rotate, self.place) == 0
        number = max(one.label.number for one in stages(self.contexts))
        await until(lambda: self.ring.in_use().number == number)
        await until(lambda: [one.label.number for one in stages(self.contexts)
                             if not one.retired_s] == [number])  # fmt: skip
        return number

    async def delivered(self) -> None:
        """Some more records, and all before them."""
        wanted = len(self.chain.signed) + RECORDS_AFTER
        await until(lambda: len(self.ledger.receipts) >= wanted)

    async def all_delivered(self) -> None:
        await until(lambda: not self.ledger.pending)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.setattr(renewal, "ROUND_NS", ROUND_NS)
    monkeypatch.setattr(renewal, "ASK_NS", ROUND_NS)
    return Site(tmp_path)


async def asked_with(folder: Path, port: int, path: str) -> str:
    """The code of a GET with this key; with what came back unprotected, its text."""
    context = open_context(folder)
    client = await aiocoap.Context.create_client_context()
    uri = f"coap+tcp://127.0.0.1:{port}/{path}"
    client.client_credentials[uri] = context
    try:
        request = client.request(aiocoap.Message(code=aiocoap.GET, uri=uri))
        answer = await asyncio.wait_for(request.response, 10)
        return str(answer.code.dotted)
    except NotAProtectedMessage as error:
        return f"{error.plain_message.code.dotted} {error.plain_message.payload.decode()}"
    finally:
        await client.shutdown()
        context.release()


@pytest.mark.parametrize("scheme", ["coap", "coap+tcp"])
def test_records_flow_through_rotations_and_the_old_key_is_refused_afterwards(
    site: Site, tmp_path: Path, scheme: str
) -> None:
    picture = bytes(range(256)) * 200
    ref, _ = photo(picture)
    file = tmp_path / "photo.jpg"
    file.write_bytes(picture)
    shutil.copytree(site.into / "oscore", tmp_path / "copied")

    async def scenario() -> str:
        async with running_county(site.options):
            async with site.running(scheme):
                await site.delivered()
                site.record(photos=(ref,))
                site.ledger.put_photo(100_000, ref.sha256, file)
                for _ in range(2):
                    await site.rotated()
                    await site.delivered()
                await until(lambda: 100_000 in site.ledger.receipts)
                said = await asked_with(tmp_path / "copied", site.port, "v1/time")
            async with site.running(scheme):  # a restart begins with the new key
                await site.delivered()
        return said

    said = asyncio.run(scenario())
    assert said == "4.01 Security context not found"
    assert site.ledger.quarantined == {}
    assert [path.parent.name for path in site.into.glob("*/secret.json")] == [
        site.ring.in_use().oscore
    ]
    report = read_report(site.options.store)
    received = report.records
    assert received >= len(site.ledger.receipts) - 1
    assert [(row.high, row.missing) for row in report.chains] == [(received, 0)]
    refused = {(row.terminal, row.kind): row.count for row in report.refused}
    assert refused == {("T-1", "key-retired"): 1} or set(refused) == {("", "key-unknown")}
    page = _page(Path(str(site.options.store)), time.time_ns(), site.contexts)
    assert "已启用，旧密钥已作废" in page


def test_every_worker_knows_of_a_rotation_without_a_restart(site: Site, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site.running("coap"):
            await site.delivered()
            for _ in range(4):  # the owner of the new key is another worker half of the time
                await site.rotated()
                await site.delivered()

    with receiver(tmp_path, site.port, "--oscore", str(site.contexts)):
        asyncio.run(scenario())
    assert site.ledger.quarantined == {}
    (row,) = read_report(site.options.store).chains
    assert row.missing == 0
    assert row.high >= len(site.ledger.receipts)


def test_a_terminal_enrolled_or_put_out_while_the_receiver_runs(site: Site, tmp_path: Path) -> None:
    """A second one is let in, asks for the first one's keys in vain; the first one is revoked."""
    other = Place(tmp_path, "other", "T-2")

    async def scenario() -> list[str]:
        said = []
        async with running_county(site.options):
            other.request()
            await asyncio.to_thread(other.grant, "--oscore", str(site.contexts))
            other.install()
            theirs = other.base / "enrolled" / "county" / "oscore"
            await until_known(theirs, site.port)
            for path in ("v1/keys/T-2", "v1/keys/T-1", "v1/keys/T-9"):
                said.append(await asked_with(theirs, site.port, path))
            async with site.running("coap+tcp"):
                await site.delivered()
                words = ["enrol", "revoke", "T-1", "--keys", str(site.place.keys)]
                assert await asyncio.to_thread(main, [*words, "--reason", "sold"]) == 0
                await until(
                    lambda: site.ledger.status is not None and "sold" in site.ledger.status.why
                )
        return said

    said = asyncio.run(scenario())
    assert said == ["2.05", "4.03", "4.03"]
    assert site.ledger.status is not None
    assert site.ledger.status.why.startswith("4.01 The key of this terminal has been revoked")
    refused = {(row.terminal, row.kind) for row in read_report(site.options.store).refused}
    assert {("T-2", "not-yours"), ("T-1", "revoked")} <= refused


async def until_known(folder: Path, port: int) -> None:
    async with asyncio.timeout(10):
        while not (await asked_with(folder, port, "v1/time")).startswith("2."):
            pass


@pytest.mark.parametrize("secure", [False, True])
def test_new_keys_are_given_over_a_terminal_s_own_context_only(site: Site, secure: bool) -> None:
    async def plain() -> str:
        client = await aiocoap.Context.create_client_context()
        uri = f"coap+tcp://127.0.0.1:{site.port}/v1/keys/T-1"
        try:
            request = client.request(aiocoap.Message(code=aiocoap.GET, uri=uri))
            return str((await request.response).code.dotted)
        finally:
            await client.shutdown()

    async def scenario() -> str:
        async with running_county(replace(site.options)):
            if secure:
                return await asked_with(site.into / "oscore", site.port, "v1/keys/T-1")
            return await plain()

    rotate(site.place)
    assert asyncio.run(scenario()) == ("2.05" if secure else "4.03")
    assert any(one.fetched_s for one in stages(site.contexts)) == secure


def test_a_command_that_somebody_else_signed_changes_nothing(site: Site) -> None:
    """The receiver offers a paper of another county's: refused, shown, and records go on."""
    (site.place.keys / "county.key").rename(site.place.keys / "kept")
    (site.place.keys / "county.key").write_bytes(b"i" * 32)

    async def scenario() -> None:
        async with running_county(site.options), site.running("coap+tcp"):
            await site.delivered()
            rotate(site.place)
            await until(
                lambda: (
                    site.ledger.status is not None
                    and site.ledger.status.why.startswith("new key refused (3)")
                )
            )
            await site.delivered()

    asyncio.run(scenario())
    assert site.ledger.status is not None
    assert "not signed by the county" in site.ledger.status.why
    assert site.ledger.status.up
    assert site.ring.in_use().number == 0
    assert not (site.into / "rotation.serial").exists()


def test_whoever_sends_records_hears_of_new_keys_by_a_receipt(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was asked for at the start; the next time would be in an hour."""
    monkeypatch.setattr(renewal, "ASK_NS", 3_600_000_000_000)

    async def scenario() -> None:
        async with running_county(site.options), site.running("coap"):
            await site.delivered()
            await site.rotated()
            await site.delivered()
        assert read_report(site.options.store).records >= RECORDS_AFTER

    asyncio.run(scenario())
