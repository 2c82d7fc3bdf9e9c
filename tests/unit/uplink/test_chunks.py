"""The chunk window on a simulated lossy link: pace, congestion, completeness."""

from __future__ import annotations

import heapq
import random

import pytest

from hal.contract.types import NS_PER_MS, NS_PER_S
from terminal.uplink.chunks import (
    CHUNK_BYTES,
    RATE_PER_S_MAX,
    RTO_MAX_NS,
    RTO_MIN_NS,
    SILENCE_S_MAX,
    WINDOW_MAX,
    WINDOW_MIN,
    ChunkWindow,
)
from terminal.uplink.photo_udp import decode_ranges

RTT_NS = 200 * NS_PER_MS
STEP_NS = NS_PER_MS


def carry(size: int, loss: float, seed: int, limit_s: int = 300) -> tuple[ChunkWindow, int, int]:
    """(window, nanoseconds it took, chunks sent) over a link losing `loss` each way."""
    rng = random.Random(seed)
    window = ChunkWindow(size, 0)
    events: list[tuple[int, int, bool]] = []
    got: set[int] = set()
    now = sent = 0
    while not window.done and now < limit_s * NS_PER_S:
        while events and events[0][0] <= now:
            _at, offset, answered = heapq.heappop(events)
            if answered:
                got.add(offset)
                window.answered(offset, now)
            else:
                window.lost(offset, now)
        while (offset := window.next(now)) is not None:
            sent += 1
            lost = rng.random() < loss or rng.random() < loss
            at = now + (window.rtt.rto_ns if lost else RTT_NS)
            heapq.heappush(events, (at, offset, not lost))
        assert len(window._flights) <= WINDOW_MAX
        assert RTO_MIN_NS <= window.rtt.rto_ns <= RTO_MAX_NS
        now += STEP_NS
    assert got == set(range(0, size, CHUNK_BYTES))
    return window, now, sent


def test_without_loss_each_chunk_goes_once_and_the_window_opens() -> None:
    window, took_ns, sent = carry(200 * 1024, 0.0, 1)
    assert sent == 200
    assert window.window // 1000 == WINDOW_MAX
    assert took_ns <= 41 * NS_PER_S // 10, "ten times faster than one chunk a round trip"


@pytest.mark.parametrize("seed", range(10))
def test_a_link_that_loses_a_fifth_each_way_is_survived(seed: int) -> None:
    _window, took_ns, _sent = carry(200 * 1024, 0.2, seed)
    assert took_ns < 60 * NS_PER_S


def test_losses_halve_the_window_once_a_round_trip_and_never_below_the_floor() -> None:
    window = ChunkWindow(100 * CHUNK_BYTES, 0)
    window.window = 16_000
    offsets = []
    for now in range(0, 100 * NS_PER_MS, NS_PER_MS):
        if (offset := window.next(now)) is not None:
            offsets.append(offset)
    assert len(offsets) == 16
    for offset in offsets:
        window.lost(offset, NS_PER_S)
    assert window.window == 8_000
    for round_no in range(2, 8):
        at = round_no * NS_PER_S
        offset = window.next(at)
        assert offset is not None
        window.lost(offset, at + 1)
    assert window.window == WINDOW_MIN * 1_000


def test_pace_is_bounded_whatever_the_round_trip() -> None:
    window = ChunkWindow(2_000 * CHUNK_BYTES, 0)
    sent = 0
    for now in range(0, 3 * NS_PER_S, NS_PER_MS):
        if (offset := window.next(now)) is not None:
            sent += 1
            window.answered(offset, now)
    assert sent <= 3 * RATE_PER_S_MAX + 1


def test_resume_sends_only_what_is_missing_and_silence_is_noticed() -> None:
    window = ChunkWindow(10 * CHUNK_BYTES + 5, 7)
    window.only([(2 * CHUNK_BYTES, 4 * CHUNK_BYTES), (10 * CHUNK_BYTES, 10 * CHUNK_BYTES + 5)])
    got = [window.next(now * NS_PER_S) for now in range(1, 5)]
    assert got == [2 * CHUNK_BYTES, 3 * CHUNK_BYTES, 10 * CHUNK_BYTES, None]
    silence_ns = int(SILENCE_S_MAX * NS_PER_S)
    assert not window.silent(silence_ns)
    assert window.silent(silence_ns + 7)
    assert ChunkWindow(5, 7, silence_ns=NS_PER_S).silent(NS_PER_S + 7)


@pytest.mark.parametrize(
    "payload",
    [b"", b"\xff", b"\xa0", b"\x81\x01", b"\x81\x81\x01", b"\x81\x82\x01\x01", b"\x81\x82\x20\x01"],
)
def test_ranges_are_strict(payload: bytes) -> None:
    assert decode_ranges(payload) is None


def test_ranges() -> None:
    assert decode_ranges(b"\x80") == []
    assert decode_ranges(b"\x82\x82\x00\x01\x82\x02\x04") == [(0, 1), (2, 4)]
