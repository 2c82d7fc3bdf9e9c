"""Leased outputs of a microcontroller, and a hold barrier on one of them.

The board energises an output only while it is asked again and again, and drops it by itself; the
barrier besides checks the lease's own expiry, as every Barrier must. Limit switches are inputs of
the same board. What the board last said counts for so long only.
"""

from __future__ import annotations

from firmware_bridge.mcu.load_cell import Front
from firmware_bridge.mcu.protocol import Status
from hal.contract.types import (
    NS_PER_MS,
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

RENEW_NS = 50 * NS_PER_MS
STATUS_NS_MAX = 300 * NS_PER_MS
"""The board tells its outputs every 100 ms; an older word is no feedback."""


class McuOutputs:
    """All leased outputs of one board; they share its LEASE, which ends with the earliest."""

    def __init__(self, front: Front) -> None:
        self.front = front
        self._wanted: dict[int, MonotonicNs] = {}
        self._sent_mask = 0
        self._sent_ns = 0

    def want(self, output: int, until_ns: MonotonicNs | None, now_ns: MonotonicNs) -> None:
        """Energise this output until then, or release it; told to the board when it is due."""
        if until_ns is None or until_ns <= now_ns:
            self._wanted.pop(output, None)
        else:
            self._wanted[output] = until_ns
        self._wanted = {one: until for one, until in self._wanted.items() if until > now_ns}
        mask = sum(1 << one for one in self._wanted)
        renew = mask and now_ns - self._sent_ns >= RENEW_NS
        if mask == self._sent_mask and not renew:
            return
        earliest_ns = min(self._wanted.values(), default=now_ns)
        if self.front.session.lease(mask, earliest_ns, now_ns):
            self._sent_mask, self._sent_ns = mask, now_ns
            self.front.flush(now_ns)

    def status(self, now_ns: MonotonicNs) -> Status | None:
        """What the board said lately about its outputs and inputs, None when it is too old."""
        session = self.front.session
        fresh = now_ns - session.status_ns <= STATUS_NS_MAX
        return session.status if fresh else None


class McuHoldBarrier:
    """Barrier with a maintained open contact. is_open, is_closed: input bits, None when unwired."""

    def __init__(
        self,
        outputs: McuOutputs,
        side: Side,
        output: int,
        *,
        is_open: int | None,
        is_closed: int | None,
        name: str,
        simulated: bool,
    ) -> None:
        self._outputs, self._side, self._output = outputs, side, output
        self._is_open, self._is_closed = is_open, is_closed
        self._info = DeviceInfo(name, "leased output of a microcontroller", simulated)
        self._was_open = False
        self._cycles = 0

    def drive(
        self, lease: Lease | None, close: ClosePermit | None, now_ns: MonotonicNs
    ) -> BarrierFeedback:
        """Ask for the output while the lease lives; a hold barrier needs no close command."""
        del close
        alive = lease is not None and lease.side is self._side and lease.expires_ns > now_ns
        until_ns = lease.expires_ns if lease is not None and alive else None
        self._outputs.want(self._output, until_ns, now_ns)
        status = self._outputs.status(now_ns)
        if status is None:
            text = "the microcontroller tells nothing about its outputs"
            fault = Fault(FaultCode.STALE, self._info.name, now_ns, text)
            return BarrierFeedback(
                Position.UNKNOWN, Tri.UNKNOWN, alive, self._cycles, now_ns, fault
            )
        position = self._position(status.inputs)
        self._cycles += position is Position.OPEN and not self._was_open
        self._was_open = position is Position.OPEN
        energised = Tri.YES if status.contacts >> self._output & 1 else Tri.NO
        at_ns = MonotonicNs(self._outputs.front.session.status_ns)
        return BarrierFeedback(position, energised, alive, self._cycles, at_ns)

    def describe(self) -> DeviceInfo:
        """Who it is."""
        return self._info

    def close(self) -> None:
        """Release the output; the board is closed by whoever opened it."""
        now_ns = MonotonicNs(self._outputs.front.session.status_ns)
        self._outputs.want(self._output, None, now_ns)

    def _position(self, inputs: int) -> Position:
        if self._is_open is None or self._is_closed is None:
            return Position.UNKNOWN
        opened, closed = inputs >> self._is_open & 1, inputs >> self._is_closed & 1
        if opened and closed:
            return Position.UNKNOWN
        return Position.OPEN if opened else Position.CLOSED if closed else Position.MOVING
