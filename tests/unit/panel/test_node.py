"""The panel with a fake sign and keypad under injected time."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from hal.contract.types import (
    NS_PER_MS,
    NS_PER_S,
    DeviceInfo,
    Fault,
    FaultCode,
    Key,
    KeyPress,
    MonotonicNs,
)
from terminal.core.types import Display, Prompt
from terminal.link import PeerDown, PeerUp, Received
from terminal.messages import DeviceFault, KeyPressed, LoopStats, SignFrame, Snapshot
from terminal.node import Send, Tick
from terminal.panel.layout import Style, pages, render
from terminal.panel.node import FAULT_REPEAT_NS, PAGE_NS, PERIOD_NS, REFRESH_NS, PanelNode

SIZE = (128, 32)
LOOP = LoopStats(0, 0, 0, 0, 0, 0, 0, 0, False)


class FakeSign:
    def __init__(self) -> None:
        self.shown: list[bytes] = []
        self.fault: Fault | None = None
        self.blanked = 0
        self.closed = 0

    @property
    def size_px(self) -> tuple[int, int]:
        return SIZE

    def show(self, rows: bytes) -> Fault | None:
        self.shown.append(rows)
        return self.fault

    def blank(self) -> None:
        self.blanked += 1

    def describe(self) -> DeviceInfo:
        return DeviceInfo("sign", "fake", True)

    def close(self) -> None:
        self.closed += 1


class FakeKeypad:
    def __init__(self) -> None:
        self.items: list[KeyPress | Fault] = []
        self.closed = 0

    def poll(self, now_ns: MonotonicNs) -> Sequence[KeyPress | Fault]:
        items, self.items = self.items, []
        return items

    def describe(self) -> DeviceInfo:
        return DeviceInfo("keypad", "fake", True)

    def close(self) -> None:
        self.closed += 1


def snapshot(now_ns: int, display: Display) -> Snapshot:
    return Snapshot(
        now_ns,
        "IDLE",
        0,
        display,
        None,
        (),
        (None, None),
        ("", ""),
        (0, 0),
        False,
        (),
        (),
        0,
        0,
        0,
        (),
        LOOP,
        "double",
        True,
    )


class Rig:
    """A panel, its fakes, and a clock that only the test moves."""

    def __init__(self) -> None:
        self.now_ns = MonotonicNs(100 * NS_PER_S)
        self.sign = FakeSign()
        self.keypad = FakeKeypad()
        self.prompts: list[str] = []
        self.node = PanelNode(self.sign, self.keypad, Style(), self.now_ns, self.prompts.append)

    def say(self, display: Display) -> None:
        self.node.on_event(Received("control", snapshot(self.now_ns, display)), self.now_ns)

    def tick(self, after_ms: int = 0) -> list[Send]:
        self.now_ns = MonotonicNs(self.now_ns + after_ms * NS_PER_MS)
        return list(self.node.on_event(Tick(), self.now_ns))

    def run(self, display: Display, for_ms: int) -> list[Send]:
        sends: list[Send] = []
        for _ in range(for_ms * NS_PER_MS // PERIOD_NS):
            self.say(display)
            sends += self.tick(PERIOD_NS // NS_PER_MS)
        return sends

    def shows(self, prompt: Prompt, page: int = 0) -> bool:
        return self.sign.shown[-1] == render(pages(Display(prompt), SIZE, Style())[page], SIZE)


@pytest.fixture
def rig() -> Rig:
    return Rig()


def test_starts_with_starting_and_faults_when_control_never_comes(rig: Rig) -> None:
    rig.tick()
    assert rig.shows(Prompt.STARTING)
    rig.tick(9_980)
    assert rig.shows(Prompt.STARTING)
    rig.tick(20)
    assert rig.shows(Prompt.FAULT)
    assert rig.prompts == ["starting", "fault"]


def test_a_snapshot_older_than_half_a_second_is_a_fault(rig: Rig) -> None:
    rig.run(Display(Prompt.IDLE), 1_000)
    assert rig.shows(Prompt.IDLE)
    rig.tick(480)
    assert rig.shows(Prompt.IDLE)
    rig.tick(1)
    assert rig.shows(Prompt.FAULT)


def test_the_death_of_control_is_a_fault_at_once(rig: Rig) -> None:
    rig.run(Display(Prompt.IDLE), 1_000)
    rig.node.on_event(PeerDown("control"), rig.now_ns)
    rig.tick(20)
    assert rig.shows(Prompt.FAULT)


def test_pages_turn_by_time_and_start_again(rig: Rig) -> None:
    rig.run(Display(Prompt.BOARD), 1_000)
    assert rig.shows(Prompt.BOARD, 0)
    rig.run(Display(Prompt.BOARD), PAGE_NS // NS_PER_MS)
    assert rig.shows(Prompt.BOARD, 1)
    rig.run(Display(Prompt.BOARD), PAGE_NS // NS_PER_MS)
    assert rig.shows(Prompt.BOARD, 0)


def test_a_changing_mass_does_not_start_the_pages_again(rig: Rig) -> None:
    for step in range(40):
        rig.run(Display(Prompt.PASS, gross_kg=48_000 + 20 * (step % 2), limit_kg=49_000), 100)
    last = pages(Display(Prompt.PASS, gross_kg=48_020, limit_kg=49_000), SIZE, Style())[1]
    assert rig.sign.shown[-1] == render(last, SIZE)


def test_a_flapping_prompt_does_not_flicker(rig: Rig) -> None:
    rig.run(Display(Prompt.WEIGHING), 1_000)
    before = len(rig.prompts)
    for turn in range(30):
        rig.run(Display((Prompt.UNSTEADY, Prompt.WEIGHING)[turn % 2]), 100)
    assert len(rig.prompts) - before <= 5


def test_a_stopping_prompt_does_not_wait(rig: Rig) -> None:
    rig.run(Display(Prompt.WEIGHING), 100)
    rig.run(Display(Prompt.ESTOP), 20)
    assert rig.shows(Prompt.ESTOP)


def test_the_console_gets_the_pixels_on_change_and_on_connect(rig: Rig) -> None:
    frames = [send for send in rig.run(Display(Prompt.IDLE), 2_000) if send.peer == "console"]
    assert len(frames) == 1
    message = frames[0].message
    assert isinstance(message, SignFrame)
    assert (message.width_px, message.height_px, message.rows) == (*SIZE, rig.sign.shown[-1])
    assert message.lines == ("地衡空闲", "一车一磅 请减速")
    assert rig.node.on_event(PeerUp("console", True), rig.now_ns) == [Send("console", message)]


def test_the_same_picture_is_refreshed_but_seldom(rig: Rig) -> None:
    rig.run(Display(Prompt.IDLE), 10_000)
    assert 2 <= len(rig.sign.shown) <= 2 + 10 * NS_PER_S // REFRESH_NS


def test_keys_go_to_control(rig: Rig) -> None:
    press = KeyPress(Key.A, rig.now_ns)
    rig.keypad.items = [press]
    assert Send("control", KeyPressed(press)) in rig.tick()


def test_a_standing_fault_is_told_once_a_second(rig: Rig) -> None:
    rig.sign.fault = Fault(FaultCode.BUS, "sign", rig.now_ns)
    told = [s for s in rig.run(Display(Prompt.IDLE), 100) if isinstance(s.message, DeviceFault)]
    assert [send.message for send in told] == [DeviceFault(rig.sign.fault)]
    stuck = Fault(FaultCode.STUCK, "keypad", rig.now_ns)
    sends: list[Send] = []
    for _ in range(2 * FAULT_REPEAT_NS // PERIOD_NS):
        rig.keypad.items = [stuck]
        sends += rig.tick(20)
    assert [send.message for send in sends].count(DeviceFault(stuck)) == 2


def test_close_blanks_the_sign(rig: Rig) -> None:
    rig.node.close()
    assert (rig.sign.blanked, rig.sign.closed, rig.keypad.closed) == (1, 1, 1)
