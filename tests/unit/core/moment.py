"""One tick by hand: a sound lane as facts, and what a test wants different. No time passes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hal.contract.types import (
    INPUT_COUNT,
    NS_PER_MS,
    NS_PER_S,
    BarrierFeedback,
    Level,
    MonotonicNs,
    Position,
    Tri,
)
from terminal.core.facts import Facts
from terminal.core.params import Params
from terminal.core.quality import Seen
from terminal.core.types import (
    Committed,
    HoldReason,
    Inputs,
    PhotoRef,
    PlateOutcome,
    PlateReading,
    RecordDraft,
    VehicleFacts,
    Verdict,
    Weighed,
)
from terminal.core.visit import Latch, Phase, State, Trail

NOW_NS = MonotonicNs(1_000 * NS_PER_S)
SINCE_NS = MonotonicNs(NOW_NS - NS_PER_S)
NO, YES, UNKNOWN = Tri.NO, Tri.YES, Tri.UNKNOWN
VISIT_ID = (1 << 20) | 1
PLATE = "晋LA1234"
KG = 48_000
HASH = bytes(range(32))
PHOTOS = (PhotoRef("front", bytes(32), 1_000),)
VEHICLE = VehicleFacts("articulated", 2, False, 0, None, "159")
PARAMS = Params()

LATCH = Latch(KG, 12, SINCE_NS, MonotonicNs(SINCE_NS + 1), 6, (18_000, 30_000), 0, 7_900_000)
READING = PlateReading(
    VISIT_ID, PlateOutcome.READ, PLATE, "yellow", "ordinary", 3_000, (PLATE,), 3, SINCE_NS
)
WEIGHED = Weighed(
    NOW_NS, KG, NO, NO, YES, held_kg=KG, held_u_kg=12, held_since_ns=SINCE_NS, axles=6
)
SEEN = Seen(
    beams=(NO, NO),
    taken=(NO, NO),
    closed=(YES, YES),
    agree=(True, True),
    estop=NO,
    wired_release=NO,
    inputs_known=True,
    barriers_known=True,
    weight_fresh=True,
    gross_kg=KG,
    occupied=YES,
    deck_empty=NO,
    zero_valid=YES,
    motion=NO,
    flags=0,
    held_kg=KG,
)
"""A vehicle stands in place, both arms are shut, and its mass may be trusted."""
EMPTY = SEEN._replace(gross_kg=0, occupied=NO, deck_empty=YES, held_kg=None)
TRAIL = Trail(edges_clear=MonotonicNs(SINCE_NS - 1))


def state(phase: Phase = Phase.WEIGHING, **changes: Any) -> State:
    """The visit of that vehicle, weighed, read, photographed and known."""
    base = State(
        phase=phase,
        since_ns=SINCE_NS,
        reason=HoldReason.NONE,
        serial=1,
        visit_id=VISIT_ID,
        arrived_ns=MonotonicNs(SINCE_NS - NS_PER_S),
        latch=LATCH,
        reading=READING,
        plate_ns=SINCE_NS,
        vehicle=VEHICLE,
        photos=PHOTOS,
        trail=TRAIL,
    )
    return base._replace(**changes)


def inputs(**changes: Any) -> Inputs:
    """What a sound lane says now."""
    feedback = BarrierFeedback(Position.CLOSED, NO, False, 0, NOW_NS)
    base = Inputs(
        NOW_NS,
        WEIGHED,
        (Level(NO, NOW_NS),) * INPUT_COUNT,
        (feedback, feedback),
        ledger_up=YES,
        camera_up=YES,
        outbox_full=NO,
    )
    return replace(base, **changes)


def facts(
    of: State | None = None,
    seen: Seen = SEEN,
    said: Inputs | None = None,
    params: Params = PARAMS,
    command: str = "",
) -> Facts:
    return Facts(NOW_NS, of or state(), seen, said or inputs(), params, command)


def ago(ms: int, ns: int = 0) -> MonotonicNs:
    return MonotonicNs(NOW_NS - ms * NS_PER_MS - ns)


def draft(verdict: Verdict = Verdict.PASS, **changes: Any) -> RecordDraft:
    from terminal.core.effects import draft_of

    judged = state(verdict=verdict)
    return replace(draft_of(facts(judged), judged, verdict, "table"), **changes)


def committed(**changes: Any) -> Committed:
    return replace(Committed(VISIT_ID, 1, HASH), **changes)
