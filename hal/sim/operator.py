"""The site operator of the simulated world: sees what the sign says and presses keys, late.

Knows the prompt's name, the truck in front of him and nothing else. What he presses for which
prompt is data of the script; fingers close key contacts for human times.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from hal.contract.types import NS_PER_MS
from hal.sim.truck import TruckPlan
from hal.sim.world import KEYPAD_ROWS

PRESSES_MAX = 128
"""Presses that may wait for the fingers; more are refused, as one person has two hands."""
HOLD_MS = 120
GAP_MS = 250
PAUSE_MS = 1_000
PAUSE = "_"

_BITS = {
    key: 1 << (row * 4 + column)
    for row, keys in enumerate(KEYPAD_ROWS)
    for column, key in enumerate(keys)
}


@dataclass(frozen=True, slots=True)
class Reaction:
    """What the operator does when the sign has said `prompt` for after_ms.

    keys: prints of the keys in order, "_" for a pause of a second, "{plate}" for what he types
    for the plate of the truck on the deck. tries_max: per truck.
    """

    prompt: str
    after_ms: int
    keys: str
    tries_max: int = 2


class Fingers:
    """Closes key contacts one after the other. advance() gives World.keys()."""

    def __init__(self) -> None:
        """Nothing pressed."""
        self._queue: deque[tuple[int, int]] = deque()
        self._until_ns = 0
        self._bits = 0

    @property
    def busy(self) -> bool:
        """Whether presses are still to come."""
        return bool(self._queue) or self._bits != 0

    def press(self, keys: str, hold_ms: int = HOLD_MS, gap_ms: int = GAP_MS) -> bool:
        """Queue key presses by print. False, and nothing queued, when unknown or too many."""
        if len(self._queue) + 2 * len(keys) > 2 * PRESSES_MAX:
            return False
        if any(key not in _BITS and key != PAUSE for key in keys):
            return False
        for key in keys:
            self._queue.append((_BITS.get(key, 0), PAUSE_MS if key == PAUSE else hold_ms))
            self._queue.append((0, gap_ms))
        return True

    def advance(self, now_ns: int) -> int:
        """Contacts closed now, bit row * 4 + column."""
        if now_ns >= self._until_ns:
            if self._queue:
                self._bits, ms = self._queue.popleft()
                self._until_ns = now_ns + ms * NS_PER_MS
            else:
                self._bits = 0
        return self._bits


class Operator:
    """Reacts to prompts with keys."""

    def __init__(self, reactions: tuple[Reaction, ...], fingers: Fingers) -> None:
        """reactions: the script's; fingers: whose presses reach the keypad."""
        self._reactions = {each.prompt: each for each in reactions}
        self._fingers = fingers
        self._prompt = ""
        self._since_ns = 0
        self._plan: TruckPlan | None = None
        self._tries = 0

    def saw_prompt(self, name: str, now_ns: int, truck: TruckPlan | None) -> None:
        """The operator looks: this is on the sign, that truck stands on the deck."""
        if truck is not self._plan:
            self._plan = truck
            self._tries = 0
        if name != self._prompt:
            self._prompt = name
            self._since_ns = now_ns
        reaction = self._reactions.get(name)
        if reaction is None or truck is None or self._fingers.busy:
            return
        if now_ns - self._since_ns < reaction.after_ms * NS_PER_MS:
            return
        if self._tries < reaction.tries_max:
            self._tries += 1
            self._since_ns = now_ns
            self._fingers.press(reaction.keys.replace("{plate}", truck.plate_keys))
