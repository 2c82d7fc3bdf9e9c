"""What control tells the other processes after a tick: requests, snapshots, flight frames.

Requests are repeated at a fixed interval until their answer clears them in the core, so a lost
message or a restarted peer costs one interval and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from hal.contract.types import NS_PER_MS, NS_PER_S
from terminal.core.params import Params
from terminal.core.types import Event, Outputs
from terminal.core.visit import State
from terminal.frames import Frame, Keyframe, TickFrame, encode_frame
from terminal.link import Hub
from terminal.messages import (
    Capture,
    CommitDraft,
    CornersKept,
    FlightFrame,
    Journal,
    Look,
    Message,
    Snapshot,
    VehicleLookup,
    ZeroKept,
)

REPEAT_NS = 200 * NS_PER_MS
LOOK_NS = 500 * NS_PER_MS
SNAPSHOT_NS = 100 * NS_PER_MS
KEEP_NS = 60_000 * NS_PER_MS
"""Shortest time between two of what the ledger keeps for a restart: each costs a sync."""
JOURNAL_MAX = 64
"""Events kept while the ledger is away; older ones are dropped and counted."""
IDLE_FRAME_EVERY = 100
"""In a quiet lane one tick in 100 goes to the flight recorder, to spare the card."""
KEYFRAME_NS = 30 * NS_PER_S
"""The state goes along at least this often: a trace can be read from any file of the ring."""
SNAPSHOT_READERS = ("panel", "camera", "console", "ledger", "uplink")


@dataclass(slots=True)
class _Repeater:
    """Sends a message at once when it changes and then every interval."""

    interval_ns: int
    last: Message | None = None
    due_ns: int = 0

    def due(self, message: Message | None, now_ns: int) -> bool:
        """Whether to send now."""
        if message is None:
            self.last = None
            return False
        if message == self.last and now_ns < self.due_ns:
            return False
        self.last, self.due_ns = message, now_ns + self.interval_ns
        return True


@dataclass(slots=True)
class _Keeper:
    """Gives the ledger a value that has changed, at most once in KEEP_NS."""

    last: Message | None = None
    due_ns: int = 0

    def keep(self, hub: Hub, kept: Message, now_ns: int) -> bool:
        """True: it was given."""
        if kept == self.last or now_ns < self.due_ns or not hub.send("ledger", kept):
            return False
        self.last, self.due_ns = kept, now_ns + KEEP_NS
        return True


@dataclass(slots=True)
class Outgoing:
    """The sending side of control."""

    hub: Hub
    _draft: _Repeater = field(default_factory=lambda: _Repeater(REPEAT_NS))
    _capture: _Repeater = field(default_factory=lambda: _Repeater(REPEAT_NS))
    _lookup: _Repeater = field(default_factory=lambda: _Repeater(REPEAT_NS))
    _look: _Repeater = field(default_factory=lambda: _Repeater(LOOK_NS))
    _journal: list[Event] = field(default_factory=list)
    _journal_lost: int = 0
    _zero: _Keeper = field(default_factory=_Keeper)
    _corners: _Keeper = field(default_factory=_Keeper)
    _snapshot_due_ns: int = 0
    _frames_skipped: int = 0
    _key: Literal["", "start", "gap", "period"] = "start"
    _key_due_ns: int = 0

    def requests(
        self, outputs: Outputs, answered_plate: str, now_ns: int, *, samples_given: bool = True
    ) -> None:
        """Send what the core asks of ledger and camera. A draft goes after its raw samples."""
        wanted_draft = outputs.draft if samples_given else None
        draft = CommitDraft(wanted_draft) if wanted_draft is not None else None
        self._send("ledger", self._draft, draft, now_ns)
        wanted = outputs.lookup_plate
        lookup = VehicleLookup(wanted) if wanted and wanted != answered_plate else None
        self._send("ledger", self._lookup, lookup, now_ns)
        self._send("camera", self._look, Look(outputs.look_visit_id), now_ns)
        capture = None
        if outputs.capture_visit_id:
            shown = outputs.display
            capture = Capture(outputs.capture_visit_id, shown.gross_kg or 0, shown.plate)
        self._send("camera", self._capture, capture, now_ns)

    def _send(self, peer: str, slot: _Repeater, message: Message | None, now_ns: int) -> None:
        if slot.due(message, now_ns) and message is not None:
            self.hub.send(peer, message)

    def journal(self, events: tuple[Event, ...]) -> None:
        """Queue events for the ledger and send what waits; bounded, losses counted."""
        self._journal.extend(events)
        if len(self._journal) > JOURNAL_MAX:
            self._journal_lost += len(self._journal) - JOURNAL_MAX
            del self._journal[:-JOURNAL_MAX]
        if self._journal and self.hub.send(
            "ledger", Journal(tuple(self._journal), self._journal_lost)
        ):
            self._journal.clear()
            self._journal_lost = 0

    def keep_zero(self, zero: ZeroKept, now_ns: int) -> None:
        """Give the ledger a zero that has moved."""
        self._zero.keep(self.hub, zero, now_ns)

    def corners_due(self, now_ns: int) -> bool:
        """Whether evidence on the cells would be given now; writing it down costs time too."""
        return now_ns >= self._corners.due_ns

    def keep_corners(self, corners: CornersKept, now_ns: int) -> bool:
        """Give the ledger evidence on the cells that has grown. True: it was given."""
        return self._corners.keep(self.hub, corners, now_ns)

    def snapshot_due(self, now_ns: int) -> bool:
        """Whether a snapshot should be published this tick."""
        if now_ns < self._snapshot_due_ns:
            return False
        self._snapshot_due_ns = now_ns + SNAPSHOT_NS
        return True

    def publish(self, snapshot: Snapshot) -> None:
        """Send the snapshot to everybody who is there."""
        for peer in SNAPSHOT_READERS:
            self.hub.send(peer, snapshot)

    def flight(self, before: State, tick: TickFrame, params: Params, quiet: bool) -> None:
        """Send one tick to the flight recorder; a quiet lane sends few.

        Whatever is left out or lost makes a gap, and after a gap the state goes along.
        """
        if quiet and self._frames_skipped < IDLE_FRAME_EVERY:
            self._frames_skipped += 1
            self._key = self._key or "gap"
            return
        now_ns = tick.inputs.now_ns
        self._frames_skipped = 0
        if now_ns >= self._key_due_ns:
            self._key = self._key or "period"
        if self._key and self._record(Keyframe(self._key, params, before)):
            self._key, self._key_due_ns = "", now_ns + KEYFRAME_NS
        if not self._key and not self._record(tick):
            self._key = "gap"

    def _record(self, frame: Frame) -> bool:
        return self.hub.send("ledger", FlightFrame(encode_frame(frame)))
