"""Bars 2, 7 to 11 and 13 of the uplink: see bench_uplink. Each a ratio or a count of one run."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import random
import select
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path

import aiocoap
import pytest

from terminal.config import Target
from terminal.county.conformance import load_vectors, run_vectors
from terminal.enrol.power_safe import PowerSafeContext
from terminal.link import PeerUp
from terminal.messages import Delivered, ItemClass, Message, Pending, Pull, PullDone
from terminal.uplink.coap import DTLS_ABSENT, CoapTransport, dtls_installed
from terminal.uplink.node import UplinkNode
from terminal.uplink.oscore import make_pair
from terminal.uplink.shell import Carrier
from tests.bench import bench_ledger
from tests.bench.uplink_parts import PORT, County, Row, local
from tests.foreign.peers import foreign_receiver
from tests.link.dtls_end import PSK
from tests.link.fuzzer import METHODS, datagram
from tests.link.pair import FAR, LinkPair
from tests.link.pump import turn
from tests.link.terminal_end import SystemClock
from tests.unit.uplink.test_oscore import CUTS_MIN, Disk, run

STOCK_WINDOW = 16
RESEND_S = 1.0
BODY_BYTES = 32
MID_RANGE = 65_536


@contextlib.contextmanager
def receipts(port: int) -> Iterator[None]:
    """tests.link.receipt_server for the length of the block."""
    command = [sys.executable, "-m", "tests.link.receipt_server", str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            yield
        finally:
            process.kill()


def counted(port: int) -> int:
    """How many different records that server has seen."""

    async def ask() -> int:
        context = await aiocoap.Context.create_client_context(transports=["udp6"])
        message = aiocoap.Message(code=aiocoap.GET, uri=f"coap://127.0.0.1:{port}/v1/count")
        try:
            return int((await context.request(message).response).payload)
        finally:
            await context.shutdown()

    return asyncio.run(ask())


def stock_puts(port: int, count: int, bound_s: float) -> int:
    """Different records from one port as fast as they go, success by message ID; how many."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.connect(("127.0.0.1", port))
    flying: dict[int, tuple[bytes, float]] = {}
    sent = done = 0
    end_s = time.monotonic() + bound_s
    while done < count and time.monotonic() < end_s:
        while sent < count and len(flying) < STOCK_WINDOW and sent % MID_RANGE not in flying:
            packet = datagram(
                METHODS["PUT"], sent % MID_RANGE, f"v1/records/S-{sent}", b"x" * BODY_BYTES, 18
            )
            flying[sent % MID_RANGE] = (packet, time.monotonic())
            sock.send(packet)
            sent += 1
        if select.select([sock], [], [], 0.2)[0]:
            answer = sock.recv(2_048)
            mid = int.from_bytes(answer[2:4], "big")
            done += flying.pop(mid, None) is not None
        now_s = time.monotonic()
        for mid, (packet, at_s) in list(flying.items()):
            if now_s - at_s > RESEND_S:
                flying[mid] = (packet, now_s)
                sock.send(packet)
    sock.close()
    return done


