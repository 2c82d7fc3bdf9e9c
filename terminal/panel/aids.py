"""What the panel does beside sign and keypad: slips, sounds, a look at the board's health.

Each aid hears every Snapshot and is polled with the panel's tick; what it cannot do is a Fault
for control. None of them is needed for a truck to pass, so none may hold the panel up.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol

from hal.contract.devices import Clock
from hal.contract.types import NS_PER_S, Fault, MonotonicNs
from terminal.config import Site
from terminal.core.types import Prompt
from terminal.messages import Snapshot
from terminal.texts.catalogue import text

HEALTH_NS: Final = 10 * NS_PER_S
PRINTED: Final = {Prompt.PASS: "yes", Prompt.OVER: "no"}
"""Prompts that end a weighing, by the report word of the verdict."""


class Aid(Protocol):
    """One of them."""

    def hear(self, snapshot: Snapshot, now_ns: MonotonicNs) -> None:
        """The newest word of control."""

    def poll(self, now_ns: MonotonicNs) -> Sequence[Fault]:
        """Do what is due, without waiting."""

    def close(self) -> None:
        """Free the device."""


class PrinterDevice(Protocol):
    """What takes slips (hal.linux.printer.RawPrinter)."""

    def put(self, slip: bytes, now_ns: MonotonicNs) -> Fault | None:
        """Take one slip."""

    def poll(self, now_ns: MonotonicNs) -> Fault | None:
        """Write on."""

    def close(self) -> None:
        """Free the node."""


class SpeakerDevice(Protocol):
    """What plays sounds (hal.linux.speaker.Speaker)."""

    def play(self, wav: bytes, now_ns: MonotonicNs) -> Fault | None:
        """Begin a sound."""

    def poll(self, now_ns: MonotonicNs) -> Fault | None:
        """Collect it."""

    def close(self) -> None:
        """Silence."""


class Slips:
    """One slip a visit, printed when it is decided."""

    def __init__(
        self,
        printer: PrinterDevice,
        site: Site,
        clock: Clock,
        compose: Callable[[str, Sequence[str]], bytes],
    ) -> None:
        self._printer, self._site, self._clock, self._compose = printer, site, clock, compose
        self._done: tuple[int, Prompt] | None = None
        self._fault: Fault | None = None

    def hear(self, snapshot: Snapshot, now_ns: MonotonicNs) -> None:
        """Print once when a visit passes or is found over its limit."""
        prompt = snapshot.display.prompt
        key = (snapshot.visit_id, prompt)
        if prompt not in PRINTED or key == self._done or snapshot.display.gross_kg is None:
            return
        self._done = key
        seconds = self._clock.wall_ns() // NS_PER_S
        when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))
        slip = self._compose(self._site.source_name, slip_lines(snapshot, self._site, when))
        self._fault = self._printer.put(slip, now_ns) or self._fault

    def poll(self, now_ns: MonotonicNs) -> Sequence[Fault]:
        """Go on printing."""
        found = [fault for fault in (self._fault, self._printer.poll(now_ns)) if fault is not None]
        self._fault = None
        return found

    def close(self) -> None:
        """Free the printer."""
        self._printer.close()


def slip_lines(snapshot: Snapshot, site: Site, when: str) -> list[str]:
    """What a slip says, in the site's language; the words are the report's own."""
    lang, display = site.language, snapshot.display
    values: list[tuple[str, object]] = [
        ("wall_ns", when),
        ("terminal_id", site.terminal_id),
        ("lane", site.lane),
        ("visit_id", snapshot.visit_id),
        ("plate", display.plate),
        ("axles", display.axles),
        ("gross_kg", display.gross_kg),
        ("limit_kg", display.limit_kg),
    ]
    if display.over_kg:
        values.append(("over_kg", display.over_kg))
    lines = [
        f"{text(f'report.{key}', lang)}: {value}"
        for key, value in values
        if value not in (None, "")
    ]
    if snapshot.simulated:
        lines.append(f"{text('report.simulated', lang)}: {text('report.yes', lang)}")
    return lines


class Sounds:
    """One sound a new prompt, where the table has one."""

    def __init__(self, speaker: SpeakerDevice, sounds: Mapping[Prompt, bytes]) -> None:
        self._speaker, self._sounds = speaker, sounds
        self._prompt: Prompt | None = None
        self._fault: Fault | None = None

    def hear(self, snapshot: Snapshot, now_ns: MonotonicNs) -> None:
        """Play when the prompt changes."""
        prompt = snapshot.display.prompt
        if prompt is self._prompt:
            return
        self._prompt = prompt
        wav = self._sounds.get(prompt)
        if wav is not None:
            self._fault = self._speaker.play(wav, now_ns) or self._fault

    def poll(self, now_ns: MonotonicNs) -> Sequence[Fault]:
        """Collect the player."""
        found = [fault for fault in (self._fault, self._speaker.poll(now_ns)) if fault is not None]
        self._fault = None
        return found

    def close(self) -> None:
        """Silence."""
        self._speaker.close()


class BoardHealth:
    """Looks at the board every ten seconds and hands on what is wrong with it."""

    def __init__(
        self,
        look: Callable[[MonotonicNs], Sequence[Fault]],
        close: Callable[[], None] | None = None,
    ) -> None:
        self._look, self._close = look, close
        self._due_ns = 0

    def hear(self, snapshot: Snapshot, now_ns: MonotonicNs) -> None:
        """Nothing to do with the lane."""

    def poll(self, now_ns: MonotonicNs) -> Sequence[Fault]:
        """The faults of this look; none between looks."""
        if now_ns < self._due_ns:
            return ()
        self._due_ns = now_ns + HEALTH_NS
        return self._look(now_ns)

    def close(self) -> None:
        """Free what it looks through."""
        if self._close is not None:
            self._close()
