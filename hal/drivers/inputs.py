"""The lane's two-state inputs on GPIO: beams, loops, emergency stop, release, seal, door.

Polled and debounced with an age, so that a chattering contact grows old instead of flickering.
Normally closed wiring makes a cut wire read YES. It never decides what a level means.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from hal.contract.types import (
    NS_PER_MS,
    NS_PER_S,
    DeviceInfo,
    Fault,
    FaultCode,
    InputName,
    Level,
    MonotonicNs,
    Tri,
)
from hal.drivers.lines import Contact, simulated

DEBOUNCE_NS: Final = 30 * NS_PER_MS
CHATTER_NS_MAX: Final = 1 * NS_PER_S
"""An input unconfirmed for longer is reported once."""
FAULTS_MAX: Final = 32
ABSENT: Final = Level(Tri.UNKNOWN, MonotonicNs(0))
OPPOSITE: Final = {Tri.YES: Tri.NO, Tri.NO: Tri.YES, Tri.UNKNOWN: Tri.UNKNOWN}


@dataclass(slots=True)
class _Input:
    """One input's debounce state."""

    name: InputName
    contact: Contact
    level: Level = ABSENT
    candidate: Tri = Tri.UNKNOWN
    since_ns: int = 0
    reported: FaultCode | None = None


class GpioFieldInputs:
    """FieldInputs on GPIO contacts.

    gpios: BCM number of each wired input. normally_closed: the contact opens when the input
    becomes YES; with False it closes, and a cut wire reads NO. Faults: BUS, STALE (chatter).
    """

    def __init__(
        self,
        factory: object,
        gpios: Mapping[InputName, int],
        *,
        name: str,
        debounce_ns: int = DEBOUNCE_NS,
        normally_closed: bool = True,
    ) -> None:
        self._name, self._simulated = name, simulated(factory)
        self._debounce_ns, self._normally_closed = debounce_ns, normally_closed
        self._inputs = {
            key: _Input(key, Contact(factory, gpio, f"{name}.{key.name.lower()}"))
            for key, gpio in gpios.items()
        }
        self._faults: list[Fault] = []

    def poll(self, now_ns: MonotonicNs) -> tuple[Level, ...]:
        """Read every wired input once; an unwired one is UNKNOWN at 0."""
        for entry in self._inputs.values():
            self._read(entry, now_ns)
        wired = self._inputs
        return tuple(wired[key].level if key in wired else ABSENT for key in InputName)

    def faults(self) -> Sequence[Fault]:
        """Faults since the last call, at most FAULTS_MAX."""
        found, self._faults = self._faults, []
        return found

    def describe(self) -> DeviceInfo:
        """Who it is."""
        return DeviceInfo(self._name, "GPIO contacts", self._simulated)

    def close(self) -> None:
        """Free the lines."""
        for entry in self._inputs.values():
            entry.contact.close()

    def _read(self, entry: _Input, now_ns: MonotonicNs) -> None:
        closed = entry.contact.closed()
        if closed is Tri.UNKNOWN:
            entry.level = Level(Tri.UNKNOWN, now_ns)
            entry.candidate = Tri.UNKNOWN
            self._report(entry, FaultCode.BUS, entry.contact.error, now_ns)
            return
        value = OPPOSITE[closed] if self._normally_closed else closed
        if value is not entry.candidate:
            entry.candidate, entry.since_ns = value, now_ns
        if now_ns - entry.since_ns >= self._debounce_ns:
            entry.level = Level(value, now_ns)
            entry.reported = None
        elif entry.level.at_ns and now_ns - entry.level.at_ns > CHATTER_NS_MAX:
            self._report(entry, FaultCode.STALE, "the contact chatters", now_ns)

    def _report(self, entry: _Input, code: FaultCode, why: str, now_ns: MonotonicNs) -> None:
        """Once an episode, and never more than fit."""
        if entry.reported is code or len(self._faults) >= FAULTS_MAX:
            return
        entry.reported = code
        detail = f"{entry.name.name.lower()}: {why}"
        self._faults.append(Fault(code, self._name, now_ns, detail))
