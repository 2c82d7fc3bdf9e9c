"""ADS1232 24-bit bridge converters on clocked pairs: DRDY/DOUT and SCLK, gain and rate strapped.

The chip bears a slow clock, but overwrites its word when the next conversion ends. So a word
counts only when it was read, whole, sooner than one period after the line was last seen idle.
After a start or a silence the chip's own offset calibration runs before anything counts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from hal.contract.bus import ClockedPair
from hal.contract.devices import Clock
from hal.contract.types import MonotonicNs
from hal.drivers.clocked_cells import WORD_BITS, Cell, ClockedChip, ClockedLoadCells, Refused
from hal.drivers.lines import Coil

CALIBRATION_PULSES: Final = 26
"""Two pulses after the word start an offset calibration (SBAS350, offset calibration)."""
CALIBRATION_PERIODS: Final = 8
"""801 ms at 10 SPS, 101 ms at 80 SPS."""
PERIOD_PERMILLE: Final = 960
"""The chip's oscillator may be fast: a period is believed to be at least this long."""
POWER_DOWN_NS: Final = 100_000
"""PDWN low for at least 26 us resets the chip."""


class Ads1232LoadCells(ClockedLoadCells):
    """LoadCell of ADS1232 chips. power: the PDWN line of all of them, or None when strapped.

    calibrations counts the offset calibrations that the chips were told to make.
    """

    chip = ClockedChip(
        model="ADS1232",
        label="ADS1232",
        rates_sps=(10, 80),
        trailing={1: 1, 2: 1, 64: 1, 128: 1},
        settle=1,
        silent_periods_max=3,  # a chip that was reset settles in four
        check=(
            "Check the chip's supply and reference, that PDWN is high, and that DRDY/DOUT and "
            "SCLK are on the GPIO of the configuration"
        ),
    )

    def __init__(
        self,
        pairs: Sequence[ClockedPair],
        rate_sps: int,
        gain: int,
        clock: Clock,
        name: str,
        *,
        pause: Callable[[int], None],
        power: Coil | None = None,
    ) -> None:
        self.calibrations = 0
        self._power = power
        if power is not None:
            power.set(False)
            pause(POWER_DOWN_NS)
            power.set(True)
        try:
            super().__init__(pairs, rate_sps, gain, clock, name, pause=pause)
        except Exception:
            if power is not None:
                power.close()
            raise

    def close(self) -> None:
        """Power the chips down where the line is wired, and free everything."""
        super().close()
        if self._power is not None:
            self._power.close()
            self._power = None

    def refuse(self, cell: Cell, bits: int, high_ns: int) -> Refused | None:
        """What speaks against a word: a line low after it, or time enough to be overwritten."""
        taken_ns = self._clock.monotonic_ns() - cell.idle_ns
        if taken_ns * 1_000 > self._period_ns * PERIOD_PERMILLE:
            why = f"read {taken_ns // 1_000} us after the last look: it may have been overwritten"
            return Refused(why, discard=0)
        if not bits & 1:
            return Refused("the data line was not high after the word", discard=0)
        return None

    def silence(self, cell: Cell, now_ns: MonotonicNs) -> None:
        """A silent chip may have lost its supply, and its calibration with it."""
        cell.pending = True

    def resume(self, cell: Cell, now_ns: MonotonicNs) -> bool:
        """Start the calibration with the next word that comes, then wait it out."""
        if not cell.pair.ready():
            return False
        cell.pair.shift(CALIBRATION_PULSES)
        self.calibrations += 1
        cell.pending, cell.discard = False, self.chip.settle
        cell.ready_ns = now_ns + CALIBRATION_PERIODS * self._period_ns
        cell.idle_ns = cell.ready_ns
        return True

    def _open(self, pause: Callable[[int], None]) -> None:
        for cell in self._cells:
            cell.pending = True
        super()._open(pause)


assert WORD_BITS + 2 == CALIBRATION_PULSES
