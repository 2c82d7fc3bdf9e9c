"""Keeps the operator's PIN out of everything that is recorded.

The core sees that a digit was typed, never which one, and is told whether a confirmed PIN was
right. So neither the state, nor the inputs, nor the parameters that the flight recorder writes
hold a PIN or anything one could be tried against, and a replay still decides the same.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from hal.contract.types import Key, KeyPress, MonotonicNs
from terminal.core.menu import KEYS_PER_TICK_MAX, feed
from terminal.core.params import Params
from terminal.core.visit import State

ANY_DIGIT = Key.D0
BLIND_PAGES = ("", "pin", "locked")
"""Pages where a digit means no choice: the PIN itself, or a PIN typed in the wrong moment."""
CONFIRM = Key.HASH


class PinPad:
    """The secret half of the keypad. pins: "salt$hex of sha256(salt + pin)"."""

    def __init__(self, pins: Sequence[str]) -> None:
        self._pins = tuple(pins)
        self._typed = ""

    def hide(
        self, state: State, keys: Sequence[KeyPress], now_ns: MonotonicNs, params: Params
    ) -> tuple[tuple[KeyPress, ...], tuple[bool, ...]]:
        """This tick's presses as the core may see them, and whether each confirmed PIN is right.

        Follows the pages with the core's own rules, from the state before the tick.
        """
        shown: list[KeyPress] = []
        right: list[bool] = []
        menu = feed(state.menu, (), (), now_ns, params).menu
        candidates = () if state.reading is None else state.reading.candidates
        for press in keys[:KEYS_PER_TICK_MAX]:
            page, places = menu.page, len(menu.typed)
            said: tuple[bool, ...] = ()
            digit = press.key.value if press.key.value.isdigit() else ""
            if page == "pin" and press.key is CONFIRM:
                said = (self._holds(),)
                right.append(said[0])
            if digit and page in BLIND_PAGES:
                press = KeyPress(ANY_DIGIT, press.at_ns)
            shown.append(press)
            menu = feed(menu, (press,), candidates, now_ns, params, said).menu
            if page == menu.page == "pin" and len(menu.typed) > places:
                self._typed += digit
            elif menu.page != "pin" or not menu.typed:
                self._typed = ""
        return tuple(shown), tuple(right)

    def _holds(self) -> bool:
        return any(pin_matches(self._typed, entry) for entry in self._pins)


def pin_matches(pin: str, entry: str) -> bool:
    """Whether `pin` is the one a "salt$hex" entry was made from."""
    salt, _, digest = entry.partition("$")
    return hashlib.sha256((salt + pin).encode()).hexdigest() == digest
