"""Links between the simulated processes: terminal.link's Hub without sockets.

The same events and the same promises: boundaries kept, bounded queues that refuse when full,
a dead peer is an event, and what lay in a dead peer's queues may be lost. Messages pass
through their wire form, so what does not encode does not pass here either.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from random import Random

from terminal.link import RECEIVE_MAX, LinkEvent, PeerDown, PeerUp, Received
from terminal.messages import Message, decode, encode
from terminal.processes import LINKS

QUEUE_BYTES_MAX = 212_992
"""The kernel's default send buffer; each datagram also costs its bookkeeping."""
DATAGRAM_COST = 768


class _Parcel:
    """One message in its wire form, decoded once."""

    __slots__ = ("cost", "message")

    def __init__(self, message: Message) -> None:
        wire = encode(message)
        self.cost = len(wire) + DATAGRAM_COST
        self.message = decode(wire)


class SimHub:
    """One process's links. Made by Wires.attach."""

    def __init__(self, me: str, wires: Wires) -> None:
        self.me = me
        self.dropped: dict[str, int] = {}
        self.events: dict[str, deque[LinkEvent | _Parcel]] = {}
        self.waiting: dict[str, int] = {}
        self.up: set[str] = set()
        self._wires = wires

    def is_up(self, peer: str) -> bool:
        return peer in self.up

    def send(self, peer: str, message: Message) -> bool:
        return peer in self.up and self._wires.carry(self, peer, message)

    def poll(self, now_ns: int, timeout_s: float = 0.0) -> list[LinkEvent]:
        found: list[LinkEvent] = []
        for peer, queue in self.events.items():
            for _ in range(min(RECEIVE_MAX, len(queue))):
                entry = queue.popleft()
                if isinstance(entry, _Parcel):
                    self.waiting[peer] -= entry.cost
                    found.append(Received(peer, entry.message))
                else:
                    found.append(entry)
        return found

    def put(self, peer: str, entry: LinkEvent | _Parcel) -> None:
        self.events.setdefault(peer, deque()).append(entry)

    def close(self) -> None:
        self._wires.detach(self.me)


class Wires:
    """All links of one terminal."""

    def __init__(self, rng: Random, wake: Callable[[str], None]) -> None:
        """wake: told which process has something to read."""
        self.hubs: dict[str, SimHub] = {}
        self.heard: Callable[[str, str, Message], None] = lambda _me, _peer, _message: None
        self.deepest_bytes = 0
        self._rng = rng
        self._wake = wake
        self._last: tuple[Message | None, _Parcel | None] = (None, None)

    def attach(self, me: str) -> SimHub:
        """A process starts: it has no link until join()."""
        assert me not in self.hubs, f"{me} runs twice"
        hub = self.hubs[me] = SimHub(me, self)
        return hub

    def join(self, me: str) -> None:
        """Its dials, and those of others to it, come through."""
        for listener, dialler in LINKS:
            if me in (listener, dialler):
                self._join(listener, dialler)

    def _join(self, one: str, other: str) -> None:
        first, second = self.hubs.get(one), self.hubs.get(other)
        if first is None or second is None or other in first.up:
            return
        for hub, peer in ((first, other), (second, one)):
            hub.up.add(peer)
            hub.waiting[peer] = 0
            hub.put(peer, PeerUp(peer, simulated=True))
            self._wake(hub.me)

    def detach(self, me: str) -> None:
        """A process is dead: its peers hear of it, its queues are gone, perhaps theirs too."""
        hub = self.hubs.pop(me, None)
        if hub is None:
            return
        for peer in sorted(hub.up):
            other = self.hubs[peer]
            if self._rng.random() < 0.5:
                kept = [e for e in other.events.get(me, ()) if not isinstance(e, _Parcel)]
                other.events[me] = deque(kept)
            other.up.discard(me)
            other.put(me, PeerDown(me))
            self._wake(peer)

    def carry(self, sender: SimHub, peer: str, message: Message) -> bool:
        if self._last[0] is not message:
            self._last = (message, _Parcel(message))
        parcel = self._last[1]
        assert parcel is not None
        other = self.hubs[peer]
        queued = other.waiting[sender.me] + parcel.cost
        if queued > QUEUE_BYTES_MAX:
            sender.dropped[peer] = sender.dropped.get(peer, 0) + 1
            return False
        self.heard(sender.me, peer, message)
        other.waiting[sender.me] = queued
        self.deepest_bytes = max(self.deepest_bytes, queued)
        other.put(sender.me, parcel)
        self._wake(peer)
        return True
