"""One trial a device that a person can follow: wire shown, act, what was sensed, passed or not.

It lights lamps and the sign and reads everything, but it never drives an arm: only the interlock
makes a lease, and there is no interlock here. Barriers are tried by their own handle.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, Protocol

from hal.contract.devices import Clock, Keypad, Sign
from hal.contract.types import (
    NS_PER_MS,
    NS_PER_S,
    Aspect,
    BarrierFeedback,
    InputName,
    KeyPress,
    Position,
    RawSample,
    Side,
    Tri,
)
from terminal.config import Config
from terminal.control.devices import LaneDevices
from terminal.doctor.wires import Wire, wires
from terminal.texts.catalogue import text

WAIT_NS_MAX: Final = 30 * NS_PER_S
STEP_NS: Final = 20 * NS_PER_MS
SAMPLES_MAX: Final = 64
STEP_PERMILLE_MIN: Final = 1
"""A person on a cell moves it by at least this part of full scale."""
KEYS: Final = "123A456B789C*0#D"


class Hands(Protocol):
    """The person at the keyboard, and the time that passes."""

    def say(self, line: str) -> None:
        """Show a line."""

    def ask(self, line: str) -> bool:
        """A question answered yes or no."""

    def pause(self, ns: int) -> None:
        """Let time pass."""


@dataclass(frozen=True, slots=True)
class Result:
    """One trial's outcome; why is empty when it passed."""

    name: str
    why: str = ""


