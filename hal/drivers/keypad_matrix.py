"""4x4 matrix keypad on eight lines of the header or of an expander, scanned one row a time.

Rows float or are pulled low, so two pressed keys never short two outputs. All rows wait low
together until some column falls: a quiet keypad costs one read. Three keys on a rectangle look
like four: then none of the rectangle counts until it was released.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from hal.contract.types import (
    NS_PER_MS,
    NS_PER_S,
    DeviceInfo,
    Fault,
    FaultCode,
    Key,
    KeyPress,
    MonotonicNs,
    Tri,
)
from hal.drivers.lines import Contact, Strobe, simulated

SIZE: Final = 4
LAYOUT: Final = tuple(Key(print_) for print_ in "123A456B789C*0#D")
"""Keys by row * 4 + column, as printed on the usual membrane keypad."""
DEBOUNCE_NS: Final = 30 * NS_PER_MS
STUCK_NS_MAX: Final = 30 * NS_PER_S
ROW_MASK: Final = (1 << SIZE) - 1


class MatrixKeypad:
    """Keypad on four row and four column lines (BCM numbers, top and left first).

    Poll it every 5 to 20 ms. Faults: STUCK (held over 30 s), BUS, once an episode each.
    """

    def __init__(
        self,
        factory: object,
        rows: Sequence[int],
        columns: Sequence[int],
        *,
        name: str,
        debounce_ns: int = DEBOUNCE_NS,
    ) -> None:
        assert len(rows) == len(columns) == SIZE
        self._name, self._simulated = name, simulated(factory)
        self._rows = tuple(Strobe(factory, gpio, name) for gpio in rows)
        self._columns = tuple(Contact(factory, gpio, name) for gpio in columns)
        self._lines: tuple[Strobe | Contact, ...] = (*self._rows, *self._columns)
        self._debounce_ns = debounce_ns
        self._raw = self._down = self._muted = self._stuck = 0
        self._since_ns = [0] * len(LAYOUT)
        self._broken = False

    def poll(self, now_ns: MonotonicNs) -> Sequence[KeyPress | Fault]:
        """One scan. At most one outcome a key, and one fault for the lines."""
        raw = self._scan()
        if raw is None:
            return self._line_fault(now_ns)
        self._broken = False
        ghosts = ghost_keys(raw)
        self._muted = (self._muted & raw) | (ghosts & ~self._down)
        found: list[KeyPress | Fault] = []
        for at, key in enumerate(LAYOUT):
            bit = 1 << at
            if (raw ^ self._raw) & bit:
                self._since_ns[at] = now_ns
            held_ns = now_ns - self._since_ns[at]
            if held_ns < self._debounce_ns:
                continue
            if not raw & bit:
                self._down, self._stuck = self._down & ~bit, self._stuck & ~bit
            elif not (self._down | self._muted) & bit:
                self._down |= bit
                found.append(KeyPress(key, now_ns))
            elif held_ns > STUCK_NS_MAX and not self._stuck & bit:
                self._stuck |= bit
                why = f"key {key.value} held for over {STUCK_NS_MAX // NS_PER_S} s"
                found.append(Fault(FaultCode.STUCK, self._name, now_ns, why))
        self._raw = raw
        return found

    def describe(self) -> DeviceInfo:
        """Who it is."""
        return DeviceInfo(self._name, "4x4 matrix", self._simulated)

    def close(self) -> None:
        """Free the lines."""
        for line in self._lines:
            line.close()

    def _scan(self) -> int | None:
        """Bits of the contacts that look closed, or None when a line failed."""
        for row in self._rows:
            row.ground()
        if not self._columns_low():
            return None if self._failing() else 0
        for row in self._rows:
            row.release()
        raw = 0
        for at, row in enumerate(self._rows):
            row.ground()
            raw |= self._columns_low() << SIZE * at
            row.release()
        return None if self._failing() else raw

    def _columns_low(self) -> int:
        levels = [column.closed() for column in self._columns]
        return sum(1 << n for n, level in enumerate(levels) if level is Tri.YES)

    def _failing(self) -> bool:
        return any(line.error for line in self._lines)

    def _line_fault(self, now_ns: MonotonicNs) -> Sequence[KeyPress | Fault]:
        self._raw = self._down = self._muted = 0
        if self._broken:
            return ()
        self._broken = True
        errors = [line.error for line in self._lines if line.error]
        return (Fault(FaultCode.BUS, self._name, now_ns, "; ".join(errors)),)


def ghost_keys(raw: int) -> int:
    """Keys of every rectangle in the scan: two rows that share two columns tell nothing."""
    ghosts = 0
    for first in range(SIZE):
        for second in range(first + 1, SIZE):
            common = raw >> SIZE * first & raw >> SIZE * second & ROW_MASK
            if common.bit_count() >= 2:
                ghosts |= common << SIZE * first | common << SIZE * second
    return ghosts
