"""The ladder: down after failures, round at the bottom, up again by probing."""

from __future__ import annotations

import asyncio

from hal.contract.types import MonotonicNs
from terminal.messages import ItemClass
from terminal.uplink.exchange import Request, WireReply, WireRequest
from terminal.uplink.ladder import FAILURES_TO_STEP, PROBE_NS, Ladder

REQUEST = Request("county", 1, ItemClass.RECORD, "T-1", b"", b"body", "")
WIRE = WireRequest("PUT", ("v1",), 18, b"body", True)


class FakeRung:
    def __init__(self, name: str, up: bool) -> None:
        self.rung = name
        self.up = up
        self.closed = False
        self.probes = 0

    async def send(self, request: Request, wire: WireRequest) -> WireReply:
        return WireReply("2.01" if self.up else "", b"", "", self.rung)

    async def probe(self) -> bool:
        self.probes += 1
        return self.up

    async def ask(self, wire: WireRequest) -> WireReply:
        return WireReply("2.05" if self.up else "", b"", "", self.rung)

    async def close(self) -> None:
        self.closed = True


def test_steps_down_probes_upward_and_closes_all() -> None:
    clock = [0]
    rungs = [FakeRung("TCP", False), FakeRung("WebSocket", False), FakeRung("UDP", True)]

    async def scenario() -> list[str]:
        ladder = Ladder(rungs, lambda: MonotonicNs(clock[0]))
        used = [(await ladder.send(REQUEST, WIRE)).rung for _ in range(6)]
        clock[0] = PROBE_NS - 1
        await ladder.send(REQUEST, WIRE)
        assert [rung.probes for rung in rungs] == [0, 0, 0]
        rungs[1].up = True
        clock[0] = PROBE_NS
        used.append((await ladder.send(REQUEST, WIRE)).rung)
        await asyncio.sleep(0)
        used.append((await ladder.send(REQUEST, WIRE)).rung)
        await ladder.close()
        return used

    used = asyncio.run(scenario())
    assert FAILURES_TO_STEP == 2
    assert used == ["TCP", "TCP", "WebSocket", "WebSocket", "UDP", "UDP", "UDP", "WebSocket"]
    assert [rung.probes for rung in rungs] == [1, 1, 0]
    assert all(rung.closed for rung in rungs)


def test_from_the_bottom_it_starts_again_at_the_top() -> None:
    rungs = [FakeRung("TCP", False), FakeRung("UDP", False)]

    async def scenario() -> list[str]:
        ladder = Ladder(rungs, lambda: MonotonicNs(0))
        return [(await ladder.send(REQUEST, WIRE)).rung for _ in range(5)]

    assert asyncio.run(scenario()) == ["TCP", "TCP", "UDP", "UDP", "TCP"]
