"""Counts of what the lane's devices did since start: episodes of faults, and the cells' own tally.

A fault that lasts is one episode; load-cell drivers count each of theirs, with samples, overruns
and the real rate. Numbers for people and reports: nothing decides on them.
"""

from __future__ import annotations

from typing import Final, Protocol

from hal.contract.devices import LoadCell
from hal.contract.types import Fault, FaultCode

PAIRS_MAX: Final = 64
"""Device and code pairs kept; a lane has far fewer."""


class Tally(Protocol):
    """The counters of a load-cell driver (hal.drivers.tally); a driver need not have them."""

    samples: int
    missed: int
    flagged: int
    rate_mhz: int
    faults: dict[FaultCode, int]


class DeviceCounts:
    """Episodes by device and code, and what the load cells count themselves."""

    def __init__(self, load_cell: LoadCell | None) -> None:
        self._load_cell = load_cell
        self._name = load_cell.describe().device.name if load_cell is not None else ""
        self._episodes: dict[tuple[str, str], int] = {}

    def begun(self, fault: Fault) -> None:
        """A fault that was not there a moment ago."""
        key = (fault.device, fault.code.value)
        if key in self._episodes or len(self._episodes) < PAIRS_MAX:
            self._episodes[key] = self._episodes.get(key, 0) + 1

    def table(self) -> tuple[tuple[str, str, int], ...]:
        """(device, what, how many), sorted."""
        found = dict(self._episodes)
        tally: Tally | None = getattr(self._load_cell, "tally", None)
        if tally is not None:
            for what in ("samples", "missed", "flagged", "rate_mhz"):
                found[self._name, what] = int(getattr(tally, what))
            for code, count in tally.faults.items():
                found[self._name, code.value] = count
        return tuple((device, what, count) for (device, what), count in sorted(found.items()))