@dataclass(slots=True)
class Bench:
    """The opened devices of one lane, under the hands of one person."""

    devices: LaneDevices
    sign: Sign | None
    keypad: Keypad | None
    hands: Hands
    clock: Clock
    config: Config

    def trials(self) -> dict[str, Callable[[], str]]:
        """Every trial that this lane's wiring allows, by name."""
        found: dict[str, Callable[[], str]] = {}
        wired = {wire.key: wire for wire in wires(self.config)}
        for name in InputName:
            wire = wired.get(f"field.{name.name.lower()}")
            if wire is not None:
                found[name.name.lower()] = lambda name=name, wire=wire: self._input(name, wire)  # type: ignore[misc]
        for side in Side:
            found |= self._side(side, wired)
        if self.devices.siren is not None:
            found["siren"] = lambda: self._siren(wired.get("field.siren"))
        if self.devices.load_cell is not None:
            for cell in range(self.devices.load_cell.describe().cells):
                found[f"cell_{cell}"] = lambda cell=cell: self._cell(cell)  # type: ignore[misc]
        if self.keypad is not None:
            found["keypad"] = self._keys
        if self.sign is not None and hasattr(self.sign, "module_test"):
            found["sign"] = self._sign
        return found

    def run(self, wanted: str = "") -> Iterator[Result]:
        """Do the trials whose name begins with `wanted`, all of them for an empty word."""
        self._say("trial.arms")
        for name, trial in self.trials().items():
            if not name.startswith(wanted):
                continue
            result = Result(name, trial())
            verdict = (
                self._words("trial.pass")
                if not result.why
                else self._words("trial.fail", why=result.why)
            )
            self.hands.say(f"{name}: {verdict}")
            yield result

    def _side(self, side: Side, wired: dict[str, Wire]) -> dict[str, Callable[[], str]]:
        found: dict[str, Callable[[], str]] = {}
        prefix = side.name.lower()
        for end in (Position.OPEN, Position.CLOSED):
            wire = wired.get(f"field.{prefix}_is_{end.name.lower()}")
            if wire is not None and self.devices.barriers[side] is not None:
                found[f"{prefix}_is_{end.name.lower()}"] = (
                    lambda end=end, wire=wire: self._limit(side, end, wire)  # type: ignore[misc]
                )
        lamp = wired.get(f"field.lamp_{prefix}")
        if lamp is not None:
            found[f"lamp_{prefix}"] = lambda: self._lamp(side, lamp)
        return found

    def _words(self, key: str, **values: object) -> str:
        return text(f"doctor.{key}", self.config.site.language, **values)

    def _say(self, key: str, **values: object) -> None:
        self.hands.say(self._words(key, **values))

    def _show(self, wire: Wire | None) -> None:
        if wire is not None:
            level = self._words(wire.level)
            colour = self._words(f"colour.{wire.colour}")
            values = {"bcm": wire.bcm, "place": wire.place, "colour": colour, "level": level}
            self._say("trial.wire", name=wire.key, **values)

    def _until(self, done: Callable[[], bool]) -> str:
        """Wait for it, at most WAIT_NS_MAX; why not, in words."""
        for _ in range(WAIT_NS_MAX // STEP_NS):
            if done():
                return ""
            self.hands.pause(STEP_NS)
        return self._words("trial.late", seconds=WAIT_NS_MAX // NS_PER_S)

    def _input(self, name: InputName, wire: Wire) -> str:
        self._show(wire)
        shown = name.name.lower()

        def reads(value: Tri) -> Callable[[], bool]:
            inputs, now_ns = self.devices.inputs, self.clock.monotonic_ns
            return lambda: inputs.poll(now_ns())[name].value is value

        self._say("trial.input", name=shown)
        why = self._until(reads(Tri.YES))
        if why:
            return why
        self._say("trial.rest", name=shown)
        return self._until(reads(Tri.NO))

    def _limit(self, side: Side, end: Position, wire: Wire) -> str:
        self._show(wire)
        self._say("trial.limit", name=wire.key)
        return self._until(lambda: self._feedback(side).position is end)

    def _feedback(self, side: Side) -> BarrierFeedback:
        """Sense only: no lease and no permit, so nothing is energised."""
        barrier = self.devices.barriers[side]
        assert barrier is not None
        return barrier.drive(None, None, self.clock.monotonic_ns())

    def _lamp(self, side: Side, wire: Wire) -> str:
        self._show(wire)
        lamp = self.devices.lamps[side]
        lamp.show(Aspect.GREEN, self.clock.monotonic_ns())
        seen = self.hands.ask(self._words("trial.lamp", name=wire.key))
        lamp.show(Aspect.RED, self.clock.monotonic_ns())
        return "" if seen else self._words("trial.no")

    def _siren(self, wire: Wire | None) -> str:
        self._show(wire)
        assert self.devices.siren is not None
        self.devices.siren.sound(True, self.clock.monotonic_ns())
        heard = self.hands.ask(self._words("trial.siren"))
        self.devices.siren.sound(False, self.clock.monotonic_ns())
        return "" if heard else self._words("trial.no")

    def _cell(self, cell: int) -> str:
        load_cell = self.devices.load_cell
        assert load_cell is not None
        step = load_cell.describe().full_scale * STEP_PERMILLE_MIN // 1_000
        newest: list[int] = []

        def heard() -> bool:
            found = load_cell.poll(self.clock.monotonic_ns(), SAMPLES_MAX)
            newest.extend(s.counts for s in found if isinstance(s, RawSample) and s.cell == cell)
            return bool(newest)

        why = self._until(heard)
        if why:
            return why
        rest = newest[-1]
        self._say("trial.cell", cell=cell)
        return self._until(lambda: heard() and abs(newest[-1] - rest) >= step)

    def _keys(self) -> str:
        assert self.keypad is not None
        keypad = self.keypad
        for print_ in KEYS:
            self._say("trial.key", name=print_)

            def pressed(print_: str = print_) -> bool:
                found = keypad.poll(self.clock.monotonic_ns())
                return any(isinstance(k, KeyPress) and k.key.value == print_ for k in found)

            why = self._until(pressed)
            if why:
                return f"{print_}: {why}"
        return ""

    def _sign(self) -> str:
        sign: object = self.sign
        module_test = getattr(sign, "module_test")  # noqa: B009 - checked in trials()
        module_test(True)
        lit = self.hands.ask(self._words("trial.sign"))
        module_test(False)
        return "" if lit else self._words("trial.no")
