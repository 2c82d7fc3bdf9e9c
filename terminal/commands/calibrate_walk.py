"""The walk of a calibration: capacity, zero, corners, loads; what is refused is asked again.

Talks through two functions and reads through a third, so it knows neither screen nor cells.
Writes nothing: the outcome goes back to whoever seals it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from terminal.texts.catalogue import text
from terminal.texts.prompts import Lang
from terminal.weighing import calibrating
from terminal.weighing.calibrating import Corners, Outcome, RefusedError
from terminal.weighing.calibration_report import shares

TRIES_MAX = 60
POINTS_MAX = 20
SKIP_WORD = "SKIP"
DROP_WORD = "DROP"


class GivenUpError(Exception):
    """Too much was refused; nothing was written."""


@dataclass(slots=True)
class Walk:
    """One calibration. ask: prompt to answer; tell: a line; block: counts, rows x cells.

    cell_cap_kg: of the calibration before, offered as the default; 0 for none. places_cm: (x, y)
    of each cell as configured. block may raise RefusedError; ask may raise EOFError and
    KeyboardInterrupt, which end the walk.
    """

    ask: Callable[[str], str]
    tell: Callable[[str], None]
    block: Callable[[], np.ndarray]
    serial: str
    full_scale: int
    cells: int
    cell_cap_kg: int
    max_kg: int
    e_kg: int
    sealed_count: int
    lang: Lang = "en"
    places_cm: tuple[tuple[int, int], ...] = ()
    points: list[tuple[int, np.ndarray]] = field(default_factory=list)
    _zero: np.ndarray = field(default_factory=lambda: np.zeros(0))
    _corner: Corners | None = None

    def begin(self) -> None:
        """Capacity, zero and corners. Raises GivenUpError."""
        self.cell_cap_kg = self._capacity()
        self._zero = self._reading(self.say("ask.zero"))
        self.tell(self.say("taken.zero"))
        self._corners()

    def outcome(self) -> Outcome:
        """Loads until the person has no more, then the result. Raises GivenUpError.

        May be called again: the loads taken so far stay, and any can be taken back.
        """
        self._loads()
        try:
            return calibrating.solve(
                self.serial,
                self.full_scale,
                self.cell_cap_kg,
                self.sealed_count,
                self._zero,
                self._corner,
                self.points,
                self.e_kg,
            )
        except RefusedError as error:
            raise GivenUpError(error.said(self.lang)) from error

    def say(self, key: str, **values: object) -> str:
        """A text of the walk in the person's language."""
        return text(f"calibrate.{key}", self.lang, **values)

    def _refuse(self, error: RefusedError) -> None:
        self.tell(self.say("refused", why=error.said(self.lang)))

    def _capacity(self) -> int:
        before_kg = self.cell_cap_kg
        default = self.say("ask.capacity.default", kg=before_kg) if before_kg else ""
        for _ in range(TRIES_MAX):
            answer = self.ask(self.say("ask.capacity", default=default)).strip()
            try:
                cell_kg = before_kg if before_kg and not answer else _whole_kg(answer)
                calibrating.check_capacity(cell_kg, self.cells, self.max_kg)
            except RefusedError as error:
                self._refuse(error)
            else:
                return cell_kg
        raise GivenUpError(self.say("too_many"))

    def _reading(self, prompt: str) -> np.ndarray:
        for _ in range(TRIES_MAX):
            self.ask(prompt)
            try:
                return calibrating.steady_mean(self.block(), self.full_scale)
            except RefusedError as error:
                self._refuse(error)
        raise GivenUpError(self.say("too_many"))

    def _corners(self) -> None:
        for _ in range(TRIES_MAX):
            answer = self.ask(self.say("ask.corners")).strip()
            if answer.upper() == SKIP_WORD:
                self.tell(self.say("skipped"))
                return
            try:
                mass_kg = _whole_kg(answer)
                calibrating.check_load(mass_kg, self.max_kg)
            except RefusedError as error:
                self._refuse(error)
                continue
            placed = []
            for cell in range(self.cells):
                prompt = self.say("ask.corner", cell=cell, place=self._place(cell))
                placed.append(self._reading(prompt))
                self.tell(self.say("taken.corner", cell=cell))
            try:
                gains = calibrating.corner_gains(self._zero, placed)
            except RefusedError as error:
                self._refuse(error)
                continue
            self._corner = Corners(mass_kg, tuple(placed), gains)
            found = shares(tuple(float(gain) for gain in gains))
            self.tell(self.say("taken.corners", shares=found))
            return
        raise GivenUpError(self.say("too_many"))

    def _place(self, cell: int) -> str:
        if cell >= len(self.places_cm):
            return self.say("place.none")
        x_cm, y_cm = self.places_cm[cell]
        return self.say("place", x_cm=x_cm, y_cm=y_cm)

    def _loads(self) -> None:
        for _ in range(TRIES_MAX):
            words = self.ask(self._load_prompt()).split()
            try:
                if not words:
                    self._check_enough()
                    return
                if words[0].upper() == DROP_WORD:
                    self._drop(words[1:])
                    continue
                self._take(_whole_kg(" ".join(words)))
            except RefusedError as error:
                self._refuse(error)
        raise GivenUpError(self.say("too_many"))

    def _load_prompt(self) -> str:
        least = calibrating.POINTS_MIN - len(self.points)
        hint = self.say("hint.more", count=least) if least > 0 else self.say("hint.enough")
        if self.points:
            hint += self.say("hint.drop")
        return self.say("ask.load", number=len(self.points) + 1, hint=hint)

    def _check_enough(self) -> None:
        least = calibrating.POINTS_MIN - len(self.points)
        if least > 0:
            raise RefusedError("more_loads", count=least)
        placed = self._corner.placed if self._corner is not None else ()
        readings = [*placed, *(counts for _, counts in self.points)]
        calibrating.check_cells(self._zero, readings)

    def _take(self, load_kg: int) -> None:
        if len(self.points) == POINTS_MAX:
            raise RefusedError("enough_loads", most=POINTS_MAX)
        calibrating.check_load(load_kg, self.max_kg)
        counts = calibrating.steady_mean(self.block(), self.full_scale)
        calibrating.check_signal(self._zero, load_kg, counts, self.max_kg, self.full_scale)
        calibrating.check_point(self._zero, self.points, load_kg, counts)
        self.points.append((load_kg, counts))
        self.tell(self.say("taken.load", number=len(self.points), kg=load_kg))

    def _drop(self, words: list[str]) -> None:
        """A mistyped load must not cost the others."""
        number = words[0] if words else ""
        if not number.isdecimal() or not 1 <= int(number) <= len(self.points):
            raise RefusedError("no_such_load", answer=number)
        load_kg, _ = self.points.pop(int(number) - 1)
        self.tell(self.say("dropped", kg=load_kg))


def _whole_kg(answer: str) -> int:
    if not answer.isascii() or not answer.isdecimal() or len(answer) > 7:
        raise RefusedError("not_whole", answer=answer)
    return int(answer)
