"""What the uplink knows of one target: its window of items, its health, its pace.

The ledger keeps the outbox; this is only the small, forgetful window in front of it. Losing it
(a crash) costs repeats, never records. Integers and an injected random source: no clock here.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import InitVar, dataclass, field
from operator import attrgetter

from hal.contract.types import NS_PER_MS, NS_PER_S
from terminal.messages import Pending
from terminal.outbox import JITTER_MAX, Bucket, backoff_ns, rank, start_delay_ns
from terminal.uplink.exchange import LANE_OF, Lane, Request

WINDOW_MAX = 64
"""Items asked for in one pull."""
LOW_WATER = 16
"""Below this many ready items, and with more in the ledger, the next pull goes out."""
PULL_PATIENCE_NS = 3 * NS_PER_S
"""A pull not answered for so long is asked again."""
PULL_IDLE_NS = 10 * NS_PER_S
"""Even without a wake-up the ledger is asked this often: a lost Wake costs seconds, not days."""

BACKOFF_MIN_NS = 1 * NS_PER_S
BACKOFF_MAX_NS = 30 * NS_PER_S
"""Doubling past half a minute is what turns a bad link into a dead one."""
RETRY_AFTER_S_MAX = 300
"""Longest wait that a target may ask for: no alarm is held up for longer by one answer. Up to as
long again is added by chance, so that a county's terminals do not all return at one moment."""
ASIDE_MAX_NS = 600 * NS_PER_S
"""Longest wait of an item that the target wants later."""
ITEM_TRIES_FREE = 3
"""So many tries of one item before it steps aside for the next one while it waits."""
REFUSALS_MAX = 3
"""Permanent refusals of the same item before it is quarantined."""
REFUSAL_WAIT_NS = 2 * NS_PER_S

CLOCK_OFF_S_MAX = 60
"""Two clocks this far apart are shown: one of them wants setting."""

CATCH_UP_MIN = 500
OUTAGE_NS_MIN = 60 * NS_PER_S
"""Backlog and length of outage from which a recovered target is approached at a random moment:
what was away so long was away for everybody. A lost packet is not an outage."""

LANE_WINDOW: dict[Lane, int] = {Lane.ALARM: 1, Lane.RECORD: 16, Lane.PHOTO: 1}
"""Requests of one lane in flight at once. Sixteen records: fifty a second at 300 ms round trip."""


@dataclass(slots=True)
class Item:
    """One undelivered item in the window."""

    pending: Pending
    listed: int
    fresh: InitVar[bool] = False
    in_flight: bool = False
    failures: int = 0
    refusals: int = 0
    next_try_ns: int = 0
    lane: Lane = field(init=False)
    rank: tuple[int, bool, int] = field(init=False)
    """Sending order: class first, then what is fresh, then age."""

    def __post_init__(self, fresh: bool) -> None:
        """Lane and rank never change, and are asked for at every turn."""
        self.lane = LANE_OF[self.pending.item_class]
        self.rank = (rank(self.pending.item_class.value), not fresh, self.pending.item)

    def request(self) -> Request:
        """The request that carries it."""
        it = self.pending
        return Request(it.target, it.item, it.item_class, it.item_id, it.sha256, it.body, it.path)


