"""HX711 24-bit converters on clocked pairs. Not for trade: no process on Linux can promise the
60 us that the chip allows a clock pulse.

So every pulse is judged: a word with a long pulse is thrown away together with the conversions
until the filter has settled, a word with a wrong trailing bit or a tail of ones alone. A chip
that falls silent is powered down through its clock and started again.
"""

from __future__ import annotations

from typing import Final

from hal.contract.types import MonotonicNs
from hal.drivers.clocked_cells import Cell, ClockedChip, ClockedLoadCells, Refused, signed
from hal.drivers.polled_cells import FULL_SCALE

HIGH_NS_MAX: Final = 55_000
"""The chip sleeps after 60 us high (datasheet, pin PD_SCK); the pair never measures short."""
ONES_MASK: Final = 0xFFF
"""A word that ends in this many ones looks like a chip that fell asleep while it was read."""


class Hx711LoadCells(ClockedLoadCells):
    """LoadCell of HX711 chips. gain 128 and 64 read channel A, gain 32 reads channel B."""

    chip = ClockedChip(
        model="HX711",
        label="HX711 (not for trade)",
        rates_sps=(10, 80),
        trailing={128: 1, 32: 2, 64: 3},
        settle=4,
        silent_periods_max=8,
        check="Check the chip's supply and that DT and SCK are on the GPIO of the configuration",
    )

    def refuse(self, cell: Cell, bits: int, high_ns: int) -> Refused | None:
        """What speaks against a word: a long pulse, a low line after it, a tail of ones."""
        if high_ns > HIGH_NS_MAX:
            return Refused(
                f"a clock pulse was high for {high_ns // 1_000} us: the chip fell asleep"
            )
        ones = (1 << self._trailing) - 1
        if bits & ones != ones:
            # Also what a conversion that ends during the last pulse looks like, so it costs only
            # this word: a chip that truly lags answers ones next, which is caught below.
            why = "the data line was not high after the word: chip and clock disagree"
            return Refused(why, discard=0)
        word = bits >> self._trailing
        if word & ONES_MASK == ONES_MASK and signed(word) != FULL_SCALE:
            return Refused("the word ends in ones", report=False)
        return None

    def silence(self, cell: Cell, now_ns: MonotonicNs) -> None:
        """Power the chip down; the next visit starts it again, over 60 us later."""
        cell.pair.park(high=True)
        cell.pending = True

    def resume(self, cell: Cell, now_ns: MonotonicNs) -> bool:
        """Clock low: the chip starts, at gain 128 until the first word was read."""
        cell.pair.park(high=False)
        cell.pending, cell.ready_ns = False, now_ns
        return True
