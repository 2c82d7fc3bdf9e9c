"""The live page: inputs, arms, cells and keys as they are now, in plain text and plain ANSI.

Pure: values in, lines out. It shows what the drivers say and judges nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from hal.contract.types import (
    NS_PER_MS,
    NS_PER_S,
    BarrierFeedback,
    Fault,
    InputName,
    KeyPress,
    Level,
    MonotonicNs,
    RawSample,
    Side,
    Tri,
)

HOME: Final = "\x1b[H\x1b[J"
"""Cursor to the top left, the rest of the screen cleared."""
RED, GREEN, GREY, PLAIN = "\x1b[31m", "\x1b[32m", "\x1b[90m", "\x1b[0m"
SHADES: Final = {Tri.YES: RED, Tri.NO: GREEN, Tri.UNKNOWN: GREY}
FAULTS_SHOWN: Final = 6
KEYS_SHOWN: Final = 16


@dataclass(slots=True)
class Page:
    """What the page remembers between two pictures."""

    counts: dict[int, int] = field(default_factory=dict)
    seen: dict[int, int] = field(default_factory=dict)
    flagged: dict[int, int] = field(default_factory=dict)
    keys: str = ""
    faults: list[Fault] = field(default_factory=list)
    since_ns: int = 0

    def take(self, items: Sequence[RawSample | KeyPress | Fault], now_ns: MonotonicNs) -> None:
        """Samples, presses and faults of one poll."""
        self.since_ns = self.since_ns or now_ns
        for item in items:
            if isinstance(item, RawSample):
                self.counts[item.cell] = item.counts
                self.seen[item.cell] = self.seen.get(item.cell, 0) + 1
                self.flagged[item.cell] = self.flagged.get(item.cell, 0) + bool(item.flags)
            elif isinstance(item, KeyPress):
                self.keys = (self.keys + item.key.value)[-KEYS_SHOWN:]
            else:
                self.faults = [*self.faults, item][-FAULTS_SHOWN:]

    def lines(
        self,
        levels: Sequence[Level],
        arms: Mapping[Side, BarrierFeedback],
        now_ns: MonotonicNs,
        *,
        colour: bool = True,
    ) -> list[str]:
        """The picture. colour=False for a terminal that has none."""
        found = [
            f"{name.name.lower():14} {_shade(level.value, colour)} {_age(level, now_ns)}"
            for name, level in zip(InputName, levels, strict=True)
        ]
        for side, arm in arms.items():
            fault = f"  {arm.fault.detail}" if arm.fault is not None else ""
            energised = arm.energised.name.lower()
            found.append(
                f"{side.name.lower() + ' barrier':14} {arm.position.name.lower():8} "
                f"contact {energised}, {arm.cycles} cycles{fault}"
            )
        passed_ns = max(1, now_ns - self.since_ns)
        for cell in sorted(self.counts):
            rate = self.seen[cell] * NS_PER_S / passed_ns
            found.append(
                f"cell {cell:<9} {self.counts[cell]:>9} counts  {rate:5.1f}/s  "
                f"{self.flagged[cell]} flagged"
            )
        found.append(f"{'keys':14} {self.keys}")
        found += [f"{fault.device}: {fault.code.value}: {fault.detail}" for fault in self.faults]
        return found


def _shade(value: Tri, colour: bool) -> str:
    word = f"{value.name:8}"
    return f"{SHADES[value]}{word}{PLAIN}" if colour else word


def _age(level: Level, now_ns: MonotonicNs) -> str:
    return f"{(now_ns - level.at_ns) // NS_PER_MS} ms" if level.at_ns else "-"
