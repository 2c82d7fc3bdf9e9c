"""Matrix keypad without diodes: pressed keys join rows and columns into one net each.

Three keys on a rectangle pull the fourth corner too, as on the real membrane: the driver has
to find that out. Rows and columns are lines of one board.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from hal.sim.gpio import Board
from hal.sim.world import World

SIZE = 4


def columns_low(keys: int, rows_low: int) -> int:
    """Columns that the given low rows pull down through closed keys, transitively.

    keys: bit row * 4 + column. rows_low: bit n for row n. Returns bit n for column n.
    """
    rows, columns = rows_low, 0
    for _ in range(2 * SIZE):  # a net spans at most all rows and columns
        for row in range(SIZE):
            across = keys >> SIZE * row & ((1 << SIZE) - 1)
            if rows >> row & 1:
                columns |= across
            elif across & columns:
                rows |= 1 << row
    return columns


class SimKeypad:
    """The world's keypad on eight lines of a board."""

    def __init__(
        self, gpio: Board, world: World, rows: Sequence[int], columns: Sequence[int]
    ) -> None:
        self._gpio, self._world, self._rows = gpio, world, tuple(rows)
        for at, number in enumerate(columns):
            gpio.attach_contact(number, self._column(at))

    def _column(self, at: int) -> Callable[[], bool]:
        return lambda: bool(self._low() >> at & 1)

    def _low(self) -> int:
        low = sum(1 << n for n, row in enumerate(self._rows) if self._gpio.driven(row) is False)
        return columns_low(self._world.keys(), low)
