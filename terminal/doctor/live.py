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
from terminal.texts.catalogue import text
from terminal.texts.cells import half_cells
from terminal.texts.prompts import Lang

HOME: Final = "\x1b[H\x1b[J"
"""Cursor to the top left, the rest of the screen cleared."""
RED, GREEN, GREY, PLAIN = "\x1b[31m", "\x1b[32m", "\x1b[90m", "\x1b[0m"
SHADES: Final = {Tri.YES: RED, Tri.NO: GREEN, Tri.UNKNOWN: GREY}
NAME_CELLS, WORD_CELLS = 20, 10
"""Widths of the first two columns, in half-width cells."""
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
        lang: Lang,
        *,
        colour: bool = True,
    ) -> list[str]:
        """The picture. colour=False for a terminal that has none."""
        found = [
            _row(text(f"console.{name.name.lower()}", lang), _level(level, now_ns, lang, colour))
            for name, level in zip(InputName, levels, strict=True)
        ]
        for side, arm in arms.items():
            said = text(
                "doctor.live.arm",
                lang,
                position=text(f"doctor.live.position.{arm.position.name.lower()}", lang),
                contact=text(f"doctor.live.contact.{arm.energised.name.lower()}", lang),
                cycles=arm.cycles,
            )
            fault = f"  {arm.fault.detail}" if arm.fault is not None else ""
            found.append(_row(text(f"doctor.live.arm.{side.name.lower()}", lang), said + fault))
        passed_ns = max(1, now_ns - self.since_ns)
        for cell in sorted(self.counts):
            rate = f"{self.seen[cell] * NS_PER_S / passed_ns:.1f}"
            values = {"counts": f"{self.counts[cell]:>9}", "rate": rate}
            said = text("doctor.live.counts", lang, **values, flagged=self.flagged[cell])
            found.append(_row(text("doctor.live.cell", lang, cell=cell), said))
        found.append(_row(text("doctor.live.keys", lang), self.keys))
        found += [f"{fault.device}: {fault.code.value}: {fault.detail}" for fault in self.faults]
        return found


def _row(name: str, said: str) -> str:
    return _padded(name, NAME_CELLS) + said


def _padded(words: str, cells: int) -> str:
    return words + " " * max(1, cells - half_cells(words))


def _level(level: Level, now_ns: MonotonicNs, lang: Lang, colour: bool) -> str:
    word = _padded(text(f"doctor.live.{level.value.name.lower()}", lang), WORD_CELLS)
    shaded = f"{SHADES[level.value]}{word}{PLAIN}" if colour else word
    if not level.at_ns:
        return f"{shaded}-"
    ms = (now_ns - level.at_ns) // NS_PER_MS
    return shaded + text("doctor.live.age", lang, ms=ms)
