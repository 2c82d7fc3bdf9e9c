"""A dirty deck is told, and a deck that was put right is believed again."""

from __future__ import annotations

import pytest

from hal.contract.types import NS_PER_S, MonotonicNs
from terminal.weighing.zero import DIRTY_S
from tests.unit.weighing.r76_zero import settle, zeroed


def told(*stretches: tuple[float, float]) -> list[tuple[str, str]]:
    """Kind and words of each zero action; stretches: what the empty deck reads, for how long."""
    zero, at_s = zeroed(), 3.0
    zero.drain_events()
    for kg, seconds in stretches:
        settle(zero, kg, seconds, at_s)
        at_s += seconds
    return [(event.kind, event.detail) for event in zero.drain_events()]


LONG_S = DIRTY_S + 4.0


@pytest.mark.parametrize(
    ("stretches", "kg"),
    [
        ([(9, LONG_S)], []),
        ([(40, LONG_S)], [40]),
        ([(300, LONG_S)], [300]),
        ([(60, LONG_S), (60, LONG_S)], [60]),
        ([(60, LONG_S), (75, LONG_S)], [60]),
        ([(60, LONG_S), (81, LONG_S)], [60, 81]),
        ([(60, LONG_S), (30, LONG_S)], [60]),
        ([(60, LONG_S), (0, 4), (60, LONG_S)], [60, 60]),
        ([(60, 7), (0, 4), (60, 7)], []),
    ],
)
def test_what_lies_on_the_empty_deck_is_told_once_and_when_it_grows(
    stretches: list[tuple[float, float]], kg: list[int]
) -> None:
    assert told(*stretches) == [("deck_dirty", f"empty deck reads {one} kg") for one in kg]


def test_somebody_in_a_beam_begins_the_wait_anew() -> None:
    zero = zeroed()
    zero.drain_events()
    settle(zero, 60, 8, 3)
    settle(zero, 60, 0.1, 11, quiet=False)
    settle(zero, 60, 8, 11.1)
    assert list(zero.drain_events()) == []


def test_a_deck_put_right_is_in_range_again() -> None:
    zero = zeroed()
    settle(zero, -2_500, 8, 3)
    assert zero.out_of_range
    assert not zero.valid(MonotonicNs(11 * NS_PER_S))
    settle(zero, 0, 3, 11)
    assert zero.valid(MonotonicNs(14 * NS_PER_S))
    kinds = [event.kind for event in zero.drain_events()]
    assert kinds == ["zero_initial", "zero_out", "zero_back"]
