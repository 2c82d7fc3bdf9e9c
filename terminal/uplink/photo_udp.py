"""Drives a ChunkWindow over a CoAP context: non-confirmable chunk PUTs and their answers.

Chunks are non-confirmable because a confirmable one would wait for its predecessor (NSTART);
repeats and pace are the window's. Only the receipt for the whole photo ends it well.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import cbor2

from hal.contract.types import NS_PER_S
from terminal.records import CBOR_REFUSALS
from terminal.uplink.chunks import CHUNK_BYTES, SILENCE_S_MAX, ChunkWindow
from terminal.uplink.exchange import WireReply

Exchange = Callable[[str, tuple[str, ...], bytes, float], Awaitable[WireReply | None]]
"""(method, path, payload, seconds to wait) -> reply, or None when none came."""

ROUNDS_MAX = 8
"""Times the platform is asked what it still lacks before the photo is left for later."""
RANGES_MAX = 2_048
IDLE_S = 0.02
ASK_S_MAX = 20.0


@dataclass(slots=True)
class ChunkedPhoto:
    """One photo on its way. path: of the photo resource; send: how to exchange one message.

    silence_s: without any answer for so long it is given up.
    """

    path: tuple[str, ...]
    photo: bytes
    send: Exchange
    silence_s: float = SILENCE_S_MAX
    final: WireReply | None = None

    async def carry(self) -> WireReply | None:
        """The platform's last word: a receipt or a refusal. None: it fell silent."""
        silence_ns = int(self.silence_s * NS_PER_S)
        window = ChunkWindow(len(self.photo), time.monotonic_ns(), silence_ns)
        for _round in range(ROUNDS_MAX):
            missing = await self._ask_missing()
            if missing is None:
                return self.final
            window.only(missing)
            if not await self._pump(window):
                return None
            if self.final is not None:
                return self.final
        return None

    async def _ask_missing(self) -> list[tuple[int, int]] | None:
        """Ranges the platform lacks; None when `final` says why there is nothing to do."""
        reply = await self.send("GET", (*self.path, "missing"), b"", min(ASK_S_MAX, self.silence_s))
        if reply is None or not reply.code.startswith("2."):
            self.final = reply
            return None
        ranges = decode_ranges(reply.payload)
        if ranges is None:  # not ranges: the platform already answers with the photo's receipt
            self.final = reply
        return ranges

    async def _pump(self, window: ChunkWindow) -> bool:
        """Send until all is answered; False when the platform falls silent."""
        tasks: set[asyncio.Task[None]] = set()
        try:
            while self.final is None and not window.done:
                now_ns = time.monotonic_ns()
                if window.silent(now_ns):
                    return False
                offset = window.next(now_ns)
                if offset is not None:
                    tasks.add(asyncio.create_task(self._one(window, offset)))
                    continue
                wait_s = window.wait_ns(now_ns) / NS_PER_S or IDLE_S
                if tasks:
                    _done, tasks = await asyncio.wait(
                        tasks, timeout=wait_s, return_when=asyncio.FIRST_COMPLETED
                    )
                else:
                    await asyncio.sleep(wait_s)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        return True

    async def _one(self, window: ChunkWindow, offset: int) -> None:
        chunk = self.photo[offset : offset + CHUNK_BYTES]
        limit_s = window.rtt.rto_ns / NS_PER_S
        reply = await self.send("PUT", (*self.path, str(offset)), chunk, limit_s)
        now_ns = time.monotonic_ns()
        if reply is None:
            window.lost(offset, now_ns)
            return
        window.answered(offset, now_ns)
        if reply.payload or not reply.code.startswith("2."):
            self.final = reply


def decode_ranges(payload: bytes) -> list[tuple[int, int]] | None:
    """[[first, end], ...] in bytes, or None for anything else."""
    try:
        found = cbor2.loads(payload)
    except CBOR_REFUSALS:
        return None
    if not isinstance(found, list) or len(found) > RANGES_MAX:
        return None
    ranges = []
    for pair in found:
        if not isinstance(pair, list) or len(pair) != 2 or not all(type(n) is int for n in pair):
            return None
        if not 0 <= pair[0] < pair[1]:
            return None
        ranges.append((pair[0], pair[1]))
    return ranges
