"""Where a vehicle rolls on: the conversion from which the bins of its visit are laid.

The same conversions always give the same place, however they were stamped, and whatever the
recording began with. Judges nothing else: whether a vehicle stands is for the hold.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite

import numpy as np

from terminal.weighing.decktime import DeckTime
from terminal.weighing.params import WeighParams
from terminal.weighing.samples import CellStream

ON_SHARE = 0.25
OFF_SHARE = 0.1
"""Of occupied_kg: a deck that carries more has been rolled on; carrying less it is free again."""


class Arrival:
    """watch() before each conversion of the leading cell, seen() once a bin."""

    def __init__(self, params: WeighParams, deck: DeckTime, cells: Sequence[CellStream]) -> None:
        self._deck = deck
        self._cells = cells
        self._span = params.kg_per_count
        self._on_kg = ON_SHARE * params.occupied_kg
        self._off_kg = OFF_SHARE * params.occupied_kg
        self._free = False
        self._zero: np.ndarray | None = None
        self._zero_kg = 0.0
        self.first_bin = -1

    def seen(self, total_kg: float, zero_counts: np.ndarray) -> None:
        """What one bin carried, and the zero in force."""
        if zero_counts is not self._zero:
            self._zero = zero_counts
            self._zero_kg = float(zero_counts @ np.asarray(self._span))
        if (
            total_kg < self._off_kg
            and min(cell.bins.closed for cell in self._cells) > self.first_bin
        ):
            self._free = True

    def watch(self) -> None:
        """Lay the bins anew if the newest conversions are the first of a vehicle."""
        if not self._free:
            return
        total_kg = -self._zero_kg
        for cell, span in zip(self._cells, self._span, strict=True):
            if isfinite(cell.bins.newest):
                total_kg += cell.bins.newest * span
        if total_kg <= self._on_kg:
            return
        self._free = False
        number = max(cell.bins.closed for cell in self._cells)
        leader = self._cells[self._deck.leader]
        summed_s = max(cell.bins.summed_s for cell in self._cells if isfinite(cell.bins.summed_s))
        self._deck.anchor(leader.bins.summed_s, number, summed_s)
        self.first_bin = number + 1
        for cell in self._cells:
            if cell.bins.closed >= number:
                cell.bins.look_at_edge()
