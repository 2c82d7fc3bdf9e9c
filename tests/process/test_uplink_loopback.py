"""The uplink's own shell against the reference receiver over real sockets on loopback."""

from __future__ import annotations

import asyncio
import contextlib
import random
import shutil
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from aiocoap.transports import udp6

from hal.contract.types import ClockQuality, MonotonicNs
from terminal.config import Target
from terminal.county import writer
from terminal.county.report import read_report
from terminal.county.server import REAL_TIMES, CountyOptions, running_county
from terminal.county.service import County, Times
from terminal.link import PeerUp
from terminal.messages import (
    Delivered,
    ItemClass,
    Message,
    Pending,
    Pull,
    PullDone,
    TargetStatus,
    Undeliverable,
    Wake,
)
from terminal.uplink.adapters.coap_v1 import CoapV1
from terminal.uplink.coap import CoapTransport
from terminal.uplink.exchange import DEADLINE_MS, Request, WireReply, WireRequest
from terminal.uplink.node import UplinkNode
from terminal.uplink.oscore import make_pair, open_context
from terminal.uplink.shell import Carrier
from tests.link.pump import turn
from tests.ports import free_port
from tests.unit.county.samples import WALL_NS, Chain, photo, weigh

pytestmark = pytest.mark.process

WAIT_S_MAX = 30.0
TICK_S = 0.02


class RealClock:
    def monotonic_ns(self) -> MonotonicNs:
        return MonotonicNs(REAL_TIMES.now_ns())

    def wall_ns(self) -> int:
        return WALL_NS

    def quality(self) -> ClockQuality:
        return ClockQuality.SYNCED


@dataclass
class FakeLedger:
    """The ledger's side of the link: answers pulls from a dictionary of undelivered items."""

    pending: dict[int, Pending] = field(default_factory=dict)
    receipts: dict[int, bytes] = field(default_factory=dict)
    quarantined: dict[int, Undeliverable] = field(default_factory=dict)
    status: TargetStatus | None = None
    answers: list[Message] = field(default_factory=list)
    order: list[int] = field(default_factory=list)

    def put(self, item: int, item_class: ItemClass, item_id: str, body: bytes) -> None:
        self.pending[item] = Pending("county", item, item_class, item_id, b"", body, "")
        self.answers.append(Wake())

    def put_photo(self, item: int, sha256: bytes, path: Path) -> None:
        self.pending[item] = Pending(
            "county", item, ItemClass.PHOTO, sha256.hex(), sha256, b"", str(path)
        )

    def send(self, peer: str, message: Message) -> bool:
        assert peer == "ledger"
        if isinstance(message, Pull):
            rank = list(ItemClass)
            chosen = sorted(
                self.pending.values(), key=lambda item: (rank.index(item.item_class), item.item)
            )[: message.limit]
            self.answers += [*chosen, PullDone("county", len(self.pending) - len(chosen))]
        elif isinstance(message, Delivered):
            assert message.item not in self.receipts, "delivered twice"
            self.receipts[message.item] = message.receipt
            self.order.append(message.item)
            del self.pending[message.item]
        elif isinstance(message, Undeliverable):
            self.quarantined[message.item] = message
            del self.pending[message.item]
        elif isinstance(message, TargetStatus):
            self.status = message
        return True


@contextlib.asynccontextmanager
async def running_uplink(
    uri: str,
    ledger: FakeLedger,
    link_is_up: Callable[[], bool] | None = None,
    oscore: Path | None = None,
) -> AsyncIterator[None]:
    target = Target(name="county", uri=uri)
    node = UplinkNode((target,), random.Random(1))
    clock = RealClock()
    secure = open_context(oscore) if oscore else None
    carrier = Carrier(node, {"county": CoapTransport(uri, link_is_up, secure)}, ledger, clock)

    async def loop() -> None:
        carrier.send(node.on_event(PeerUp("ledger", False), clock.monotonic_ns()))
        while True:
            turn(node, carrier, ledger, clock)
            if carrier.failure is not None:
                raise carrier.failure
            await asyncio.sleep(TICK_S)

    task = asyncio.create_task(loop())
    try:
        yield
    finally:
        failed = task.done() and not task.cancelled()
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        await carrier.close()
        assert not failed


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(WAIT_S_MAX):
        while not condition():  # noqa: ASYNC110  # many causes, one poll
            await asyncio.sleep(TICK_S)


def options(
    tmp_path: Path, *chains: Chain, port: int = 0, simulated: bool = False
) -> CountyOptions:
    keys = tmp_path / "keys"
    keys.mkdir(exist_ok=True)
    for chain in chains:
        (keys / f"{chain.terminal_id}.pub").write_text(chain.key_line)
    return CountyOptions("127.0.0.1", free_port(), tmp_path / "county.sqlite", keys)


TIMES = Times(lambda: WALL_NS, REAL_TIMES.now_ns)


