"""How sure a flag is, from how far its evidence stands beyond what raises it.

Each test says by how many times its statistic passed its threshold; the highest while the flag
stands counts. What is read off and not inferred (a rail, a range, a missing zero) is certain.
It raises and clears nothing. Of some 500 sound simulated passages four raised a flag, all in wind:
unsteady (59 to 73 % sure; a rocked load is from 87 on), left early (50; others from 86 on), corner
error (55; true ones 59 to 92). The figures of the other flags: D-036.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import isnan
from types import MappingProxyType

from terminal.core.types import WeighFlag

BARELY_PCT = 50
"""Of a statistic that just passes: the thresholds were set where sound traces begin to pass."""
INFERRED_PCT_MAX = 99
CERTAIN_PCT = 100
CERTAIN = WeighFlag.OVERLOAD | WeighFlag.SATURATION | WeighFlag.ZERO_OUT | WeighFlag.NO_ZERO_REF

BROKEN = WeighFlag.SATURATION | WeighFlag.CELL_FAULT
NO_MASS = BROKEN | WeighFlag.ZERO_OUT | WeighFlag.NO_ZERO_REF
OTHER_LOAD = WeighFlag.OFF_DECK_WHEEL | WeighFlag.TWO_VEHICLES | WeighFlag.EXTERNAL_SUPPORT
DOUBTED_BY: Mapping[WeighFlag, WeighFlag] = MappingProxyType(
    {
        WeighFlag.OVERLOAD: BROKEN,
        WeighFlag.ZERO_OUT: BROKEN,
        WeighFlag.CELL_DRIFT: BROKEN,
        WeighFlag.EXTERNAL_SUPPORT: NO_MASS,
        WeighFlag.OFF_DECK_WHEEL: NO_MASS,
        WeighFlag.TWO_VEHICLES: NO_MASS,
        WeighFlag.LEFT_EARLY: NO_MASS,
        WeighFlag.DISTURBED: NO_MASS | WeighFlag.CELL_DRIFT,
        WeighFlag.CORNER_ERROR: NO_MASS | OTHER_LOAD | WeighFlag.CELL_DRIFT,
    }
)
"""Flags that explain the evidence of another as well: beside them that one is barely sure."""


def confidence_pct(times: float) -> int:
    """50 for a statistic at its threshold, 75 at twice, 90 at five times; 99 at most."""
    if isnan(times) or times <= 1.0:
        return BARELY_PCT
    return min(INFERRED_PCT_MAX, round(100 - (100 - BARELY_PCT) / times))


class Sureness:
    """say() at each test that passes; pct() of a flag that stands."""

    def __init__(self) -> None:
        self._times: dict[WeighFlag, float] = {}
        self._standing = WeighFlag.NONE

    def say(self, flag: WeighFlag, times: float) -> None:
        """times: statistic over threshold, from 1; more than was said while it stands counts."""
        self._times[flag] = max(times, self._times.get(flag, 1.0))

    def standing(self, flags: WeighFlag) -> None:
        """All that stands now: forget what no longer does."""
        self._standing = flags
        if self._times:
            self._times = {f: times for f, times in self._times.items() if f & flags}

    def pct(self, flag: WeighFlag) -> int:
        """Confidence of one flag that stands, whole percent, 50 to 100."""
        if self._standing & DOUBTED_BY.get(flag, WeighFlag.NONE):
            return BARELY_PCT
        return CERTAIN_PCT if flag & CERTAIN else confidence_pct(self._times.get(flag, 1.0))
