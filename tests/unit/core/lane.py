"""A scripted lane for tests of the core: facts by hand, 10 ms ticks, arms that follow leases.

Nothing random. Every tick is checked against the invariants, so each scenario proves them too.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace

from hal.contract.types import (
    INPUT_COUNT,
    NS_PER_MS,
    BarrierFeedback,
    InputName,
    Key,
    KeyPress,
    Lease,
    Level,
    MonotonicNs,
    Position,
    Side,
    Tri,
)
from terminal.control.pinpad import PinPad
from terminal.core.invariants import check
from terminal.core.params import Params
from terminal.core.step import initial, step
from terminal.core.types import (
    BarrierKind,
    Captured,
    Committed,
    Event,
    Inputs,
    LaneKind,
    Outputs,
    PlateOutcome,
    PlateReading,
    Prompt,
    VehicleFacts,
    Weighed,
    WeighFlag,
)
from terminal.core.visit import Phase
from tests.tools.specimens import HASH, PHOTOS, PLATE, VEHICLE

TICK_NS = 10 * NS_PER_MS
PIN = "4711"
PIN_ENTRY = "salt$" + hashlib.sha256(b"salt4711").hexdigest()
ARM_TICKS = 20


class Arm:
    """One barrier arm: pulse kind opens on a lease and shuts on a permit, hold follows."""

    def __init__(self, kind: BarrierKind) -> None:
        self.kind = kind
        self.lift = 0
        self.target = 0
        self.stuck = False
        self.welded = False
        self.fault = None

    def drive(self, lease: Lease | None, permit: object, now_ns: int) -> None:
        assert not (lease and permit)
        if lease is not None:
            self.target = ARM_TICKS
        elif self.kind is BarrierKind.HOLD or permit is not None:
            self.target = 0
        if not self.stuck:
            self.lift += (self.target > self.lift) - (self.target < self.lift)

    def feedback(self, leased: bool, now_ns: MonotonicNs) -> BarrierFeedback:
        position = {0: Position.CLOSED, ARM_TICKS: Position.OPEN}.get(self.lift, Position.MOVING)
        energised = Tri.YES if leased or self.welded else Tri.NO
        return BarrierFeedback(position, energised, leased, 0, now_ns, self.fault)


class LaneRig:
    """Facts to set, `run` to let time pass, and what came out."""

    def __init__(
        self,
        lane: LaneKind = LaneKind.DOUBLE,
        barrier: BarrierKind = BarrierKind.HOLD,
        **changes: object,
    ) -> None:
        base = Params(
            lane=lane,
            barrier=barrier,
        )
        self.params = replace(base, **changes)
        self.state = initial(self.params)
        self.now_ns = MonotonicNs(1_000_000_000_000)
        self.out = Outputs()
        self.arms = (Arm(barrier), Arm(barrier))
        self.levels = dict.fromkeys(InputName, Tri.NO)
        self.stale_inputs: set[InputName] = set()
        self.gross_kg: int | None = 0
        self.deck_empty = Tri.YES
        self.zero_valid = Tri.YES
        self.motion = Tri.NO
        self.flags = WeighFlag.NONE
        self.held_kg: int | None = None
        self.held_since_ns = MonotonicNs(0)
        self.axles: int | None = 6
        self.weight_frozen_ns: MonotonicNs | None = None
        self.reading: tuple[PlateOutcome, str] | None = (PlateOutcome.READ, PLATE)
        self.candidates: tuple[str, ...] = ()
        self.rear_plate = ""
        self.by_list = False
        self.vehicle: VehicleFacts | None = VEHICLE
        self.camera = True
        self.ledger = True
        self.ledger_refuses = False
        self.keys: list[KeyPress] = []
        self.pad = PinPad((PIN_ENTRY,))
        self.events: list[Event] = []
        self.drafts: list[int] = []
        self.tampered: Callable[[Inputs], Inputs] = lambda inputs: inputs

    # ------------------------------------------------------------------ time
    def inputs(self) -> Inputs:
        levels = [Level(Tri.UNKNOWN, MonotonicNs(0))] * INPUT_COUNT
        for name, value in self.levels.items():
            at_ns = self.now_ns - (300 * NS_PER_MS if name in self.stale_inputs else 0)
            levels[name] = Level(value, MonotonicNs(at_ns))
        out, visit = self.out, self.state.visit_id
        reading = None
        if self.reading and out.look_visit_id and self.camera:
            outcome, plate = self.reading
            reading = PlateReading(
                out.look_visit_id, outcome, plate, "yellow", "ordinary", 3_000,
                self.candidates, 3, self.now_ns, self.rear_plate, self.by_list,
            )  # fmt: skip
        committed: tuple[Committed, ...] = ()
        refused: tuple[int, ...] = ()
        if out.draft is not None:
            self.drafts.append(out.draft.visit_id)
            if self.ledger_refuses:
                refused = (out.draft.visit_id,)
            elif self.ledger:
                committed = (Committed(out.draft.visit_id, 1, HASH),)
        vehicle = None
        if out.lookup_plate and self.ledger and self.vehicle is not None:
            vehicle = (out.lookup_plate, self.vehicle)
        keys, pins = self.pad.hide(self.state, self.keys, self.now_ns, self.params)
        self.keys = []
        double = self.params.lane is LaneKind.DOUBLE
        pulse = self.params.barrier is BarrierKind.PULSE
        feedback = [
            arm.feedback(out.leases[side] is not None and not pulse, self.now_ns)
            for side, arm in enumerate(self.arms)
        ]
        return Inputs(
            now_ns=self.now_ns,
            weighed=self.weighed(),
            levels=tuple(levels),
            barriers=(feedback[0] if double else None, feedback[1]),
            plate=reading,
            captured=Captured(visit, PHOTOS) if out.capture_visit_id and self.camera else None,
            committed=committed,
            refused_visit_ids=refused,
            keys=keys,
            pins=pins,
            ledger_up=Tri.YES if self.ledger else Tri.NO,
            camera_up=Tri.YES if self.camera else Tri.NO,
            vehicle=vehicle,
        )

    def weighed(self) -> Weighed:
        return Weighed(
            at_ns=self.weight_frozen_ns or self.now_ns,
            gross_kg=self.gross_kg,
            motion=self.motion,
            deck_empty=self.deck_empty,
            zero_valid=self.zero_valid,
            held_kg=self.held_kg,
            held_u_kg=10,
            held_since_ns=self.held_since_ns,
            axles=self.axles,
            flags=self.flags,
        )

    def tick(self, ticks: int = 1) -> None:
        """One step of the core. ticks: how many ticks of time it stands for."""
        self.now_ns = MonotonicNs(self.now_ns + ticks * TICK_NS)
        inputs = self.tampered(self.inputs())
        before = self.state
        self.state, self.out = step(before, inputs, self.params)
        broken = check(before, inputs, self.state, self.out, self.params)
        assert broken == (), (broken, before, inputs, self.state, self.out)
        self.events.extend(self.out.events)
        for side in Side:
            for _ in range(ticks):
                self.arms[side].drive(self.out.leases[side], self.out.close[side], self.now_ns)

    def run(self, ms: int) -> LaneRig:
        """Long waits go in steps of 100 ms, their last two seconds in ticks of 10 ms."""
        coarse = max(0, ms - 2_000) // 100
        for _ in range(coarse):
            self.tick(10)
        for _ in range(ms // 10 - 10 * coarse):
            self.tick()
        return self

    def until(self, phase: Phase, ms_max: int = 5_000) -> LaneRig:
        for _ in range(ms_max // 10):
            if self.state.phase is phase:
                return self
            self.tick()
        raise AssertionError(f"{phase} not reached: {self.state}")

    # ------------------------------------------------------------------ people and vehicles
    def set(self, name: InputName, value: bool | Tri) -> LaneRig:
        self.levels[name] = Tri(int(value))
        return self

    def ready(self) -> LaneRig:
        return self.until(Phase.IDLE)

    def load(self, kg: int, held: bool = False) -> LaneRig:
        self.gross_kg = kg
        self.deck_empty = Tri.YES if abs(kg) < 100 else Tri.NO
        self.held_kg = kg if held else None
        self.held_since_ns = self.now_ns
        self.motion = Tri.NO if held or kg == 0 else Tri.YES
        return self

    def settle(self, kg: int) -> LaneRig:
        return self.run(500).load(kg, held=True)

    def arrive(self) -> LaneRig:
        return self.set(InputName.LOOP_ENTRY, True).run(500)

    def drive_on(self, kg: int = 48_000) -> LaneRig:
        self.set(InputName.BEAM_ENTRY, True).run(200)
        self.load(kg // 2).run(500)
        self.load(kg).run(500)
        self.set(InputName.LOOP_ENTRY, False).set(InputName.BEAM_ENTRY, False)
        return self.run(200)

    def board(self, kg: int = 48_000) -> LaneRig:
        return self.ready().arrive().drive_on(kg).until(Phase.WEIGHING)

    def weigh(self, kg: int = 48_000) -> LaneRig:
        return self.board(kg).settle(kg)

    def take_exit(self, rest_kg: int = 0) -> LaneRig:
        self.set(InputName.BEAM_EXIT, True).set(InputName.LOOP_EXIT, True)
        self.load(20_000).run(1_000)
        self.load(rest_kg).run(500)
        return self.set(InputName.BEAM_EXIT, False).set(InputName.LOOP_EXIT, False)

    def back_out(self) -> LaneRig:
        self.set(InputName.BEAM_ENTRY, True).set(InputName.LOOP_ENTRY, True)
        self.load(20_000).run(1_000)
        self.load(0).run(500)
        return self.set(InputName.BEAM_ENTRY, False).set(InputName.LOOP_ENTRY, False)

    def press(self, keys: str) -> LaneRig:
        for key in keys:
            self.keys.append(KeyPress(Key(key), self.now_ns))
            self.run(20)
        return self

    def kinds(self, kind: str) -> list[str]:
        return [event.detail for event in self.events if event.kind == kind]

    @property
    def phase(self) -> Phase:
        return self.state.phase

    @property
    def prompt(self) -> Prompt:
        return self.out.display.prompt
