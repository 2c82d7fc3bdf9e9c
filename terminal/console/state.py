"""What the console knows now: the newest message of every kind and a minute of weights.

A Node like the others, so it runs under virtual time in tests. It sends nothing by itself; the
demo's commands to the plant are queued by the routes that exist in simulated runs only.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from hal.contract.types import NS_PER_MS, NS_PER_S, MonotonicNs
from terminal.link import PeerDown, PeerUp, Received
from terminal.messages import LiveFrame, SignFrame, Snapshot
from terminal.node import NodeEvent, Send, Tick
from terminal.plant_messages import PlantCommand, PlantTruth, PressKey

SNAPSHOT_AGE_NS_MAX = 500 * NS_PER_MS
CURVE_NS = 60 * NS_PER_S
CURVE_POINTS_MAX = 700
CAMERAS_MAX = 4
COMMANDS_MAX = 16


@dataclass(frozen=True, slots=True)
class Weight:
    """One point of the curve; gross_kg None where nothing may be shown."""

    at_ns: int
    gross_kg: int | None


@dataclass(slots=True)
class ConsoleNode:
    """The newest of everything. simulated: whether demo commands are taken at all."""

    simulated: bool
    name: str = "console"
    period_ns: int = 100 * NS_PER_MS
    now_ns: int = 0
    snapshot: Snapshot | None = None
    sign: SignFrame | None = None
    truth: PlantTruth | None = None
    live: dict[str, tuple[int, LiveFrame]] = field(default_factory=dict)
    curve: deque[Weight] = field(default_factory=lambda: deque(maxlen=CURVE_POINTS_MAX))
    peers_up: set[str] = field(default_factory=set)
    commands: deque[Send] = field(default_factory=deque)

    def on_event(self, event: NodeEvent, now_ns: MonotonicNs) -> Sequence[Send]:
        """Take in what came; on a tick hand out the queued demo commands."""
        self.now_ns = now_ns
        if isinstance(event, Received):
            self._take(event)
        elif isinstance(event, PeerUp):
            self.peers_up.add(event.peer)
        elif isinstance(event, PeerDown):
            self.peers_up.discard(event.peer)
            self._forget(event.peer)
        elif isinstance(event, Tick):
            while self.curve and now_ns - self.curve[0].at_ns > CURVE_NS:
                self.curve.popleft()
        sends = tuple(self.commands)
        self.commands.clear()
        return sends

    def close(self) -> None:
        """Nothing is held."""

    def fresh(self) -> bool:
        """Whether control has spoken within SNAPSHOT_AGE_NS_MAX."""
        snapshot = self.snapshot
        return snapshot is not None and self.now_ns - snapshot.now_ns <= SNAPSHOT_AGE_NS_MAX

    def command(self, message: PressKey | PlantCommand) -> bool:
        """Queue a demo command. False: not a simulated run, no plant, or the queue is full."""
        if not self.simulated or "plant" not in self.peers_up:
            return False
        if len(self.commands) >= COMMANDS_MAX:
            return False
        self.commands.append(Send("plant", message))
        return True

    def _take(self, event: Received) -> None:
        """Keep the newest message of each kind, from the peer that may send it."""
        peer, message = event.peer, event.message
        if isinstance(message, Snapshot) and peer == "control":
            self.snapshot = message
            gross_kg = message.weighed.gross_kg if message.weighed is not None else None
            self.curve.append(Weight(message.now_ns, gross_kg))
        elif isinstance(message, SignFrame) and peer == "panel":
            self.sign = message
        elif isinstance(message, LiveFrame) and peer == "camera":
            known = self.live.get(message.role)
            if known is not None or len(self.live) < CAMERAS_MAX:
                self.live[message.role] = (known[0] + 1 if known else 1, message)
        elif isinstance(message, PlantTruth) and peer == "plant":
            self.truth = message

    def _forget(self, peer: str) -> None:
        """A dead process's last word is shown no longer; control's stays, marked as old."""
        if peer == "panel":
            self.sign = None
        elif peer == "camera":
            self.live.clear()
        elif peer == "plant":
            self.truth = None