@pytest.mark.parametrize("secure", [False, True])
@pytest.mark.parametrize("scheme", ["coap", "coap+tcp", "coap+ws"])
def test_records_and_photos_arrive_once_with_receipts(
    tmp_path: Path, scheme: str, secure: bool
) -> None:
    chain, ledger = Chain(), FakeLedger()
    picture = random.Random(2).randbytes(60_001)
    ref, _ = photo(picture)
    file = tmp_path / "photo.jpg"
    file.write_bytes(picture)
    ledger.put(1, ItemClass.RECORD, *chain.add(weigh(photos=(ref,))))
    ledger.put_photo(2, ref.sha256, file)
    for item in range(3, 13):
        ledger.put(item, ItemClass.RECORD, *chain.add())
    make_pair(tmp_path / "oscore", tmp_path / "contexts" / "T-1")
    ours = tmp_path / "oscore" if secure else None

    async def scenario() -> County:
        opts = replace(options(tmp_path, chain), oscore=tmp_path / "contexts", websocket=True)
        port = opts.port + (3_000 if scheme == "coap+ws" else 0)
        async with running_county(opts, TIMES) as county:
            async with running_uplink(f"{scheme}://127.0.0.1:{port}", ledger, oscore=ours):
                await until(lambda: not ledger.pending)
            return county

    county = asyncio.run(scenario())
    assert county.tally.counts() == [11, 0, 0]
    assert len(ledger.receipts) == 12
    assert ledger.quarantined == {}
    assert ledger.status is not None
    assert ledger.status.up
    assert ledger.status.rung.endswith("+OSCORE") == secure
    report = read_report(tmp_path / "county.sqlite")
    assert (report.records, report.photos, report.photos_missing) == (11, 1, 0)
    assert [(row.high, row.missing) for row in report.chains] == [(11, 0)]
    stored = tmp_path / "county-photos" / ref.sha256.hex()[:2] / ref.sha256.hex()
    assert stored.read_bytes() == picture


@pytest.mark.parametrize("secure", [False, True])
def test_a_receiver_that_is_busy_says_when_to_come_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, secure: bool
) -> None:
    monkeypatch.setattr(writer, "QUEUE_MAX", 0)
    chain = Chain()
    make_pair(tmp_path / "oscore", tmp_path / "contexts" / "T-1")
    opts = replace(options(tmp_path, chain), oscore=tmp_path / "contexts")
    name, body = chain.add()
    request = Request("county", 1, ItemClass.RECORD, name, b"", body, "")

    async def scenario() -> WireReply:
        async with running_county(opts, TIMES):
            context = open_context(tmp_path / "oscore") if secure else None
            way = CoapTransport(f"coap://127.0.0.1:{opts.port}", None, context)
            reply = await way.send(request, CoapV1().to_wire(request, body))
            await way.close()
            if context is not None:
                context.release()
            return reply

    reply = asyncio.run(scenario())
    assert (reply.code, reply.max_age_s) == ("4.29", 5)
    assert CoapV1().judge(request, reply).retry_after_s == 5


def test_an_outage_of_the_receiver_costs_nothing(tmp_path: Path) -> None:
    chain, ledger = Chain(), FakeLedger()
    ledger.put(1, ItemClass.RECORD, *chain.add())
    opts = options(tmp_path, chain)

    async def scenario() -> None:
        async with running_uplink(f"coap+tcp://127.0.0.1:{opts.port}", ledger):
            await until(lambda: ledger.status is not None and ledger.status.why != "")
            assert ledger.status is not None
            assert not ledger.status.up
            for item in range(2, 6):
                ledger.put(item, ItemClass.RECORD, *chain.add())
            async with running_county(opts, TIMES):
                await until(lambda: not ledger.pending)

    asyncio.run(scenario())
    assert sorted(ledger.receipts) == [1, 2, 3, 4, 5]
    assert read_report(opts.store).records == 5


def test_an_unplugged_network_is_survived_and_answers_lost_in_it_are_asked_again(
    tmp_path: Path,
) -> None:
    chain, ledger = Chain(), FakeLedger()
    opts = options(tmp_path, chain)
    plugged = {"up": True}
    looks = {"count": 0}

    def link_is_up() -> bool:
        looks["count"] += 1
        # The second look of the first exchange comes after the receiver stored the record.
        return plugged["up"] and looks["count"] != 2

    async def scenario() -> County:
        async with running_county(opts, TIMES) as county:
            ledger.put(1, ItemClass.RECORD, *chain.add())
            async with running_uplink(f"coap://127.0.0.1:{opts.port}", ledger, link_is_up):
                await until(lambda: not ledger.pending)
                plugged["up"] = False
                ledger.put(2, ItemClass.RECORD, *chain.add())
                await until(lambda: ledger.status is not None and not ledger.status.up)
                plugged["up"] = True
                await until(lambda: not ledger.pending)
            return county

    county = asyncio.run(scenario())
    assert county.tally.counts()[:2] == [2, 1]
    assert read_report(opts.store).records == 2


