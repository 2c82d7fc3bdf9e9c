"""Delivery rules of the outbox: order, back-off, refusals, bounds and the catch-up bucket.

Pure: times are monotonic nanoseconds handed in, randomness is a jitter handed in. The ledger
stores what these functions decide and the uplink obeys it. Nothing here ever drops an item.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum

from hal.contract.types import NS_PER_S

CLASS_ORDER: tuple[str, ...] = ("alarm", "record", "health", "photo", "clip")
"""Sending order: an alarm never waits behind a photo."""
BACKOFF_NS_MIN = 5 * NS_PER_S
BACKOFF_NS_MAX = 300 * NS_PER_S
START_NS_MAX = 300 * NS_PER_S
"""After a long outage every terminal starts at its own moment within this time."""
JITTER_MAX = 1_000
ALARM_PERMILLE = 800
"""From this fill the attendant is warned; at 1000 no further vehicle is committed."""
UNREADABLE = "file"
"""Code for an item whose own file the uplink could not read: it may be read the next time."""
LOST = "lost"
"""Code for an item whose file is gone for good, as a gap record of the ledger says."""
TEMPORARY_REFUSALS: dict[str, str] = {
    "4.01": "our credentials are at fault, not the item",
    "4.08": "a block transfer broke off: start it again",
    "4.22": "two clocks disagree: time mends that, and no record is lost to it",
    "4.29": "the platform asks us to slow down",
}
"""4.xx codes that say nothing against the item itself."""


class DeliveryState(IntEnum):
    """Where one item stands at one target."""

    WAITING = 0
    DELIVERED = 1
    QUARANTINED = 2


@dataclass(frozen=True, slots=True)
class Delivery:
    """One item at one target. attempts: failures since it was queued."""

    state: DeliveryState = DeliveryState.WAITING
    attempts: int = 0
    next_try_ns: int = 0
    code: str = ""
    why: str = ""
    receipt: bytes = b""


class Fill(IntEnum):
    """How full the outbox is."""

    OK = 0
    ALARM = 1
    FULL = 2


def rank(item_class: str) -> int:
    """Place of a class in the sending order, 0 first. Raises ValueError for an unknown one."""
    return CLASS_ORDER.index(item_class)


def backoff_ns(
    attempts: int, jitter: int, min_ns: int = BACKOFF_NS_MIN, max_ns: int = BACKOFF_NS_MAX
) -> int:
    """Wait before the next try: doubles per failure from min_ns to max_ns, half of it jittered.

    attempts >= 1; jitter 0..JITTER_MAX, from the caller's random source.
    """
    assert attempts >= 1
    assert 0 <= jitter <= JITTER_MAX
    doublings = min(attempts - 1, max_ns.bit_length())
    full_ns = min(min_ns << doublings, max_ns)
    return full_ns // 2 + full_ns // 2 * jitter // JITTER_MAX


def start_delay_ns(jitter: int) -> int:
    """When to begin catching up after an outage, 0..START_NS_MAX."""
    assert 0 <= jitter <= JITTER_MAX
    return START_NS_MAX * jitter // JITTER_MAX


def is_permanent(code: str) -> bool:
    """Whether a response code condemns the item itself. Only then is it quarantined."""
    return code.startswith("4.") and code not in TEMPORARY_REFUSALS


def after_receipt(delivery: Delivery, receipt: bytes) -> Delivery:
    """The platform's receipt came. Without one nothing is delivered, whatever the code said."""
    if not receipt:
        return delivery
    return replace(delivery, state=DeliveryState.DELIVERED, receipt=receipt, code="", why="")


def after_refusal(delivery: Delivery, code: str, why: str, now_ns: int, jitter: int) -> Delivery:
    """The platform refused, or could not be reached: quarantine or try again later.

    What is delivered stays delivered, and what was set aside stays aside.
    """
    if delivery.state is not DeliveryState.WAITING:
        return delivery
    attempts = delivery.attempts + 1
    if is_permanent(code):
        state, next_try_ns = DeliveryState.QUARANTINED, 0
    else:
        state, next_try_ns = DeliveryState.WAITING, now_ns + backoff_ns(attempts, jitter)
    return replace(
        delivery, state=state, attempts=attempts, next_try_ns=next_try_ns, code=code, why=why
    )


def after_loss(delivery: Delivery, why: str) -> Delivery:
    """There is nothing left to send of what still waits: it is set aside for good."""
    assert delivery.state is DeliveryState.WAITING
    return replace(delivery, state=DeliveryState.QUARANTINED, next_try_ns=0, code=LOST, why=why)


def fill_of(unsent: int, outbox_max: int) -> Fill:
    """How full the outbox is with this many unsent items at its worst target."""
    if unsent >= outbox_max:
        return Fill.FULL
    return Fill.ALARM if unsent * 1_000 >= outbox_max * ALARM_PERMILLE else Fill.OK


@dataclass(frozen=True, slots=True)
class Bucket:
    """Token bucket for catch-up. rate_per_s items a second, at most burst at once."""

    rate_per_s: int
    burst: int
    level_ns: int
    at_ns: int

    @classmethod
    def full(cls, rate_per_s: int, burst: int, now_ns: int) -> Bucket:
        """A bucket that allows `burst` items now."""
        assert rate_per_s >= 1
        assert burst >= 1
        return cls(rate_per_s, burst, burst * NS_PER_S, now_ns)

    def take(self, now_ns: int) -> Bucket | None:
        """The bucket after one item, or None when it must wait. Time never runs backwards."""
        elapsed_ns = max(0, now_ns - self.at_ns)
        level_ns = min(self.burst * NS_PER_S, self.level_ns + elapsed_ns * self.rate_per_s)
        if level_ns < NS_PER_S:
            return None
        return replace(self, level_ns=level_ns - NS_PER_S, at_ns=max(now_ns, self.at_ns))

    def wait_ns(self, now_ns: int) -> int:
        """Nanoseconds until take() gives a token, 0 when now."""
        elapsed_ns = max(0, now_ns - self.at_ns)
        lacking_ns = NS_PER_S - self.level_ns - elapsed_ns * self.rate_per_s
        return max(0, -(-lacking_ns // self.rate_per_s))
