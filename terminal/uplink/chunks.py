"""Carries one photo as resumable 1 KiB chunks under a congestion window: the pure part.

Over UDP a block-wise PUT moves one kilobyte a round trip and starts again after a rebind. Here
every chunk is an idempotent request of its own, and the window decides how many are under way:
it doubles per round trip until the first loss, then grows by one and halves at most once per
round trip, as RFC 7252 4.7 asks of whoever leaves NSTART = 1. Integers; times are handed in.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from hal.contract.types import NS_PER_MS, NS_PER_S

CHUNK_BYTES = 1_024
WINDOW_START = 4
WINDOW_MIN = 4
"""Kept after losses: RFC 6928 lets a path begin with ten segments of this size."""
WINDOW_MAX = 32
RTO_START_NS = 1 * NS_PER_S
RTO_MIN_NS = 500 * NS_PER_MS
RTO_MAX_NS = 8 * NS_PER_S
"""Doubling past eight seconds is what kills a link that loses one packet in five."""
SILENCE_S_MAX = 60.0
"""Without any answer for so long the transfer is given up; it resumes where it was."""
RATE_PER_S_MAX = 200
"""Requests a second out of one port: message IDs must not wrap within their lifetime."""
_SCALE = 1_000


@dataclass(slots=True)
class RttEstimate:
    """Smoothed round trip and its variation (RFC 6298), nanoseconds."""

    smoothed_ns: int = 0
    variation_ns: int = 0
    rto_ns: int = RTO_START_NS

    def sample(self, rtt_ns: int) -> None:
        """One measured round trip of a chunk that was sent once."""
        if self.smoothed_ns == 0:
            self.smoothed_ns, self.variation_ns = rtt_ns, rtt_ns // 2
        else:
            error_ns = abs(self.smoothed_ns - rtt_ns)
            self.variation_ns += (error_ns - self.variation_ns) // 4
            self.smoothed_ns += (rtt_ns - self.smoothed_ns) // 8
        wanted_ns = max(self.smoothed_ns * 3 // 2, self.smoothed_ns + 4 * self.variation_ns)
        self.rto_ns = min(RTO_MAX_NS, max(RTO_MIN_NS, wanted_ns))

    def back_off(self) -> None:
        """Nothing came back at all: wait longer."""
        self.rto_ns = min(RTO_MAX_NS, 2 * self.rto_ns)


@dataclass(slots=True)
class _Flight:
    sent_ns: int
    first_time: bool


@dataclass(slots=True)
class ChunkWindow:
    """Which chunk goes next, and when. Offsets name chunks.

    silence_ns: without any answer for so long the transfer is given up.
    """

    size_bytes: int
    now_ns: int
    silence_ns: int = int(SILENCE_S_MAX * NS_PER_S)
    rtt: RttEstimate = field(default_factory=RttEstimate)
    window: int = WINDOW_START * _SCALE
    slow_start: bool = True
    _todo: list[int] = field(default_factory=list)
    _flights: dict[int, _Flight] = field(default_factory=dict)
    _sent_before: set[int] = field(default_factory=set)
    _halved_ns: int = 0
    _heard_ns: int = 0
    _next_send_ns: int = 0

    def __post_init__(self) -> None:
        """All chunks wait, the first one at the end of the list."""
        self._todo = list(range(0, self.size_bytes, CHUNK_BYTES))[::-1]
        self._heard_ns = self.now_ns

    def only(self, missing: list[tuple[int, int]]) -> None:
        """Resume: the platform lacks just these byte ranges (first, end)."""
        lacking = {
            offset
            for first, end in missing
            for offset in range(first - first % CHUNK_BYTES, min(end, self.size_bytes), CHUNK_BYTES)
        }
        self._todo = sorted(lacking - self._flights.keys(), reverse=True)

    @property
    def done(self) -> bool:
        """Every chunk has been answered."""
        return not self._todo and not self._flights

    def silent(self, now_ns: int) -> bool:
        """Whether the transfer should be given up for now."""
        return now_ns - self._heard_ns >= self.silence_ns

    def next(self, now_ns: int) -> int | None:
        """Offset of a chunk to send now, or None while the window or the pace forbids it."""
        if not self._todo or len(self._flights) * _SCALE >= self.window:
            return None
        if now_ns < self._next_send_ns:
            return None
        self._next_send_ns = now_ns + NS_PER_S // RATE_PER_S_MAX
        offset = self._todo.pop()
        self._flights[offset] = _Flight(now_ns, offset not in self._sent_before)
        self._sent_before.add(offset)
        return offset

    def wait_ns(self, now_ns: int) -> int:
        """How long until next() may give something by the pace alone."""
        return max(0, self._next_send_ns - now_ns)

    def answered(self, offset: int, now_ns: int) -> None:
        """The chunk was taken."""
        flight = self._flights.pop(offset)
        self._heard_ns = now_ns
        if flight.first_time:
            self.rtt.sample(max(1, now_ns - flight.sent_ns))
        step = _SCALE if self.slow_start else _SCALE * _SCALE // self.window
        self.window = min(WINDOW_MAX * _SCALE, self.window + step)

    def lost(self, offset: int, now_ns: int) -> None:
        """No answer in time: the chunk goes again, the window shrinks once a round trip."""
        flight = self._flights.pop(offset)
        self._todo.append(offset)
        if flight.sent_ns < self._halved_ns:
            return
        self._halved_ns = now_ns
        self.slow_start = False
        self.window = max(WINDOW_MIN * _SCALE, self.window // 2)
        if now_ns - self._heard_ns > self.rtt.rto_ns:
            self.rtt.back_off()
