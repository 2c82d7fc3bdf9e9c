"""The ways to one target, best first: steps down when a way fails, probes upward when it may.

Which rung is in use is told with every reply and shown to the operator. It only chooses; the
rungs carry. It must never hold an item back because a better rung is being probed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol

from hal.contract.types import NS_PER_S, MonotonicNs
from terminal.uplink.exchange import PROBE, PROBED, Request, WireReply, WireRequest

FAILURES_TO_STEP = 2
"""Requests in a row without any answer before the next rung is tried."""
PROBE_NS = 600 * NS_PER_S
"""How often a better rung is probed while a worse one is in use."""


class Rung(Protocol):
    """One way: a Transport that can also be probed."""

    rung: str

    async def send(self, request: Request, wire: WireRequest) -> WireReply:
        """Carry one request."""

    async def probe(self) -> bool:
        """Whether anybody answers there now; bounded in time."""

    async def ask(self, wire: WireRequest) -> WireReply:
        """One small question."""

    async def close(self) -> None:
        """Let go of every socket."""


class Ladder:
    """Transport over several rungs. Implements exchange.Transport."""

    def __init__(
        self,
        rungs: Sequence[Rung],
        now_ns: Callable[[], MonotonicNs],
        released: Callable[[], None] = lambda: None,
    ) -> None:
        """rungs: best first, at least one. released: called when all of them are closed."""
        assert rungs, "a target needs a way to it"
        self._rungs = tuple(rungs)
        self._now_ns = now_ns
        self._released = released
        self._at = 0
        self._failures = 0
        self._probed_ns = now_ns()
        self._probing: asyncio.Task[None] | None = None

    async def send(self, request: Request, wire: WireRequest) -> WireReply:
        """Carry on the rung in use; its failure moves us on for the next request."""
        self._probe_upward()
        at = self._at
        reply = await self._rungs[at].send(request, wire)
        if reply.code:
            self._failures = 0
        elif at == self._at:
            self._failures += 1
            if self._failures >= FAILURES_TO_STEP:
                self._step((at + 1) % len(self._rungs))
        return reply

    async def ask(self, wire: WireRequest) -> WireReply:
        """Ask on the rung in use."""
        return await self._rungs[self._at].ask(wire)

    async def prove(self) -> str:
        """Use the best rung on which anybody answers; empty, or why there is none."""
        why = []
        for index, rung in enumerate(self._rungs):
            reply = await rung.ask(PROBE)
            if reply.code == PROBED:
                self._step(index)
                return ""
            why.append(f"{rung.rung}: {reply.code} {reply.why}".strip())
        return "; ".join(why)

    def _step(self, to: int) -> None:
        self._at = to
        self._failures = 0
        self._probed_ns = self._now_ns()

    def _probe_upward(self) -> None:
        if self._at == 0 or self._now_ns() - self._probed_ns < PROBE_NS:
            return
        if self._probing is None or self._probing.done():
            self._probed_ns = self._now_ns()
            self._probing = asyncio.create_task(self._probe(self._at))

    async def _probe(self, below: int) -> None:
        for index in range(below):
            if await self._rungs[index].probe():
                if self._at == below:
                    self._step(index)
                return

    async def close(self) -> None:
        """Close all rungs."""
        if self._probing is not None:
            self._probing.cancel()
            await asyncio.gather(self._probing, return_exceptions=True)
        for rung in self._rungs:
            await rung.close()
        self._released()
