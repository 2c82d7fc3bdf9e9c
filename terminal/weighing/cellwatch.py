"""Flags of single load cells: dead, lost, stuck, saturated, drifting, glitching.

Compares each cell with its own past and with its partner across the deck. It names the cell
and leaves the decision to others; it never repairs a signal.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from math import inf, isfinite

import numpy as np

from terminal.core.types import WeighFlag
from terminal.weighing.gains import LINE_M
from terminal.weighing.history import History
from terminal.weighing.params import WeighParams
from terminal.weighing.samples import CellStream
from terminal.weighing.sureness import Sureness
from terminal.weighing.zero import ZeroKeeper

DEAD_SHARE_MAX = 0.12
DEAD_KG_MIN = 900.0
"""The partner must carry at least so much before silence says anything."""
DEAD_S = 0.4
LOST_S = 0.3
DRIFT_S = 2.6
DRIFT_KG_PER_S = 1.2
DRIFT_LOADED_KG_PER_S_MAX = 15.0
"""What goes quicker under a standing vehicle is somebody's doing and no drift."""
DRIFT_OTHERS = 5.0
DRIFT_STRAIGHT = 0.93
GLITCHES_MAX = 6
GLITCH_S = 2.0
OVERLOAD_SHARE = 1.15


class CellWatch:
    """step() once per estimator step; flags stand while their cause does, faults 5 s longer."""

    def __init__(self, params: WeighParams, step_s: float, sure: Sureness) -> None:
        self._sure = sure
        self._params = params
        self._step_s = step_s
        self._span = np.asarray(params.kg_per_count, dtype=float)
        self._dead_s = np.zeros(params.cells)
        self._lost_s = np.zeros(params.cells)
        self._raw: deque[np.ndarray] = deque(maxlen=max(8, round(DRIFT_S / step_s)))
        self._partner = _partners(params)
        self._drifting = -1
        self._was_loaded = False

    def step(
        self,
        cells: Sequence[CellStream],
        history: History,
        zero: ZeroKeeper,
        loaded: bool,
        standing: bool,
    ) -> tuple[WeighFlag, int]:
        """Flags and the cell named last. standing: what is on the deck does not roll."""
        flags, named = WeighFlag.NONE, -1
        forces = history.step_forces.view(history.step_forces.count - 1)[0]
        for index, cell in enumerate(cells):
            if cell.saturated():
                flags, named = flags | WeighFlag.SATURATION, index
            if len(cell.glitch_times_s) < GLITCHES_MAX:
                continue
            lately = sum(cell.last_s - at_s < GLITCH_S for at_s in cell.glitch_times_s)
            if lately >= GLITCHES_MAX:
                self._sure.say(WeighFlag.GLITCH, lately / GLITCHES_MAX)
                flags, named = flags | WeighFlag.GLITCH, index
        self._lost_s = np.where(np.isfinite(forces), 0.0, self._lost_s + self._step_s)
        over = np.nonzero(forces > OVERLOAD_SHARE * self._params.cell_cap_kg)[0]
        if len(over):
            flags, named = flags | WeighFlag.OVERLOAD, int(over[0])
        drift = self._drift(forces + zero.counts * self._span, loaded, standing)
        drift = zero.runaway_cell() if drift < 0 else drift
        if drift >= 0:
            flags, named = flags | WeighFlag.CELL_DRIFT, drift
        fault = self._fault(cells, forces, loaded)
        if fault >= 0:
            flags, named = flags | WeighFlag.CELL_FAULT, fault
        return flags, named

    def _fault(self, cells: Sequence[CellStream], forces: np.ndarray, loaded: bool) -> int:
        lost = (self._lost_s > LOST_S).tolist()
        for index, cell in enumerate(cells):
            if cell.stuck() or not isfinite(cell.last_s) or lost[index]:
                self._sure.say(WeighFlag.CELL_FAULT, inf)
                return index
        if not loaded:
            self._dead_s[:] = 0.0
            return -1
        other = np.where(self._partner >= 0, forces[self._partner], 0.0)
        dead = (other > DEAD_KG_MIN) & (forces < DEAD_SHARE_MAX * other)
        self._dead_s = np.where(dead, self._dead_s + self._step_s, 0.0)
        worst = int(np.argmax(self._dead_s))
        if self._dead_s[worst] <= DEAD_S:
            return -1
        self._sure.say(WeighFlag.CELL_FAULT, float(self._dead_s[worst]) / DEAD_S)
        return worst

    def _drift(self, raw_kg: np.ndarray, loaded: bool, standing: bool) -> int:
        """One cell that runs away in a straight line while the others stay, deck empty or under a
        vehicle that stands.

        It is cleared by a stretch of the empty deck in which no cell moves: the first axle of the
        next vehicle moves others too, and would clear it just before that vehicle is weighed; and
        under a vehicle nobody knows what has become of the zero.
        """
        if loaded is not self._was_loaded or (loaded and not standing):
            self._raw.clear()
        self._was_loaded = loaded
        if not loaded or standing:
            self._raw.append(raw_kg)
        if len(self._raw) < (self._raw.maxlen or 0):
            return self._drifting
        block = np.asarray(self._raw)
        if not np.isfinite(block).all():
            return self._drifting
        when = (np.arange(len(block)) - (len(block) - 1) / 2) * self._step_s
        slope = (when @ block) / float(when @ when)
        spread = block.var(axis=0) * len(block)
        straight = slope**2 * float(when @ when) / np.maximum(spread, 1e-9)
        order = np.argsort(np.abs(slope))
        worst, next_worst = int(order[-1]), float(abs(slope[order[-2]])) if len(order) > 1 else 0.0
        bound = max(DRIFT_KG_PER_S, DRIFT_OTHERS * next_worst)
        most = DRIFT_LOADED_KG_PER_S_MAX if loaded else inf
        if bound < abs(slope[worst]) < most and straight[worst] > DRIFT_STRAIGHT:
            self._sure.say(WeighFlag.CELL_DRIFT, float(abs(slope[worst])) / bound)
            self._drifting = worst
        elif not loaded and abs(slope[worst]) <= DRIFT_KG_PER_S:
            self._drifting = -1
        return self._drifting


def _partners(params: WeighParams) -> np.ndarray:
    """For each cell the one across the deck, -1 where there is none."""
    x, y = np.asarray(params.cell_x_mm) / 1e3, np.asarray(params.cell_y_mm) / 1e3
    found = np.full(params.cells, -1)
    for i in range(params.cells):
        same = [j for j in range(params.cells) if j != i and abs(x[j] - x[i]) < LINE_M]
        across = [j for j in same if abs(y[j] - y[i]) > 0.5]
        if len(across) == 1:
            found[i] = across[0]
    return found
