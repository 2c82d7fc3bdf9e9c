"""The operator's keypad pages as data, and the few keys that mean more than a page change.

A key can enter a plate, refuse a vehicle or send a trapped one back out. It can switch no check
off and open no exit: there is no command for it. Texts are elsewhere; pages have names only.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from hal.contract.types import NS_PER_MS, NS_PER_S, KeyPress, MonotonicNs
from terminal.core.params import Params
from terminal.core.plate import PROVINCES, is_valid
from terminal.core.types import NEVER_NS
from terminal.core.visit import MenuState

KEYS_PER_TICK_MAX = 8
PIN_DIGITS_MAX = 8
PLATE_PLACES_MAX = 8
WRONG_PINS_MAX = 5
LOCK_S = 300
PAGE_S_MAX = 60
TAP_MS_MAX = 1_200
CANDIDATES_MAX = 4

PLATE_COMMAND = "plate:"
LETTER_KEYS = {
    "1": "挂学警港澳",
    "2": "ABC",
    "3": "DEF",
    "4": "GH",
    "5": "JKL",
    "6": "MN",
    "7": "PQRS",
    "8": "TUV",
    "9": "WXYZ",
}

PAGES: dict[str, dict[str, str]] = {
    "": {"A": "pin"},
    "pin": {"A": "pin", "*": "", "#": "try_pin"},
    "locked": {"A": "pin", "*": ""},
    "menu": {"A": "pin", "*": "", "1": "start_plate", "2": "refuse", "3": "egress"},
    "choose": {"A": "pin", "*": "menu", "0": "plate"},
    "plate": {"A": "pin", "*": "menu", "#": "try_plate"},
    "invalid": {"A": "pin", "*": "plate", "#": "plate"},
    "refuse": {"A": "pin", "*": "menu", "#": "say_refuse"},
    "egress": {"A": "pin", "*": "menu", "#": "say_egress"},
}
"""Page -> key -> the page it leads to, or the action of ACTIONS it names. A begins anew from every
page: who finds the keypad as somebody left it types what he always types, and his PIN is hidden.
"""


class Keyed(NamedTuple):
    """Where the menu stands now, and what was confirmed: "", refuse, egress or plate:TEXT."""

    menu: MenuState
    command: str


class _Ask(NamedTuple):
    menu: MenuState
    candidates: tuple[str, ...]
    params: Params
    now_ns: MonotonicNs
    pin_right: bool


def feed(
    menu: MenuState,
    keys: tuple[KeyPress, ...],
    candidates: tuple[str, ...],
    now_ns: MonotonicNs,
    params: Params,
    pins: tuple[bool, ...] = (),
) -> Keyed:
    """Take this tick's presses, at most KEYS_PER_TICK_MAX; the first confirmed command counts.

    pins: for each PIN confirmed in them, whether it is an operator's (Inputs.pins).
    """
    if menu.page and now_ns - menu.key_ns > PAGE_S_MAX * NS_PER_S:
        menu = _closed(menu)
    command = ""
    for press in keys[:KEYS_PER_TICK_MAX]:
        key, pin_right = press.key.value, pins[:1] == (True,)
        if PAGES[menu.page].get(key) == "try_pin":
            pins = pins[1:]
        menu, said = _press(_Ask(menu, candidates, params, now_ns, pin_right), key)
        command = command or said
    return Keyed(menu, command)


def lines(menu: MenuState, candidates: tuple[str, ...]) -> tuple[str, ...]:
    """Values the page shows, free of language: typed text, mode, candidates."""
    if menu.page == "pin":
        return ("*" * len(menu.typed),)
    if menu.page == "choose":
        return candidates[:CANDIDATES_MAX]
    if menu.page in ("plate", "invalid"):
        return (menu.typed, "letters" if menu.letters else "digits")
    return ()


def _press(ask: _Ask, key: str) -> Keyed:
    menu = ask.menu._replace(key_ns=ask.now_ns)
    ask = ask._replace(menu=menu)
    target = PAGES[menu.page].get(key)
    if target in ACTIONS:
        return ACTIONS[target](ask)
    if target is not None:
        return Keyed(_turn(menu, target, ask.now_ns), "")
    if menu.page == "pin" and key.isdigit() and len(menu.typed) < PIN_DIGITS_MAX:
        return Keyed(menu._replace(typed=menu.typed + key), "")
    if menu.page == "choose" and key.isdigit() and int(key) <= len(lines(menu, ask.candidates)):
        return Keyed(_closed(menu), PLATE_COMMAND + ask.candidates[int(key) - 1])
    if menu.page == "plate":
        return Keyed(_type(menu, key, ask.now_ns), "")
    return Keyed(menu, "")


def _turn(menu: MenuState, page: str, now_ns: MonotonicNs) -> MenuState:
    """Go to a page; what was typed is forgotten."""
    if page == "pin" and now_ns < menu.locked_until_ns:
        page = "locked"
    if page == "":
        return _closed(menu)
    return menu._replace(page=page, typed="", tap="")


def _closed(menu: MenuState) -> MenuState:
    return MenuState(wrong_pins=menu.wrong_pins, locked_until_ns=menu.locked_until_ns)


def _try_pin(ask: _Ask) -> Keyed:
    """Five wrong tries lock the keypad for five minutes; a right one forgets them."""
    menu = ask.menu
    if ask.pin_right:
        opened = menu._replace(page="menu", typed="", wrong_pins=0, locked_until_ns=NEVER_NS)
        return Keyed(opened, "")
    wrong = menu.wrong_pins + 1
    if wrong < WRONG_PINS_MAX:
        return Keyed(menu._replace(typed="", wrong_pins=wrong), "pin_wrong")
    until_ns = MonotonicNs(ask.now_ns + LOCK_S * NS_PER_S)
    locked = menu._replace(page="locked", typed="", wrong_pins=0, locked_until_ns=until_ns)
    return Keyed(locked, "pin_locked")


def _start_plate(ask: _Ask) -> Keyed:
    """Offer what the camera was unsure about; with nothing to offer go straight to typing."""
    if ask.candidates:
        return Keyed(ask.menu._replace(page="choose"), "")
    return Keyed(_blank_plate(ask), "")


def _blank_plate(ask: _Ask) -> MenuState:
    home = ask.params.home_province
    return ask.menu._replace(page="plate", typed=home, letters=True, tap="")


def _try_plate(ask: _Ask) -> Keyed:
    if is_valid(ask.menu.typed):
        return Keyed(_closed(ask.menu), PLATE_COMMAND + ask.menu.typed)
    return Keyed(ask.menu._replace(page="invalid", tap=""), "")


ACTIONS: dict[str, Callable[[_Ask], Keyed]] = {
    "try_pin": _try_pin,
    "start_plate": _start_plate,
    "try_plate": _try_plate,
    "plate": lambda ask: Keyed(
        ask.menu._replace(page="plate", tap="")
        if ask.menu.page == "invalid"
        else _blank_plate(ask),
        "",
    ),
    "say_refuse": lambda ask: Keyed(_closed(ask.menu), "refuse"),
    "say_egress": lambda ask: Keyed(_closed(ask.menu), "egress"),
}


def _type(menu: MenuState, key: str, now_ns: MonotonicNs) -> MenuState:
    """One key on the plate page: B next province, C letters or digits, D delete."""
    edit = EDITS.get(key)
    if edit is not None:
        return edit(menu)
    if menu.letters:
        return _tap(menu, key, now_ns)
    return _append(menu, key) if key.isdigit() else menu


def _next_province(menu: MenuState) -> MenuState:
    place = (PROVINCES.index(menu.typed[0]) + 1) % len(PROVINCES)
    return menu._replace(typed=PROVINCES[place] + menu.typed[1:], tap="")


EDITS: dict[str, Callable[[MenuState], MenuState]] = {
    "B": _next_province,
    "C": lambda menu: menu._replace(letters=not menu.letters, tap=""),
    "D": lambda menu: menu._replace(typed=menu.typed[:1] + menu.typed[1:-1], tap=""),
}


def _tap(menu: MenuState, key: str, now_ns: MonotonicNs) -> MenuState:
    """Letters as on a telephone: the same key within TAP_MS_MAX turns to its next letter."""
    letters = LETTER_KEYS.get(key, "")
    if menu.tap == key and now_ns - menu.tap_ns <= TAP_MS_MAX * NS_PER_MS:
        count = (menu.tap_count + 1) % len(letters)
        typed = menu.typed[:-1] + letters[count]
        return menu._replace(typed=typed, tap_count=count, tap_ns=now_ns)
    appended = _append(menu, letters[:1])
    if appended is menu:
        return menu
    return appended._replace(tap=key, tap_count=0, tap_ns=now_ns)


def _append(menu: MenuState, symbol: str) -> MenuState:
    if not symbol or len(menu.typed) >= PLATE_PLACES_MAX:
        return menu
    return menu._replace(typed=menu.typed + symbol)
