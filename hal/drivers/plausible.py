"""What any converter's counts must look like: off the rails, and never the same for long.

One watch a cell, shared by the load-cell drivers, so that a flag means the same from each.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from hal.contract.types import SampleFlag

STUCK_REPEATS: Final = 16
"""Equal counts in a row: impossible with a 24-bit chip's own noise at any gain and rate."""


@dataclass(slots=True)
class SampleWatch:
    """Flags of one cell's samples. after_fault: the next sample is the first after a fault."""

    full_scale: int
    counts: int | None = None
    repeats: int = 0
    after_fault: bool = False

    def forget(self) -> None:
        """What came before a break says nothing of what comes after it."""
        self.counts, self.repeats = None, 0

    def flags(self, counts: int, *, missed: bool) -> SampleFlag:
        """Flags of the next sample. missed: a conversion before it was lost."""
        found = SampleFlag.MISSED if missed else SampleFlag.NONE
        self.repeats = self.repeats + 1 if counts == self.counts else 0
        self.counts = counts
        if not -self.full_scale <= counts < self.full_scale:
            found |= SampleFlag.SATURATED
        elif self.repeats >= STUCK_REPEATS:
            found |= SampleFlag.STUCK
        if self.after_fault:
            found |= SampleFlag.AFTER_FAULT
            self.after_fault = False
        return found
