"""Delivery rules: order, back-off, refusals, fill and the bucket, dense at the boundaries."""

from __future__ import annotations

import pytest

from hal.contract.types import NS_PER_S
from terminal.messages import ItemClass
from terminal.outbox import (
    BACKOFF_NS_MAX,
    CLASS_ORDER,
    JITTER_MAX,
    LOST,
    START_NS_MAX,
    TEMPORARY_REFUSALS,
    Bucket,
    Delivery,
    DeliveryState,
    Fill,
    after_loss,
    after_receipt,
    after_refusal,
    backoff_ns,
    fill_of,
    is_permanent,
    rank,
    start_delay_ns,
)


def test_order_is_that_of_the_messages() -> None:
    assert tuple(one.value for one in ItemClass) == CLASS_ORDER
    assert [rank(one) for one in CLASS_ORDER] == [0, 1, 2, 3, 4]
    with pytest.raises(ValueError):
        rank("gossip")


@pytest.mark.parametrize(
    ("attempts", "least_s", "most_s"),
    [(1, 2.5, 5), (2, 5, 10), (3, 10, 20), (6, 80, 160), (7, 150, 300), (8, 150, 300)],
)
def test_backoff_doubles_to_a_cap(attempts: int, least_s: float, most_s: float) -> None:
    assert backoff_ns(attempts, 0) == least_s * NS_PER_S
    assert backoff_ns(attempts, JITTER_MAX) == most_s * NS_PER_S
    assert backoff_ns(attempts, JITTER_MAX // 2) == (least_s + most_s) / 2 * NS_PER_S


def test_backoff_is_bounded_for_ever() -> None:
    assert backoff_ns(10**9, JITTER_MAX) == BACKOFF_NS_MAX
    for attempts, jitter in ((0, 0), (1, -1), (1, JITTER_MAX + 1)):
        with pytest.raises(AssertionError):
            backoff_ns(attempts, jitter)


def test_start_is_spread() -> None:
    assert [start_delay_ns(j) for j in (0, 500, JITTER_MAX)] == [0, START_NS_MAX // 2, START_NS_MAX]
    for jitter in (-1, JITTER_MAX + 1):
        with pytest.raises(AssertionError):
            start_delay_ns(jitter)


@pytest.mark.parametrize(
    ("code", "permanent"),
    [("4.00", True), ("4.13", True), ("4.09", True), ("5.00", False), ("5.03", False)]
    + [("", False), ("2.04", False)]
    + [(code, False) for code in TEMPORARY_REFUSALS],
)
def test_which_codes_condemn_the_item(code: str, permanent: bool) -> None:
    assert is_permanent(code) is permanent
    after = after_refusal(Delivery(), code, "why", 7, 0)
    wanted = DeliveryState.QUARANTINED if permanent else DeliveryState.WAITING
    assert after == Delivery(wanted, 1, 0 if permanent else 7 + backoff_ns(1, 0), code, "why")


def test_failures_add_up() -> None:
    once = after_refusal(Delivery(), "5.03", "busy", 0, 0)
    twice = after_refusal(once, "", "no answer", 1_000, JITTER_MAX)
    assert twice == Delivery(DeliveryState.WAITING, 2, 1_000 + 10 * NS_PER_S, "", "no answer")


def test_only_a_receipt_delivers_and_nothing_undoes_it() -> None:
    waiting = after_refusal(Delivery(), "4.00", "bad", 0, 0)
    assert after_receipt(waiting, b"") == waiting
    done = after_receipt(waiting, b"receipt")
    assert done == Delivery(DeliveryState.DELIVERED, 1, 0, "", "", b"receipt")
    assert after_refusal(done, "4.00", "late", 0, 0) == done


@pytest.mark.parametrize(
    ("unsent", "fill"),
    [(0, Fill.OK), (79, Fill.OK), (80, Fill.ALARM), (99, Fill.ALARM), (100, Fill.FULL), (101, 2)],
)
def test_fill(unsent: int, fill: Fill) -> None:
    assert fill_of(unsent, 100) == fill


def test_bucket_gives_burst_then_rate() -> None:
    bucket: Bucket | None = Bucket.full(2, 3, 0)
    for _ in range(3):
        assert bucket is not None
        last, bucket = bucket, bucket.take(0)
        assert bucket is not None
        assert last.wait_ns(0) == 0
    assert bucket.take(0) is None
    assert bucket.wait_ns(0) == NS_PER_S // 2
    assert bucket.take(NS_PER_S // 2 - 1) is None
    assert bucket.wait_ns(NS_PER_S // 2 - 1) == 1
    later = bucket.take(NS_PER_S // 2)
    assert later is not None
    assert later.take(NS_PER_S // 2) is None


def test_bucket_never_holds_more_than_burst_nor_runs_backwards() -> None:
    bucket = Bucket.full(1, 2, 100)
    rested = bucket.take(10_000 * NS_PER_S)
    assert rested is not None
    assert rested.level_ns == NS_PER_S
    early = bucket.take(0)
    assert early is not None
    assert early.at_ns == 100
    assert early.wait_ns(0) == 0
    for rate, burst in ((0, 1), (1, 0)):
        with pytest.raises(AssertionError):
            Bucket.full(rate, burst, 0)


def test_bucket_waits_long_enough_at_awkward_rates() -> None:
    bucket = Bucket.full(3, 1, 0).take(0)
    assert bucket is not None
    wait_ns = bucket.wait_ns(0)
    assert bucket.take(wait_ns - 1) is None
    assert bucket.take(wait_ns) is not None


def test_a_bucket_counts_from_its_own_time() -> None:
    bucket = Bucket.full(1, 1, 50 * NS_PER_S).take(50 * NS_PER_S)
    assert bucket is not None
    assert bucket.wait_ns(50 * NS_PER_S) == NS_PER_S
    assert bucket.wait_ns(50 * NS_PER_S + 1) == NS_PER_S - 1
    assert bucket.wait_ns(60 * NS_PER_S) == 0


def test_the_alarm_begins_at_the_very_item() -> None:
    assert fill_of(79_999, 100_000) == Fill.OK
    assert fill_of(80_000, 100_000) == Fill.ALARM
    assert fill_of(99_999, 100_000) == Fill.ALARM


def test_what_is_lost_is_set_aside_for_good() -> None:
    tried = Delivery(attempts=3, next_try_ns=77, code="file", why="cannot be read")
    gone = after_loss(tried, "its file is gone")
    assert gone == Delivery(DeliveryState.QUARANTINED, 3, 0, LOST, "its file is gone")
    assert after_refusal(gone, "5.03", "busy", 1, 0) == gone
    for settled in (DeliveryState.DELIVERED, DeliveryState.QUARANTINED):
        with pytest.raises(AssertionError):
            after_loss(Delivery(settled), "")
