"""PlantNode: the simulated yard as a process's logic, fed with ticks and console commands.

Exists only in simulated runs; it is the one process package that may import hal.sim. It reads
nothing of the terminal but the wires, and tells the console what the world really holds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from hal.contract.types import NS_PER_MS, InputName, MonotonicNs
from hal.sim.deck import STEP_NS
from hal.sim.traffic import Finished
from hal.sim.yard import Yard
from terminal.link import Received
from terminal.node import NodeEvent, Send, Tick
from terminal.plant_messages import PlantCommand, PlantTruth, PressKey

CATCH_UP_STEPS_MAX = 20
"""Steps run in one wake; a longer gap is skipped, counted, and lost to the world."""
TRUTH_NS = 100 * NS_PER_MS


class Peer(Protocol):
    """A simulated device behind a serial line, fed from the world."""

    def step(self, now_ns: MonotonicNs) -> None:
        """Once a tick; never blocks."""

    def close(self) -> None:
        """Free the line."""


HOLD_MS_MAX = 2_000


class PlantNode:
    """The plant process's logic. done_ns: when the last wanted truck had gone, else None."""

    name = "plant"
    period_ns = STEP_NS

    def __init__(
        self, yard: Yard, on_finished: Callable[[Finished], None], peers: Sequence[Peer] = ()
    ) -> None:
        """on_finished: called once for each truck that has gone."""
        self.yard = yard
        self._peers = peers
        self.skipped_steps = 0
        self.refused_commands = 0
        self.done_ns: MonotonicNs | None = None
        self._on_finished = on_finished
        self._last_ns: int | None = None
        self._truth_due_ns = 0

    def on_event(self, event: NodeEvent, now_ns: MonotonicNs) -> Sequence[Send]:
        """Advance on a tick; obey the console."""
        if isinstance(event, Tick):
            return self._tick(now_ns)
        if isinstance(event, Received):
            self._obey(event.message)
        return ()

    def close(self) -> None:
        """The world stands still: its heartbeat ages and every simulated chip loses power."""
        for peer in self._peers:
            peer.close()
        self.yard.world.close()

    def _tick(self, now_ns: MonotonicNs) -> Sequence[Send]:
        if self._last_ns is None:
            self._last_ns = now_ns - STEP_NS
        steps = (now_ns - self._last_ns) // STEP_NS
        self._last_ns += steps * STEP_NS
        if steps > CATCH_UP_STEPS_MAX:
            self.skipped_steps += steps - CATCH_UP_STEPS_MAX
            steps = CATCH_UP_STEPS_MAX
        for finished in self.yard.advance(steps, now_ns):
            self._on_finished(finished)
        for peer in self._peers:
            peer.step(now_ns)
        if self.done_ns is None and self.yard.traffic.done:
            self.done_ns = now_ns
        if now_ns < self._truth_due_ns:
            return ()
        self._truth_due_ns = now_ns + TRUTH_NS
        return (Send("console", self.truth(now_ns)),)

    def _obey(self, message: object) -> None:
        done = False
        if isinstance(message, PressKey):
            hold_ms = min(max(message.hold_ms, 20), HOLD_MS_MAX)
            done = len(message.key) == 1 and self.yard.press(message.key, hold_ms)
        elif isinstance(message, PlantCommand):
            done = self._command(message.name, message.argument)
        if not done:
            self.refused_commands += 1

    def _command(self, name: str, argument: str) -> bool:
        if name in ("network_down", "network_up"):
            self.yard.network_up = name == "network_up"
            return True
        if name == "send_truck":
            return self.yard.send(argument)
        if name in ("press_input", "release_input") and argument in InputName.__members__:
            bit = 1 << InputName[argument]
            pressed = self.yard.lane.pressed
            self.yard.lane.pressed = pressed | bit if name == "press_input" else pressed & ~bit
            return True
        return False

    def truth(self, now_ns: MonotonicNs) -> PlantTruth:
        """What the simulated world really holds now."""
        yard = self.yard
        return PlantTruth(
            now_ns=now_ns,
            deck_length_mm=yard.deck.params.length_mm,
            trucks=tuple(
                (
                    round(driver.truck.front_mm),
                    driver.truck.plan.length_mm,
                    driver.truck.plan.axle_x_mm,
                    driver.truck.plan.mass_kg,
                    driver.truck.plan.plate,
                    f"{driver.truck.plan.name}: {driver.stage.value}",
                )
                for driver in yard.traffic.drivers
            ),
            network_up=yard.network_up,
            finished=len(yard.traffic.finished),
            script=yard.script,
        )
