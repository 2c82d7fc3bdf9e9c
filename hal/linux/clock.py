"""The system's clocks: monotonic for deciding, wall time with its quality for the ledger.

The kernel knows whether anyone disciplines the wall clock (adjtimex); without that a hardware
clock is better than nothing and is named as such. It never sets a clock.
"""

from __future__ import annotations

import ctypes
import time
from pathlib import Path
from typing import Final

from hal.contract.types import ClockQuality, MonotonicNs

STA_UNSYNC: Final = 0x0040
TIME_ERROR: Final = 5
RTC: Final = Path("/sys/class/rtc/rtc0/since_epoch")
RTC_EPOCH_S_MIN: Final = 1_700_000_000
"""A hardware clock before November 2023 lost its battery."""


class _Timex(ctypes.Structure):
    """struct timex of <sys/timex.h>, named as far as it is read; the rest is room."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_char * 256),
    )


def disciplined() -> bool:
    """Whether the kernel's wall clock follows a time source."""
    timex = _Timex()
    try:
        state = ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.byref(timex))
    except (OSError, AttributeError):
        return False
    return state >= 0 and state != TIME_ERROR and not timex.status & STA_UNSYNC


def has_rtc(since_epoch: Path = RTC) -> bool:
    """Whether a hardware clock with a plausible time is there."""
    try:
        return int(since_epoch.read_text()) >= RTC_EPOCH_S_MIN
    except (OSError, ValueError):
        return False


class SystemClock:
    """Clock of this machine."""

    def monotonic_ns(self) -> MonotonicNs:
        """CLOCK_MONOTONIC."""
        return MonotonicNs(time.monotonic_ns())

    def wall_ns(self) -> int:
        """Nanoseconds since 1970-01-01 UTC."""
        return time.time_ns()

    def quality(self) -> ClockQuality:
        """SYNCED while disciplined, RTC when a hardware clock set it, else UNKNOWN."""
        if disciplined():
            return ClockQuality.SYNCED
        return ClockQuality.RTC if has_rtc() else ClockQuality.UNKNOWN


def pause(ns: int) -> None:
    """Sleep, for drivers while they open. Never called by a running control loop."""
    time.sleep(ns / 1_000_000_000)
