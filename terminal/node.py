"""Node: the logic of one process, apart from its sockets and its clock.

A Node takes events and gives back effects; a shell (here run_node for plain processes, their
own modules for asyncio ones, the simulator for tests) delivers both. The same Node object runs
in the real process and under virtual time, so what is tested is what ships.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from hal.contract.devices import Clock
from hal.contract.types import NS_PER_S, MonotonicNs
from terminal.link import Hub, LinkEvent, PeerDown, PeerUp, Received
from terminal.messages import Message
from terminal.notify import Notifier


@dataclass(frozen=True, slots=True)
class Tick:
    """Time has passed; sent every period_ns."""


@dataclass(frozen=True, slots=True)
class Send:
    """Effect: send this message to that peer, if it is there."""

    peer: str
    message: Message


NodeEvent = PeerUp | PeerDown | Received | Tick


class Node(Protocol):
    """The logic of one process."""

    name: str
    period_ns: int

    def on_event(self, event: NodeEvent, now_ns: MonotonicNs) -> Sequence[Send]:
        """React. Bounded work, never waits."""

    def close(self) -> None:
        """Leave everything safe."""


class StopFlag(Protocol):
    """Something that says when to stop (set by SIGTERM)."""

    def is_set(self) -> bool:
        """True once we should stop."""


def deliver(node: Node, hub: Hub, events: Sequence[LinkEvent | Tick], now_ns: MonotonicNs) -> None:
    """Give the node its events and send what it answers."""
    for event in events:
        for effect in node.on_event(event, now_ns):
            hub.send(effect.peer, effect.message)


def run_node(node: Node, hub: Hub, clock: Clock, stop: StopFlag) -> None:
    """Run one plain process until told to stop: poll links, tick at period_ns, never catch up.

    Every tick tells systemd that we live; the unit's watchdog ends a process that hangs.
    """
    notifier = Notifier()
    notifier.send("READY=1")
    due_ns = int(clock.monotonic_ns())
    try:
        while not stop.is_set():
            now_ns = clock.monotonic_ns()
            wait_s = max(0, due_ns - now_ns) / NS_PER_S
            deliver(node, hub, hub.poll(now_ns, wait_s), clock.monotonic_ns())
            now_ns = clock.monotonic_ns()
            if now_ns >= due_ns:
                deliver(node, hub, (Tick(),), now_ns)
                due_ns = max(due_ns + node.period_ns, now_ns)
                notifier.send("WATCHDOG=1")
    finally:
        notifier.close()
        node.close()
        hub.close()
