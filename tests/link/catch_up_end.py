"""A terminal after an outage: idle latencies, then a backlog by the bucket and new records.

Real ledger, node, carrier and transport; prints one JSON line: rate over the backlog, what was
left of it at the bound, and the p99 of records committed one by one before and meanwhile.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import time
from pathlib import Path

from terminal.config import Config, LedgerSection, Loaded, Target
from terminal.ledger import build
from terminal.link import PeerUp
from terminal.messages import CommitDraft, Delivered, Message
from terminal.uplink.node import UplinkNode
from terminal.uplink.shell import Carrier
from terminal.uplink.ways import TargetWay
from tests.link.terminal_end import BOOT_ID, Joined, SystemClock
from tests.unit.ledger.builders import draft

BUCKET_PER_S = 50
IDLE_RECORDS = 40
GAP_S = 0.4
BURST_S = 4.0
"""What the bucket had saved is spent by then; the steady rate is counted from there."""
TICK_S = 0.01


class Watched(Joined):
    """Notes when each item was delivered."""

    delivered_s: dict[int, float]

    def send(self, peer: str, message: Message) -> bool:
        if isinstance(message, Delivered):
            self.delivered_s[message.item] = time.monotonic()
        return super().send(peer, message)


def p99(times: list[float]) -> float:
    return sorted(times)[len(times) * 99 // 100] if times else float("inf")


async def run(args: argparse.Namespace) -> dict[str, float]:
    """The whole story."""
    clock = SystemClock()
    target = Target(uri=args.uri, records_per_s_max=BUCKET_PER_S)
    config = Config(ledger=LedgerSection(outbox_max=1_000_000), targets=(target,))
    loaded = Loaded(config, args.folder.resolve(), b"c" * 32)
    ledger = build(loaded, clock, simulated=False, software_id="0.1.0", boot_id=BOOT_ID)
    joined = Watched(ledger, clock)
    joined.delivered_s = {}
    node = UplinkNode(config.targets, random.Random(1))
    carrier = Carrier(
        node, {"county": TargetWay(loaded, target, clock, None).transport}, joined, clock
    )
    carrier.send(node.on_event(PeerUp("ledger", False), clock.monotonic_ns()))
    began_s: dict[int, float] = {}
    visit = 0

    def commit() -> int:
        nonlocal visit
        visit += 1
        began_s[visit] = time.monotonic()
        joined.control(CommitDraft(draft(visit)))
        return visit

    async def turn() -> None:
        joined.tick()
        turn(node, carrier, joined, clock)
        await asyncio.sleep(TICK_S)

    async def singles(count: int, backlog: range) -> list[float]:
        """Commit one after the other until `count`, or until that backlog is delivered."""
        times: list[float] = []
        own: list[int] = []
        next_s = time.monotonic()
        while len(times) < count:
            if backlog and all(item in joined.delivered_s for item in backlog):
                break
            if time.monotonic() >= next_s and time.monotonic() < end_s:
                own.append(commit())
                next_s = time.monotonic() + GAP_S
            await turn()
            times = [joined.delivered_s[n] - began_s[n] for n in own if n in joined.delivered_s]
            if time.monotonic() >= end_s + GAP_S:
                break
        return times

    end_s = time.monotonic() + args.bound
    try:
        idle = await singles(IDLE_RECORDS, range(0))
        for _ in range(args.backlog):
            last = commit()
        backlog = range(last - args.backlog + 1, last + 1)
        settled = time.monotonic() + BURST_S
        fresh = await singles(1_000_000, backlog)
    finally:
        await carrier.close()
        ledger.close()
    steady = sorted(at for at in joined.delivered_s.values() if at >= settled)
    rate = (len(steady) - 1) / (steady[-1] - steady[0]) if len(steady) > 1 else 0.0
    left = sum(item not in joined.delivered_s for item in backlog)
    return {
        "rate": rate, "bucket": BUCKET_PER_S, "left": left,
        "idle_p99_s": p99(idle), "fresh_p99_s": p99(fresh),
    }  # fmt: skip


def main() -> int:
    """Parse and run."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("uri")
    parser.add_argument("backlog", type=int)
    parser.add_argument("bound", type=float)
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    print(json.dumps(asyncio.run(run(args))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
