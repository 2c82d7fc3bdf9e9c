"""A stand-in for the terminal in tests of the yard: a fixed little gate logic on the wires.

It is no model of the real terminal: it weighs by reading the cells' sum and opens arms.
"""

from __future__ import annotations

from collections.abc import Callable

from hal.contract.types import InputName, MonotonicNs
from hal.sim.deck import STEP_NS, DeckParams
from hal.sim.traffic import Finished
from hal.sim.world_local import LocalWorld
from hal.sim.yard import Yard

BEAMS = 1 << InputName.BEAM_ENTRY | 1 << InputName.BEAM_EXIT
LOOP_IN = 1 << InputName.LOOP_ENTRY
BEAM_OUT = 1 << InputName.BEAM_EXIT | 1 << InputName.LOOP_EXIT


class Attendant:
    """Opens the entry to one truck, weighs it, lets it out or sends it back."""

    def __init__(self, yard: Yard, world: LocalWorld, limit_kg: int = 50_000) -> None:
        self.yard = yard
        self.world = world
        self.limit_kg = limit_kg
        self.state = "idle"
        self.still = 0
        self.weighed_kg: list[int] = []

    def kg(self) -> int:
        params = DeckParams()
        total = sum(self.world.cell_nv(cell) for cell in range(8))
        return round(total / params.nv_per_kg()) - 8 * params.dead_kg

    def set(self, entry: bool, exit_: bool) -> None:
        double = self.yard.lane.has_entry_arm
        hold = self.yard.lane.barrier == "hold"
        for side, on in (("entry", entry), ("exit", exit_)):
            if side == "exit" or double:
                self.world.set_relay(f"{side}_open", on)
                self.world.set_relay(f"{side}_close", not on and not hold)
            self.world.set_relay(f"lamp_{side}", on)

    def act(self) -> None:
        inputs, kg = self.world.inputs(), self.kg()
        state, self.still = self.state, self.still + 1
        if state == "idle" and inputs & LOOP_IN and kg < 300:
            self.go("boarding", entry=True)
        elif state == "boarding" and (kg < 3_000 or inputs & BEAMS):
            self.still = 0
        elif state == "boarding" and self.still > 15:
            self.go("weighing")
        elif state == "weighing" and inputs & BEAMS:
            self.still = 0
        elif state == "weighing" and self.still > 60:
            self.weighed_kg.append(kg)
            self.go("back" if kg > self.limit_kg else "out")
            over = self.state == "back"
            self.set(entry=over, exit_=not over)
        elif state in ("out", "back") and kg < 300 and not inputs & self.path():
            self.go("leaving")
        elif state == "leaving" and self.still > 15:
            self.go("idle")

    def path(self) -> int:
        """Inputs that must be free before the arm in use may fall."""
        return BEAMS | (BEAM_OUT if self.state == "out" else LOOP_IN)

    def go(self, state: str, entry: bool = False) -> None:
        self.state = state
        self.still = 0
        if state not in ("out", "back", "leaving"):
            self.set(entry, False)
        if state == "leaving":
            self.set(False, False)


def run_yard(
    yard: Yard,
    world: LocalWorld,
    minutes: int,
    limit_kg: int = 50_000,
    watch: Callable[[Yard], None] | None = None,
) -> tuple[list[Finished], Attendant]:
    """Run under virtual time, the attendant acting every 100 ms."""
    attendant = Attendant(yard, world, limit_kg)
    finished: list[Finished] = []
    for _ in range(minutes * 600):
        finished += yard.advance(20, MonotonicNs(yard.now_ns + 20 * STEP_NS))
        attendant.act()
        if watch is not None:
            watch(yard)
        if yard.traffic.done:
            break
    return finished, attendant
