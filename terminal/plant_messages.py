"""Messages of simulated runs only: between the console's demo controls and the plant."""

from __future__ import annotations

import msgspec


class PressKey(msgspec.Struct, frozen=True, tag=True):
    """console -> plant (simulated runs only): a finger closes a key contact for hold_ms."""

    key: str
    hold_ms: int


class PlantCommand(msgspec.Struct, frozen=True, tag=True):
    """console -> plant (simulated runs only): "network_down", "network_up", "send_truck" (empty
    or a name of hal.sim.scripts.truck_named), "press_input" and "release_input" (an InputName).
    """

    name: str
    argument: str


class PlantTruth(msgspec.Struct, frozen=True, tag=True):
    """plant -> console (simulated runs only): what the simulated world really holds.

    trucks: (front position mm from the deck's entry edge, length mm, axle offsets mm from
    front, mass kg, plate, what the script calls it). network_up: simulated county link.
    """

    now_ns: int
    deck_length_mm: int
    trucks: tuple[tuple[int, int, tuple[int, ...], int, str, str], ...]
    network_up: bool
    finished: int
    script: str
