"""Relay outputs: barrier arms of both kinds, traffic lamps, the siren.

A coil is energised only by a call that carries a live lease, and each call decides anew. Arm
position comes from the limit switches, never from the command. It grants nothing itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from hal.contract.types import (
    LEASE_NS_MAX,
    NS_PER_MS,
    NS_PER_S,
    Aspect,
    Authority,
    BarrierFeedback,
    ClosePermit,
    DeviceInfo,
    Fault,
    FaultCode,
    Lease,
    MonotonicNs,
    Position,
    Side,
    Tri,
)
from hal.drivers.lines import Coil, Contact, simulated

TRAVEL_NS_MAX: Final = 15 * NS_PER_S
CONTACT_NS_MAX: Final = 500 * NS_PER_MS
"""A read-back contact that disagrees for longer is a fault (DESIGN 7, I11)."""
PULSE_NS: Final = 500 * NS_PER_MS
SIREN_NS_MAX: Final = 60 * NS_PER_S


@dataclass(frozen=True, slots=True)
class BarrierPins:
    """BCM numbers of one barrier; None is not wired.

    open, close: relay coils. is_open, is_closed: limit switches, closed at their end. contact:
    the opening relay's second contact, closed while energised.
    """

    open: int
    close: int | None = None
    is_open: int | None = None
    is_closed: int | None = None
    contact: int | None = None


@dataclass(frozen=True, slots=True)
class BarrierTimes:
    """Times of one barrier, nanoseconds."""

    travel_ns_max: int = TRAVEL_NS_MAX
    pulse_ns: int = PULSE_NS


class _Arm:
    """What both kinds share: coils, switches, the lease check, the feedback."""

    model = ""

    def __init__(
        self,
        factory: object,
        side: Side,
        pins: BarrierPins,
        *,
        name: str,
        active_high: bool = True,
        times: BarrierTimes | None = None,
        cycles: int = 0,
    ) -> None:
        def contact(gpio: int | None) -> Contact | None:
            return None if gpio is None else Contact(factory, gpio, name)

        self._side, self._name, self._times = side, name, times or BarrierTimes()
        self._simulated = simulated(factory)
        self._open = Coil(factory, pins.open, name, active_high)
        self._shut = None if pins.close is None else Coil(factory, pins.close, name, active_high)
        self._is_open, self._is_closed = contact(pins.is_open), contact(pins.is_closed)
        self._contact = contact(pins.contact)
        self._cycles = cycles
        self._position = Position.UNKNOWN
        self._moving_ns: int | None = None
        self._disagree_ns: int | None = None
        self._commanded = False
        self._closed = False

    def describe(self) -> DeviceInfo:
        """Who it is."""
        return DeviceInfo(self._name, self.model, self._simulated)

    def close(self) -> None:
        """De-energise everything and free the lines. Safe to call twice."""
        if self._closed:
            return
        self._closed = True
        for line in (self._open, self._shut, self._is_open, self._is_closed, self._contact):
            if line is not None:
                line.close()

    def _alive(self, permission: Lease | ClosePermit | None, now_ns: MonotonicNs) -> bool:
        """Ours, not expired, and no longer than any lease may live; anything else is none."""
        return (
            not self._closed
            and permission is not None
            and permission.side == self._side
            and now_ns < permission.expires_ns <= now_ns + LEASE_NS_MAX
        )

    def _command(self, energise: bool) -> None:
        rises = energise and not self._commanded
        if rises and self._is_open is None:
            self._cycles += 1
        self._commanded = energise
        self._open.set(energise)

    def _feedback(self, now_ns: MonotonicNs) -> BarrierFeedback:
        """Sense everything; the first of the faults found is the one reported."""
        faults = [self._sense(now_ns)]
        energised = Tri.UNKNOWN if self._contact is None else self._contact.closed()
        faults.append(self._compare(energised, now_ns))
        lines = (self._open, self._shut, self._is_open, self._is_closed, self._contact)
        for line in lines:
            if line is not None and line.error:
                faults.insert(0, self._fault(FaultCode.BUS, line.error, now_ns))
        fault = next((found for found in faults if found is not None), None)
        return BarrierFeedback(
            self._position, energised, self._commanded, self._cycles, now_ns, fault
        )

    def _sense(self, now_ns: MonotonicNs) -> Fault | None:
        """Position from the limit switches, and what is wrong with them."""
        at_open = Tri.UNKNOWN if self._is_open is None else self._is_open.closed()
        at_closed = Tri.UNKNOWN if self._is_closed is None else self._is_closed.closed()
        before, self._position = self._position, _position(at_open, at_closed)
        if self._position is Position.OPEN and before is not Position.OPEN:
            self._cycles += 1
        if self._position is not Position.MOVING:
            self._moving_ns = None
            if at_open is Tri.YES and at_closed is Tri.YES:
                why = "both limit switches are made: one is stuck or its wire is crushed"
                return self._fault(FaultCode.CONTRADICTION, why, now_ns)
            return None
        if self._moving_ns is None:
            self._moving_ns = now_ns
        if now_ns - self._moving_ns <= self._times.travel_ns_max:
            return None
        self._position = Position.UNKNOWN
        why = "the arm reached neither end: it is held up, or a limit switch wire is cut"
        return self._fault(FaultCode.TIMEOUT, why, now_ns)

    def _compare(self, energised: Tri, now_ns: MonotonicNs) -> Fault | None:
        """Command against read-back contact, with the relay's own time allowed."""
        wanted = Tri.YES if self._commanded else Tri.NO
        if energised in (Tri.UNKNOWN, wanted):
            self._disagree_ns = None
            return None
        if self._disagree_ns is None:
            self._disagree_ns = now_ns
        if now_ns - self._disagree_ns < CONTACT_NS_MAX:
            return None
        why = "the relay's contact does not follow its coil: welded, unplugged or without supply"
        return self._fault(FaultCode.CONTRADICTION, why, now_ns)

    def _fault(self, code: FaultCode, why: str, now_ns: MonotonicNs) -> Fault:
        return Fault(code, self._name, now_ns, why)


