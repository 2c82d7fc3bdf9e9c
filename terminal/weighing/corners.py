"""Corner errors accumulated over passages: which cell reads wrongly, and by how much.

One passage says little, many say it all: the normal equations of every drive-on are added up
with a slow forgetting. It alarms; it never corrects a span, which is sealed.
"""

from __future__ import annotations

import numpy as np

from terminal.weighing.boarding import GAIN_PRIOR, Boarding

FORGET = 0.995
FLAG_SHARE_MIN = 0.006
FLAG_SIGMAS = 4.5


class CornerMemory:
    """add() every boarding; worst() names a cell once the evidence is strong."""

    def __init__(self, cells: int) -> None:
        self._info = np.zeros((cells, cells))
        self._vector = np.zeros(cells)
        self.passages = 0

    def add(self, boarding: Boarding) -> None:
        """Count one more drive-on."""
        if not boarding.gain_info.any():
            return
        self._info = FORGET * self._info + boarding.gain_info
        self._vector = FORGET * self._vector + boarding.gain_vector
        self.passages += 1

    def gains(self) -> tuple[np.ndarray, np.ndarray]:
        """Gain error of each cell against the mean of all, and its standard uncertainty."""
        cells = len(self._vector)
        prior = np.eye(cells) / GAIN_PRIOR**2
        spread = np.linalg.inv(self._info + prior)
        gain = spread @ self._vector
        mean = np.eye(cells) - 1.0 / cells
        return mean @ gain, np.sqrt(np.maximum(np.diag(mean @ spread @ mean), 0.0))

    def worst(self) -> tuple[int, float] | None:
        """The cell whose gain is surely wrong, and the error; None while none is."""
        gain, doubt = self.gains()
        index = int(np.argmax(np.abs(gain)))
        sure = abs(gain[index]) > max(FLAG_SHARE_MIN, FLAG_SIGMAS * float(doubt[index]))
        known = bool(doubt[index] < 0.5 * GAIN_PRIOR)
        return (index, float(gain[index])) if sure and known else None
