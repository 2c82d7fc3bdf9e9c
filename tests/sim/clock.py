"""Virtual time: one monotonic clock that the event heap moves, and a wall clock that may lie.

Monotonic time only ever goes forward, as the kernel promises; the wall clock may be stepped,
lost or wrong, because a terminal without a network starts in 1970.
"""

from __future__ import annotations

from dataclasses import dataclass

from hal.contract.types import NS_PER_S, ClockQuality, MonotonicNs

EPOCH_NS = 1_790_000_000 * NS_PER_S
"""True wall time at virtual time 0."""


@dataclass
class VirtualClock:
    """Clock of the whole simulated terminal. wrong_ns: what its wall clock is off by."""

    at_ns: int = NS_PER_S
    wrong_ns: int = 0
    known: ClockQuality = ClockQuality.SYNCED

    def monotonic_ns(self) -> MonotonicNs:
        return MonotonicNs(self.at_ns)

    def wall_ns(self) -> int:
        return max(0, self.true_wall_ns() + self.wrong_ns)

    def true_wall_ns(self) -> int:
        return EPOCH_NS + self.at_ns

    def quality(self) -> ClockQuality:
        return self.known
