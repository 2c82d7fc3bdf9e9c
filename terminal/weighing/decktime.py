"""One time for all cells of a deck: conversions counted, not stamps believed.

Converters keep time better than the stamps of a busy host. The leading cell's conversions are
counted and every bin is so many of them long, so that a burst or a stall leaves the bins as they
are. The bins' edges are laid anew where a vehicle rolls on: a mass then hangs on the vehicle
alone, neither on when the recording began nor on the clock. It knows nothing of counts or mass.
"""

from __future__ import annotations

from collections import deque
from math import ceil, inf

from terminal.weighing.stamps import SILENCE_S_MAX

KNOTS = 512
"""Conversions of the leading cell that are remembered: more than the longest burst that counts."""
LEAD_S_MAX = 0.35
"""A leading cell silent for so long while another speaks leads no more."""
HOST, DECK = 0, 1
"""Places of the two times in a knot."""
SHORT_SHARE = 0.5
"""The bin in which a vehicle rolls on is so much of a bin long at least, and one more at most."""


class DeckTime:
    """time_of() each conversion, the leading cell's first; edge() tells where each bin ends.

    Deck time and host time are both in seconds; a second of deck time is the nominal rate's
    conversions.
    """

    def __init__(self, bin_s: float) -> None:
        self._bin_s = bin_s
        self._knots: deque[tuple[float, float]] = deque(maxlen=KNOTS)
        self._offset_s = 0.0
        self._pace = 1.0
        self._began = (0, 0.0)
        self._anchor = (0, 0.0)
        self._edge_host_s = -inf
        self.leader = 0

    @property
    def begun(self) -> bool:
        """Whether a conversion has been placed."""
        return bool(self._knots)

    def time_of(self, cell: int, at_s: float, counted_s: float, pace: float) -> float:
        """Deck time of a cell's conversion: counted if the cell leads, else by its host time."""
        knots = self._knots
        if knots and cell != self.leader and at_s - knots[-1][0] <= LEAD_S_MAX:
            return self.place(at_s)
        return self.lead(cell, at_s, counted_s, pace)

    def lead(self, cell: int, at_s: float, counted_s: float, pace: float) -> float:
        """Deck time of a conversion of the leading cell. counted_s: conversions of its own,
        nominal seconds; pace: seconds of deck time in one of the host's.
        """
        if not self._knots:
            self.leader, self._offset_s = cell, at_s - counted_s
            self._began = self._anchor = (0, at_s + self._bin_s)
        elif cell != self.leader:
            last_at_s, last_s = self._knots[-1]
            silence_s = min((at_s - last_at_s) * self._pace, SILENCE_S_MAX)
            self.leader, self._offset_s = cell, last_s + silence_s - counted_s
        self._pace = pace
        deck_s = self._offset_s + counted_s
        if not self._knots or (at_s > self._knots[-1][0] and deck_s > self._knots[-1][1]):
            self._knots.append((at_s, deck_s))
        return deck_s

    def place(self, at_s: float) -> float:
        """Deck time of host time at_s."""
        return self._along(at_s, HOST, self._pace)

    def edge(self, number: int) -> float:
        """Deck time at which bin `number`, from 0, ends."""
        first, ends_s = self._anchor if number >= self._anchor[0] else self._began
        return ends_s + (number - first) * self._bin_s

    def edge_host_s(self, number: int) -> float:
        """Host time at which that bin ended; never back from one bin to the next."""
        self._edge_host_s = max(
            self._edge_host_s, self._along(self.edge(number), DECK, 1.0 / self._pace)
        )
        return self._edge_host_s

    def anchor(self, deck_s: float, number: int, after_s: float) -> None:
        """Lay the edges from bin `number` on so that one falls on deck_s. number: the first bin
        that no cell has closed; after_s: what is already summed in it.
        """
        least_s = max(after_s, self.edge(number - 1) + SHORT_SHARE * self._bin_s)
        bins = ceil((least_s - deck_s) / self._bin_s - 1e-9)
        self._began = self._anchor if number > self._anchor[0] else self._began
        self._anchor = (number, deck_s + bins * self._bin_s)

    def _along(self, time_s: float, axis: int, pace: float) -> float:
        """The other time of time_s on that axis: between the conversions next to it, beyond the
        first and last one at the pace.
        """
        other = 1 - axis
        after = self._knots[-1]
        if time_s >= after[axis]:
            return after[other] + (time_s - after[axis]) * pace
        for knot in reversed(self._knots):
            if time_s >= knot[axis]:
                share = (time_s - knot[axis]) / (after[axis] - knot[axis])
                return knot[other] + share * (after[other] - knot[other])
            after = knot
        return after[other] - (after[axis] - time_s) * pace
