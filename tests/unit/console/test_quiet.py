"""Lines about bad connections: bounded however many there are, and the count is told."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from hal.contract.types import ClockQuality, MonotonicNs
from terminal.console.quiet import KINDS_MAX, OTHERS, QUIET_NS, SERVER_LOGS, Quiet

BAD = "Invalid HTTP request received."


class Clock:
    now_ns = 5

    def monotonic_ns(self) -> MonotonicNs:
        return MonotonicNs(self.now_ns)

    def wall_ns(self) -> int:
        return 0

    def quality(self) -> ClockQuality:
        return ClockQuality.UNKNOWN


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def quiet(clock: Clock) -> Iterator[Quiet]:
    made = Quiet(clock)
    made.attach()
    yield made
    made.detach()


def complain(times: int, sentence: str = BAD) -> None:
    for _ in range(times):
        logging.getLogger(SERVER_LOGS[0]).warning(sentence)


def test_a_flood_is_one_line_a_minute_with_the_count(
    quiet: Quiet, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    complain(1_000)
    quiet.turn()
    assert caplog.messages == [BAD]
    clock.now_ns += QUIET_NS - 1
    quiet.turn()
    complain(1)
    assert caplog.messages == [BAD]
    clock.now_ns += 1
    quiet.turn()
    complain(7)
    assert caplog.messages == [BAD, f"console: 1000 more within 60 s: {BAD}"]
    clock.now_ns += QUIET_NS
    quiet.turn()
    assert caplog.messages[2:] == [f"console: 7 more within 60 s: {BAD}"]


def test_after_a_quiet_minute_the_next_one_is_written_at_once(
    quiet: Quiet, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    complain(1)
    clock.now_ns += QUIET_NS
    quiet.turn()
    complain(2)
    assert caplog.messages == [BAD, BAD]


def test_sentences_without_end_are_bounded_too(
    quiet: Quiet, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(500):
        complain(1, f"task {number} failed")
    assert len(caplog.messages) == KINDS_MAX + 1
    clock.now_ns += QUIET_NS
    quiet.turn()
    assert caplog.messages[-1] == f"console: {500 - KINDS_MAX - 1} more within 60 s: {OTHERS}"
    assert len(caplog.messages) == KINDS_MAX + 2


def test_detached_it_holds_nothing_back(
    quiet: Quiet, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    quiet.detach()
    complain(3)
    assert caplog.messages == [BAD] * 3
