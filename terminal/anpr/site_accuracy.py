"""How well plates are read at this gate, from readings that people confirmed.

A rate without its uncertainty misleads with few lorries, so every figure carries a 95 % Wilson
interval. Below the floors of GA/T 497 (90 % by day, 80 % by night) it alarms, and only when the
interval says so too: a handful of mistakes is not yet a finding.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from hal.contract.types import NS_PER_S
from terminal.core.types import PlateSource
from terminal.records import Record

Z_95: Final = 1.959964
DAY_FLOOR_PCT: Final = 90.0
NIGHT_FLOOR_PCT: Final = 80.0
DAY_HOURS: Final = range(7, 19)
LORRIES_MIN: Final = 200
"""Fewer say nothing about a gate (DESIGN: accuracy is unknown until measured with 200)."""


@dataclass(frozen=True, slots=True)
class Confirmed:
    """One visit whose plate a person confirmed or corrected. read: what the camera said."""

    truth: str
    read: str
    night: bool


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Share of right readings, percent, with its interval. enough: LORRIES_MIN reached."""

    right: int
    lorries: int
    pct: float
    low_pct: float
    high_pct: float
    floor_pct: float

    @property
    def enough(self) -> bool:
        """Whether there were lorries enough to speak of this gate."""
        return self.lorries >= LORRIES_MIN

    @property
    def alarm(self) -> bool:
        """Whether the rate lies below its floor beyond doubt."""
        return self.lorries > 0 and self.high_pct < self.floor_pct


def visit_of(record: Record) -> tuple[str, Confirmed] | None:
    """ISO week (local time) and outcome of a judged visit with a plate; None for all others.

    A plate a person entered counts as not read. What a camera read wrongly and nobody noticed is
    not seen here.
    """
    weigh = record.weigh
    if weigh is None or not weigh.plate:
        return None
    at = datetime.fromtimestamp(record.wall_ns / NS_PER_S).astimezone()
    year, week, _ = at.isocalendar()
    read = weigh.plate if weigh.plate_source is PlateSource.CAMERA else ""
    return f"{year}-W{week:02}", Confirmed(weigh.plate, read, at.hour not in DAY_HOURS)


def wilson_pct(right: int, lorries: int) -> tuple[float, float]:
    """95 % interval of a share, percent; 0 to 100 when nothing was counted."""
    assert 0 <= right <= lorries
    if lorries == 0:
        return 0.0, 100.0
    share = right / lorries
    spread = Z_95**2 / lorries
    middle = (share + spread / 2) / (1 + spread)
    half = Z_95 * math.sqrt(share * (1 - share) / lorries + spread / (4 * lorries)) / (1 + spread)
    return max(0.0, 100 * (middle - half)), min(100.0, 100 * (middle + half))


def measure(confirmed: Iterable[Confirmed], *, night: bool) -> Accuracy:
    """The figure of one week by day or by night."""
    right = lorries = 0
    for visit in confirmed:
        if visit.night is night:
            lorries += 1
            right += visit.truth == visit.read
    low_pct, high_pct = wilson_pct(right, lorries)
    return Accuracy(
        right,
        lorries,
        100 * right / lorries if lorries else 0.0,
        low_pct,
        high_pct,
        NIGHT_FLOOR_PCT if night else DAY_FLOOR_PCT,
    )
