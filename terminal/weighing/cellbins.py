"""Mean counts of one load cell over the bins of the deck's time.

Between two conversions the load runs straight. Over a gap longer than GAP_S_MAX nothing is
invented: such bins come out as NaN.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from math import isfinite, nan

from terminal.weighing.decktime import DeckTime
from terminal.weighing.stamps import GAP_S_MAX

PENDING_BINS_MAX = 4_096
SLACK_S = 1e-9
"""An edge that falls on a conversion is passed by it, whatever the rounding."""


@dataclass(slots=True)
class CellBins:
    """add() conversions in the order of deck time, take closed bins from `means`.

    summed_s, newest: deck time and counts of the newest conversion that is in a bin.
    """

    deck: DeckTime
    means: deque[float] = field(default_factory=deque)
    closed: int = 0
    summed_s: float = nan
    newest: float = nan
    _open_s: float = nan
    _edge_s: float = nan
    _sum: float = 0.0

    def add(self, deck_s: float, value: float) -> None:
        """Go on to this point; the bins whose edge it passes are closed."""
        if not isfinite(self._edge_s):
            self.look_at_edge()
        span_s = deck_s - self.summed_s
        if not span_s <= GAP_S_MAX:  # NaN at the start and after a skipped bin
            self._restart(deck_s, value)
            return
        if span_s <= 0:
            return
        slope = (value - self.newest) / span_s
        while self._edge_s <= deck_s + SLACK_S:
            width_s = self._edge_s - self.summed_s
            edge = self.newest + slope * width_s
            area = self._sum + 0.5 * (self.newest + edge) * width_s
            self._sum, self.summed_s, self.newest = 0.0, self._edge_s, edge
            self._emit(area / (self._edge_s - self._open_s))
        width_s = deck_s - self.summed_s
        self._sum += 0.5 * (self.newest + value) * width_s
        self.summed_s, self.newest = deck_s, value

    def _restart(self, deck_s: float, value: float) -> None:
        """Nothing is known of the time before: bins that ended are missing."""
        while self._edge_s <= deck_s:
            self._emit(nan)
        self._sum = (deck_s - self._open_s) * value
        self.summed_s, self.newest = deck_s, value

    def look_at_edge(self) -> None:
        """The deck's edges were laid: take over where the open bin ends."""
        self._open_s = self.deck.edge(self.closed - 1)
        self._edge_s = self.deck.edge(self.closed)

    def skip(self) -> None:
        """Close the open bin as missing: the other cells have long passed it."""
        if not isfinite(self._edge_s):
            self.look_at_edge()
        self._emit(nan)
        self._sum, self.summed_s = 0.0, nan

    def _emit(self, mean: float) -> None:
        if len(self.means) < PENDING_BINS_MAX:
            self.means.append(mean)
        self.closed += 1
        self._open_s = self._edge_s
        self._edge_s = self.deck.edge(self.closed)