def _position(at_open: Tri, at_closed: Tri) -> Position:
    """One switch alone still proves its own end; two agreeing on neither mean moving."""
    if at_open is Tri.YES:
        return Position.UNKNOWN if at_closed is Tri.YES else Position.OPEN
    if at_closed is Tri.YES:
        return Position.CLOSED
    if at_open is Tri.NO and at_closed is Tri.NO:
        return Position.MOVING
    return Position.UNKNOWN


class HoldBarrier(_Arm):
    """Barrier that stays open while its contact is made and falls shut by itself."""

    model = "hold relay"

    def drive(
        self, lease: Lease | None, close: ClosePermit | None, now_ns: MonotonicNs
    ) -> BarrierFeedback:
        """Energise exactly while the lease lives. A close permit has nothing to do here."""
        self._command(self._alive(lease, now_ns))
        return self._feedback(now_ns)


class PulseBarrier(_Arm):
    """Barrier with an opening and a closing input, each served by one pulse.

    commanded and energised of the feedback speak of the opening relay.
    """

    model = "pulse relays"
    _granted: tuple[Authority, int, bytes] | None = None
    _permitted = False
    _open_until_ns = _shut_until_ns = 0

    def drive(
        self, lease: Lease | None, close: ClosePermit | None, now_ns: MonotonicNs
    ) -> BarrierFeedback:
        """One pulse a lease, one a permit; a pulse ends when what it rests on dies."""
        if lease is not None and self._alive(lease, now_ns):
            self._grant(lease, now_ns)
            self._permitted, self._shut_until_ns = False, 0
        else:
            self._granted, self._open_until_ns = None, 0
            self._permit(self._alive(close, now_ns), now_ns)
        # Off before on: the two coils are never energised together.
        if self._shut is not None and now_ns >= self._shut_until_ns:
            self._shut.set(False)
        self._command(now_ns < self._open_until_ns)
        if self._shut is not None and now_ns < self._shut_until_ns:
            self._shut.set(True)
        return self._feedback(now_ns)

    def _grant(self, lease: Lease, now_ns: MonotonicNs) -> None:
        key = (lease.authority, lease.visit_id, lease.record_hash)
        if key == self._granted:
            return
        self._granted = key
        at_open = Tri.UNKNOWN if self._is_open is None else self._is_open.closed()
        self._open_until_ns = 0 if at_open is Tri.YES else now_ns + self._times.pulse_ns

    def _permit(self, alive: bool, now_ns: MonotonicNs) -> None:
        if alive and not self._permitted:
            self._shut_until_ns = now_ns + self._times.pulse_ns
        if not alive:
            self._shut_until_ns = 0
        self._permitted = alive


class RelayLamp:
    """Traffic lamp on one relay: energised is green, anything else red by wiring."""

    def __init__(self, factory: object, gpio: int, *, name: str, active_high: bool = True) -> None:
        self._name, self._simulated = name, simulated(factory)
        self._coil = Coil(factory, gpio, name, active_high)

    def show(self, aspect: Aspect, now_ns: MonotonicNs) -> None:
        """Green energises."""
        self._coil.set(aspect is Aspect.GREEN)

    def describe(self) -> DeviceInfo:
        """Who it is."""
        return DeviceInfo(self._name, "lamp relay", self._simulated)

    def close(self) -> None:
        """De-energise: red."""
        self._coil.close()


class RelaySiren:
    """Siren on one relay. A tone longer than on_ns_max is cut until it was asked off once."""

    def __init__(
        self,
        factory: object,
        gpio: int,
        *,
        name: str,
        active_high: bool = True,
        on_ns_max: int = SIREN_NS_MAX,
    ) -> None:
        self._name, self._simulated = name, simulated(factory)
        self._coil = Coil(factory, gpio, name, active_high)
        self._on_ns_max = on_ns_max
        self._since_ns: int | None = None

    def sound(self, on: bool, now_ns: MonotonicNs) -> None:
        """Sound or silence."""
        if not on:
            self._since_ns = None
        elif self._since_ns is None:
            self._since_ns = now_ns
        since_ns = self._since_ns
        self._coil.set(since_ns is not None and now_ns - since_ns < self._on_ns_max)

    def describe(self) -> DeviceInfo:
        """Who it is."""
        return DeviceInfo(self._name, "siren relay", self._simulated)

    def close(self) -> None:
        """De-energise: silent."""
        self._coil.close()
