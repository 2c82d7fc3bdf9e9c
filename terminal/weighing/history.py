"""What the deck has carried lately: cell forces on two evenly spaced grids, bounded in length.

Fine grid: bin means as they come. Step grid: low-passed and thinned for the estimator, with
total, centre of pressure and sideways share. Views only; it judges nothing.
"""

from __future__ import annotations

import numpy as np

from terminal.weighing.params import WeighParams

KEEP_S = 110.0
"""The longest boarding that is still analysed whole."""
SMOOTH = np.array([1.0, 2.0, 3.0, 3.0, 3.0, 2.0, 1.0]) / 15.0
"""Boxcars of 0.1 s and 0.06 s in a row, on 20 ms bins."""
FINE_BIN_S_MAX = 0.021


class Series:
    """Rows of numbers, appended at the end, forgotten at the front."""

    def __init__(self, width: int, keep: int) -> None:
        self.width = width
        self._rows = np.full((2 * keep, width), np.nan)
        self._keep = keep
        self._end = 0
        self.dropped = 0

    def append(self, row: np.ndarray) -> None:
        """Add one row."""
        if self._end == len(self._rows):
            self._rows[: self._keep] = self._rows[self._keep :]
            self._end = self._keep
            self.dropped += self._keep
        self._rows[self._end] = row
        self._end += 1

    @property
    def count(self) -> int:
        """Rows ever appended: the index the next row will get."""
        return self.dropped + self._end

    def view(self, first: int, last: int | None = None) -> np.ndarray:
        """Rows with index first up to last (default: all that follow), as far as still kept."""
        low = max(first - self.dropped, 0)
        high = self._end if last is None else max(last - self.dropped, 0)
        return self._rows[low:high]


TOTAL, CENTRE, SIDE = 0, 1, 2
"""Columns of the step series: kg, m from the entry edge, share of the load on the y > 0 side."""


class History:
    """push() the forces of each bin; `fine` and `steps` then hold the past."""

    def __init__(self, params: WeighParams, bin_s: float) -> None:
        self.bin_s = bin_s
        self._smooth = bin_s <= FINE_BIN_S_MAX
        self.thin = 2 if self._smooth else 1
        self._first = 0
        self.step_s = bin_s * self.thin
        self.x_m = np.asarray(params.cell_x_mm, dtype=float) / 1_000.0
        y_m = np.asarray(params.cell_y_mm, dtype=float) / 1_000.0
        self.y_m = y_m
        low_m, high_m = (y_m.min(), y_m.max()) if len(y_m) else (0.0, 0.0)  # none: an indicator
        self.width_m = float(high_m - low_m) or 1.0
        self.far = (y_m - low_m) / self.width_m
        self._floor_kg = 0.25 * params.occupied_kg
        keep = round(KEEP_S / bin_s)
        self.fine = Series(params.cells, keep)
        self.step_forces = Series(params.cells, keep // self.thin + 1)
        self.steps = Series(3, keep // self.thin + 1)

    def begin_step(self) -> None:
        """The next bin is the first of a step."""
        self._first = self.fine.count

    def push(self, forces: np.ndarray) -> bool:
        """Add one bin of cell forces in kg; True when it completed a step."""
        self.fine.append(forces)
        if self._smooth:
            if (self.fine.count - self._first) % self.thin:
                return False
            window = self.fine.view(self.fine.count - len(SMOOTH))
            smooth = SMOOTH @ window if len(window) == len(SMOOTH) else window.mean(axis=0)
        else:
            smooth = forces
        total = float(smooth.sum())
        loaded = abs(total) > self._floor_kg
        self.step_forces.append(smooth)
        self.steps.append(
            np.array(
                [
                    total,
                    float(smooth @ self.x_m) / total if loaded else np.nan,
                    float(smooth @ self.far) / total if loaded else np.nan,
                ]
            )
        )
        return True

    def recent(self, column: int, seconds: float) -> np.ndarray:
        """The newest values of one step column."""
        count = max(1, round(seconds / self.step_s))
        return self.steps.view(self.steps.count - count)[:, column]
