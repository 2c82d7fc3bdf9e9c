"""Each invariant, broken on purpose: the checker must name it, and only what is broken."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hal.contract.types import (
    LEASE_NS_MAX,
    NS_PER_MS,
    Authority,
    ClosePermit,
    InputName,
    Lease,
    MonotonicNs,
    Position,
    Side,
    Tri,
)
from terminal.core.invariants import check
from terminal.core.types import BarrierKind, Event, Inputs, Outputs, Verdict
from terminal.core.visit import Phase, State
from tests.unit.core.lane import HASH, LaneRig


class Moment:
    """A sound tick to be spoilt. before and after are the same unless said otherwise."""

    def __init__(self, rig: LaneRig) -> None:
        self.rig = rig.run(50)
        self.inputs: Inputs = rig.inputs()
        self.before: State = rig.state
        self.after: State = rig.state
        self.out: Outputs = rig.out
        assert self.names() == ()

    def names(self) -> tuple[str, ...]:
        return check(self.before, self.inputs, self.after, self.out, self.rig.params)

    def lease(self, side: Side, **changes: object) -> Lease:
        visit, until = self.after.visit_id, MonotonicNs(self.inputs.now_ns + LEASE_NS_MAX)
        authority = Authority.RECORD if side is Side.EXIT else Authority.BOARDING
        made = Lease(side, authority, visit, HASH if side is Side.EXIT else b"", until)
        return replace(made, **changes)

    def give(self, side: Side, **changes: object) -> None:
        leases = list(self.out.leases)
        leases[side] = self.lease(side, **changes)
        self.out = replace(self.out, leases=(leases[0], leases[1]))


def released(barrier: BarrierKind = BarrierKind.HOLD) -> Moment:
    return Moment(LaneRig(barrier=barrier).weigh().until(Phase.RELEASING))


@pytest.mark.parametrize(
    ("lease", "names"),
    [
        ({"authority": Authority.OVERRIDE}, ("I1",)),
        ({"visit_id": 5}, ("I1", "I3")),
        ({"record_hash": HASH[::-1]}, ("I1",)),
        ({}, ()),
    ],
)
def test_i1_lease(lease: dict[str, object], names: tuple[str, ...]) -> None:
    moment = released()
    moment.give(Side.EXIT, **lease)
    assert moment.names() == names


def test_i1_record() -> None:
    moment = released()
    sound = moment.after
    draft, committed = sound.draft, sound.committed
    assert draft is not None
    assert committed is not None
    spoilt: list[dict[str, object]] = [
        {"committed": None},
        {"committed": replace(committed, visit_id=5)},
        {"committed": replace(committed, record_hash=HASH[::-1])},
        {"verdict": Verdict.OVER},
        {"draft": None},
        {"draft": replace(draft, verdict=Verdict.OVER)},
        {"draft": replace(draft, visit_id=5)},
    ]
    for change in spoilt:
        moment.after = sound._replace(**change)
        assert moment.names() == ("I1",), change
    short = replace(committed, record_hash=b"")
    moment.after = sound._replace(committed=short)
    moment.give(Side.EXIT, record_hash=b"")
    assert moment.names() == ("I1",)


def test_i2() -> None:
    rig = LaneRig()
    rig.reading = None
    moment = Moment(rig.weigh())
    sound = moment.after
    assert sound.latch is not None
    moment.before = sound._replace(latch=None)
    assert moment.names() == ()
    early = sound.latch._replace(held_since_ns=MonotonicNs(sound.trail.edges_clear - 1))
    other = sound.latch._replace(gross_kg=sound.latch.gross_kg + 21)
    for latch in (early, other):
        moment.after = sound._replace(latch=latch)
        assert moment.names() == ("I2",)
    moment.after = sound._replace(trail=sound.trail._replace(edges_clear=MonotonicNs(0)))
    assert moment.names() == ("I2",)
    moment.after = sound
    rig.held_kg = None
    moment.inputs = rig.inputs()
    assert moment.names() == ("I2",)
    rig.held_kg = 48_000
    rig.set(InputName.BEAM_EXIT, True)
    moment.inputs = rig.inputs()
    assert moment.names() == ("I2",)


def test_i3() -> None:
    moment = released()
    moment.after = moment.after._replace(used=True)
    assert moment.names() == ("I3",)
    moment = released()
    moment.before = moment.before._replace(used=True)
    assert moment.names() == ("I3",)
    moment = Moment(LaneRig().ready())
    moment.give(Side.ENTRY)
    assert moment.names() == ("I3",)


@pytest.mark.parametrize("side", list(Side))
@pytest.mark.parametrize("taken", [Tri.YES, Tri.UNKNOWN])
def test_i4_permit(side: Side, taken: Tri) -> None:
    rig = LaneRig(barrier=BarrierKind.PULSE).ready()
    moment = Moment(rig)
    permit = ClosePermit(side, MonotonicNs(moment.inputs.now_ns))
    close = (permit, None) if side is Side.ENTRY else (None, permit)
    moment.out = replace(moment.out, close=close)
    assert moment.names() == ()
    rig.set((InputName.LOOP_ENTRY, InputName.LOOP_EXIT)[side], taken)
    moment.inputs = rig.inputs()
    assert moment.names() == (("I4",) if taken is Tri.YES else ("I4", "I5"))


@pytest.mark.parametrize("barrier", list(BarrierKind))
def test_i4_lease_dropped_over_a_vehicle(barrier: BarrierKind) -> None:
    moment = released(barrier)
    moment.rig.set(InputName.BEAM_EXIT, True)
    moment.inputs = moment.rig.inputs()
    assert moment.names() == ()
    moment.out = replace(moment.out, leases=(None, None))
    assert moment.names() == (("I4",) if barrier is BarrierKind.HOLD else ())
    moment.after = moment.after._replace(phase=Phase.LOCKOUT)
    assert moment.names() == ()


def test_i5() -> None:
    moment = released()
    moment.rig.set(InputName.ESTOP, True)
    moment.inputs = moment.rig.inputs()
    assert moment.names() == ("I5",)
    moment = Moment(LaneRig(barrier=BarrierKind.PULSE).ready())
    permit = ClosePermit(Side.EXIT, MonotonicNs(moment.inputs.now_ns))
    moment.out = replace(moment.out, close=(None, permit))
    moment.rig.set(InputName.ESTOP, True)
    moment.inputs = moment.rig.inputs()
    assert moment.names() == ("I5",)


def test_i6() -> None:
    moment = released()
    moment.give(Side.ENTRY)
    assert moment.names() == ("I6",)
    moment = released()
    moment.rig.arms[Side.ENTRY].lift = 7
    moment.inputs = moment.rig.inputs()
    assert moment.names() == ("I6",)
    rig = LaneRig().ready().arrive()
    moment = Moment(rig)
    rig.arms[Side.EXIT].lift = 7
    moment.inputs = rig.inputs()
    assert moment.names() == ("I6",)


def test_i9() -> None:
    moment = released()
    moment.give(Side.EXIT, expires_ns=MonotonicNs(moment.inputs.now_ns + LEASE_NS_MAX + 1))
    assert moment.names() == ("I9",)
    moment = released()
    event = Event("state", moment.inputs.now_ns)
    moment.out = replace(moment.out, events=(event,) * 8)
    assert moment.names() == ()
    moment.out = replace(moment.out, events=(event,) * 9)
    assert moment.names() == ("I9",)
    moment = released()
    moment.out = replace(moment.out, display=replace(moment.out.display, menu_lines=("",) * 5))
    assert moment.names() == ("I9",)


def test_i10() -> None:
    moment = released()
    moment.before = moment.before._replace(phase=Phase.LOCKOUT)
    assert moment.names() == ("I10",)
    rig = LaneRig().ready()
    moment = Moment(rig)
    moment.before = moment.before._replace(phase=Phase.LOCKOUT)
    for phase, names in ((Phase.IDLE, ()), (Phase.EGRESS, ()), (Phase.ENTERING, ("I10",))):
        moment.after = rig.state._replace(phase=phase)
        assert moment.names() == names
    moment.after = rig.state
    rig.deck_empty = Tri.NO
    moment.inputs = rig.inputs()
    assert moment.names() == ("I10",)
    rig.deck_empty, rig.zero_valid = Tri.YES, Tri.UNKNOWN
    moment.inputs = rig.inputs()
    assert moment.names() == ("I10",)
    rig.zero_valid = Tri.YES
    for name in (InputName.BEAM_ENTRY, InputName.BEAM_EXIT, InputName.LOOP_EXIT):
        rig.set(name, True)
        moment.inputs = rig.inputs()
        assert moment.names() == ("I10",)
        rig.set(name, False)
    moment.inputs = rig.set(InputName.LOOP_ENTRY, True).inputs()
    assert moment.names() == (), "a truck that waits before the entry is not in the lane"
    rig.set(InputName.LOOP_ENTRY, False)
    moment.inputs = rig.inputs()
    exit_ = moment.inputs.barriers[1]
    assert exit_ is not None
    ajar = replace(exit_, position=Position.MOVING)
    moment.inputs = replace(rig.inputs(), barriers=(moment.inputs.barriers[0], ajar))
    assert moment.names() == ("I10",)


@pytest.mark.parametrize("side", list(Side))
def test_i11(side: Side) -> None:
    rig = LaneRig().ready()
    moment = Moment(rig)
    rig.arms[side].welded = True
    moment.inputs = rig.inputs()
    for ago_ms, names in ((0, ()), (499, ()), (500, ("I11",))):
        since = MonotonicNs(moment.inputs.now_ns - ago_ms * NS_PER_MS)
        pair = (since, MonotonicNs(0)) if side is Side.ENTRY else (MonotonicNs(0), since)
        moment.before = rig.state._replace(trail=rig.state.trail._replace(disagree=pair))
        assert moment.names() == names
    moment.after = rig.state._replace(phase=Phase.LOCKOUT)
    assert moment.names() == ()
