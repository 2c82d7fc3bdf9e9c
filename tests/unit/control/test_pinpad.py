"""No PIN reaches a trace, whatever page it is typed on, and a replay decides as the lane did."""

from __future__ import annotations

import itertools

import pytest

from hal.contract.types import Key, KeyPress
from terminal.core.types import Inputs
from terminal.core.visit import Phase
from terminal.frames import Frame, Keyframe, TickFrame, decide, encode_frame, state_digest
from terminal.replay import replay
from tests.unit.core.lane import PIN, PIN_ENTRY, LaneRig

WRONG = "9358"


def recorded(rig: LaneRig, keys: str) -> list[Frame]:
    """The frames of a keypad at work; control writes them in the same way."""
    frames: list[Frame] = [Keyframe("start", rig.params, rig.state)]
    known: list[Inputs] = []

    def noted(inputs: Inputs) -> Inputs:
        known.append(inputs)
        return inputs

    rig.tampered = noted
    for key in keys:
        rig.keys.append(KeyPress(Key(key), rig.now_ns))
        rig.tick()
        digest = state_digest(rig.state)
        frames.append(TickFrame(known[-1], decide(rig.state, rig.out), digest, 0))
        frames.append(Keyframe("period", rig.params, rig.state))
    return frames


def digits_in(frames: list[Frame]) -> str:
    """Every digit a reader of the trace can see, in order."""
    seen = ""
    for frame in frames:
        if isinstance(frame, TickFrame):
            seen += "".join(press.key.value for press in frame.inputs.keys)
        else:
            seen += frame.state.menu.typed
    return "".join(symbol for symbol in seen if symbol.isdigit())


@pytest.mark.parametrize(
    "keys",
    [
        f"A{PIN}#2#",
        f"A{WRONG}#{PIN}#3*",
        f"{PIN}#A{PIN}#",
        f"A{WRONG}#" + f"{WRONG}#" * 4 + PIN + "#",
        f"A{PIN}{PIN}{PIN}#",
        f"A{PIN}*A{PIN}#",
    ],
)
def test_a_trace_holds_no_pin_and_replays_to_the_bit(keys: str) -> None:
    rig = LaneRig()
    rig.reading = None
    rig.weigh().until(Phase.HELD, 20_000)
    frames = recorded(rig, keys)
    seen = digits_in(frames)
    for size in (3, 4):
        for part in itertools.chain(windows(PIN, size), windows(WRONG, size)):
            assert part not in seen, seen
    wire = b"".join(map(encode_frame, frames))
    salt, _, digest = PIN_ENTRY.partition("$")
    assert salt.encode() not in wire
    assert digest.encode() not in wire
    result = replay(frames)
    assert (result.ticks, result.differences, result.unlike) == (len(keys), [], 0)


def windows(text: str, size: int) -> list[str]:
    return [text[at : at + size] for at in range(len(text) - size + 1)]


def test_the_right_pin_works_behind_the_mask_and_a_plate_is_not_masked() -> None:
    rig = LaneRig()
    rig.reading = None
    rig.weigh().until(Phase.HELD, 20_000)
    rig.press(f"A{PIN}#15C1234")
    assert rig.state.menu.typed == "晋J1234"


@pytest.mark.parametrize("typed", ["", PIN[:-1], PIN + "0", "0000", PIN[::-1]])
def test_no_other_pin_opens(typed: str) -> None:
    rig = LaneRig().ready().press(f"A{typed}#")
    assert rig.state.menu.page == "pin"
    assert rig.state.menu.wrong_pins == 1


def test_digits_beyond_the_longest_pin_and_of_an_expired_page_do_not_count() -> None:
    rig = LaneRig().ready().press("A" + "0" * 8 + PIN + "#")
    assert rig.state.menu.wrong_pins == 1
    rig.press(PIN[:2]).run(61_000)
    assert rig.state.menu.page == ""
    assert rig.press(f"A{PIN[2:]}#").state.menu.wrong_pins == 2
    assert rig.press(f"{PIN}#").state.menu.page == "menu"


def test_whole_commands_in_one_tick() -> None:
    """As many keys as a tick takes: two tries in it, and the second is right."""
    rig = LaneRig().ready()
    rig.keys = [KeyPress(Key(key), rig.now_ns) for key in f"A1#{PIN}#"]
    rig.tick()
    assert rig.state.menu.page == "menu"
    assert rig.state.menu.wrong_pins == 0
