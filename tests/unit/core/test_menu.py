"""Keypad pages: PIN, lock, plate typing, and that no key reaches further than it should."""

from __future__ import annotations

import pytest

from hal.contract.types import NS_PER_MS, NS_PER_S, Key, KeyPress, MonotonicNs
from terminal.control.pinpad import PinPad
from terminal.core import menu
from terminal.core.params import Params
from terminal.core.types import PlateOutcome, PlateReading
from terminal.core.visit import MenuState, State
from tests.unit.core.lane import PIN, PIN_ENTRY

PINS = ("other$00", PIN_ENTRY)


class Pad:
    def __init__(self, candidates: tuple[str, ...] = (), pins: tuple[str, ...] = PINS) -> None:
        self.state = MenuState()
        self.pad = PinPad(pins)
        self.reading = (
            None
            if not candidates
            else PlateReading(
                1, PlateOutcome.UNSURE, "", "yellow", "", 0, candidates, 1, MonotonicNs(1)
            )
        )
        self.now_ns = 1_000 * NS_PER_S
        self.candidates = candidates
        self.params = Params()
        self.said: list[str] = []

    def press(self, keys: str, gap_ms: int = 200) -> Pad:
        for key in keys:
            self.now_ns += gap_ms * NS_PER_MS
            self.feed((key,))
        return self

    def feed(self, keys: tuple[str, ...]) -> None:
        now_ns = MonotonicNs(self.now_ns)
        presses = tuple(KeyPress(Key(key), now_ns) for key in keys)
        before = State(menu=self.state, reading=self.reading)
        presses, pins = self.pad.hide(before, presses, now_ns, self.params)
        self.state, said = menu.feed(
            self.state, presses, self.candidates, now_ns, self.params, pins
        )
        self.said += [said] if said else []

    def open(self) -> Pad:
        return self.press("A" + PIN + "#")

    @property
    def lines(self) -> tuple[str, ...]:
        return menu.lines(self.state, self.candidates)


@pytest.mark.parametrize("key", [key.value for key in Key if key is not Key.A])
def test_closed_menu_hears_only_a(key: str) -> None:
    pad = Pad().press(key)
    assert pad.state.page == ""
    assert pad.said == []


@pytest.mark.parametrize("page", [page for page in menu.PAGES if page])
def test_a_begins_anew_from_every_page(page: str) -> None:
    pad = Pad(("晋A12345",))
    pad.state = MenuState(page=page, typed="晋1", key_ns=MonotonicNs(pad.now_ns))
    pad.press("A")
    assert (pad.state.page, pad.state.typed) == ("pin", "")
    pad.press(PIN + "#2#")
    assert pad.said == ["refuse"]


def test_a_on_the_pin_page_forgets_what_was_typed() -> None:
    pad = Pad().press("A" + PIN[:2] + "A" + PIN + "#")
    assert pad.state.page == "menu"


def test_a_opens_no_locked_keypad() -> None:
    pad = Pad().press("A" + "0#" * 5 + "A")
    assert pad.state.page == "locked"


def test_pin_is_shown_as_stars_and_bounded() -> None:
    pad = Pad().press("A123")
    assert pad.lines == ("***",)
    assert pad.press("456789012").lines == ("********",)
    assert pad.press("BCD").lines == ("********",)


def test_right_pin_opens_and_star_closes() -> None:
    pad = Pad().open()
    assert pad.state.page == "menu"
    assert pad.lines == ()
    assert pad.press("*").state == MenuState()


def test_no_pin_configured_opens_nothing() -> None:
    assert Pad(pins=()).open().state.page == "pin"


def test_five_wrong_pins_lock_for_five_minutes() -> None:
    pad = Pad().press("A0000#0000#0000#0000#")
    assert pad.said == ["pin_wrong"] * 4
    assert pad.state.page == "pin"
    assert pad.press("0000#").said[-1] == "pin_locked"
    assert pad.state.page == "locked"
    assert pad.press("*").open().state.page == "locked"
    pad.now_ns = pad.state.locked_until_ns - 1
    pad.press("*", 0).press("A", 0)
    assert pad.state.page == "locked"
    pad.now_ns = pad.state.locked_until_ns
    assert pad.press("*", 0).press("A", 0).state.page == "pin"


def test_a_right_pin_forgets_the_wrong_ones() -> None:
    pad = Pad().press("A0000#0000#0000#0000#*").open().press("*").press("A0000#")
    assert pad.said[-1] == "pin_wrong"
    assert pad.state.wrong_pins == 1


def test_closing_the_page_does_not_forget_wrong_pins() -> None:
    assert Pad().press("A0000#*A0000#*").state.wrong_pins == 2


def test_page_times_out() -> None:
    pad = Pad().open()
    pad.now_ns += 60 * NS_PER_S
    pad.feed(())
    assert pad.state.page == "menu"
    pad.now_ns += 1
    pad.feed(())
    assert pad.state.page == ""


