"""The panel process: what the sign shows and which keys were pressed.

The sign is advisory (the lamps rule), so it may never claim more than control says now: without
a fresh Snapshot it sends the driver to the attendant. It decides nothing and opens nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from hal.contract.devices import Clock, Keypad, Sign
from hal.contract.types import NS_PER_MS, NS_PER_S, Fault, FaultCode, KeyPress, MonotonicNs
from terminal.config import Loaded
from terminal.core.types import Display, Prompt
from terminal.link import PeerDown, PeerUp, Received
from terminal.messages import DeviceFault, KeyPressed, SignFrame, Snapshot
from terminal.node import NodeEvent, Send, Tick
from terminal.panel.aids import Aid
from terminal.panel.layout import Style, pages, render
from terminal.texts.prompts import Page

PERIOD_NS = 20 * NS_PER_MS
SNAPSHOT_AGE_NS_MAX = 500 * NS_PER_MS
STARTING_NS_MAX = 10 * NS_PER_S
"""How long a sign that never heard control says "starting" before it says "fault"."""
PAGE_NS = 2_500 * NS_PER_MS
DWELL_NS_MIN = 600 * NS_PER_MS
"""Shortest life of an ordinary prompt, so that a flapping state does not flicker."""
REFRESH_NS = 2 * NS_PER_S
"""The same picture is sent again: a MAX7219 upset by a spark keeps its error for ever."""
FAULT_REPEAT_NS = 1 * NS_PER_S
KEYS_MAX = 32
"""Presses and faults taken from the keypad in one tick."""
FAULTS_MAX = 32

AT_ONCE = frozenset(
    {
        Prompt.ESTOP,
        Prompt.LOCKOUT,
        Prompt.FAULT,
        Prompt.OVER,
        Prompt.REFUSED,
        Prompt.SECOND_VEHICLE,
        Prompt.BACK_OUT,
        Prompt.OFF_ENTRY,
        Prompt.SAVE_FAILED,
    }
)
"""Prompts that never wait for the dwell of another: they stop somebody."""


class PanelNode:
    """Shows Snapshots on the sign, passes keys to control, faults too."""

    name = "panel"
    period_ns = PERIOD_NS

    def __init__(
        self,
        sign: Sign | None,
        keypad: Keypad | None,
        style: Style,
        now_ns: MonotonicNs,
        on_prompt: Callable[[str], None] | None = None,
        aids: Sequence[Aid] = (),
    ) -> None:
        """Take the devices (None where the site has none). on_prompt: told each new prompt."""
        self._aids = tuple(aids)
        self._sign = sign
        self._keypad = keypad
        self._style = style
        self._on_prompt = on_prompt
        self._size_px = sign.size_px if sign is not None else (128, 32)
        self._started_ns = now_ns
        self._snapshot: Snapshot | None = None
        self._shown = Display()
        self._shown_ns = now_ns
        self._pages: tuple[Page, ...] = pages(self._shown, self._size_px, style)
        self._rows = b""
        self._drawn: tuple[Page, bytes] | None = None
        self._lines: tuple[str, ...] = ()
        self._sent_ns = now_ns
        self._told = ""
        self._fault_sent_ns: dict[tuple[str, FaultCode], int] = {}

    def on_event(self, event: NodeEvent, now_ns: MonotonicNs) -> Sequence[Send]:
        """React to links, Snapshots and ticks; never waits."""
        if isinstance(event, Tick):
            return [*self._keys(now_ns), *self._show(now_ns), *self._aid(now_ns)]
        if isinstance(event, Received) and event.peer == "control":
            if isinstance(event.message, Snapshot):
                self._snapshot = event.message
                for aid in self._aids:
                    aid.hear(event.message, now_ns)
        elif isinstance(event, PeerDown) and event.peer == "control":
            self._snapshot = None
            self._started_ns = MonotonicNs(min(self._started_ns, now_ns - STARTING_NS_MAX))
        elif isinstance(event, PeerUp) and event.peer == "console" and self._rows:
            return [self._frame()]
        return []

    def close(self) -> None:
        """Blank the sign and free both devices."""
        if self._sign is not None:
            self._sign.blank()
            self._sign.close()
        if self._keypad is not None:
            self._keypad.close()
        for aid in self._aids:
            aid.close()

    def _aid(self, now_ns: MonotonicNs) -> list[Send]:
        """What printer, speaker and board have to report, the same thing once a second."""
        faults = [fault for aid in self._aids for fault in aid.poll(now_ns)]
        return [send for fault in faults for send in self._report(fault, now_ns)]

    def _keys(self, now_ns: MonotonicNs) -> list[Send]:
        """Presses to control, keypad faults too, at most KEYS_MAX a tick."""
        if self._keypad is None:
            return []
        sends: list[Send] = []
        for item in self._keypad.poll(now_ns)[:KEYS_MAX]:
            if isinstance(item, KeyPress):
                sends.append(Send("control", KeyPressed(item)))
            else:
                sends.extend(self._report(item, now_ns))
        return sends

    def _report(self, fault: Fault, now_ns: MonotonicNs) -> list[Send]:
        """A fault to control, the same one at most once in FAULT_REPEAT_NS."""
        which = (fault.device, fault.code)
        last_ns = self._fault_sent_ns.get(which)
        if last_ns is not None and now_ns - last_ns < FAULT_REPEAT_NS:
            return []
        if last_ns is None and len(self._fault_sent_ns) >= FAULTS_MAX:
            self._fault_sent_ns.clear()
        self._fault_sent_ns[which] = now_ns
        return [Send("control", DeviceFault(fault))]

    def _wanted(self, now_ns: MonotonicNs) -> Display:
        """What control says now; without a fresh word: starting, then fault."""
        snapshot = self._snapshot
        if snapshot is not None and now_ns - snapshot.now_ns <= SNAPSHOT_AGE_NS_MAX:
            return snapshot.display
        if snapshot is None and now_ns - self._started_ns < STARTING_NS_MAX:
            return Display(prompt=Prompt.STARTING)
        return Display(prompt=Prompt.FAULT)

    def _show(self, now_ns: MonotonicNs) -> list[Send]:
        """Choose display and page, light the sign when the picture changed or is old."""
        self._choose(self._wanted(now_ns), now_ns)
        turn = (now_ns - self._shown_ns) // PAGE_NS
        page = self._pages[turn % len(self._pages)]
        rows = self._render(page)
        changed = rows != self._rows
        if not changed and now_ns - self._sent_ns < REFRESH_NS:
            return []
        self._rows, self._lines, self._sent_ns = rows, page.lines, now_ns
        sends = [self._frame()] if changed else []
        if self._sign is not None:
            fault = self._sign.show(rows)
            if fault is not None:
                sends.extend(self._report(fault, now_ns))
        return sends

    def _render(self, page: Page) -> bytes:
        """Pixels of a page; drawn once while it stays the same, not fifty times a second."""
        if self._drawn is None or self._drawn[0] != page:
            self._drawn = (page, render(page, self._size_px))
        return self._drawn[1]

    def _choose(self, wanted: Display, now_ns: MonotonicNs) -> None:
        """Take over the wanted display; a new sense starts at page one, new numbers do not."""
        if wanted == self._shown and self._told:
            return
        same = _sense(wanted) == _sense(self._shown)
        urgent = wanted.prompt in AT_ONCE or bool(wanted.menu_page) or bool(self._shown.menu_page)
        if not same and not urgent and self._told and now_ns - self._shown_ns < DWELL_NS_MIN:
            return
        if not same:
            self._shown_ns = now_ns
        self._shown = wanted
        self._pages = pages(wanted, self._size_px, self._style)
        if self._told != wanted.prompt.value:
            self._told = wanted.prompt.value
            if self._on_prompt is not None:
                self._on_prompt(self._told)

    def _frame(self) -> Send:
        """The real pixels, for the console."""
        width_px, height_px = self._size_px
        return Send("console", SignFrame(width_px, height_px, self._rows, self._lines))


def _sense(display: Display) -> tuple[str, str, str, tuple[str, ...]]:
    """What makes a display another message, apart from the numbers in it."""
    reason = display.reason.value
    return display.prompt.value, reason, display.menu_page, display.menu_lines


def build(
    loaded: Loaded,
    sign: Sign | None,
    keypad: Keypad | None,
    clock: Clock,
    *,
    simulated: bool,
    on_prompt: Callable[[str], None] | None = None,
    aids: Sequence[Aid] = (),
) -> PanelNode:
    """The panel of a configuration. simulated: only then may on_prompt be given."""
    assert simulated or on_prompt is None, "only a simulated world reads the sign back"
    config = loaded.config
    style = Style(config.site.language, config.sign.show_plate, config.site.phone)
    return PanelNode(sign, keypad, style, clock.monotonic_ns(), on_prompt, aids)
