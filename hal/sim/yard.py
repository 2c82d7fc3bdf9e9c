"""The whole simulated yard in one object: deck, lane, traffic, operator and weather.

Advances in whole steps of its own time and puts the outcome on the wires; who calls it and how
fast time runs is not its business. It learns of the terminal only through the wires.
"""

from __future__ import annotations

from hal.contract.types import MonotonicNs
from hal.sim.deck import STEP_NS, Deck, DeckParams
from hal.sim.lane import Lane
from hal.sim.operator import Fingers, Operator
from hal.sim.scripts import Script, truck_named
from hal.sim.seeds import stream
from hal.sim.traffic import Driver, Finished, Stage, Traffic
from hal.sim.world import RELAYS, PlantSide, PlantState, Scene

OPERATOR_LOOKS_STEPS = 20
"""The operator looks at the sign every 100 ms."""

SERVED = (Stage.STAND, Stage.LEAVE, Stage.BACK)
"""Stages in which a standing truck is the operator's business."""


class Yard:
    """A yard that runs one script."""

    def __init__(
        self,
        world: PlantSide,
        script: Script,
        seed: int,
        *,
        lane_kind: str = "double",
        barrier: str = "hold",
        trucks: int = 0,
        params: DeckParams | None = None,
    ) -> None:
        """trucks: end after so many finished, 0: never. lane_kind, barrier: as in Lane."""
        self.world = world
        self.deck = Deck(params or DeckParams(), seed)
        self.lane = Lane(lane_kind, barrier)
        self.traffic = Traffic(script.plans(seed), self.lane, seed, trucks)
        self.fingers = Fingers()
        self.network_up = True
        self.light_pct = 100
        self.script = script.name
        self._operator = Operator(script.reactions, self.fingers)
        self._sent_rng = stream(seed, "sent")
        self._sent = 0
        self._steps = 0
        self._keys = 0

    @property
    def now_ns(self) -> int:
        """The yard's own time."""
        return self.deck.now_ns

    def send(self, name: str) -> bool:
        """A person sends a truck: a name of scripts.truck_named or empty. False: refused."""
        self._sent += 1
        plan = truck_named(name, self._sent_rng, self._sent)
        return plan is not None and self.traffic.send(plan)

    def press(self, keys: str, hold_ms: int) -> bool:
        """A person's finger on the keypad. False: no such key, or too many waiting."""
        return self.fingers.press(keys, hold_ms)

    def advance(self, steps: int, at_ns: MonotonicNs, step_ns: int = STEP_NS) -> list[Finished]:
        """Run so many steps, put the result on the wires stamped at_ns. step_ns: as Deck.advance.

        Returns the trucks that have gone meanwhile. The coils are read once, at the start.
        """
        coils = {name: self.world.relay(name) for name in RELAYS}
        sign = self.world.prompt()
        gone: list[Finished] = []
        for _ in range(steps):
            gone += self.traffic.advance(self.now_ns, coils.__getitem__, sign)
            self.deck.trucks = [driver.truck for driver in self.traffic.drivers]
            self.lane.advance(step_ns, self.deck.trucks, coils.__getitem__)
            self.deck.advance(step_ns)
            self._steps += 1
            if self._steps % OPERATOR_LOOKS_STEPS == 0:
                self._look(sign)
            self._keys = self.fingers.advance(self.now_ns)
        self.world.put(self._state(at_ns))
        return gone

    def on_deck(self) -> Driver | None:
        """The driver whom the operator sees standing on the deck, if one does."""
        standing = (
            each
            for each in self.traffic.drivers
            if each.stage in SERVED and not each.truck.speed_mm_s
        )
        return next(standing, None)

    def _look(self, sign: str) -> None:
        driver = self.on_deck()
        plan = driver.truck.plan if driver is not None else None
        self._operator.saw_prompt(sign, self.now_ns, plan)

    def _state(self, at_ns: MonotonicNs) -> PlantState:
        trucks = self.deck.trucks
        scene = Scene(
            tuple(truck.pose() for truck in trucks), self.light_pct, self.deck.params.length_mm
        )
        return PlantState(
            heartbeat_ns=at_ns,
            cell_nv=self.deck.cells_nv,
            temperature_mc=self.deck.temperature_mc,
            inputs=self.lane.inputs(trucks),
            arms_mdeg=(self.lane.arms[0].angle_mdeg, self.lane.arms[1].angle_mdeg),
            keys=self._keys,
            network_up=self.network_up,
            struck=self.lane.struck,
            scene=scene,
        )
