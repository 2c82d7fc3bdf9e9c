"""What happens in a simulated run, as data: trucks by plan, the operator's habits, the order.

Masses are what the trucks really weigh; limits are none of this module's business. Plates are
invented. random_trucks never ends and repeats for a seed.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace

from hal.sim.fleet import (
    ARTICULATED_5,
    ARTICULATED_6,
    ELECTRIC_6,
    FLEET,
    RIGID_3,
    RIGID_4,
    plates,
)
from hal.sim.operator import Reaction
from hal.sim.seeds import stream
from hal.sim.traffic import tailgating
from hal.sim.truck import TruckPlan

OVERLOADED_4 = replace(
    RIGID_4,
    name="overloaded rigid 2+2",
    mass_kg=33_740,
    plate="晋LG4725",
    behaviour="overloaded",
)
UNREADABLE_3 = replace(
    RIGID_3,
    name="dirty plate",
    plate="晋LK7390",
    dirt_pct=100,
    plate_keys="555_55C7390",
)

OPEN_MENU = "***A1234#"
"""Out of whatever page was left open, A opens the keypad; the demo's operator PIN is 1234."""
REFUSE = OPEN_MENU + "2#"
SEND_BACK = OPEN_MENU + "3#"

DEMO_REACTIONS: tuple[Reaction, ...] = (
    Reaction("plate_unread", 3_000, OPEN_MENU + "10{plate}#"),
    Reaction("axles_unknown", 10_000, REFUSE),
    Reaction("unsteady", 30_000, REFUSE),
    Reaction("attendant", 20_000, REFUSE),
    Reaction("save_failed", 30_000, REFUSE),
    Reaction("starting", 10_000, SEND_BACK),
    Reaction("lockout", 10_000, SEND_BACK),
    Reaction("fault", 20_000, REFUSE + "__" + SEND_BACK, tries_max=6),
)
"""The demo's operator. On the menu 1 is plate entry (0 skips the offered candidates; with none
offered it does nothing), 2 refuses the vehicle, 3 sends a trapped one back.
"""

LETTER_KEYS = {"2": "ABC", "3": "DEF", "4": "GH", "5": "JKL", "6": "MN", "7": "PQRS"} | {
    "8": "TUV",
    "9": "WXYZ",
}
"""Letters printed on the keypad, as on a telephone without I and O."""
HOME = "晋"
"""The plate page starts with the home province typed and in letter mode."""


def plate_keys(plate: str) -> str:
    """Keys that type this plate on the keypad's plate page; "" for another province's.

    A letter is its key pressed as often as its place on it; C changes between letters and
    digits; a pause separates two letters on one key.
    """
    if not plate.startswith(HOME):
        return ""
    keys, letters, last = "", True, ""
    for symbol in plate[1:]:
        if symbol.isdigit() == letters:
            keys, letters, last = keys + "C", not letters, ""
        key = next((key for key, on_it in LETTER_KEYS.items() if symbol in on_it), symbol)
        taps = LETTER_KEYS[key].index(symbol) + 1 if letters else 1
        keys += ("_" if letters and key == last else "") + key * taps
        last = key
    return keys


@dataclass(frozen=True, slots=True)
class Script:
    """A named run: trucks in order, then random traffic if endless."""

    name: str
    trucks: tuple[TruckPlan, ...]
    reactions: tuple[Reaction, ...]
    endless: bool

    def plans(self, seed: int) -> Iterator[TruckPlan]:
        """Every truck of the run, repeatable for a seed."""
        yield from self.trucks
        if self.endless:
            yield from random_trucks(seed)


SCRIPTS: dict[str, Script] = {
    "demo": Script(
        "demo",
        (ARTICULATED_6, OVERLOADED_4, UNREADABLE_3, RIGID_4, tailgating(ARTICULATED_5)),
        DEMO_REACTIONS,
        True,
    ),
    "legal": Script("legal", FLEET, (), False),
    "random": Script("random", (), DEMO_REACTIONS, True),
    "empty": Script("empty", (), (), False),
}


def named_trucks() -> Iterator[tuple[str, TruckPlan]]:
    """Plates of the demo's own trucks, with the fleet member each is of."""
    yield OVERLOADED_4.plate, RIGID_4
    yield UNREADABLE_3.plate, RIGID_3


def random_trucks(seed: int) -> Iterator[TruckPlan]:
    """Endless traffic: mostly legal, some overloaded, now and then a dirty plate or a pusher."""
    rng = stream(seed, "traffic")
    for number in range(1_000_000_000):
        yield random_truck(rng, number)


def random_truck(rng: random.Random, number: int) -> TruckPlan:
    """One truck: a fleet member with its own plate, mass and driver."""
    base = rng.choice(FLEET)
    plate = rng.choice(plates(base))
    plan = replace(
        base,
        plate=plate,
        plate_keys=plate_keys(plate),
        mass_kg=round(base.mass_kg * rng.uniform(0.80, 1.0)),
        cruise_mm_s=rng.randrange(1_650, 2_250),
        lateral_mm=rng.randrange(-150, 151),
        suspension=rng.choice(("air", "leaf", "leaf")),
    )
    fate = rng.random()
    if fate < 0.12:
        over_kg = round(base.mass_kg * rng.uniform(1.03, 1.25))
        return replace(
            plan, name=f"overloaded {base.name}", mass_kg=over_kg, behaviour="overloaded"
        )
    if fate < 0.17:
        return replace(plan, name="dirty plate", dirt_pct=100)
    if fate < 0.25 and number:
        return tailgating(plan)
    return plan


def truck_named(name: str, rng: random.Random, number: int) -> TruckPlan | None:
    """The truck a person asks for from the console; empty name: a random one; None: unknown."""
    named = {
        "legal": ARTICULATED_6,
        "overloaded": OVERLOADED_4,
        "dirty": UNREADABLE_3,
        "tailgater": tailgating(ARTICULATED_5),
        "electric": ELECTRIC_6,
    }
    return named.get(name) if name else random_truck(rng, number)
