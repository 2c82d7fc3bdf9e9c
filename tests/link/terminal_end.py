"""A terminal's ledger and uplink in one process, for rough treatment from outside.

The real ledger, the real uplink node and shell parts; only the link between them is a call.
Commits records 1..N (again after a kill: visits are idempotent), sends them, prints one JSON
line a second and one at the end. Exits 0 when all that was committed is delivered.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import math
import random
import sys
import time
from pathlib import Path

from hal.contract.types import ClockQuality, MonotonicNs
from terminal.config import Config, LedgerSection, Loaded, Target
from terminal.core.types import PhotoRef, RecordDraft
from terminal.ledger import build
from terminal.ledger.node import LedgerNode
from terminal.link import PeerUp, Received
from terminal.messages import CommitDraft, Delivered, Message
from terminal.node import NodeEvent, Tick
from terminal.uplink.exchange import Transport
from terminal.uplink.node import UplinkNode
from terminal.uplink.shell import Carrier
from terminal.uplink.ways import TargetWay
from tests.link.pump import turn
from tests.unit.ledger.builders import draft

BOOT_ID = b"one boot for all"
TICK_S = 0.02
COMMITS_A_TURN = 20


class SystemClock:
    def monotonic_ns(self) -> MonotonicNs:
        return MonotonicNs(time.monotonic_ns())

    def wall_ns(self) -> int:
        return time.time_ns()

    def quality(self) -> ClockQuality:
        return ClockQuality.SYNCED


class Joined:
    """What the uplink sends goes straight to the ledger, and its answers straight back."""

    def __init__(self, ledger: LedgerNode, clock: SystemClock) -> None:
        self.ledger = ledger
        self.clock = clock
        self.answers: list[Message] = []
        self.last_s = 0.0
        self._due_ns = 0

    def send(self, peer: str, message: Message) -> bool:
        assert peer == "ledger"
        if isinstance(message, Delivered) and message.target == "county":
            self.last_s = time.monotonic()  # written within a second, which is not sending
        self._give(Received("uplink", message))
        return True

    def control(self, message: Message) -> None:
        self._give(Received("control", message))

    def tick(self) -> None:
        """The ledger's second, when it has passed."""
        now_ns = self.clock.monotonic_ns()
        if now_ns >= self._due_ns:
            self._due_ns = now_ns + self.ledger.period_ns
            self._give(Tick())

    def _give(self, event: NodeEvent) -> None:
        for effect in self.ledger.on_event(event, self.clock.monotonic_ns()):
            if effect.peer == "uplink":
                self.answers.append(effect.message)


def spool_photo(base: Path, number: int, size: int) -> PhotoRef:
    """A picture where the camera puts it, the same for the same number."""
    content = random.Random(number).randbytes(size)
    digest = hashlib.sha256(content).digest()
    folder = base / "run" / "spool"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{digest.hex()}.jpg").write_bytes(content)
    return PhotoRef("front", digest, size)


def loaded_for(args: argparse.Namespace) -> Loaded:
    """The configuration of this terminal."""
    uris = args.uri.split(",")
    target = Target(
        uri=uris[0], fallback_uris=tuple(uris[1:]), records_per_s_max=args.rate, oscore=args.oscore
    )
    targets = [target]
    if args.dead_target:
        targets.append(Target(name="city", uri=args.dead_target, records_per_s_max=args.rate))
    config = Config(ledger=LedgerSection(outbox_max=10_000_000), targets=tuple(targets))
    return Loaded(config, args.folder.resolve(), b"c" * 32)


def visit(args: argparse.Namespace, number: int) -> RecordDraft:
    """A visit as the lane's control hands it over; what making it costs is no part of sending."""
    photos = ()
    if args.photo_every and number % args.photo_every == 0:
        photos = (spool_photo(args.folder.resolve(), number, args.photo_bytes),)
    return draft(number, photos=photos)


async def run(args: argparse.Namespace) -> int:
    """Commit, send, report."""
    clock = SystemClock()
    loaded = loaded_for(args)
    ledger = build(loaded, clock, simulated=False, software_id="0.1.0", boot_id=BOOT_ID)
    joined = Joined(ledger, clock)
    terminal_id = loaded.config.site.terminal_id
    node = UplinkNode(loaded.config.targets, random.Random(args.seed), terminal_id)
    transports: dict[str, Transport] = {
        target.name: TargetWay(loaded, target, clock, None).transport
        for target in loaded.config.targets
    }
    carrier = Carrier(node, transports, joined, clock)
    carrier.send(node.on_event(PeerUp("ledger", False), clock.monotonic_ns()))
    made, told_s, all_made_s, began_s = 0, 0.0, 0.0, time.monotonic()
    draft_cpu_s, commit_cpu_s, began_cpu_s = 0.0, 0.0, time.process_time()
    try:
        while True:
            due = math.floor(min(args.records, (time.monotonic() - began_s) * args.pace + 1))
            due = min(due, made + COMMITS_A_TURN)
            cpu_s = [time.process_time()]
            drafts = [CommitDraft(visit(args, number)) for number in range(made + 1, due + 1)]
            cpu_s.append(time.process_time())
            for one in drafts:
                joined.control(one)
            cpu_s.append(time.process_time())
            draft_cpu_s += cpu_s[1] - cpu_s[0]
            commit_cpu_s += cpu_s[2] - cpu_s[1]
            made = max(made, due)
            if args.hold and made < args.records:
                continue
            all_made_s = all_made_s or time.monotonic()
            joined.tick()
            turn(node, carrier, joined, clock)
            if carrier.failure is not None:
                raise carrier.failure
            state = ledger.targets["county"]
            waiting, quarantined = state.waiting, state.quarantined
            if time.monotonic() - told_s >= 1.0:
                told_s = time.monotonic()
                line = {"made": made, "waiting": waiting, "quarantined": quarantined}
                print(json.dumps(line | {"rung": state.rung}), flush=True)
            if made == args.records and waiting == 0:
                seq = ledger.store.head().seq
                sending_s = round(joined.last_s - all_made_s, 3)
                end = {"done": True, "seq": seq, "quarantined": quarantined}
                send_cpu_s = time.process_time() - began_cpu_s - commit_cpu_s - draft_cpu_s
                spent = {"send_cpu_s": send_cpu_s, "commit_cpu_s": commit_cpu_s}
                print(json.dumps(end | spent | {"sending_s": sending_s}), flush=True)
                return 0
            await asyncio.sleep(TICK_S)
    finally:
        await carrier.close()
        ledger.close()


def main() -> int:
    """Parse and run."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("uri", help="one or several, best first, separated by commas")
    parser.add_argument("--records", type=int, default=100)
    parser.add_argument("--pace", type=float, default=1e9, help="records committed a second")
    parser.add_argument("--rate", type=int, default=200)
    parser.add_argument("--photo-every", type=int, default=0)
    parser.add_argument("--photo-bytes", type=int, default=20_000)
    parser.add_argument("--hold", action="store_true", help="commit all before sending any")
    parser.add_argument("--oscore", default="")
    parser.add_argument("--dead-target", default="")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    return asyncio.run(run(args))


if __name__ == "__main__":
    sys.exit(main())
