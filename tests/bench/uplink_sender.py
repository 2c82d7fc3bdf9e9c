"""Bar 6 of the uplink: processor time of a record at its sender beside bare aiocoap's."""

from __future__ import annotations

import argparse
import asyncio
import math
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import aiocoap

from tests.bench.uplink_more import receipts
from tests.bench.uplink_parts import County, Row, Terminal
from tests.link.terminal_end import TICK_S

SENDER_RATIO_MAX = 2.0


SENDER_PACE = 150
"""Records a second of both sides. A processor that sleeps between two of them finds its caches
cold: a bare request costs half as much again as one in a volley, and so does everything of ours."""
STOCK_AT_ONCE = 8


async def bare_cpu_s(port: int, count: int, pace: float = math.inf) -> float:
    """Processor seconds of bare confirmable PUTs of a record's size, eight at a time."""
    context = await aiocoap.Context.create_client_context(transports=["udp6"])
    numbers = iter(range(count))
    began_s = time.monotonic()

    async def one() -> None:
        for number in numbers:
            due_s = began_s + math.ceil(number / pace / TICK_S) * TICK_S  # in turns, as ours
            await asyncio.sleep(max(0.0, due_s - time.monotonic()))
            uri = f"coap://127.0.0.1:{port}/v1/records/B-{number}"
            message = aiocoap.Message(code=aiocoap.PUT, uri=uri, payload=b"x" * 700)
            await context.request(message).response

    began = time.process_time()
    await asyncio.gather(*(one() for _ in range(STOCK_AT_ONCE)))
    took = time.process_time() - began
    await context.shutdown()
    return took


def synced_cpu_s(folder: Path, count: int, pace: float) -> float:
    """Processor seconds of bare appends of a commit's size, each with its sync."""
    spent, began_s = 0.0, time.monotonic()
    with (folder / "bare").open("wb", buffering=0) as file:
        for number in range(count):
            time.sleep(max(0.0, began_s + number / pace - time.monotonic()))
            began = time.process_time()
            file.write(bytes(COMMIT_BYTES))
            os.fdatasync(file.fileno())
            spent += time.process_time() - began
    return spent


COMMIT_BYTES = 6 * 4_096
"""Pages that a commit of one visit without pictures appends to the write-ahead log (strace)."""


def ours_cpu_s(args: argparse.Namespace, port: int) -> tuple[float, float] | None:
    """Processor seconds of sending and of committing so many records; None: it did not end."""
    with tempfile.TemporaryDirectory() as name:
        base = Path(name)
        county = County(base, base / "t" / "ledger", None, "127.0.0.1", (), port=port)
        county.start()
        words = ("--records", str(args.sender), "--pace", str(SENDER_PACE))
        terminal = Terminal(base / "t", f"coap://127.0.0.1:{port}", words, None)
        terminal.start()
        finished = terminal.wait(args.bound)
        terminal.kill()
        county.kill()
    end = terminal.lines[-1]
    return (float(str(end["send_cpu_s"])), float(str(end["commit_cpu_s"]))) if finished else None


def bar_sender(args: argparse.Namespace) -> Iterator[Row]:
    """CPU of a record at the terminal (signature, commit, queue, receipt) beside bare aiocoap."""
    count = args.sender
    with receipts(5_792), tempfile.TemporaryDirectory() as name:
        volley = asyncio.run(bare_cpu_s(5_792, count)) / count
        before = asyncio.run(bare_cpu_s(5_792, count // 2, SENDER_PACE))
        ours = ours_cpu_s(args, 5_793)
        after = asyncio.run(bare_cpu_s(5_792, count // 2, SENDER_PACE))
        synced = synced_cpu_s(Path(name), count // 2, SENDER_PACE) / (count // 2)
    if ours is None:
        yield Row("the run did not end", f"{args.bound:.0f} s", "-", False)
        return
    bare = (before + after) / (2 * (count // 2))
    send, commit = ours[0] / count, ours[1] / count
    shown = f"{volley * 1e3:.2f}, {bare * 1e3:.2f}; {synced * 1e3:.2f}"
    yield Row("CPU ms: bare in volleys, paced; synced append", shown, "-", True)
    shown = f"{send * 1e3:.2f}, {(send + commit) * 1e3:.2f}"
    yield Row("CPU ms of ours, paced: sending, with commit", shown, "-", True)
    yield Row("sending alone / bare, same pace", f"{send / bare:.2f}", "-", True)
    for what, base_s in (("at the same pace", bare), ("in volleys", volley)):
        ratio = (send + commit) / base_s
        yield Row(f"ours / bare {what}", f"{ratio:.2f}", f"<= {SENDER_RATIO_MAX}",
                  ratio <= SENDER_RATIO_MAX)  # fmt: skip