class ListLedger:
    """The ledger's side of the link for many small items: no disk."""

    def __init__(self, count: int) -> None:
        self.todo = deque(range(1, count + 1))
        self.given: dict[int, Pending] = {}
        self.acked = 0
        self.answers: list[Message] = []

    def send(self, _peer: str, message: Message) -> bool:
        if isinstance(message, Pull):
            while self.todo and len(self.given) < message.limit:
                item = self.todo.popleft()
                body = item.to_bytes(4, "big") * (BODY_BYTES // 4)
                record = ItemClass.RECORD
                self.given[item] = Pending("county", item, record, f"T-{item}", b"", body, "")
            self.answers += [*self.given.values(), PullDone("county", len(self.todo))]
        elif isinstance(message, Delivered):
            self.acked += self.given.pop(message.item, None) is not None
        return True


async def send_all(port: int, ledger: ListLedger, count: int, bound_s: float) -> None:
    """The real node, carrier and transport over UDP until all is acknowledged or the bound."""
    uri = f"coap://127.0.0.1:{port}"
    node = UplinkNode((Target(uri=uri, records_per_s_max=200),), random.Random(1))
    clock = SystemClock()
    carrier = Carrier(node, {"county": CoapTransport(uri)}, ledger, clock)
    carrier.send(node.on_event(PeerUp("ledger", False), clock.monotonic_ns()))
    end_s = time.monotonic() + bound_s
    try:
        while ledger.acked < count and time.monotonic() < end_s:
            turn(node, carrier, ledger, clock)
            await asyncio.sleep(0.02)
    finally:
        await carrier.close()


def bar_wrap(args: argparse.Namespace) -> Iterator[Row]:
    """Many small records of one run: message IDs wrap, and nothing is lost under a success."""
    if args.stock:
        with receipts(5_790):
            done = stock_puts(5_790, args.stock, args.bound / 3)
            held = counted(5_790)
        shown = f"{held}/{done} = {held / max(1, done):.3f}"
        yield Row("stock, one port: held / success", shown, "-", True)
    with receipts(5_791):
        ledger = ListLedger(args.wrap)
        began = time.monotonic()
        asyncio.run(send_all(5_791, ledger, args.wrap, args.bound))
        took = time.monotonic() - began
        held = counted(5_791)
    whole = held >= ledger.acked == args.wrap
    ratio = held / max(1, ledger.acked)
    yield Row("ours: held / acknowledged", f"{held}/{ledger.acked} = {ratio:.3f}",
              f"{args.wrap}, 1.000", whole)  # fmt: skip
    yield Row("seconds; records/s", f"{took:.0f}; {ledger.acked / took:.0f}", "<= 200 /s", True)


QUEUE_RATIO_MIN = 0.8


def bar_queue(_args: argparse.Namespace) -> Iterator[Row]:
    """Commits a second beside bare append + fsync, in turns within one minute."""
    rows = bench_ledger.table()
    for row in rows[1:]:
        is_bar = row[0] == "commit of one visit"
        holds = float(row[4]) >= QUEUE_RATIO_MIN if is_bar else True
        aim = f">= {QUEUE_RATIO_MIN}" if is_bar else "-"
        yield Row(row[0], f"{row[3]} /s, ratio {row[4]}", aim, holds)


CATCH_UP_MIN, CATCH_UP_MAX, FRESH_RATIO_MAX = 0.9, 1.0, 3.0


def bar_catchup(args: argparse.Namespace) -> Iterator[Row]:
    """After an outage: the backlog by the bucket, and what is weighed now not behind it."""
    with tempfile.TemporaryDirectory() as name, LinkPair(delay_ms=100, kbit=5_000) as link:
        base = Path(name)
        county = County(base, base / "t" / "ledger", link)
        county.start()
        command = [sys.executable, "-m", "tests.link.catch_up_end", str(base / "t"),
                   f"coap+tcp://{FAR}:{PORT}", str(args.backlog), str(args.bound)]  # fmt: skip
        out, _ = link.popen(link.near, *command).communicate()
        county.kill()
    found = json.loads(out.splitlines()[-1])
    ratio = found["rate"] / found["bucket"]
    yield Row("backlog left; rate / bucket", f"{found['left']}; {found['rate']:.1f}/"
              f"{found['bucket']} = {ratio:.2f}", f"{CATCH_UP_MIN}-{CATCH_UP_MAX}",
              found["left"] == 0 and CATCH_UP_MIN <= ratio <= CATCH_UP_MAX + 0.005)  # fmt: skip
    idle, fresh = found["idle_p99_s"], found["fresh_p99_s"]
    shown = f"{idle:.3f}, {fresh:.3f} s = {fresh / idle:.2f}"
    aim = f"<= {FRESH_RATIO_MAX}"
    yield Row("new records' p99: idle, meanwhile", shown, aim, fresh / idle <= FRESH_RATIO_MAX)


def bar_power(_args: argparse.Namespace) -> Iterator[Row]:
    """Power cuts: OSCORE numbers that were used and would come back, over every cut point."""
    for name, kind in (("stock", PowerSafeContext.__mro__[1]), ("ours", PowerSafeContext)):
        with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
            make_pair(Path(folder) / "t", Path(folder) / "c")
            disk = Disk(patch, Path(folder) / "t")
            run(kind, Path(folder) / "t", disk)
        count, cuts = disk.reused(), len(disk.log)
        aim = f"0 of >= {CUTS_MIN}" if name == "ours" else "-"
        holds = name == "stock" or (count == 0 and cuts >= CUTS_MIN)
        yield Row(f"{name}: reused, cut points", f"{count}, {cuts}", aim, holds)


def bar_conformance(_args: argparse.Namespace) -> Iterator[Row]:
    """The golden vectors on three receivers: ours, libcoap's, npm coap's."""

    async def wrong(uri: str) -> list[str]:
        return [r.vector.name for r in [r async for r in run_vectors(uri)] if r.why]

    every = len(load_vectors()[1])
    with local(5_794, "--accept-simulated"):
        found = {"ours": asyncio.run(wrong("coap://127.0.0.1:5794"))}
    for name in ("libcoap", "node"):
        with tempfile.TemporaryDirectory() as folder, foreign_receiver(name, Path(folder)) as uri:
            if uri.startswith("coap:"):
                found[name] = asyncio.run(wrong(uri))
            else:
                yield Row(name, f"not run: {uri}", "green", False)
    for name, failed in found.items():
        yield Row(name, f"{every - len(failed)}/{every} {' '.join(failed)}", "green", not failed)


OBSERVER_RATIO_MAX = 1.5
UNDER_WAY_S = 0.3
"""What was sent before the rebind may still arrive for so long."""


def bar_observer(args: argparse.Namespace) -> Iterator[Row]:
    """An observer of the terminal's own resources after a NAT rebind: when updates resume."""
    with LinkPair(delay_ms=20) as link:
        site = link.popen(link.far, sys.executable, "-m", "tests.link.observed_end", "serve")
        assert site.stdout is not None
        age_s = float(site.stdout.readline())
        for kind in ("stock", "ours"):
            process = link.popen(link.near, sys.executable, "-m", "tests.link.observed_end", kind)
            assert process.stdout is not None
            process.stdout.readline()
            link.tell("rebind")
            at_s = time.monotonic()
            time.sleep(UNDER_WAY_S)
            fd = process.stdout.fileno()
            while select.select([fd], [], [], 0)[0]:
                os.read(fd, 4_096)
            ready, _, _ = select.select([fd], [], [], 3 * age_s)
            took = time.monotonic() - at_s if ready else None
            process.kill()
            process.communicate()
            shown = "never" if took is None else f"{took:.1f} s"
            holds = kind == "stock" or (took is not None and took <= OBSERVER_RATIO_MAX * age_s)
            aim = "-" if kind == "stock" else f"<= {OBSERVER_RATIO_MAX * age_s:.0f} s"
            yield Row(f"{kind}: next update after the rebind", shown, aim, holds)
        site.kill()
        site.communicate()


DTLS_RATIO_MAX = 0.2


def bar_dtls(_args: argparse.Namespace) -> Iterator[Row]:
    """The DTLS rung after a NAT rebind, towards libcoap: first success beside the stock failure."""
    server = shutil.which("coap-server-openssl")
    if server is None or not dtls_installed():
        need = DTLS_ABSENT if server else "libcoap's server: apt install libcoap3-bin"
        yield Row("not measured", need, "-", False)
        return
    took: dict[str, tuple[bool, float]] = {}
    with LinkPair(delay_ms=20) as link:
        command = [server, "-A", FAR, "-p", "5700", "-d", "50", "-k", PSK.decode()]
        far = link.popen(link.far, *command)
        for kind in ("ours", "stock"):
            words = (sys.executable, "-m", "tests.link.dtls_end", kind, f"coaps://{FAR}:5701")
            near = link.popen(link.near, *words)
            assert near.stdout is not None
            assert near.stdin is not None
            up = near.stdout.readline() == "up\n"
            link.tell("rebind")
            near.stdin.write("go\n")
            near.stdin.flush()
            took[kind] = tuple(json.loads(near.stdout.readline())) if up else (False, 0.0)
            near.kill()
            near.communicate()
        far.kill()
        far.communicate()
    for kind, (good, seconds) in took.items():
        how = "success" if good else "failure"
        yield Row(f"{kind}: after the rebind", f"{how} after {seconds:.1f} s", "-", True)
    ratio = took["ours"][1] / max(0.1, took["stock"][1])
    yield Row("ours / stock failure", f"{ratio:.2f}", f"<= {DTLS_RATIO_MAX}",
              took["ours"][0] and ratio <= DTLS_RATIO_MAX)  # fmt: skip


MORE: dict[str, Callable[[argparse.Namespace], Iterator[Row]]] = {
    "wrap": bar_wrap,
    "queue": bar_queue,
    "catchup": bar_catchup,
    "observer": bar_observer,
    "dtls": bar_dtls,
    "power": bar_power,
    "conformance": bar_conformance,
}
