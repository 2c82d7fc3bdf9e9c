"""R 76 cases on a loaded deck: each function runs one and returns what is compared."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import isfinite

import numpy as np

from hal.contract.types import NS_PER_S
from terminal.config_load import parse
from terminal.config_rules import cross_check
from terminal.core.types import Weighed, WeighFlag
from tests.unit.weighing.test_pipeline import Deck, params

E_KG, MAX_KG, CELLS = 20, 100_000, 8


@dataclass(frozen=True, slots=True)
class Between:
    """A measured figure is expected inside these bounds, both included."""

    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.low:g} to {self.high:g}"


@dataclass(frozen=True, slots=True)
class Row:
    """One case. run: exercises the code and returns what is compared with expected."""

    clause: str
    what: str
    case: str
    run: Callable[[], object]
    expected: object

    def met(self, found: object) -> bool:
        """Whether the case gave what was expected."""
        if isinstance(self.expected, Between):
            assert isinstance(found, (int, float))
            return isfinite(found) and self.expected.low <= found <= self.expected.high
        return found == self.expected


def deck(start_s: float = 3.0) -> Deck:
    """An empty deck whose zero has been seen."""
    made = Deck(params())
    made.run(start_s, 0)
    return made


def held(on: Deck, kg: float | Sequence[float], seconds: float = 3.0) -> int | None:
    return on.run(seconds, kg)[-1].held_kg


def shown(kg: float) -> tuple[int | None, bool]:
    """The display at this load, and whether it says overload."""
    last = ready(kg)
    return last.gross_kg, WeighFlag.OVERLOAD in last.flags


def ready(kg: float) -> Weighed:
    return deck().run(2, kg)[-1]


def config_problems(text: str) -> str:
    """Keys that are refused, in words."""
    config, found = parse(f"[weighing]\n{text}".encode())
    wrong = [*found, *(() if config is None else cross_check(config))]
    return ", ".join(sorted({p.key for p in wrong})) or "accepted"


def repeatability(kg: float) -> int:
    """Greatest difference in kg of three weighings with an empty deck between them."""
    on, found = deck(), []
    for _ in range(3):
        mass = held(on, kg)
        assert mass is not None
        found.append(mass)
        on.run(3, 0)
    return max(found) - min(found)


def corner_error(cells: Sequence[int], kg: float, gains: Sequence[float] = ()) -> float:
    """Greatest error in kg with the load over each of these cells in turn.

    gains: how much more than nominal each cell gives; the calibration knows it.
    """
    p = params()
    if gains:
        spans = tuple(s / g for s, g in zip(p.kg_per_count, gains, strict=True))
        p = replace(p, kg_per_count=spans)
    on = Deck(p)
    on.run(3, 0)
    errors = []
    for cell in cells:
        loads = [0.0] * CELLS
        loads[cell] = kg
        value = on.run(2, loads)[-1].gross_kg
        assert value is not None
        errors.append(abs(value - kg))
        on.run(2, 0)
    return max(errors)


def rolling_error(kg: float) -> float:
    """Greatest error in kg with a rolling load at five places, forth and back."""
    on, errors = deck(), []
    for place in (0.5, 1.0, 1.5, 2.0, 2.5, 2.0, 1.5, 1.0, 0.5):
        line, share = int(place), place % 1
        loads = [0.0] * CELLS
        for cells, part in ((line, 1 - share), (line + 1, share)):
            if part:
                loads[2 * cells] = loads[2 * cells + 1] = kg * part / 2
        value = on.run(2, loads)[-1].gross_kg
        assert value is not None
        errors.append(abs(value - kg))
    return max(errors)


def discrimination(kg: float, change_kg: float) -> int:
    """How far the display goes when this much is put on, or taken off, gently."""
    on = deck()
    before = on.run(3, kg)[-1].gross_kg
    after = on.run(1.5, kg + change_kg)[-1].gross_kg
    assert before is not None
    assert after is not None
    return after - before


def seconds_of_old_value() -> float:
    on = deck()
    on.run(3, 20_000)
    start_ns = on.now_ns
    new = [w.at_ns for w in on.run(2, 30_000) if w.gross_kg == 30_000]
    return (new[0] - start_ns) / NS_PER_S


def held_while_moving() -> int:
    on = deck()
    parts = [on.run(0.1, kg) for kg in range(2_000, 40_000, 400)]
    return sum(w.held_kg is not None for part in parts for w in part)


def held_against_five_seconds() -> int:
    on = deck()
    masses = [w.held_kg for w in on.run(3, 31_234) if w.held_kg is not None]
    return max(abs((w.gross_kg or 0) - masses[0]) for w in on.run(5, 31_234))


def held_after_shift() -> int | None:
    on = deck()
    assert held(on, 30_000) is not None
    return on.run(0.6, 31_000)[-1].held_kg


def creep_error() -> float:
    """A cell that gives way by 0.5 e within a minute: error of the display in kg at the end."""
    on, loads = deck(), [40_000 + 10 * k / 60 for k in range(61)]
    for kg in loads:
        last = on.run(1, kg)[-1]
    assert last.gross_kg is not None
    return abs(last.gross_kg - loads[-1])


def zero_moved_under_load() -> float:
    """How far the zero went in kg while a load stood on the deck for 20 s."""
    on = deck()
    on.run(2, 20_000)
    before = on.pipe.zero.counts.copy()
    on.run(20, 20_010)
    return float(np.abs((on.pipe.zero.counts - before) @ np.asarray(params().kg_per_count)))


def key_under_load(kg: float) -> int | None:
    """The display after the zero key with so much on the deck."""
    on = deck()
    on.run(2, kg)
    on.pipe.zero.ask()
    return on.run(4, kg)[-1].gross_kg


def zero_return(left_kg: float) -> int | None:
    """What an empty deck shows 10 s after a load left it with this much to come back."""
    on = deck()
    on.run(5, 40_000)
    return on.run(10, left_kg)[-1].gross_kg


def faulty(**fault: int) -> str:
    """The flag raised with 30 t on the deck and this fault, and what is held."""
    on = deck()
    last = on.run(3, 30_000, **fault)[-1]  # type: ignore[arg-type]
    names = [
        flag.name for flag in (WeighFlag.CELL_FAULT, WeighFlag.SATURATION) if flag in last.flags
    ]
    return f"{' and '.join(map(str, names))}, held {last.held_kg}"
