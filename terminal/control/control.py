"""One tick of the lane: gather, weigh, decide, check, apply, tell.

This is the only code that drives relays. It runs at its own pace, never inside a callback,
never waits, and takes at most a bounded amount of work each tick. Time comes in as an argument,
so that the same object runs under SCHED_FIFO at a gate and under virtual time in tests.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass, field
from typing import TypeVar

from hal.contract.devices import Clock
from hal.contract.types import (
    Aspect,
    BarrierFeedback,
    Fault,
    IndicatorReading,
    InputName,
    Lease,
    Level,
    MonotonicNs,
    RawSample,
    Side,
    Tri,
)
from terminal.control.counts import DeviceCounts
from terminal.control.devices import LaneDevices
from terminal.control.faults import FAULTS_MAX, Faults
from terminal.control.lateness import Histogram
from terminal.control.mailbox import Mailbox
from terminal.control.outgoing import Outgoing
from terminal.control.pinpad import PinPad
from terminal.control.sample_ring import SampleRing
from terminal.core import invariants
from terminal.core.params import Params
from terminal.core.quality import BLOCKING_FLAGS
from terminal.core.step import initial, step
from terminal.core.types import NEVER_NS, Event, Inputs, Outputs, Weighed
from terminal.core.visit import Phase
from terminal.frames import TickFrame, decide, state_digest
from terminal.link import Hub
from terminal.messages import CornersKept, LoopStats, Snapshot, ZeroKept
from terminal.raw_samples import pack, pack_frames
from terminal.weighing.pipeline import Pipeline
from terminal.weighing.tracemeta import meta_text
from terminal.weighing.zero import ZeroState

Value = TypeVar("Value", RawSample, IndicatorReading)
SAMPLES_MAX = 64
READINGS_MAX = 16
QUIET_PHASES = (Phase.IDLE, Phase.LOCKOUT)


class ContractViolation(Exception):  # noqa: N818 - the name says what happened
    """An invariant does not hold. Everything is released and the process ends with 70."""


@dataclass(frozen=True, slots=True)
class TickResult:
    """What one tick did, for the loop, the simulator and tests."""

    inputs: Inputs
    outputs: Outputs
    digest: int


@dataclass
class Control:
    """The lane's brain with its hands. One instance a process; tick() every 10 ms."""

    devices: LaneDevices
    pipeline: Pipeline
    params: Params
    hub: Hub
    clock: Clock
    lane_kind: str
    realtime: bool = False
    operator_pins: tuple[str, ...] = ()
    step_times: Histogram = field(default_factory=lambda: Histogram(2))

    def __post_init__(self) -> None:
        """Start in LOCKOUT: nothing is believed before it was observed."""
        self.state = initial(self.params)
        self._mailbox = Mailbox()
        self._pad = PinPad(self.operator_pins)
        self._outgoing = Outgoing(self.hub)
        self._samples = SampleRing()
        self._weighed: Weighed | None = None
        self._beams = (Tri.UNKNOWN, Tri.UNKNOWN)
        self._feedback: tuple[BarrierFeedback | None, BarrierFeedback | None] = (None, None)
        self._outputs = Outputs()
        self._faults = Faults()
        self._simulated = self.devices.simulated()
        self._counts = DeviceCounts(self.devices.load_cell)
        self._corners_known = False
        self._corners_kept = 0

    def tick(self, late_ns: int, stats: LoopStats) -> TickResult:
        """One pass. Raises ContractViolation after releasing everything when a rule breaks."""
        now_ns = self.clock.monotonic_ns()
        inputs = self._gather(now_ns)
        before = self.state
        started_ns = self.clock.monotonic_ns()
        state, outputs = step(before, inputs, self.params)
        self.step_times.add((self.clock.monotonic_ns() - started_ns) // 1_000)
        digest = state_digest(state)
        frame = TickFrame(inputs, decide(state, outputs), digest, late_ns)
        broken = invariants.check(before, inputs, state, outputs, self.params)
        if broken:
            self.devices.close()
            self._outgoing.flight(before, frame, self.params, quiet=False)
            self.release("invariants broken: " + ", ".join(broken), now_ns)
        self.state, self._outputs = state, outputs
        self._apply(outputs, now_ns)
        self._tell(inputs, outputs, stats)
        quiet = state.phase in QUIET_PHASES and not outputs.events
        self._outgoing.flight(before, frame, self.params, quiet)
        return TickResult(inputs, outputs, digest)

    def release(self, why: str, now_ns: MonotonicNs) -> None:
        """De-energise everything, tell the ledger, and raise ContractViolation."""
        self.devices.close()
        self._outgoing.journal((Event("contract_violation", now_ns, why),))
        raise ContractViolation(why)

    def _gather(self, now_ns: MonotonicNs) -> Inputs:
        levels = self.devices.inputs.poll(now_ns)
        faults = list(self.devices.inputs.faults())
        self._mailbox.start_tick(self.hub.poll(now_ns), now_ns)
        self._take_kept_zero(now_ns)
        self._take_kept_corners(now_ns)
        self._weigh(levels, faults, now_ns)
        faults += self._mailbox.faults
        faults += [f.fault for f in self._feedback if f is not None and f.fault is not None]
        self._faults.take(faults, now_ns)
        for fault in self._faults.began:
            self._counts.begun(fault)
        box = self._mailbox
        keys, pins = self._pad.hide(self.state, box.keys, now_ns, self.params)
        return Inputs(
            now_ns=now_ns,
            weighed=self._weighed,
            levels=levels,
            barriers=self._feedback,
            plate=box.plate,
            captured=box.captured,
            committed=tuple(box.committed),
            refused_visit_ids=tuple(box.refused),
            keys=keys,
            pins=pins,
            faults=tuple(faults[:FAULTS_MAX]),
            ledger_up=box.is_up("ledger"),
            camera_up=box.is_up("camera"),
            outbox_full=box.outbox_full(),
            vehicle=box.vehicle,
        )

    def _take_kept_zero(self, now_ns: MonotonicNs) -> None:
        """After a restart: the zero the ledger kept, unless an empty deck has given one since."""
        kept, weighed = self._mailbox.zero, self._weighed
        if kept is None or (weighed is not None and weighed.zero_valid is Tri.YES):
            return
        self.pipeline.restore_zero(ZeroState(kept.counts, kept.initial_kg, MonotonicNs(0)), now_ns)

    def _take_kept_corners(self, now_ns: MonotonicNs) -> None:
        """After a restart: the evidence the ledger kept, once; its later word is only an echo."""
        kept = self._mailbox.corners
        if kept is None or self._corners_known:
            return
        self._corners_known = True
        if kept.text and self.pipeline.restore_corners(kept.text, now_ns):
            self._corners_kept = self.pipeline.checks.corners.passages

    def _weigh(self, levels: tuple[Level, ...], faults: list[Fault], now_ns: MonotonicNs) -> None:
        beams = levels[InputName.BEAM_ENTRY].value, levels[InputName.BEAM_EXIT].value
        newer: Weighed | None = None
        packed = b""
        if self.devices.load_cell is not None:
            samples = _split(self.devices.load_cell.poll(now_ns, SAMPLES_MAX), faults)
            newer = self.pipeline.feed(samples, *beams, self._outputs.zero_allowed, now_ns)
            packed = pack(samples, *beams)
        elif self.devices.indicator is not None:
            readings = _split(self.devices.indicator.poll(now_ns, READINGS_MAX), faults)
            newer = self.pipeline.feed_indicator(readings, *beams, now_ns)
            packed = pack_frames(readings, *beams, None if beams == self._beams else now_ns)
        self._beams = beams
        if newer is not None:
            self._weighed = newer
        held_since_ns = NEVER_NS if self._weighed is None else self._weighed.held_since_ns
        self._samples.take(packed, self.state.visit_id != 0, now_ns, held_since_ns)

    def _apply(self, outputs: Outputs, now_ns: MonotonicNs) -> None:
        """Leases first, then lamps. A side without a barrier must not have been given a lease."""
        feedback: list[BarrierFeedback | None] = []
        for side in Side:
            barrier = self.devices.barriers[side]
            lease: Lease | None = outputs.leases[side]
            assert barrier is not None or lease is None
            feedback.append(
                barrier.drive(lease, outputs.close[side], now_ns) if barrier is not None else None
            )
        self._feedback = (feedback[Side.ENTRY], feedback[Side.EXIT])
        for side in Side:
            self.devices.lamps[side].show(outputs.lamps[side], now_ns)
        if self.devices.siren is not None:
            self.devices.siren.sound(outputs.siren, now_ns)

    def _tell(self, inputs: Inputs, outputs: Outputs, stats: LoopStats) -> None:
        now_ns = inputs.now_ns
        answered = inputs.vehicle[0] if inputs.vehicle is not None else ""
        given = self._samples_given(outputs, now_ns)
        self._outgoing.requests(outputs, answered, now_ns, samples_given=given)
        told = (*self.pipeline.drain_events(), *self._faults.drain_events())
        self._outgoing.journal(outputs.events + told)
        if self._outgoing.snapshot_due(now_ns):
            self._outgoing.publish(self.snapshot(inputs, outputs, stats))
            if self._weighed is not None and self._weighed.zero_valid is Tri.YES:
                zero = self.pipeline.zero_state()
                self._outgoing.keep_zero(ZeroKept(zero.counts, zero.initial_kg), now_ns)
            self._keep_corners(now_ns)

    def _samples_given(self, outputs: Outputs, now_ns: MonotonicNs) -> bool:
        """Whether a draft may go to the ledger: what its mass was read from goes first."""
        met = self._mailbox.ledger_met if self._mailbox.up.get("ledger", False) else 0
        self._samples.give(self.hub, met)
        if outputs.draft is None:
            return True
        return self._samples.ended(self.hub, outputs.draft.visit_id, self._meta, now_ns)

    def _meta(self) -> str:
        pipe, weighed = self.pipeline, self._weighed
        zero = pipe.zero_state()
        if self.devices.load_cell is None and weighed is not None:  # the instrument's own zero
            seen_ns = weighed.at_ns - weighed.zero_age_ns if weighed.zero_valid is Tri.YES else 0
            zero = ZeroState((0.0,), 0.0, MonotonicNs(seen_ns))
        return meta_text(pipe.params, zero, pipe.hold.calm_kg())

    def _keep_corners(self, now_ns: MonotonicNs) -> None:
        """Only after the ledger's own word: never over evidence that was not read yet."""
        passages = self.pipeline.checks.corners.passages
        if not self._corners_known or passages == self._corners_kept:
            return
        if self._outgoing.corners_due(now_ns) and self._outgoing.keep_corners(
            CornersKept(self.pipeline.corner_evidence()), now_ns
        ):
            self._corners_kept = passages

    def _estimate(self) -> tuple[int, int] | None:
        kg, weighed = self.pipeline.estimate_kg, self._weighed
        return (kg, weighed.cell) if kg is not None and weighed is not None else None

    def _flags(self) -> tuple[tuple[int, int, bool], ...]:
        if self._weighed is None:
            return ()
        blocks = ~self.pipeline.params.alarm_only | BLOCKING_FLAGS
        sure = self.pipeline.confidence_pct
        return tuple((int(f), sure(f), bool(f & blocks)) for f in self._weighed.flags)

    def snapshot(self, inputs: Inputs, outputs: Outputs, stats: LoopStats) -> Snapshot:
        """What everybody else may know of this tick."""
        status = self._mailbox.status
        facts = self.pipeline.corner_facts()
        return Snapshot(
            now_ns=inputs.now_ns,
            state=self.state.phase.value,
            visit_id=self.state.visit_id,
            display=outputs.display,
            weighed=self._weighed,
            levels=inputs.levels,
            barriers=self._feedback,
            leases=(_authority(outputs.leases[0]), _authority(outputs.leases[1])),
            lamps=(int(outputs.lamps[0] is Aspect.GREEN), int(outputs.lamps[1] is Aspect.GREEN)),
            siren=outputs.siren,
            peers=tuple(sorted(self._mailbox.up.items())),
            faults=self._faults.shown(),
            last_seq=status.last_seq if status else 0,
            unsent=status.unsent if status else 0,
            quarantined=status.quarantined if status else 0,
            targets=status.targets if status else (),
            loop=stats,
            lane_kind=self.lane_kind,
            simulated=self._simulated or bool(self._mailbox.simulated_peers),
            device_counts=self._counts.table(),
            corners=astuple(facts) if facts is not None else None,
            estimate=self._estimate(),
            flags=self._flags(),
        )


def _split(items: Sequence[Value | Fault], faults: list[Fault]) -> list[Value]:
    """Values and faults of one poll, apart."""
    faults += [item for item in items if isinstance(item, Fault)]
    return [item for item in items if not isinstance(item, Fault)]


def _authority(lease: Lease | None) -> str:
    return lease.authority.value if lease is not None else ""
