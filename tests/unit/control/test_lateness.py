"""The loop's own watch: phase kept, misses counted, quantiles exact to a bucket."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from terminal.control.lateness import BUCKETS, Histogram, Ratekeeper


def test_a_missed_deadline_is_counted_and_never_caught_up() -> None:
    keeper = Ratekeeper(period_ns=100, next_ns=1_000, late_over_ns=20)
    assert keeper.woke(1_000) == 0
    assert keeper.next_ns == 1_100
    assert keeper.woke(1_121) == 21
    assert (keeper.late, keeper.skipped) == (1, 0)
    assert keeper.next_ns == 1_200
    assert keeper.woke(1_555) == 355
    assert keeper.skipped == 3
    assert keeper.next_ns == 1_600
    assert keeper.ticks == 3


def test_waking_exactly_at_the_next_deadline_skips_it() -> None:
    keeper = Ratekeeper(period_ns=100, next_ns=1_000, late_over_ns=20)
    keeper.woke(1_100)
    assert (keeper.skipped, keeper.next_ns) == (1, 1_200)


@given(st.lists(st.integers(0, 10 * BUCKETS), min_size=1, max_size=200))
def test_quantiles_bound_the_sorted_values(values: list[int]) -> None:
    histogram = Histogram(10)
    for value in values:
        histogram.add(value)
    ordered = sorted(values)
    for permille in (1, 500, 990, 999, 1_000):
        exact = ordered[-(-len(ordered) * permille // 1_000) - 1]
        got = histogram.permille_us(permille)
        assert exact <= got <= max(exact + 10, 0) or got == histogram.max_us
    assert histogram.max_us == ordered[-1]


def test_an_empty_histogram_says_zero() -> None:
    assert Histogram(10).permille_us(999) == 0
