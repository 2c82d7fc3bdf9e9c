"""Times single exchanges against a receiver: our transport beside stock aiocoap in one run.

Prints one JSON list: [[what, seconds or null], ...]. The key of its records is written to
KEYS/probe.pub before anything is sent.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import random
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import aiocoap

from terminal.core.types import PhotoRef
from terminal.messages import ItemClass, Wake
from terminal.records import Happening
from terminal.uplink.adapters.coap_v1 import CoapV1
from terminal.uplink.coap import CoapTransport
from terminal.uplink.exchange import Outcome, Request
from tests.process.test_uplink_loopback import FakeLedger, running_uplink
from tests.unit.county.samples import Chain, weigh

LIMIT_S = 240.0
PHOTO_BYTES = 200 * 1024


class Probe:
    """One chain of records towards one receiver."""

    def __init__(self, args: argparse.Namespace) -> None:
        self.args = args
        self.chain = Chain("probe", random.Random(args.seed).randbytes(8), wall_ns=time.time_ns())
        (args.keys / "probe.pub").write_text(self.chain.key_line)
        self.adapter = CoapV1()
        self.number = 0

    def record(self, photo: bytes | None = None) -> Request:
        """The next record, naming the photo."""
        self.number += 1
        refs = ()
        if photo is not None:
            refs = (PhotoRef("front", hashlib.sha256(photo).digest(), len(photo)),)
        name, signed = self.chain.add(weigh(visit_id=self.number, photos=refs))
        return Request("county", self.number, ItemClass.RECORD, name, b"", signed, "")

    async def ours(
        self, transport: CoapTransport, request: Request, payload: bytes
    ) -> float | None:
        """Seconds until the receipt, by our transport; repeats as the node would."""
        began = time.monotonic()
        while time.monotonic() - began < LIMIT_S:
            reply = await transport.send(request, self.adapter.to_wire(request, payload))
            if self.adapter.judge(request, reply).outcome is Outcome.DELIVERED:
                return time.monotonic() - began
        return None

    async def stock(
        self, context: aiocoap.Context, request: Request, payload: bytes
    ) -> float | None:
        """Seconds until a 2.xx by a plain confirmable PUT, as the library sends it."""
        wire = self.adapter.to_wire(request, payload)
        uri = f"{self.args.stock_uri}/{'/'.join(wire.path)}"
        message = aiocoap.Message(code=aiocoap.PUT, uri=uri, payload=payload)
        message.opt.content_format = wire.content_format
        began = time.monotonic()
        try:
            response = await asyncio.wait_for(context.request(message).response, LIMIT_S)
        except (TimeoutError, aiocoap.error.Error):
            return None
        return time.monotonic() - began if response.code.is_successful() else None

    def photo(self) -> tuple[bytes, Request]:
        """A new photo and the request that carries it."""
        content = random.Random(f"{self.args.seed}/{self.number}").randbytes(PHOTO_BYTES)
        digest = hashlib.sha256(content).digest()
        return content, Request("county", 0, ItemClass.PHOTO, "", digest, b"", "photo")


async def photos(probe: Probe, stock: bool) -> list[tuple[str, float | None]]:
    """Times of `--count` photos one after the other."""
    transport = CoapTransport(probe.args.uri)
    context = await aiocoap.Context.create_client_context()
    times: list[tuple[str, float | None]] = []
    try:
        for _ in range(probe.args.count):
            content, request = probe.photo()
            await probe.ours(transport, probe.record(content), probe.chain.signed[-1])
            took = await (
                probe.stock(context, request, content)
                if stock
                else probe.ours(transport, request, content)
            )
            times.append(("stock" if stock else "ours", took))
    finally:
        await transport.close()
        await context.shutdown()
    return times


async def records(probe: Probe, stock: bool) -> list[tuple[str, float | None]]:
    """Latencies of `--count` records one after the other."""
    transport = CoapTransport(probe.args.uri)
    context = await aiocoap.Context.create_client_context()
    times: list[tuple[str, float | None]] = []
    try:
        for _ in range(probe.args.count):
            request = probe.record()
            took = await (
                probe.stock(context, request, request.body)
                if stock
                else probe.ours(transport, request, request.body)
            )
            times.append(("stock" if stock else "ours", took))
    finally:
        await transport.close()
        await context.shutdown()
    return times


ALARMS = 7
BACKLOG_PHOTOS = 500
PHOTOS_A_RECORD = 8
SMALL_PHOTO_BYTES = 20_000


async def alarms(probe: Probe, _stock: bool) -> list[tuple[str, float | None]]:
    """Latency of an alarm on an idle queue, then behind a backlog of photos."""
    ledger = FakeLedger()
    times: list[tuple[str, float | None]] = []
    folder = probe.args.keys.parent / "photos"
    folder.mkdir()

    async def one(name: str, item: int) -> None:
        happening = Happening(event="estop", detail="the emergency stop was pressed", at_ns=1)
        ledger.put(item, ItemClass.ALARM, *probe.chain.add(happening))
        began = time.monotonic()
        while item not in ledger.receipts:  # noqa: ASYNC110
            await asyncio.sleep(0.005)
        times.append((name, time.monotonic() - began))

    async with running_uplink(probe.args.uri, ledger):
        for number in range(ALARMS):
            await one("idle", 1 + number)
            await asyncio.sleep(1.0)
        refs = []
        for number in range(BACKLOG_PHOTOS):
            content = random.Random(number).randbytes(SMALL_PHOTO_BYTES)
            digest = hashlib.sha256(content).digest()
            (folder / digest.hex()).write_bytes(content)
            refs.append(PhotoRef("front", digest, len(content)))
        for at in range(0, BACKLOG_PHOTOS, PHOTOS_A_RECORD):
            batch = tuple(refs[at : at + PHOTOS_A_RECORD])
            ledger.put(100 + at, ItemClass.RECORD, *probe.chain.add(weigh(photos=batch)))
        while any(item >= 100 for item in ledger.pending):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        for number, ref in enumerate(refs):
            ledger.put_photo(1_000 + number, ref.sha256, folder / ref.sha256.hex())
        ledger.answers.append(Wake())
        for number in range(ALARMS):
            await asyncio.sleep(1.0)
            await one("behind photos", 50 + number)
        left = sum(item >= 1_000 for item in ledger.pending)
    times.append(("photos left", float(left)))
    return times


WORK: dict[str, Callable[[Probe, bool], Awaitable[list[tuple[str, float | None]]]]] = {
    "photos": photos,
    "records": records,
    "alarms": alarms,
}


def main() -> None:
    """Parse and run."""
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=list(WORK))
    parser.add_argument("uri")
    parser.add_argument("keys", type=Path)
    parser.add_argument("--stock-uri", default="", help="measure the stock client to this URI")
    parser.add_argument("--count", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    found = asyncio.run(WORK[args.what](Probe(args), bool(args.stock_uri)))
    print(json.dumps(found))


if __name__ == "__main__":
    main()
