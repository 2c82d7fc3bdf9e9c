"""The clock of one converter: what it counts when the host's stamps tell less than the truth."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby, pairwise

import pytest

from terminal.weighing.stamps import SILENCE_S_MAX, CellCounters, SampleClock

PERIOD_S = 1 / 80
RATES = (0.985, 0.9993, 1.0, 1.0071, 1.015)
"""True periods in nominal ones: converters' oscillators differ by a percent."""


def count(stamps_s: Sequence[float], split_at: int = -1) -> tuple[list[int], CellCounters]:
    """Place in conversions of each sample; stamps that are alike are delivered at once. split_at:
    the delivery that two ticks share.
    """
    clock = SampleClock(PERIOD_S)
    places: list[int] = []
    for number, (_, same) in enumerate(groupby(stamps_s)):
        left = list(same)
        ticks = [left[:5], left[5:]] if number == split_at else [left]
        for tick in filter(None, ticks):
            for i, at_s in enumerate(tick):
                made = clock.stamp(at_s, len(tick) - i)
                assert made is not None
                places.append(round(made.counted_s / PERIOD_S))
                places[-2:-1] = [place - made.found for place in places[-2:-1]]
    return places, clock.counters


def converted(count: int, rate: float) -> list[float]:
    return [5.003 + n * PERIOD_S * rate for n in range(count)]


def bursts(stamps_s: Sequence[float]) -> list[float]:
    return [-(-at_s // 0.2) * 0.2 for at_s in stamps_s]


@pytest.mark.parametrize("rate", RATES)
def test_no_conversion_of_a_burst_is_taken_for_lost(rate: float) -> None:
    places, counters = count(bursts(converted(1_600, rate)))
    assert {b - a for a, b in pairwise(places[400:1_560])} == {1}  # the last burst is not whole
    assert counters.duplicated > 1_000


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("lost", [900, 907, 1_000])
def test_a_conversion_lost_in_bursts_is_missed_within_a_second(rate: float, lost: int) -> None:
    made = converted(1_600, rate)
    del made[lost]
    places, _ = count(bursts(made))
    assert places[lost + 80] - places[lost - 80] == 161


@pytest.mark.parametrize("rate", RATES)
def test_what_waited_while_the_host_was_held_up_is_not_lost(rate: float) -> None:
    made = converted(400, rate)
    held_up = [max(at_s, 8.0) if 7.8 < at_s <= 8.0 else at_s for at_s in made]
    places, counters = count(held_up)
    assert places == list(range(400))
    assert counters.missing == 0


def test_what_a_second_tick_brings_of_a_burst_was_not_lost() -> None:
    made = converted(400, 1.0)
    held_up = [max(at_s, 8.0) if 7.8 < at_s <= 8.0 else at_s for at_s in made]
    places, counters = count(held_up, split_at=225)
    assert counters.missing == 0
    assert places[-1] == 399


@pytest.mark.parametrize("late", [(0.7,), (2.6, 1.9, 1.2, 0.5)])
def test_what_came_late_was_not_lost_once_the_next_is_there(late: tuple[float, ...]) -> None:
    made = converted(100, 1.0)
    for n, periods in enumerate(late, start=50):
        made[n] += periods * PERIOD_S
    places, counters = count(made)
    assert places == list(range(100))
    assert counters.missing == 0


@pytest.mark.parametrize("late_s", [0.1, 0.3])
def test_one_late_stamp_leaves_the_others_in_their_places(late_s: float) -> None:
    made = converted(100, 1.0)
    made[50] += late_s
    places, _ = count(made)
    assert places[:50] + places[51:] == [*range(50), *range(51, 100)]


@pytest.mark.parametrize("ahead_s", [2.0, 10.0, 1e10])
def test_one_stamp_far_ahead_is_a_bad_stamp_and_two_are_a_silence(ahead_s: float) -> None:
    clock = SampleClock(PERIOD_S)
    made = converted(60, 1.0)
    made[30] += ahead_s
    stamps = [clock.stamp(at_s, 1) for at_s in made]
    assert [n for n, stamp in enumerate(stamps) if stamp is None] == [30]
    assert clock.counters.bad_stamp == 1
    assert stamps[-1] is not None
    assert stamps[-1].counted_s == pytest.approx(59 * PERIOD_S)
    after = [clock.stamp(at_s + ahead_s, 1) for at_s in converted(70, 1.0)[60:]]
    assert after[0] is None
    assert after[1] is not None
    assert after[1].at_s == pytest.approx(converted(62, 1.0)[61] + ahead_s)
    assert after[1].counted_s < 60 * PERIOD_S + SILENCE_S_MAX + 0.1


def test_lost_samples_that_come_singly_are_counted_at_once() -> None:
    made = converted(100, 1.0)
    del made[60:63]
    places, counters = count(made)
    assert places == [*range(60), *range(63, 100)]
    assert counters.missing == 3
