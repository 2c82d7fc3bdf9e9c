"""The way to one target, whose keys may be replaced while it is in use.

What is under way over the old keys gets a short while to end by itself; what has not ended is
answered "no answer" and goes out again over the new ones, so nothing is lost by going over.
"""

from __future__ import annotations

import asyncio

from terminal.uplink.exchange import Request, Transport, WireReply, WireRequest

DRAIN_S_MAX = 5.0
REPLACED = "no answer: the keys were replaced meanwhile"


class Blocked:
    """A target whose key may not be used: says why, and keeps no other target from working."""

    def __init__(self, why: str) -> None:
        """why: a sentence for the operator."""
        self._why = why

    async def send(self, request: Request, wire: WireRequest) -> WireReply:
        """Nothing goes out."""
        return WireReply("", b"", self._why, "")

    async def ask(self, wire: WireRequest) -> WireReply:
        """Nothing goes out."""
        return WireReply("", b"", self._why, "")

    async def close(self) -> None:
        """Nothing is open."""


class Way:
    """Implements exchange.Transport over another one that can be replaced."""

    def __init__(self, now: Transport) -> None:
        """now: what carries until swap()."""
        self._now = now
        self._under_way: set[asyncio.Task[WireReply]] = set()

    async def send(self, request: Request, wire: WireRequest) -> WireReply:
        """Carry one request over what is in use now."""
        return await self._carried(asyncio.ensure_future(self._now.send(request, wire)))

    async def ask(self, wire: WireRequest) -> WireReply:
        """One small question over what is in use now."""
        return await self._carried(asyncio.ensure_future(self._now.ask(wire)))

    async def _carried(self, task: asyncio.Task[WireReply]) -> WireReply:
        self._under_way.add(task)
        try:
            await asyncio.wait({task})
        finally:
            task.cancel()  # we are called off ourselves; otherwise it has ended
            self._under_way.discard(task)
        return WireReply("", b"", REPLACED, "") if task.cancelled() else task.result()

    async def swap(self, new: Transport) -> None:
        """Go over to another one, and close the old one when nothing is under way there."""
        old, self._now = self._now, new
        before, self._under_way = self._under_way, set()
        if before:
            _done, late = await asyncio.wait(before, timeout=DRAIN_S_MAX)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        await old.close()

    async def close(self) -> None:
        """Close what is in use."""
        await asyncio.gather(*self._under_way, return_exceptions=True)
        await self._now.close()
