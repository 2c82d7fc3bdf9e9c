"""Which devices are at fault now, for the console, and when each began and ceased, for the journal.

A device repeats its fault while it lasts, or says it once; either way it is shown for some seconds
after its last word. Numbers and words for people: the core has each fault on its own, at once.
"""

from __future__ import annotations

from collections.abc import Sequence

from hal.contract.types import NS_PER_S, Fault, FaultCode, MonotonicNs
from terminal.core.types import Event

FAULTS_MAX = 32
"""Faults of different device or code at a time; more are not shown until one has ceased."""
SHOWN_NS = 5 * NS_PER_S
BEGAN, CEASED = "device_fault", "device_fault_over"


class Faults:
    """The newest fault of each (device, code). take() once a tick."""

    def __init__(self) -> None:
        self._now: dict[tuple[str, FaultCode], Fault] = {}
        self.began: list[Fault] = []
        self._events: list[Event] = []

    def take(self, faults: Sequence[Fault], now_ns: MonotonicNs) -> None:
        """This tick's faults; `began` are those that were not there a moment ago."""
        self.began = []
        for fault in faults:
            key = (fault.device, fault.code)
            if key not in self._now:
                if len(self._now) >= FAULTS_MAX:
                    continue
                self.began.append(fault)
                self._events.append(_event(BEGAN, fault, now_ns))
            self._now[key] = fault
        for key, fault in list(self._now.items()):
            if now_ns - fault.at_ns >= SHOWN_NS:
                del self._now[key]
                self._events.append(_event(CEASED, fault, now_ns))

    def shown(self) -> tuple[Fault, ...]:
        """All of now, in the order in which they began."""
        return tuple(self._now.values())

    def drain_events(self) -> list[Event]:
        """What the journal must have since the last call: at most 2 FAULTS_MAX in SHOWN_NS."""
        events, self._events = self._events, []
        return events


def _event(kind: str, fault: Fault, now_ns: MonotonicNs) -> Event:
    detail = f": {fault.detail}" if fault.detail else ""
    return Event(kind, now_ns, f"{fault.device}: {fault.code.value}{detail}")
