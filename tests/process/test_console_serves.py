"""The console's real shell on a loopback port: it serves, streams, and stops when told."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import httpx
import pytest

from hal.contract.types import ClockQuality, MonotonicNs
from terminal.config import Config, ConsoleSection, Loaded
from terminal.console.server import serve
from terminal.link import Hub
from tests.ports import free_port

pytestmark = pytest.mark.process
ANSWER_S_MAX = 90


class RealClock:
    def monotonic_ns(self) -> MonotonicNs:
        return MonotonicNs(time.monotonic_ns())

    def wall_ns(self) -> int:
        return time.time_ns()

    def quality(self) -> ClockQuality:
        return ClockQuality.UNKNOWN


class Stop:
    def __init__(self) -> None:
        self.told = False

    def is_set(self) -> bool:
        return self.told


async def visit(port: int, stop: Stop) -> tuple[str, bytes]:
    """The page and the first event; then tell the console to stop, with the stream still open."""
    base = f"http://127.0.0.1:{port}"
    async with httpx.AsyncClient(base_url=base, timeout=ANSWER_S_MAX, trust_env=False) as client:
        page = (await client.get("/?lang=en")).text
        async with client.stream("GET", "/events") as stream:
            chunks = []
            async for chunk in stream.aiter_bytes():
                chunks.append(chunk)
                stop.told = True
    return page, chunks[0]


def test_it_serves_streams_and_stops_with_a_page_open(tmp_path: Path) -> None:
    port = free_port()
    loaded = Loaded(Config(console=ConsoleSection(port=port)), tmp_path, bytes(32))
    stop = Stop()

    async def both() -> tuple[str, bytes]:
        hub = Hub("console", tmp_path, simulated=True)
        shell = asyncio.create_task(serve(loaded, hub, RealClock(), stop, simulated=True))
        try:
            return await visit(port, stop)
        finally:
            stop.told = True
            await shell

    page, first = asyncio.run(asyncio.wait_for(both(), ANSWER_S_MAX))
    assert "Weigh terminal" in page
    assert first.startswith(b"data: {")
