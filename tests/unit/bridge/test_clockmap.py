"""The mapping of a device's clock: within 2 ms under drift and stalls, never sure of nonsense."""

from __future__ import annotations

from random import Random

import pytest

from firmware_bridge.link.clockmap import ClockMap
from hal.contract.types import NS_PER_MS, NS_PER_S, MonotonicNs

OFFSET_NS = 5 * NS_PER_S
TICK_NS = 10 * NS_PER_MS
ERROR_NS_MAX = 2 * NS_PER_MS


def worst_error_ns(ppm: int, seed: int, stall_ns: int, line_ns: int = 700_000) -> int:
    """A minute of pings and samples against a host that looks every 10 ms and sometimes stalls."""
    random = Random(seed)
    clock = ClockMap()

    def device_us(true_ns: int) -> int:
        return true_ns * (1_000_000 + ppm) // 1_000_000 // 1_000

    now_ns, sample_ns, worst, looked_ns = 0, 0, 0, 0
    waiting: list[tuple[int, int]] = []
    pongs: list[tuple[int, int, int]] = []
    while now_ns < 60 * NS_PER_S:
        now_ns += TICK_NS + (random.randrange(stall_ns) if random.random() < 0.05 else 0)
        while sample_ns < now_ns:
            waiting.append((sample_ns + line_ns, device_us(sample_ns)))
            sample_ns += 12_500_000
        for arrived_ns, stamp_us in [w for w in waiting if w[0] <= now_ns]:
            del arrived_ns
            clock.received(stamp_us, MonotonicNs(OFFSET_NS + now_ns), 0)
        waiting = [w for w in waiting if w[0] > now_ns]
        for asked_ns, stamp_us, _ in [p for p in pongs if p[2] <= now_ns]:
            clock.answered(MonotonicNs(OFFSET_NS + asked_ns), 0, stamp_us)
        pongs = [p for p in pongs if p[2] > now_ns]
        if now_ns - looked_ns >= 100 * NS_PER_MS:
            looked_ns = now_ns
            there_ns = now_ns + line_ns
            pongs.append((now_ns, device_us(there_ns), there_ns + line_ns))
        if clock.known and now_ns > NS_PER_S:
            mapped = clock.host_ns(device_us(now_ns))
            worst = max(worst, abs(mapped - OFFSET_NS - now_ns))
    assert clock.known
    assert clock.broken == 0
    return worst


@pytest.mark.parametrize("ppm", [-100, 0, 100])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_error_stays_within_two_milliseconds(ppm: int, seed: int) -> None:
    assert worst_error_ns(ppm, seed, 50 * NS_PER_MS) <= ERROR_NS_MAX


def test_one_bound_alone_is_not_known() -> None:
    clock = ClockMap()
    clock.received(1_000, MonotonicNs(NS_PER_S), 10)
    assert not clock.known
    clock.answered(MonotonicNs(NS_PER_S - 5 * NS_PER_MS), 10, 900)
    assert clock.known


def test_a_clock_that_jumps_is_noticed_and_learnt_again() -> None:
    clock = ClockMap()
    clock.answered(MonotonicNs(0), 0, 1_000)
    clock.received(1_000, MonotonicNs(2 * NS_PER_MS), 0)
    clock.received(5_000_000, MonotonicNs(3 * NS_PER_MS), 0)
    assert clock.broken == 1
    assert not clock.known


def test_line_time_narrows_the_bounds() -> None:
    clock = ClockMap(octet_ns=10_000)
    clock.answered(MonotonicNs(0), 20, 1_000)
    clock.received(1_000, MonotonicNs(2 * NS_PER_MS), 20)
    assert clock.width_ns == 2 * NS_PER_MS - 40 * 10_000
