"""HX711 converter at clock-edge level on two pins of a SimGpio.

The clock's high time is taken from the injected clock: over 60 us the chip sleeps, its data
line goes high, and it wakes reset. A conversion that ends while a word is being read is lost:
the datasheet is silent there, and losing it is the kinder of the two guesses.
"""

from __future__ import annotations

from random import Random
from typing import Final

from hal.contract.devices import Clock
from hal.contract.types import NS_PER_S, MonotonicNs
from hal.sim.gpio import SimGpio
from hal.sim.world import World

SLEEP_NS: Final = 60_000
SETTLE_PERIODS: Final = 4
REFERENCE_NV: Final = 5_000_000_000
NOISE_NV: Final = {10: 50, 80: 90}
GAINS: Final = {25: 128, 26: 32, 27: 64}
CHANNEL_B_GAIN: Final = 32
COUNTS_MAX: Final = (1 << 23) - 1


class Hx711Chip:
    """One chip. Faults: silent (converts no more), stuck (keeps its word). slept: how often.

    word: the last conversion as a signed number, for a test to compare with. b_nv: signal on
    channel B, which gain 32 reads; None when the world's cell is wired there. hung: converts no
    more until it was powered down.
    """

    def __init__(
        self,
        gpio: SimGpio,
        pins: tuple[int, int],
        world: World,
        cell: int,
        clock: Clock,
        rate_sps: int,
        seed: int = 0,
    ) -> None:
        self.silent = self.stuck = self.hung = False
        self.b_nv: int | None = None
        self.slept = self.word = 0
        self._world, self._cell, self._clock = world, cell, clock
        self._period_ns, self._noise_nv = NS_PER_S // rate_sps, NOISE_NV[rate_sps]
        self._random = Random(f"hx711/{seed}/{cell}")  # noqa: S311  # noise, not a secret
        self._rose_ns: int | None = None
        self._powered = False
        self._reset(clock.monotonic_ns())
        clock_gpio, data_gpio = pins
        gpio.attach_coil(clock_gpio, self._clocked)
        gpio.attach_contact(data_gpio, self._low)

    def _reset(self, now_ns: int) -> None:
        self.hung = False
        self._gain, self._pulses, self._high, self._asleep = 128, 0, True, False
        self._next_ns = now_ns + SETTLE_PERIODS * self._period_ns

    def _low(self) -> bool:
        self._advance(self._clock.monotonic_ns())
        return self._powered and not self._high

    def _clocked(self, level: bool | None) -> None:
        """One edge of the clock; a line that nobody drives is pulled low."""
        now_ns = self._clock.monotonic_ns()
        self._advance(now_ns)
        if level and self._rose_ns is None:
            self._rose_ns = now_ns
            if not self._asleep and (self._pulses or not self._high):
                self._pulses += 1
                at = 24 - self._pulses
                self._high = at < 0 or bool(self.word >> at & 1)
        elif not level and self._rose_ns is not None:
            self._rose_ns = None
            if self._asleep:
                self._reset(now_ns)

    def _advance(self, now_ns: MonotonicNs) -> None:
        alive = self._world.alive(now_ns)
        if alive and not self._powered:
            self._reset(now_ns)
        self._powered = alive
        if self._rose_ns is not None and now_ns - self._rose_ns > SLEEP_NS and not self._asleep:
            self._asleep, self._high = True, True
            self.slept += 1
        if self._asleep or now_ns < self._next_ns:
            return
        self._next_ns += ((now_ns - self._next_ns) // self._period_ns + 1) * self._period_ns
        if 1 <= self._pulses <= 24 or self.silent or self.hung:
            return
        gain = GAINS.get(self._pulses, self._gain)
        self._pulses = 0
        if gain != self._gain:
            self._gain, self._high = gain, True
            self._next_ns = now_ns + SETTLE_PERIODS * self._period_ns
            return
        self._high = False
        if not self.stuck:
            self.word = self._convert()

    def _convert(self) -> int:
        noise_nv = (sum(self._random.randbytes(12)) - 1_530) * self._noise_nv // 256
        signal_nv = self._world.cell_nv(self._cell)
        if self._gain == CHANNEL_B_GAIN and self.b_nv is not None:
            signal_nv = self.b_nv
        bridge_nv = signal_nv + noise_nv
        counts = (bridge_nv * self._gain << 24) // REFERENCE_NV
        return max(-COUNTS_MAX - 1, min(COUNTS_MAX, counts))
