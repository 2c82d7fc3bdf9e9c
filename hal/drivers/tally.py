"""Counters of one load-cell front end: samples, overruns, faults by code, and the real rate.

Each driver counts what it returns from poll(), so that a rate that sags or a fault that comes
back is a number before it is a complaint. Counting decides nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from hal.contract.types import NS_PER_S, Fault, FaultCode, MonotonicNs, RawSample, SampleFlag

WINDOW_NS: Final = 10 * NS_PER_S
MILLI: Final = 1_000


@dataclass(slots=True)
class Tally:
    """What came out of one front end since it opened.

    missed: samples before which a conversion was lost. flagged: samples with any flag.
    rate_mhz: samples a second of all cells over the last whole window of 10 s, in thousandths;
    0 before the first window is full.
    """

    samples: int = 0
    missed: int = 0
    flagged: int = 0
    rate_mhz: int = 0
    faults: dict[FaultCode, int] = field(default_factory=dict)
    _window_ns: int = -1
    _window_samples: int = 0

    def count(
        self, found: Sequence[RawSample | Fault], now_ns: MonotonicNs
    ) -> Sequence[RawSample | Fault]:
        """Count one poll's outcome and hand it on."""
        for item in found:
            if isinstance(item, Fault):
                self.faults[item.code] = self.faults.get(item.code, 0) + 1
                continue
            self.samples += 1
            self.flagged += bool(item.flags)
            self.missed += bool(item.flags & SampleFlag.MISSED)
        if self._window_ns < 0:
            self._window_ns, self._window_samples = now_ns, self.samples
        passed_ns = now_ns - self._window_ns
        if passed_ns >= WINDOW_NS:
            self.rate_mhz = (self.samples - self._window_samples) * NS_PER_S * MILLI // passed_ns
            self._window_ns, self._window_samples = now_ns, self.samples
        return found
