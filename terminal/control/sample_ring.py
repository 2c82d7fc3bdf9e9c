"""What the pipeline is fed, kept while a vehicle is on the deck, and given to the ledger.

The ledger makes a file of it before the record. Here nothing is written, and nothing waits but the
draft, for DRAFT_NS_MAX at most. Parts of a second are given as they are done, so that little is
left to give when the mass is judged. Bounded: the oldest parts go and are counted.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from hal.contract.types import NS_PER_MS, NS_PER_S, MonotonicNs, RawSample, Tri
from terminal.link import Hub
from terminal.raw_samples import PARTS_MAX, SAMPLE_BYTES, SamplesEnd, SamplesPart, pack

PART_NS = NS_PER_S
BEFORE_PARTS = 15
"""Of the empty deck before a vehicle: what the hold knows of the wind is 12 s old at most."""
PARTS_A_TICK = 4
DRAFT_NS_MAX = 1_000 * NS_PER_MS
"""So long a draft waits for its samples; then it goes without them, and the record shows that."""


@dataclass(slots=True)
class SampleRing:
    """take() what was fed each tick, give() what is due; a draft goes when ended() says so."""

    _ring: int = 0
    _parts: deque[bytes] = field(default_factory=deque)
    _open: bytearray = field(default_factory=bytearray)
    _until_ns: int = 0
    _first: int = 0
    _dropped: int = 0
    _on: bool = False
    _met: int = 0
    _given: int = 0
    """Number of the part that is to be given next."""
    _ended: SamplesEnd | None = None
    _end_given: bool = False
    _draft_until_ns: int = 0

    def take(
        self, samples: Sequence[RawSample], beams: tuple[Tri, Tri], on: bool, now_ns: MonotonicNs
    ) -> None:
        """on: a vehicle's visit runs. Before one, only the newest parts are kept."""
        if self._on and not on:
            self._parts.clear()
            self._open.clear()
            self._first = self._given = self._dropped = self._ring = 0
            self._ended = None
        self._on = on
        self._ring = self._ring or int(now_ns)
        if now_ns >= self._until_ns:
            self._close_part()
            self._until_ns = now_ns + PART_NS
        self._open += pack(samples, *beams)
        while len(self._parts) > (PARTS_MAX if on else BEFORE_PARTS):
            gone = self._parts.popleft()
            self._first += 1
            self._dropped += len(gone) // SAMPLE_BYTES if on else 0

    def give(self, hub: Hub, met: int) -> None:
        """Send what is due, little a tick. met: how often the ledger was met; 0: it is away.

        A ledger that is met anew gets everything again: its memory went with it.
        """
        if met != self._met:
            self._met, self._given, self._end_given, self._draft_until_ns = met, 0, False, 0
        if not met or not self._on:
            return
        self._given = max(self._given, self._first)
        for _ in range(PARTS_A_TICK):
            at = self._given - self._first
            if at >= len(self._parts):
                break
            part = SamplesPart(self._ring, self._given, self._parts[at])
            if not hub.send("ledger", part):
                return
            self._given += 1
        if self._ended is not None and self._given > self._ended.last and not self._end_given:
            self._end_given = hub.send("ledger", self._ended)

    def ended(self, hub: Hub, visit_id: int, meta: Callable[[], str], now_ns: MonotonicNs) -> bool:
        """Whether this visit's draft may go: all its samples were given, or it has waited enough.

        meta: asked once a visit, what a trace says of its deck.
        """
        if self._ended is None or self._ended.visit_id != visit_id:
            self._close_part()
            last = self._first + len(self._parts) - 1
            self._ended = SamplesEnd(visit_id, self._ring, self._first, last, self._dropped, meta())
            self._end_given, self._draft_until_ns = False, 0
        self._draft_until_ns = self._draft_until_ns or now_ns + DRAFT_NS_MAX
        self.give(hub, self._met)
        return self._end_given or not self._met or now_ns >= self._draft_until_ns

    def _close_part(self) -> None:
        if self._open:
            self._parts.append(bytes(self._open))
            self._open.clear()
