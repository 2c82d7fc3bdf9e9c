"""Named flags for what is wrong with cells, deck, vehicle or load; each blocks or alarms.

Looks at what the other modules already know and names it. It changes no mass; the pipeline
holds nothing while a blocking flag stands.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from math import isnan

from hal.contract.types import MonotonicNs, Tri
from terminal.core.types import Event, WeighFlag
from terminal.weighing.history import TOTAL, History
from terminal.weighing.hold import UNSTEADY_S, HoldKeeper
from terminal.weighing.params import WeighParams
from terminal.weighing.samples import CellStream
from terminal.weighing.zero import ZeroKeeper

ALARM_ONLY = WeighFlag.GLITCH | WeighFlag.DISTURBED | WeighFlag.LEFT_EARLY
EVENTS_MAX = 64


class Diagnostics:
    """step() once per estimator step: flags standing now, the cell they name, blocked or not."""

    def __init__(self, params: WeighParams, history: History, hold: HoldKeeper) -> None:
        self._params = params
        self._history = history
        self._hold = hold
        self._events: deque[Event] = deque(maxlen=EVENTS_MAX)
        self.axles: tuple[tuple[float, ...], tuple[float, ...]] | None = None
        self.groups: tuple[float, ...] = ()
        self._visit_flags = WeighFlag.NONE

    def step(
        self,
        cells: Sequence[CellStream],
        zero: ZeroKeeper,
        loaded: bool,
        beams: tuple[Tri, Tri],
        now_ns: MonotonicNs,
    ) -> tuple[WeighFlag, int, bool]:
        """Flags now standing, the cell named (-1: none), and whether holding is forbidden."""
        flags, cell = WeighFlag.NONE, -1
        if not loaded:
            self._visit_flags = WeighFlag.NONE
        total = float(self._history.recent(TOTAL, 0.3).mean())
        if total > self._params.gross_kg_max:
            flags |= WeighFlag.OVERLOAD
        if zero.out_of_range:
            flags |= WeighFlag.ZERO_OUT
        if loaded and not zero.referenced():
            flags |= WeighFlag.NO_ZERO_REF
        for index, stream in enumerate(cells):
            if stream.saturated():
                flags, cell = flags | WeighFlag.SATURATION, index
            if stream.stuck() or isnan(stream.last_s):
                flags, cell = flags | WeighFlag.CELL_FAULT, index
        if self._hold.disturbed:
            flags |= WeighFlag.DISTURBED
        if self._hold.still_s() > UNSTEADY_S and self._hold.held is None:
            flags |= WeighFlag.UNSTEADY
        return flags, cell, bool(flags & ~ALARM_ONLY & ~WeighFlag.UNSTEADY)

    def refuses_hold(self, now_ns: MonotonicNs) -> bool:
        """Last look at a mass that is about to be held."""
        return False

    def drain_events(self) -> Sequence[Event]:
        """Diagnostics since the last call."""
        events = tuple(self._events)
        self._events.clear()
        return events
