"""Where in a burst the lost conversions are missing: where the total runs most smoothly.

The stamps of a burst say that some were lost, not which. Put at the wrong place, up to all of the
burst's conversions lie too late, 7 kg off in the mean on a ringing truck; put where the divided
differences are least it is 1.5 kg. Moves conversions in time only; it judges no value.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import numpy as np

from terminal.weighing.samples import Placed

ORDER = 5
"""Of the differences: with 2 to 6 the place is off by 2.1, 1.8, 1.5, 1.4, 1.8 conversions."""
TAIL = 4
"""Conversions before the burst that take part."""
ROWS_MIN = 6


class LostPlace:
    """settle() once a tick with what each cell placed; moves what lies before the loss."""

    def __init__(self, kg_per_count: Sequence[float], period_s: float) -> None:
        self._span = kg_per_count
        self._period_s = period_s
        self._tail: deque[float] = deque(maxlen=TAIL)

    def settle(self, placed: list[list[Placed]], leader: int) -> None:
        """placed: each cell's conversions of one tick, changed in place."""
        rows = len(placed[leader])
        if any(len(cell) != rows for cell in placed):
            self._tail.clear()
            return
        total = [
            sum(at.counts * span for at, span in zip(row, self._span, strict=True))
            for row in zip(*placed, strict=True)
        ]
        lost = placed[leader][0].lost if rows else 0
        if lost and rows >= ROWS_MIN and len(self._tail) == TAIL:
            early = _smoothest([*self._tail, *total], lost) - TAIL
            for cell in placed:
                for i in range(early):
                    at = cell[i]
                    cell[i] = at._replace(deck_s=at.deck_s - lost * self._period_s)
        self._tail.extend(total[-TAIL:])


def _smoothest(values: Sequence[float], lost: int) -> int:
    """Index from TAIL on before which so many values are missing."""
    points = np.asarray(values)
    found = TAIL, np.inf
    for index in range(TAIL, len(points)):
        at = np.arange(len(points), dtype=float)
        at[index:] += lost
        slope = points
        for order in range(1, ORDER + 1):
            slope = np.diff(slope) / (at[order:] - at[:-order])
        rough = float(slope @ slope)
        if rough < found[1]:
            found = index, rough
    return found[0]