@pytest.mark.parametrize(
    ("page", "key", "said"), [("refuse", "2", "refuse"), ("egress", "3", "egress")]
)
def test_orders_need_a_confirmation(page: str, key: str, said: str) -> None:
    pad = Pad().open().press(key)
    assert pad.state.page == page
    assert pad.press("5").said == []
    assert pad.press("*").state.page == "menu"
    assert pad.press(key + "#").said == [said]
    assert pad.state.page == ""


def test_candidates_by_one_key() -> None:
    pad = Pad(("晋LA1284", "晋LA1234")).open().press("1")
    assert pad.lines == ("晋LA1284", "晋LA1234")
    assert pad.press("3").said == []
    assert pad.press("2").said == ["plate:晋LA1234"]


def test_at_most_four_candidates() -> None:
    plates = tuple(f"晋L1234{place}" for place in range(6))
    pad = Pad(plates).open().press("1")
    assert pad.lines == plates[:4]
    assert pad.press("5").said == []
    assert pad.press("4").said == [f"plate:{plates[3]}"]


def test_candidates_can_be_passed_over() -> None:
    pad = Pad(("晋LA1284",)).open().press("10")
    assert pad.lines == ("晋", "letters")
    assert pad.press("*").state.page == "menu"


def test_typing_a_plate() -> None:
    pad = Pad().open().press("1555").press("22", 1_300)
    assert pad.lines == ("晋LAA", "letters")
    assert pad.press("D").lines == ("晋LA", "letters")
    assert pad.press("C1234#").said == ["plate:晋LA1234"]
    assert pad.state.page == ""


def test_multi_tap_turns_round_and_ends_with_time() -> None:
    pad = Pad().open().press("1").press("4444", 1_200)
    assert pad.lines[0] == "晋H"
    assert pad.press("4", 1_201).lines[0] == "晋HG"
    assert pad.press("0").lines[0] == "晋HG"


def test_province_turns() -> None:
    pad = Pad().open().press("1B")
    assert pad.lines[0] == "蒙"
    assert pad.press("B" * 30).lines[0] == "晋"
    assert pad.press("D").lines[0] == "晋"


def test_typing_is_bounded() -> None:
    pad = Pad().open().press("15C" + "1" * 12)
    assert pad.lines == ("晋J111111", "digits")
    assert pad.press("C2").lines == ("晋J111111", "letters")


def test_what_is_no_plate_is_not_taken() -> None:
    pad = Pad().open().press("15C12#")
    assert (pad.state.page, pad.said) == ("invalid", [])
    assert pad.lines[0] == "晋J12"
    pad.press("#")
    assert (pad.state.page, pad.lines[0]) == ("plate", "晋J12")
    pad.press("345#")
    assert pad.said == ["plate:晋J12345"]


def test_only_the_first_command_of_a_tick_counts_and_keys_are_bounded() -> None:
    pad = Pad().open()
    pad.feed(("2", "#", "A", *PIN))
    assert pad.said == ["refuse"]
    pad = Pad()
    pad.feed(("A", *PIN, "#", "2", "*", "2", "#"))
    assert pad.state.page == "menu"
    assert pad.said == []


def test_every_target_is_a_page_or_an_action() -> None:
    for keys in menu.PAGES.values():
        assert all(target in menu.PAGES or target in menu.ACTIONS for target in keys.values())


def test_after_a_right_pin_and_after_a_lock_all_tries_are_there_again() -> None:
    pad = Pad().press("A0000#").press("*").open()
    assert pad.state.wrong_pins == 0
    pad = Pad().press("A" + "0000#" * 5)
    assert (pad.state.page, pad.state.wrong_pins) == ("locked", 0)


def presses(keys: str) -> tuple[KeyPress, ...]:
    return tuple(KeyPress(Key(key), MonotonicNs(1)) for key in keys)


@pytest.mark.parametrize(
    ("keys", "pins", "page", "wrong"),
    [
        ("A0#*A0#", (True, True), "menu", 0),
        ("A0#0#", (False, True), "menu", 0),
        ("A0#0#", (False, False), "pin", 2),
        ("A0#*A0#", (True, False), "pin", 1),
        ("A0#", (), "pin", 1),
    ],
)
def test_every_confirmed_pin_has_its_own_verdict(
    keys: str, pins: tuple[bool, ...], page: str, wrong: int
) -> None:
    found = menu.feed(MenuState(), presses(keys), (), MonotonicNs(1), Params(), pins).menu
    assert (found.page, found.wrong_pins) == (page, wrong)


def test_the_province_turns_and_the_rest_stays() -> None:
    pad = Pad().open().press("1555").press("C1B")
    assert pad.lines == ("蒙L1", "digits")


def test_a_letter_turns_at_its_own_place() -> None:
    pad = Pad().open().press("15").press("2", 1_300).press("2")
    assert pad.lines == ("晋JB", "letters")


def test_a_refused_plate_is_kept_for_mending() -> None:
    pad = Pad().open().press("15C1#")
    assert (pad.state.page, pad.lines) == ("invalid", ("晋J1", "digits"))
    assert pad.press("*").lines == ("晋J1", "digits")
    assert pad.press("*").state.typed == ""


def test_a_new_plate_starts_with_letters() -> None:
    assert Pad().open().press("15C**").open().press("1").lines == ("晋", "letters")
