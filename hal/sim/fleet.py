"""The trucks that come to the simulated gate, and what the site's vehicle list says of them.

Masses are what the trucks really weigh; limits are none of this module's business. Plates are
invented. The list is what a site would keep: the terminal reads it as a file like any other.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cache

from hal.sim.seeds import stream
from hal.sim.truck import TruckPlan

PLATES_A_TYPE = 12

ARTICULATED_6 = TruckPlan(
    "articulated 1+2+3",
    (1_400, 4_700, 6_050, 11_300, 12_610, 13_920),
    (1, 2, 3),
    48_320,
    (134, 179, 179, 170, 169, 169),
    16_600,
    "晋LA8216",
    rear_plate="晋LC735挂",
    suspension="air",
)
ARTICULATED_5 = TruckPlan(
    "articulated 1+1+3",
    (1_400, 5_000, 10_600, 11_910, 13_220),
    (1, 1, 3),
    41_300,
    (155, 235, 204, 203, 203),
    15_600,
    "晋LB5073",
    rear_plate="晋LE218挂",
)
RIGID_4 = TruckPlan(
    "rigid 2+2",
    (1_400, 3_350, 7_500, 8_850),
    (2, 2),
    30_280,
    (200, 200, 300, 300),
    10_900,
    "晋LD3961",
)
RIGID_3 = TruckPlan(
    "rigid 1+2", (1_350, 5_700, 7_050), (1, 2), 24_460, (260, 370, 370), 9_600, "晋LF6402"
)
RIGID_2 = TruckPlan("rigid 1+1", (1_250, 5_750), (1, 1), 15_740, (340, 660), 8_400, "晋LH1857")
ELECTRIC_6 = replace(
    ARTICULATED_6,
    name="electric articulated 1+2+3",
    mass_kg=47_860,
    plate="晋L26083D",
    plate_colour="yellow_green",
    plate_kind="ne_large",
)

FLEET: tuple[TruckPlan, ...] = (
    ARTICULATED_6,
    ARTICULATED_5,
    RIGID_4,
    RIGID_3,
    RIGID_2,
    ELECTRIC_6,
)


@dataclass(frozen=True, slots=True)
class ListEntry:
    """What the site's list says of one type of truck, in the list's own words."""

    vehicle_type: str
    drive_axles: int
    axle_pattern: str
    licence_gross_kg: int | None = None


ENTRIES: dict[str, ListEntry] = {
    ARTICULATED_6.name: ListEntry("articulated", 2, "159"),
    ELECTRIC_6.name: ListEntry("articulated", 2, "159"),
    ARTICULATED_5.name: ListEntry("articulated", 1, "129"),
    RIGID_4.name: ListEntry("rigid", 2, "115"),
    RIGID_3.name: ListEntry("rigid", 2, "15"),
    RIGID_2.name: ListEntry("rigid", 1, "12", 18_000),
}
LIST_HEADINGS = (
    "plate",
    "vehicle_type",
    "drive_axles",
    "air_suspension",
    "tyres_missing",
    "licence_gross_kg",
    "axle_pattern",
)


@cache
def plates(base: TruckPlan) -> tuple[str, ...]:
    """The plates under which trucks of this type come: always the same ones."""
    rng = stream(0, f"plates of {base.name}")
    made = [base.plate]
    while len(made) < PLATES_A_TYPE:
        if base.plate_kind == "ne_large":
            plate = f"晋L{rng.randrange(10_000, 100_000)}D"
        else:
            own = 1_000 * (FLEET.index(base) + 1)
            plate = f"晋L{rng.choice('ABCDEFGHJK')}{rng.randrange(own, own + 1_000)}"
        if plate not in made:
            made.append(plate)
    return tuple(made)


def vehicle_list(more: Iterable[tuple[str, TruckPlan]] = ()) -> str:
    """The site's list as CSV. more: further plates with the type they belong to."""
    rows = [(plate, base) for base in FLEET for plate in plates(base)] + list(more)
    lines = [",".join(LIST_HEADINGS)]
    for plate, base in rows:
        entry = ENTRIES[base.name]
        licence = "" if entry.licence_gross_kg is None else str(entry.licence_gross_kg)
        lines.append(
            f"{plate},{entry.vehicle_type},{entry.drive_axles},0,0,{licence},{entry.axle_pattern}"
        )
    return "\n".join(lines) + "\n"
