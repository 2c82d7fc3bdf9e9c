"""What the pipeline is fed, kept while a vehicle is on the deck, and given to the ledger.

The ledger makes a file of it before the record. Here nothing is written, and nothing waits but the
draft, for DRAFT_NS_MAX at most. Parts of a second are given as they are done, so that little is
left to give when the mass is judged. Bounded: of a long stay the middle goes and is counted.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from hal.contract.types import NS_PER_MS, NS_PER_S, MonotonicNs
from terminal.core.types import NEVER_NS
from terminal.link import Hub
from terminal.raw_samples import NO_PART, PARTS_MAX, SAMPLE_BYTES, SamplesEnd, SamplesPart

PART_NS = NS_PER_S
BEFORE_PARTS = 15
"""Of the empty deck before a vehicle: what the hold knows of the wind is 12 s old at most."""
FIRST_PARTS = 90
"""Of a stay, the empty deck before it included: how the vehicle drove on, whole and axle by axle,
goes last of all."""
MASS_PARTS = 60
"""Before the newest mass was held: what it was read from, however long the driver waits then."""
PARTS_A_TICK = 4
DRAFT_NS_MAX = 1_000 * NS_PER_MS
"""So long a draft waits for its samples; then it goes without them, and the record shows that."""


@dataclass(slots=True)
class SampleRing:
    """take() what was fed each tick, give() what is due; a draft goes when ended() says so."""

    _ring: int = 0
    _parts: dict[int, SamplesPart] = field(default_factory=dict)
    """By their numbers, in their order."""
    _open: bytearray = field(default_factory=bytearray)
    _until_ns: int = 0
    _next: int = 0
    """Number of the open part."""
    _dropped: int = 0
    _on: bool = False
    _held_since_ns: MonotonicNs = NEVER_NS
    _mass: int = NO_PART
    """In which part the newest mass was held; a mass that is void now may be a draft's."""
    _met: int = 0
    _given: int = 0
    """Number of the part that is to be given next."""
    _ended: SamplesEnd | None = None
    _end_given: bool = False
    _draft_until_ns: int = 0

    def take(
        self,
        packed: bytes,
        on: bool,
        now_ns: MonotonicNs,
        held_since_ns: MonotonicNs = NEVER_NS,
    ) -> None:
        """packed: what was fed this tick. on: a visit runs; before one, the newest parts are kept.

        held_since_ns: of the mass now held, NEVER_NS while there is none.
        """
        if self._on and not on:
            self._parts.clear()
            self._open.clear()
            self._next = self._given = self._dropped = self._ring = 0
            self._mass = NO_PART
            self._ended = None
        self._on = on
        self._ring = self._ring or int(now_ns)
        if now_ns >= self._until_ns:
            self._close_part()
            self._until_ns = now_ns + PART_NS
        self._open += packed
        if held_since_ns not in (NEVER_NS, self._held_since_ns):
            self._held_since_ns, self._mass = held_since_ns, self._next

    def give(self, hub: Hub, met: int) -> None:
        """Send what is due, little a tick. met: how often the ledger was met; 0: it is away.

        A ledger that is met anew gets everything again: its memory went with it.
        """
        if met != self._met:
            self._met, self._given, self._end_given, self._draft_until_ns = met, 0, False, 0
        if not met or not self._on:
            return
        if self._given < self._next:
            due = [number for number in self._parts if number >= self._given]
            for number in due[:PARTS_A_TICK]:
                if not hub.send("ledger", self._parts[number]):
                    return
                self._given = number + 1
        if self._ended is not None and self._given > self._ended.last and not self._end_given:
            self._end_given = hub.send("ledger", self._ended)

    def ended(self, hub: Hub, visit_id: int, meta: Callable[[], str], now_ns: MonotonicNs) -> bool:
        """Whether this visit's draft may go: all its samples were given, or it has waited enough.

        meta: asked at the end, what a trace says of its deck. A draft that waits so long for its
        record that more of the samples must go ends anew: an end names only what is there.
        """
        if self._ended is None or self._ended.visit_id != visit_id:
            self._close_part()
            self._ended, self._draft_until_ns = None, 0
        if self._ended is None or self._ended.dropped != self._dropped:
            self._ended = SamplesEnd(visit_id, self._ring, self._runs(), self._dropped, meta())
            self._end_given = False
        self._draft_until_ns = self._draft_until_ns or now_ns + DRAFT_NS_MAX
        self.give(hub, self._met)
        return self._end_given or not self._met or now_ns >= self._draft_until_ns

    def _close_part(self) -> None:
        if not self._open:
            return
        gone = NO_PART
        if len(self._parts) >= (PARTS_MAX if self._on else BEFORE_PARTS):
            gone = self._least() if self._on else min(self._parts)
            packed = self._parts.pop(gone).packed
            self._dropped += len(packed) // SAMPLE_BYTES if self._on else 0
        number, self._next = self._next, self._next + 1
        self._parts[number] = SamplesPart(self._ring, number, bytes(self._open), gone)
        self._open.clear()

    def _least(self) -> int:
        """The oldest part that shows neither the drive-on nor what the newest mass was read from:
        the newest parts stay, for they may become a mass.
        """
        first = min(self._parts)
        shown = (
            range(first, first + FIRST_PARTS),
            range(self._mass - MASS_PARTS, self._mass + 2),
        )
        return next(n for n in self._parts if not any(n in numbers for numbers in shown))

    def _runs(self) -> tuple[tuple[int, int], ...]:
        """First and last numbers of the parts that follow each other without a hole."""
        numbers = [*self._parts]
        firsts = [n for n in numbers if n - 1 not in self._parts]
        lasts = [n for n in numbers if n + 1 not in self._parts]
        return tuple(zip(firsts, lasts, strict=True))
