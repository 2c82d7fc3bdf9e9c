"""What the other processes told control since the last tick, bounded, ready for core.Inputs.

Turns link events into values and keeps the last word of each peer. Decides nothing; a message
of a peer that has no business sending it is counted and ignored.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from hal.contract.types import Fault, FaultCode, KeyPress, MonotonicNs, Tri
from terminal.core.types import Captured, Committed, PlateReading, VehicleFacts
from terminal.link import LinkEvent, PeerDown, PeerUp, Received
from terminal.messages import (
    CommitDone,
    CommitRefused,
    CornersKept,
    DeviceFault,
    KeyPressed,
    LedgerStatus,
    PhotosTaken,
    PlateSeen,
    VehicleFound,
    ZeroKept,
)

KEYS_MAX = 8
FAULTS_MAX = 16
WHY_CHARS_MAX = 200
ALLOWED = {
    "ledger": (CommitDone, CommitRefused, LedgerStatus, VehicleFound, ZeroKept, CornersKept),
    "camera": (PlateSeen, PhotosTaken, DeviceFault),
    "panel": (KeyPressed, DeviceFault),
}
"""Which peer may say what. The console and the uplink may say nothing."""


@dataclass(slots=True)
class Mailbox:
    """One tick's worth of messages, emptied by start_tick."""

    now_ns: MonotonicNs = field(default_factory=lambda: MonotonicNs(0))
    keys: list[KeyPress] = field(default_factory=list)
    committed: list[Committed] = field(default_factory=list)
    refused: list[int] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    plate: PlateReading | None = None
    captured: Captured | None = None
    vehicle: tuple[str, VehicleFacts] | None = None
    status: LedgerStatus | None = None
    zero: ZeroKept | None = None
    corners: CornersKept | None = None
    up: dict[str, bool] = field(default_factory=dict)
    ledger_met: int = 0
    simulated_peers: set[str] = field(default_factory=set)
    ignored: int = 0

    def start_tick(self, events: Sequence[LinkEvent], now_ns: MonotonicNs) -> None:
        """Forget the last tick's messages and sort the new ones."""
        self.now_ns = now_ns
        self.keys.clear()
        self.committed.clear()
        self.refused.clear()
        self.faults.clear()
        self.plate = None
        self.captured = None
        self.zero = None
        self.corners = None
        for event in events:
            match event:
                case PeerUp(peer, simulated):
                    self.up[peer] = True
                    self.ledger_met += peer == "ledger"
                    if simulated:
                        self.simulated_peers.add(peer)
                case PeerDown(peer):
                    self.up[peer] = False
                case Received(peer, message) if isinstance(message, ALLOWED.get(peer, ())):
                    self._take(message)
                case _:
                    self.ignored += 1

    def _take(self, message: object) -> None:
        match message:
            case CommitDone(committed):
                self.committed.append(committed)
            case CommitRefused(visit_id, why):
                self.refused.append(visit_id)
                self._note(Fault(FaultCode.UNSAVED, "ledger", self.now_ns, why[:WHY_CHARS_MAX]))
            case LedgerStatus():
                self.status = message
            case ZeroKept():
                self.zero = message
            case CornersKept():
                self.corners = message
            case VehicleFound():
                self.vehicle = (message.plate, _vehicle(message))
            case PlateSeen(reading):
                self.plate = reading
            case PhotosTaken(captured):
                self.captured = captured
            case KeyPressed(press) if len(self.keys) < KEYS_MAX:
                self.keys.append(press)
            case DeviceFault(fault):
                self._note(fault)
            case _:
                self.ignored += 1

    def _note(self, fault: Fault) -> None:
        if len(self.faults) < FAULTS_MAX:
            self.faults.append(fault)
        else:
            self.ignored += 1

    def is_up(self, peer: str) -> Tri:
        """Whether the link to this peer stands."""
        return Tri.YES if self.up.get(peer, False) else Tri.NO

    def outbox_full(self) -> Tri:
        """Whether the ledger's outbox has reached its bound."""
        if self.status is None:
            return Tri.UNKNOWN
        return Tri.YES if self.status.unsent >= self.status.outbox_max else Tri.NO


def _vehicle(found: VehicleFound) -> VehicleFacts:
    return VehicleFacts(
        vehicle_type=found.vehicle_type,
        drive_axles=found.drive_axles,
        air_suspension=found.air_suspension,
        tyres_missing=found.tyres_missing,
        licence_gross_kg=found.licence_gross_kg,
        axle_pattern=found.axle_pattern,
    )
