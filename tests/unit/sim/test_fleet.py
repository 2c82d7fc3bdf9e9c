"""The simulated site's vehicle list: every truck of the script is on it, in the list's form."""

from __future__ import annotations

from itertools import islice

from hal.sim.fleet import FLEET, PLATES_A_TYPE, plates, vehicle_list
from hal.sim.scripts import SCRIPTS, named_trucks
from terminal.core.plate import is_valid
from terminal.ledger.vehicles import parse


def test_every_truck_that_comes_is_on_the_list() -> None:
    rows, bad = parse(vehicle_list(named_trucks()).encode(), "vehicles.csv")
    assert bad == 0
    for plan in islice(SCRIPTS["demo"].plans(7), 60):
        assert plan.plate in rows, plan.name


def test_plates_are_valid_distinct_and_always_the_same() -> None:
    every = [plate for base in FLEET for plate in plates(base)]
    assert len(every) == len(FLEET) * PLATES_A_TYPE == len(dict.fromkeys(every))
    assert all(is_valid(plate) for plate in every)