def test_a_refused_record_is_quarantined_with_the_reason_and_blocks_nobody(tmp_path: Path) -> None:
    chain, ledger = Chain(), FakeLedger()
    pretend = Chain("T-2", seed=b"p" * 32, simulated=True)
    ledger.put(1, ItemClass.RECORD, *pretend.add())
    ledger.put(2, ItemClass.RECORD, *chain.add())
    opts = options(tmp_path, chain, pretend)

    async def scenario() -> None:
        async with (
            running_county(opts, TIMES),
            running_uplink(f"coap://127.0.0.1:{opts.port}", ledger),
        ):
            await until(lambda: not ledger.pending)

    asyncio.run(scenario())
    assert list(ledger.receipts) == [2]
    assert ledger.quarantined[1].code == "4.03"
    assert "simulated" in ledger.quarantined[1].why
    refusals = {name: count for name, count, _ns, _last in read_report(opts.store).refusals}
    assert refusals == {"simulated": 3}


def test_the_page_shows_what_came(tmp_path: Path) -> None:
    chain = Chain()
    opts = options(tmp_path, chain)
    ledger = FakeLedger()
    ledger.put(1, ItemClass.RECORD, *chain.add())
    chain.add()
    ledger.put(3, ItemClass.RECORD, *chain.add())

    async def get(port: int, path: str) -> str:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(f"GET {path} HTTP/1.0\r\nHost: x\r\n\r\n".encode())
        await writer.drain()
        body = (await reader.read()).decode()
        writer.close()
        await writer.wait_closed()
        return body

    async def scenario() -> tuple[str, str]:
        paged = CountyOptions(opts.host, opts.port, opts.store, opts.keys, page_port=free_port())
        async with running_county(paged, TIMES):
            async with running_uplink(f"coap://127.0.0.1:{opts.port}", ledger):
                await until(lambda: not ledger.pending)
            return await get(paged.page_port, "/"), await get(paged.page_port, "/over.csv")

    page, table = asyncio.run(scenario())
    assert "晋L12345" in page
    assert "缺 1 条 records missing: 2" in page, "record 2 is missing and shown"
    assert table.count("晋L12345") == 2


@pytest.mark.parametrize("secure", [False, True])
def test_a_name_is_resolved_once_while_answers_come_and_again_after_silence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, secure: bool
) -> None:
    make_pair(tmp_path / "oscore", tmp_path / "contexts" / "T-1")
    shutil.copytree(tmp_path / "contexts", tmp_path / "again")  # the first ones stay locked
    opts = replace(options(tmp_path, Chain()), oscore=tmp_path / "contexts")
    context = open_context(tmp_path / "oscore") if secure else None
    asked: list[str] = []
    real = udp6.getaddrinfo

    def resolver(loop: object, log: object, host: str, port: int) -> object:
        if host == "county.example":  # the receiver looks up its own address too
            asked.append(host)
        return real(loop, log, "127.0.0.1", port)

    monkeypatch.setattr(udp6, "getaddrinfo", resolver)
    way = CoapTransport(f"coap://county.example:{opts.port}", None, context)
    item = Request("county", 1, ItemClass.ALARM, "T-1", b"", b"x", "")
    question = WireRequest("GET", ("v1", "time"), 0, b"", False)

    async def code() -> str:
        return (await way.send(item, question)).code

    async def scenario() -> None:
        async with running_county(opts, TIMES):
            assert [await code() for _ in range(3)] == ["2.05"] * 3
            assert asked == ["county.example"]
            monkeypatch.setattr("terminal.uplink.coap.ADDRESS_KEEP_NS", -1)
            assert await code() == "2.05"
            assert len(asked) == 2, "what was resolved long ago is resolved again"
            monkeypatch.undo()
        monkeypatch.setattr(udp6, "getaddrinfo", resolver)
        monkeypatch.setitem(DEADLINE_MS, ItemClass.ALARM, 300)
        assert await code() == "", "nobody is there"
        monkeypatch.setitem(DEADLINE_MS, ItemClass.ALARM, 20_000)
        async with running_county(replace(opts, oscore=tmp_path / "again"), TIMES):
            assert await code() == "2.05"
        assert len(asked) == 3
        await way.close()
        if context is not None:
            context.release()

    asyncio.run(scenario())


def test_a_taken_port_is_an_error_at_start(tmp_path: Path) -> None:
    opts = options(tmp_path, Chain())

    async def scenario() -> None:
        async with running_county(opts, TIMES):
            with pytest.raises(OSError, match="in use"):
                async with running_county(opts, TIMES):
                    pass

    asyncio.run(scenario())
