"""The deck's time: conversions counted, bins laid where a vehicle rolls on."""

from __future__ import annotations

from itertools import pairwise
from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from terminal.weighing.decktime import LEAD_S_MAX, DeckTime
from terminal.weighing.stamps import SILENCE_S_MAX

PERIOD_S = 1 / 80
BIN_S = 0.02


def counted(stamps_s: list[float]) -> DeckTime:
    deck = DeckTime(BIN_S)
    for n, at_s in enumerate(stamps_s):
        deck.lead(0, at_s, n * PERIOD_S, 1.0)
    return deck


def test_the_bins_of_a_jerking_clock_hold_the_same_conversions() -> None:
    even = counted([10.0 + n * PERIOD_S for n in range(80)])
    jerking = counted([10.0 + n * PERIOD_S + 0.003 * (n % 5) for n in range(80)])
    for n in range(1, 80):
        assert even.lead(0, 11.0 + n, n * PERIOD_S, 1.0) == jerking.lead(
            0, 11.0 + n, n * PERIOD_S, 1.0
        )
    assert even.edge(40) == jerking.edge(40)


def test_another_cell_lies_between_the_leading_ones_conversions() -> None:
    deck = counted([10.0, 10.0125, 10.030])  # the third came late
    assert deck.place(10.02125) == pytest.approx(10.0 + 1.5 * PERIOD_S)
    assert deck.place(10.030) == pytest.approx(10.0 + 2 * PERIOD_S)
    assert deck.place(10.035) == pytest.approx(10.0 + 2 * PERIOD_S + 0.005)
    assert deck.place(9.9) == pytest.approx(9.9)


def test_a_silent_leader_is_followed_by_the_cell_that_speaks() -> None:
    deck = counted([10.0, 10.0125])
    late_s = 10.0125 + LEAD_S_MAX + 0.01
    assert deck.time_of(3, 10.2, 6.5, 1.0) == pytest.approx(10.2)
    assert deck.leader == 0
    first_s = deck.time_of(3, late_s, 7.0, 1.0)
    assert first_s == pytest.approx(late_s)
    assert deck.leader == 3
    next_s = deck.time_of(3, late_s + 0.02, 7.0 + PERIOD_S, 1.0)
    assert next_s == pytest.approx(first_s + PERIOD_S)  # counted, not stamped
    assert deck.time_of(0, late_s + 0.02, 9.0, 1.0) == pytest.approx(next_s)
    assert deck.leader == 3


def test_a_long_silence_counts_as_a_short_one_and_host_time_goes_on() -> None:
    deck = counted([10.0, 10.0125])
    first_s = deck.lead(1, 700.0, 0.0, 1.0)
    assert first_s == pytest.approx(10.0125 + SILENCE_S_MAX)
    number = ceil((first_s - deck.edge(0)) / BIN_S)
    assert deck.edge_host_s(number) == pytest.approx(700.0, abs=BIN_S)


@given(
    deck_s=st.floats(10.0, 10.9),
    number=st.integers(1, 50),
    after=st.floats(0.0, 0.999),
)
def test_edges_stay_in_order_and_one_falls_on_the_anchor(
    deck_s: float, number: int, after: float
) -> None:
    deck = counted([10.0, 11.0])
    before = [deck.edge(n) for n in range(number)]
    deck.anchor(deck_s, number, before[-1] + after * BIN_S)
    edges = [deck.edge(n) for n in range(number + 5)]
    assert edges[:number] == before
    widths = [b - a for a, b in pairwise(edges)]
    assert min(widths) >= 0.5 * BIN_S - 1e-9
    assert max(widths) <= 2.0 * BIN_S + 1e-9
    assert widths[number:] == pytest.approx([BIN_S] * len(widths[number:]))
    off = (edges[number] - deck_s) / BIN_S
    assert off == pytest.approx(round(off), abs=1e-6)


def test_host_time_never_goes_back_from_bin_to_bin() -> None:
    deck = counted([10.0 + n * PERIOD_S for n in range(80)])
    seen = [deck.edge_host_s(n) for n in range(20)]
    deck.lead(0, 11.5, 100 * PERIOD_S, 1.0)
    deck.anchor(10.9, 20, 10.5)
    seen += [deck.edge_host_s(n) for n in range(20, 60)]
    assert seen == sorted(seen)
