"""ADS1232 converter at clock-edge level on two or three pins of a SimGpio.

A conversion that ends while a word is being read replaces it, as in the chip: the reader gets
half of each. A clock that is high when a conversion ends sends the chip to stand-by; PDWN low or
a lost supply forgets the offset calibration. Source: Texas Instruments SBAS350.
"""

from __future__ import annotations

from random import Random
from typing import Final

from hal.contract.devices import Clock
from hal.contract.types import NS_PER_S
from hal.sim.gpio import SimGpio
from hal.sim.world import World

SETTLE_PERIODS: Final = 4
CALIBRATION_PERIODS: Final = 8
CALIBRATION_PULSES: Final = 26
REFERENCE_NV: Final = 5_000_000_000
NOISE_NV: Final = {10: 17, 80: 44}
"""Input noise at gain 128 (table 1 of the datasheet), one standard deviation."""
OFFSET_NV_MAX: Final = 20_000
COUNTS_MAX: Final = (1 << 23) - 1


class Ads1232Chip:
    """One chip. pins: clock, data. Faults: silent, stuck; the world's supply resets it.

    word: the last conversion as a signed number, for a test to compare with. overwritten: words
    replaced while they were being read. calibrated: whether the offset is known.
    """

    def __init__(
        self,
        gpio: SimGpio,
        pins: tuple[int, int],
        world: World,
        cell: int,
        clock: Clock,
        rate_sps: int,
        *,
        gain: int = 128,
        seed: int = 0,
    ) -> None:
        self.silent = self.stuck = False
        self.word = self.overwritten = 0
        self._world, self._cell, self._clock, self._gain = world, cell, clock, gain
        self._period_ns, self._noise_nv = NS_PER_S // rate_sps, NOISE_NV[rate_sps]
        self._random = Random(f"ads1232/{seed}/{cell}")  # noqa: S311  # noise, not a secret
        self._offset_nv = self._random.randint(-OFFSET_NV_MAX, OFFSET_NV_MAX)
        self._clock_high = self._powered = self._asleep = False
        self._running = True
        self._reset(clock.monotonic_ns())
        gpio.attach_coil(pins[0], self._clocked)
        gpio.attach_contact(pins[1], self._low)

    def power(self, level: bool | None) -> None:
        """The PDWN line; a line that nobody drives is held low by the board."""
        if bool(level) and not self._running:
            self._reset(self._clock.monotonic_ns())
        self._running = bool(level)

    def _reset(self, now_ns: int) -> None:
        self.calibrated, self._calibrating = False, False
        self._restart(now_ns)

    def _restart(self, now_ns: int) -> None:
        self._pulses, self._high, self._asleep = 0, True, False
        self._next_ns = now_ns + SETTLE_PERIODS * self._period_ns

    def _low(self) -> bool:
        self._advance()
        return self._powered and self._running and not self._high

    def _clocked(self, level: bool | None) -> None:
        """One edge of the clock; a line that nobody drives is pulled low."""
        self._advance()
        rises, falls = bool(level) and not self._clock_high, self._clock_high and not level
        self._clock_high = bool(level)
        if rises and (self._pulses or not self._high):
            self._pulses += 1
            at = 24 - self._pulses
            self._high = at < 0 or bool(self.word >> at & 1)
        if falls and self._pulses >= CALIBRATION_PULSES:
            now_ns = self._clock.monotonic_ns()
            self._pulses, self._calibrating, self._high = 0, True, True
            self._next_ns = now_ns + CALIBRATION_PERIODS * self._period_ns
        if falls and self._asleep:
            self._restart(self._clock.monotonic_ns())

    def _advance(self) -> None:
        now_ns = self._clock.monotonic_ns()
        alive = self._world.alive(now_ns)
        if alive and not self._powered:
            self._reset(now_ns)
        self._powered = alive
        if not self._running or self._asleep or now_ns < self._next_ns:
            return
        self._next_ns += ((now_ns - self._next_ns) // self._period_ns + 1) * self._period_ns
        if self._clock_high:
            self._asleep, self._high = True, True
            return
        if self.silent:
            return
        if self._calibrating:
            self.calibrated, self._calibrating = True, False
        self.overwritten += 1 <= self._pulses <= 24
        self._pulses, self._high = 0, False
        if not self.stuck:
            self.word = self._convert()

    def _convert(self) -> int:
        noise_nv = (sum(self._random.randbytes(12)) - 1_530) * self._noise_nv // 256
        offset_nv = 0 if self.calibrated else self._offset_nv
        bridge_nv = self._world.cell_nv(self._cell) + noise_nv + offset_nv
        counts = (bridge_nv * self._gain << 24) // REFERENCE_NV
        return max(-COUNTS_MAX - 1, min(COUNTS_MAX, counts))
