"""Where in a burst the lost conversions are put."""

from __future__ import annotations

from math import cos, exp, pi

import pytest

from terminal.weighing.lostplace import ROWS_MIN, LostPlace
from terminal.weighing.samples import Placed

PERIOD_S = 1 / 80
SPAN = (1.0, 1.0)


def ringing(count: int) -> list[list[float]]:
    """Two cells under a truck that swings at 1.7 Hz and hops at 9 Hz."""
    rows = []
    for n in range(count):
        t = n * PERIOD_S
        swing = 250 * exp(-0.4 * t) * cos(2 * pi * 1.7 * t) + 15 * cos(2 * pi * 9 * t)
        rows.append([12_000 + 0.6 * swing, 9_000 + 0.4 * swing])
    return rows


def burst(first: int, lost_at: int, lost: int = 1, rows: int = 16) -> list[list[Placed]]:
    """Both cells' conversions first.. of one tick, without those from lost_at on, as the clock
    places them: the loss before all of them.
    """
    made = ringing(first + rows + lost)
    kept = [n for n in range(first, first + rows + lost) if not lost_at <= n < lost_at + lost]
    return [
        [
            Placed((first + lost + i) * PERIOD_S, made[n][cell], 0, lost if i == 0 else 0)
            for i, n in enumerate(kept)
        ]
        for cell in range(2)
    ]


def settled(tick: list[list[Placed]], first: int) -> list[list[Placed]]:
    place = LostPlace(SPAN, PERIOD_S)
    made = ringing(first)
    for n in range(first):
        place.settle([[Placed(n * PERIOD_S, made[n][c], 0, 0)] for c in range(2)], 0)
    place.settle(tick, 0)
    return tick


@pytest.mark.parametrize("lost", [1, 2])
@pytest.mark.parametrize("lost_at", [40, 43, 48, 55])
def test_the_loss_is_put_where_the_total_runs_smoothly(lost_at: int, lost: int) -> None:
    tick = settled(burst(40, lost_at, lost), 40)
    wrong = [
        round(at.deck_s / PERIOD_S) - n
        for at, n in zip(
            tick[0], [n for n in range(40, 60) if not lost_at <= n < lost_at + lost], strict=False
        )
    ]
    assert sum(1 for off in wrong if off) <= 1, wrong
    assert [at.deck_s for at in tick[0]] == [at.deck_s for at in tick[1]]


def test_nothing_is_moved_without_a_loss_or_with_too_little_to_see() -> None:
    whole = burst(40, 99, 1)
    whole[0][0] = whole[0][0]._replace(lost=0)
    for tick in (whole, burst(40, 42, rows=ROWS_MIN - 1)):
        before = [list(cell) for cell in tick]
        assert settled(tick, 40) == before


def test_cells_that_brought_different_numbers_are_left_alone() -> None:
    tick = burst(40, 48)
    del tick[1][-1]
    before = [list(cell) for cell in tick]
    assert settled(tick, 40) == before