@dataclass(slots=True)
class TargetQueue:
    """Window and health of one target."""

    name: str
    bucket: Bucket
    photos: bool
    rng: random.Random
    items: dict[int, Item] = field(default_factory=dict)
    settled: set[int] = field(default_factory=set)
    pull_no: int = 0
    newest: int | None = None
    pulled_ns: int | None = None
    asked_ns: int = -PULL_IDLE_NS
    wanted: bool = True
    left: int = 0
    up: bool = False
    rung: str = ""
    why: str = ""
    clock_note: str = ""
    key_note: str = ""
    new_key: int = 0
    failures: int = 0
    next_try_ns: int = 0
    held_until_ns: int = 0
    bulk_from_ns: int = 0
    failing_since_ns: int = 0

    def pull_due(self, now_ns: int) -> bool:
        """Whether the ledger should be asked for items now."""
        if self.pulled_ns is not None:
            return now_ns - self.pulled_ns >= PULL_PATIENCE_NS
        if self.wanted or now_ns - self.asked_ns >= PULL_IDLE_NS:
            return True
        return self.left > 0 and self._ready() < LOW_WATER

    def _ready(self) -> int:
        return sum(1 for item in self.items.values() if not item.in_flight)

    def pull(self, now_ns: int) -> None:
        """Note that the ledger was asked."""
        self.pull_no += 1
        self.pulled_ns = self.asked_ns = now_ns
        self.wanted = False
        self.settled.clear()

    def offer(self, pending: Pending) -> None:
        """Take one item of a pull's answer; a known one only proves that it still waits."""
        known = self.items.get(pending.item)
        if known is not None:
            known.listed = self.pull_no
        elif pending.item not in self.settled and len(self.items) < 2 * WINDOW_MAX:
            fresh = self.newest is not None and pending.item > self.newest
            self.items[pending.item] = Item(pending, self.pull_no, fresh)

    def pull_done(self, left: int) -> None:
        """The answer is complete: what it did not list has given way to more urgent items."""
        self.pulled_ns = None
        self.left = left
        self.newest = max(self.newest or 0, max(self.items, default=0))
        for number, item in list(self.items.items()):
            if item.listed != self.pull_no and not item.in_flight:
                del self.items[number]

    def forget(self) -> None:
        """The ledger is away: keep what is in flight, ask anew when it is back."""
        self.pulled_ns = None
        self.wanted = True
        self.left = 0
        self.items = {number: item for number, item in self.items.items() if item.in_flight}

    def due(self, now_ns: int) -> Iterator[Item]:
        """Items to launch now, most urgent first; marks them in flight."""
        if now_ns < max(self.next_try_ns, self.held_until_ns):
            return
        items = self.items.values()
        flying = [item.lane for item in items if item.in_flight]
        ready = [item for item in items if not item.in_flight and now_ns >= item.next_try_ns]
        held: list[Lane] = []
        for item in sorted(ready, key=attrgetter("rank")):
            if item.lane in held:
                continue
            if self._may_start(item.lane, flying, held, now_ns):
                item.in_flight = True
                flying.append(item.lane)
                yield item
            else:
                held.append(item.lane)

    def _may_start(self, lane: Lane, flying: list[Lane], held: list[Lane], now_ns: int) -> bool:
        """flying: lanes of what is under way; held: lanes of what is due and must wait."""
        if self.failures and flying:
            return False  # a target that fails gets one probe, not a volley
        if flying.count(lane) >= LANE_WINDOW[lane]:
            return False
        if lane is not Lane.ALARM and now_ns < self.bulk_from_ns:
            return False
        if lane is Lane.PHOTO:
            return self.photos and Lane.RECORD not in held
        return lane is Lane.ALARM or self._take_token(now_ns)

    def _take_token(self, now_ns: int) -> bool:
        rest = self.bucket.take(now_ns)
        if rest is None:
            return False
        self.bucket = rest
        return True

    def _jitter(self) -> int:
        return self.rng.randrange(JITTER_MAX + 1)

    def _backoff_ns(self, failures: int, max_ns: int = BACKOFF_MAX_NS) -> int:
        return backoff_ns(failures, self._jitter(), BACKOFF_MIN_NS, max_ns)

    def settle(self, number: int) -> None:
        """The item is delivered or quarantined."""
        self.items.pop(number, None)
        self.settled.add(number)

    def succeeded(self, now_ns: int, rung: str) -> None:
        """The target answered sensibly. After an outage a big backlog starts at random."""
        outage_ns = now_ns - self.failing_since_ns
        if self.failures and self.left > CATCH_UP_MIN and outage_ns >= OUTAGE_NS_MIN:
            self.bulk_from_ns = now_ns + min(outage_ns, start_delay_ns(self._jitter()))
        self.failures = 0
        self.up, self.rung, self.why = True, rung, ""

    def failed(self, item: Item, now_ns: int, why: str, retry_after_s: int = 0) -> None:
        """The target or the way to it is not well: the target waits, the item steps aside.

        retry_after_s: how long it asked to be left alone, 0 for not at all.
        """
        self._hold(now_ns, min(retry_after_s, RETRY_AFTER_S_MAX) * NS_PER_S)
        if now_ns >= self.next_try_ns:  # a volley that fails together is one failure
            if not self.failures:
                self.failing_since_ns = now_ns
            self.failures += 1
            self.next_try_ns = now_ns + self._backoff_ns(self.failures)
        self.up, self.why = False, why
        item.failures += 1
        if item.failures > ITEM_TRIES_FREE:
            item.next_try_ns = now_ns + self._backoff_ns(item.failures)

    def _hold(self, now_ns: int, asked_ns: int) -> None:
        """Leave the target alone; answers that come together are one wish, with one chance."""
        if now_ns + asked_ns > self.held_until_ns:
            self.held_until_ns = now_ns + asked_ns + asked_ns * self._jitter() // JITTER_MAX

    def step_aside(self, item: Item, now_ns: int, why: str) -> None:
        """The target wants this item later."""
        self.why = why
        item.failures += 1
        item.next_try_ns = now_ns + self._backoff_ns(item.failures, ASIDE_MAX_NS)

    def refused(self, item: Item, now_ns: int) -> bool:
        """The item itself was refused; True when it has been refused often enough."""
        item.refusals += 1
        item.next_try_ns = now_ns + REFUSAL_WAIT_NS
        return item.refusals >= REFUSALS_MAX

    def told_clock(self, ahead_s: int) -> None:
        """By how much our clock is ahead of the target's; negative: behind."""
        side = "ahead of" if ahead_s > 0 else "behind"
        off = abs(ahead_s) > CLOCK_OFF_S_MAX
        self.clock_note = f"our clock is {abs(ahead_s)} s {side} the platform's" if off else ""

    def retry_now(self) -> None:
        """The network changed: waiting any longer proves nothing, unless it was asked for."""
        self.next_try_ns = 0
        for item in self.items.values():
            item.next_try_ns = 0


PERIOD_NS = 100 * NS_PER_MS
"""How often the node looks at its waits."""
