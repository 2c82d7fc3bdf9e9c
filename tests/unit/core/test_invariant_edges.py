"""Each invariant alone, over a transition made by hand: one fact changed, one verdict."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from hal.contract.types import (
    LEASE_NS_MAX,
    Authority,
    ClosePermit,
    Lease,
    MonotonicNs,
    Side,
    Tri,
)
from terminal.core.invariants import INVARIANTS, Transition
from terminal.core.types import BarrierKind, Display, Event, Outputs, Verdict
from terminal.core.visit import Phase, State, Trail
from tests.unit.core import moment as m
from tests.unit.core.moment import (
    EMPTY,
    HASH,
    LATCH,
    NO,
    NOW_NS,
    PARAMS,
    SEEN,
    UNKNOWN,
    VISIT_ID,
    YES,
    ago,
    state,
)

HOLDS = dict(INVARIANTS)
UNTIL_NS = MonotonicNs(NOW_NS + LEASE_NS_MAX)
EXIT = Lease(Side.EXIT, Authority.RECORD, VISIT_ID, HASH, UNTIL_NS)
ENTRY = Lease(Side.ENTRY, Authority.BOARDING, VISIT_ID, b"", UNTIL_NS)
RELEASED = state(Phase.RELEASING, verdict=Verdict.PASS, draft=m.draft(), committed=m.committed())


def moved(
    after: State = RELEASED,
    before: State | None = None,
    seen: Any = SEEN,
    leases: Any = (None, None),
    close: Any = (None, None),
    barrier: BarrierKind = BarrierKind.HOLD,
    **out: Any,
) -> Transition:
    outputs = replace(Outputs(leases=leases, close=close), **out)
    params = replace(PARAMS, barrier=barrier)
    return Transition(before or after, m.inputs(), after, outputs, params, seen)


def i1(lease: Lease | None = EXIT, **changes: Any) -> bool:
    return HOLDS["I1"](moved(RELEASED._replace(**changes), leases=(None, lease)))


def test_i1() -> None:
    assert i1()
    assert i1(None, committed=None)
    long_hash = bytes(33)
    for lease, changes in (
        (replace(EXIT, authority=Authority.OVERRIDE), {}),
        (replace(EXIT, visit_id=VISIT_ID + 1), {}),
        (replace(EXIT, record_hash=bytes(32)), {}),
        (replace(EXIT, record_hash=long_hash), {"committed": m.committed(record_hash=long_hash)}),
        (EXIT, {"committed": None}),
        (EXIT, {"committed": m.committed(visit_id=VISIT_ID + 1)}),
        (EXIT, {"visit_id": VISIT_ID + 1}),
        (EXIT, {"verdict": Verdict.REFUSED}),
        (EXIT, {"verdict": None}),
        (EXIT, {"draft": None}),
        (EXIT, {"draft": m.draft(Verdict.OVER)}),
        (EXIT, {"draft": m.draft(visit_id=VISIT_ID + 1)}),
    ):
        assert not i1(lease, **changes), (lease, changes)


@pytest.mark.parametrize(
    ("held_kg", "latched_kg", "clear_ns", "since_ns", "beams", "holds"),
    [
        (48_000, 48_000, 5, 5, (NO, NO), True),
        (48_000, 48_020, 5, 6, (NO, NO), True),
        (48_000, 47_980, 5, 6, (NO, NO), True),
        (48_000, 48_021, 5, 6, (NO, NO), False),
        (48_000, 47_979, 5, 6, (NO, NO), False),
        (48_000, 48_000, 6, 5, (NO, NO), False),
        (48_000, 48_000, 0, 5, (NO, NO), False),
        (48_000, 48_000, 1, 1, (NO, NO), True),
        (48_000, 48_000, 5, 5, (YES, NO), False),
        (48_000, 48_000, 5, 5, (NO, UNKNOWN), False),
        (None, 48_000, 5, 5, (NO, NO), False),
    ],
)
def test_i2(
    held_kg: int | None, latched_kg: int, clear_ns: int, since_ns: int, beams: Any, holds: bool
) -> None:
    latch = LATCH._replace(gross_kg=latched_kg, held_since_ns=MonotonicNs(since_ns))
    after = state(latch=latch, trail=Trail(edges_clear=MonotonicNs(clear_ns)))
    seen = SEEN._replace(held_kg=held_kg, beams=beams)
    for before in (after._replace(latch=None), after._replace(latch=LATCH._replace(u_kg=99))):
        assert HOLDS["I2"](moved(after, before, seen)) is holds
    assert HOLDS["I2"](moved(after, after, seen))
    assert HOLDS["I2"](moved(after._replace(latch=None), after, seen))


def test_i3() -> None:
    check = HOLDS["I3"]
    for lease in ((ENTRY, None), (None, EXIT)):
        assert check(moved(leases=lease))
        assert not check(moved(RELEASED._replace(visit_id=VISIT_ID + 1), leases=lease))
        assert not check(moved(RELEASED._replace(visit_id=VISIT_ID - 1), leases=lease))
    for nobody in (replace(ENTRY, visit_id=0), replace(EXIT, visit_id=0)):
        pair = (nobody, None) if nobody.side is Side.ENTRY else (None, nobody)
        assert not check(moved(RELEASED._replace(visit_id=0), leases=pair))
    one = RELEASED._replace(visit_id=1)
    assert check(moved(one, leases=(replace(ENTRY, visit_id=1), None)))
    used = RELEASED._replace(used=True)
    assert check(moved(used, used))
    assert check(moved(used, used, leases=(ENTRY, None)))
    assert not check(moved(used, RELEASED, leases=(None, EXIT)))
    assert not check(moved(RELEASED, used, leases=(None, EXIT)))
    other = used._replace(visit_id=VISIT_ID + 1)
    assert check(moved(RELEASED, other, leases=(None, EXIT)))


@pytest.mark.parametrize("side", list(Side))
@pytest.mark.parametrize("barrier", list(BarrierKind))
@pytest.mark.parametrize("taken", [NO, YES, UNKNOWN])
def test_i4(side: Side, barrier: BarrierKind, taken: Tri) -> None:
    def pair(mine: Any, other: Any = None) -> Any:
        return (mine, other) if side is Side.ENTRY else (other, mine)

    check = HOLDS["I4"]
    seen = SEEN._replace(taken=pair(taken, NO))
    permit = pair(ClosePermit(side, UNTIL_NS))
    assert check(moved(seen=seen, close=permit, barrier=barrier)) is (taken is NO)
    assert check(moved(seen=SEEN._replace(taken=pair(NO, taken)), close=permit, barrier=barrier))
    had = RELEASED._replace(leased=pair(True, False))
    lease = pair(EXIT if side is Side.EXIT else ENTRY)
    assert check(moved(RELEASED, had, seen, leases=lease, barrier=barrier))
    dropped = check(moved(RELEASED, had, seen, barrier=barrier))
    assert dropped is (taken is NO or barrier is BarrierKind.PULSE)
    assert check(moved(RELEASED, RELEASED, seen, barrier=barrier))
    locked = RELEASED._replace(phase=Phase.LOCKOUT)
    assert check(moved(locked, had, seen, barrier=barrier))


@pytest.mark.parametrize("side", list(Side))
def test_i5(side: Side) -> None:
    check = HOLDS["I5"]
    stop = SEEN._replace(estop=YES)
    lease = (ENTRY, None) if side is Side.ENTRY else (None, EXIT)
    permit = ClosePermit(side, UNTIL_NS)
    close = (permit, None) if side is Side.ENTRY else (None, permit)
    assert check(moved(seen=stop))
    assert not check(moved(seen=stop, leases=lease))
    assert not check(moved(seen=stop, close=close))
    assert check(moved(leases=lease, close=close))


@pytest.mark.parametrize("closed", [NO, YES, UNKNOWN])
def test_i6(closed: Tri) -> None:
    check = HOLDS["I6"]
    entry_seen = SEEN._replace(closed=(closed, YES))
    exit_seen = SEEN._replace(closed=(YES, closed))
    assert check(moved(seen=exit_seen, leases=(ENTRY, None))) is (closed is YES)
    assert check(moved(seen=entry_seen, leases=(ENTRY, None)))
    assert check(moved(seen=entry_seen, leases=(None, EXIT))) is (closed is YES)
    assert check(moved(seen=exit_seen, leases=(None, EXIT)))
    assert not check(moved(leases=(ENTRY, EXIT)))
    assert check(moved(seen=SEEN._replace(closed=(closed, closed))))


def test_i9() -> None:
    check = HOLDS["I9"]
    event = Event("state", NOW_NS)
    assert check(moved(leases=(ENTRY, EXIT), events=(event,) * 8))
    assert not check(moved(events=(event,) * 9))
    late_ns = MonotonicNs(UNTIL_NS + 1)
    permit = ClosePermit(Side.EXIT, UNTIL_NS)
    assert check(moved(close=(permit, permit)))
    assert not check(moved(leases=(replace(ENTRY, expires_ns=late_ns), None)))
    assert not check(moved(leases=(None, replace(EXIT, expires_ns=late_ns))))
    assert not check(moved(close=(replace(permit, expires_ns=late_ns), None)))
    assert not check(moved(close=(None, replace(permit, expires_ns=late_ns))))
    assert check(moved(display=Display(menu_lines=("",) * 4)))
    assert not check(moved(display=Display(menu_lines=("",) * 5)))


LOCKED = state(Phase.LOCKOUT)


@pytest.mark.parametrize("phase", list(Phase))
def test_i10_phases(phase: Phase) -> None:
    check = HOLDS["I10"]
    after = state(phase)
    assert check(moved(after, state(Phase.HELD)))
    good = phase in (Phase.LOCKOUT, Phase.EGRESS, Phase.IDLE)
    assert check(moved(after, LOCKED, EMPTY)) is good
    assert not check(moved(after, LOCKED, EMPTY, leases=(None, EXIT)))
    assert check(moved(after, LOCKED, SEEN)) is (good and phase is not Phase.IDLE)


@pytest.mark.parametrize(
    ("change", "holds"),
    [
        ({}, True),
        ({"deck_empty": UNKNOWN}, False),
        ({"zero_valid": NO}, False),
        ({"beams": (YES, NO)}, False),
        ({"beams": (UNKNOWN, NO)}, False),
        ({"beams": (NO, YES)}, True),
        ({"taken": (YES, NO)}, True),
        ({"taken": (NO, YES)}, False),
        ({"taken": (NO, UNKNOWN)}, False),
        ({"closed": (NO, YES)}, False),
        ({"closed": (YES, UNKNOWN)}, False),
    ],
)
def test_i10_empty_lane(change: dict[str, Any], holds: bool) -> None:
    """The exit beam is part of the exit's passage, which `taken` speaks for."""
    seen = EMPTY._replace(**change)
    assert HOLDS["I10"](moved(state(Phase.IDLE), LOCKED, seen)) is holds


@pytest.mark.parametrize("side", list(Side))
def test_i11(side: Side) -> None:
    def pair(mine: Any, other: Any) -> Any:
        return (mine, other) if side is Side.ENTRY else (other, mine)

    check = HOLDS["I11"]
    apart = SEEN._replace(agree=pair(False, True))
    for since_ns, holds in ((ago(500), False), (ago(500, -1), True), (0, True), (1, False)):
        trail = Trail(disagree=pair(MonotonicNs(since_ns), MonotonicNs(0)))
        before = RELEASED._replace(trail=trail)
        assert check(moved(RELEASED, before, apart)) is holds
        assert check(moved(RELEASED, before, SEEN))
        assert check(moved(RELEASED._replace(phase=Phase.LOCKOUT), before, apart))
