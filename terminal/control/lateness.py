"""How late the control loop is: exact counts in fixed buckets, no allocation while counting."""

from __future__ import annotations

from dataclasses import dataclass, field

BUCKETS = 2_000


@dataclass(slots=True)
class Histogram:
    """Counts of durations. bucket_us: width of one bucket; longer ones share the last."""

    bucket_us: int
    counts: list[int] = field(default_factory=lambda: [0] * (BUCKETS + 1))
    total: int = 0
    max_us: int = 0

    def add(self, duration_us: int) -> None:
        """Count one duration."""
        self.counts[min(max(duration_us, 0) // self.bucket_us, BUCKETS)] += 1
        self.total += 1
        self.max_us = max(self.max_us, duration_us)

    def permille_us(self, permille: int) -> int:
        """Upper edge of the bucket that holds this quantile; max_us where it lies beyond."""
        if self.total == 0:
            return 0
        wanted = -(-self.total * permille // 1_000)
        seen = 0
        for index, count in enumerate(self.counts):
            seen += count
            if seen >= wanted:
                edge_us = (index + 1) * self.bucket_us
                return self.max_us if index == BUCKETS else min(edge_us, self.max_us)
        return self.max_us


@dataclass(slots=True)
class Ratekeeper:
    """Fixed phase: every tick has its deadline; a missed one is counted and never caught up."""

    period_ns: int
    next_ns: int
    late_over_ns: int
    ticks: int = 0
    late: int = 0
    skipped: int = 0
    lateness: Histogram = field(default_factory=lambda: Histogram(10))

    def woke(self, now_ns: int) -> int:
        """Note a wake-up for the pending deadline and set the next. Returns lateness, ns."""
        late_ns = now_ns - self.next_ns
        self.ticks += 1
        self.lateness.add(late_ns // 1_000)
        if late_ns > self.late_over_ns:
            self.late += 1
        self.next_ns += self.period_ns
        if now_ns >= self.next_ns:
            missed = (now_ns - self.next_ns) // self.period_ns + 1
            self.skipped += missed
            self.next_ns += missed * self.period_ns
        return late_ns
