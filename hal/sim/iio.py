"""A kernel IIO buffer of one load cell, as scans with time stamps, filled at the chip's rate.

Stands where the character device stands: no register is left to model, only time, loss of the
device and an unread buffer that drops its oldest scans.
"""

from __future__ import annotations

import errno
from collections.abc import Sequence
from random import Random
from typing import Final

from hal.contract.devices import Clock
from hal.contract.types import NS_PER_S
from hal.sim.world import World

BUFFER_SCANS: Final = 64
SCANS_MAX: Final = 16
REFERENCE_NV: Final = 5_000_000_000
NOISE_NV: Final = 90
COUNTS_MAX: Final = (1 << 23) - 1


class SimIio:
    """One channel. Faults: gone (ENODEV, as after an unbind), silent (no trigger)."""

    simulated = True

    def __init__(
        self, world: World, cell: int, clock: Clock, rate_sps: int, *, gain: int = 128
    ) -> None:
        self.gone = self.silent = False
        self._world, self._cell, self._clock, self._gain = world, cell, clock, gain
        self._period_ns = NS_PER_S // rate_sps
        self._random = Random(f"iio/{cell}")  # noqa: S311  # noise, not a secret
        self._next_ns = clock.monotonic_ns() + self._period_ns

    def read(self) -> Sequence[tuple[int, int]]:
        """Scans since the last read, at most 16; older than the buffer are lost."""
        now_ns = self._clock.monotonic_ns()
        if self.gone:
            raise OSError(errno.ENODEV, "No such device")
        if self.silent or not self._world.alive(now_ns):
            self._next_ns = now_ns + self._period_ns
            return ()
        behind = (now_ns - self._next_ns) // self._period_ns + 1 - BUFFER_SCANS
        self._next_ns += max(0, behind) * self._period_ns
        scans: list[tuple[int, int]] = []
        while self._next_ns <= now_ns and len(scans) < SCANS_MAX:
            scans.append((self._next_ns, self._convert()))
            self._next_ns += self._period_ns
        return scans

    def close(self) -> None:
        """Nothing to free."""

    def _convert(self) -> int:
        noise_nv = (sum(self._random.randbytes(12)) - 1_530) * NOISE_NV // 256
        counts = ((self._world.cell_nv(self._cell) + noise_nv) * self._gain << 24) // REFERENCE_NV
        return max(-COUNTS_MAX - 1, min(COUNTS_MAX, counts))
