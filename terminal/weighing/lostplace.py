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
        self._ticks: deque[list[list[Placed]]] = deque(maxlen=TAIL)

    def settle(self, placed: list[list[Placed]], leader: int) -> None:
        """placed: each cell's conversions of one tick, changed in place."""
        rows = len(placed[leader])
        lost = placed[leader][0].lost if rows else 0
        if lost and rows >= ROWS_MIN:
            tail, total = self._totals([*self._ticks])[-TAIL:], self._totals([placed])
            early = _smoothest(tail + total, lost) - TAIL if len(tail) == TAIL and total else 0
            for cell in placed if early > 0 else ():
                for i in range(early):
                    at = cell[i]
                    cell[i] = at._replace(deck_s=at.deck_s - lost * self._period_s)
        if rows:
            self._ticks.append(placed)

    def _totals(self, ticks: list[list[list[Placed]]]) -> list[float]:
        """kg, row by row, of the ticks since cells last brought different numbers."""
        totals: list[float] = []
        for placed in ticks:
            if len({len(cell) for cell in placed}) > 1:
                totals = []
                continue
            totals += [
                sum(at.counts * span for at, span in zip(row, self._span, strict=True))
                for row in zip(*placed, strict=True)
            ]
        return totals


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
