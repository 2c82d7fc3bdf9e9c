"""The interlock by itself: every single condition of a grant, taken away one at a time."""

from __future__ import annotations

import pytest

from hal.contract.types import (
    LEASE_NS_MAX,
    NS_PER_MS,
    NS_PER_S,
    Authority,
    MonotonicNs,
    Side,
    Tri,
)
from terminal.core.interlock import NOTHING, grant
from terminal.core.params import Params
from terminal.core.quality import Seen
from terminal.core.types import BarrierKind, Committed, LaneKind, Verdict
from terminal.core.visit import Phase, State, Trail

NOW = MonotonicNs(1_000 * NS_PER_S)
HASH = bytes(32)
YES2, NO2 = (Tri.YES, Tri.YES), (Tri.NO, Tri.NO)
HOLD = Params(barrier=BarrierKind.HOLD)
PULSE = Params(barrier=BarrierKind.PULSE)
EXIT_ONLY = Params(lane=LaneKind.EXIT_ONLY, barrier=BarrierKind.PULSE)
SEEN = Seen(
    NO2, NO2, YES2, (True, True), Tri.NO, Tri.NO, True, True, True,
    0, Tri.NO, Tri.YES, Tri.YES, Tri.NO, 0, None,
)  # fmt: skip
RELEASED = State(
    phase=Phase.RELEASING,
    visit_id=9,
    verdict=Verdict.PASS,
    committed=Committed(9, 1, HASH),
)
ENTERING = State(phase=Phase.ENTERING, visit_id=9)


def clear_since(ago_ms: int) -> Trail:
    since = MonotonicNs(NOW - ago_ms * NS_PER_MS)
    return Trail(clear=(since, since))


def test_exit_lease() -> None:
    for phase in (Phase.RELEASING, Phase.CLEARING):
        leases = grant(RELEASED._replace(phase=phase), SEEN, NOW, HOLD).leases
        assert leases[Side.ENTRY] is None
        lease = leases[Side.EXIT]
        assert lease is not None
        assert (lease.side, lease.authority, lease.visit_id) == (Side.EXIT, Authority.RECORD, 9)
        assert lease.record_hash == HASH
        assert lease.expires_ns == NOW + LEASE_NS_MAX


@pytest.mark.parametrize(
    "change",
    [
        {"committed": None},
        {"committed": Committed(8, 1, HASH)},
        {"committed": Committed(9, 1, HASH[1:])},
        {"verdict": Verdict.OVER},
        {"verdict": Verdict.REFUSED},
        {"verdict": None},
        {"used": True},
        *({"phase": phase} for phase in Phase if phase not in (Phase.RELEASING, Phase.CLEARING)),
    ],
    ids=str,
)
def test_no_exit_lease(change: dict[str, object]) -> None:
    assert grant(RELEASED._replace(**change), SEEN, NOW, HOLD).leases[Side.EXIT] is None


@pytest.mark.parametrize("closed", [Tri.NO, Tri.UNKNOWN])
def test_the_other_end_must_be_known_closed(closed: Tri) -> None:
    assert grant(RELEASED, SEEN._replace(closed=(closed, Tri.NO)), NOW, HOLD) == NOTHING
    assert grant(ENTERING, SEEN._replace(closed=(Tri.NO, closed)), NOW, HOLD) == NOTHING


@pytest.mark.parametrize(
    "change",
    [
        {"estop": Tri.YES},
        {"estop": Tri.UNKNOWN},
        {"wired_release": Tri.YES},
        {"wired_release": Tri.UNKNOWN},
        {"inputs_known": False},
        {"barriers_known": False},
        {"weight_fresh": False},
    ],
    ids=str,
)
def test_anything_amiss_takes_everything(change: dict[str, object]) -> None:
    seen = SEEN._replace(**change)  # type: ignore[arg-type]
    for state in (RELEASED, ENTERING):
        assert grant(state, seen, NOW, HOLD) == NOTHING
    shut = State(phase=Phase.CLEARING, used=True, trail=clear_since(1_500))
    open_ = {"closed": (Tri.YES, Tri.NO)}
    assert grant(shut, SEEN._replace(**open_), NOW, PULSE) != NOTHING
    assert grant(shut, seen._replace(**open_), NOW, PULSE) == NOTHING


def test_boarding() -> None:
    lease = grant(ENTERING, SEEN, NOW, HOLD).leases[Side.ENTRY]
    assert lease is not None
    assert (lease.side, lease.authority, lease.visit_id) == (Side.ENTRY, Authority.BOARDING, 9)
    assert lease.expires_ns == NOW + LEASE_NS_MAX
    assert grant(ENTERING._replace(visit_id=0), SEEN, NOW, HOLD) == NOTHING
    assert grant(ENTERING, SEEN, NOW, EXIT_ONLY).leases == (None, None)


@pytest.mark.parametrize("empty", [Tri.NO, Tri.UNKNOWN])
def test_boarding_starts_over_an_empty_deck_only(empty: Tri) -> None:
    seen = SEEN._replace(deck_empty=empty)
    assert grant(ENTERING, seen, NOW, HOLD) == NOTHING
    going_on = ENTERING._replace(leased=(True, False))
    assert grant(going_on, seen, NOW, HOLD).leases[Side.ENTRY] is not None


@pytest.mark.parametrize(("occupied", "wanted"), [(Tri.YES, 1), (Tri.UNKNOWN, 1), (Tri.NO, 0)])
def test_backing_out(occupied: Tri, wanted: int) -> None:
    state = State(phase=Phase.EGRESS, visit_id=9, trail=clear_since(5_000))
    lease = grant(state, SEEN._replace(occupied=occupied), NOW, HOLD).leases[Side.ENTRY]
    assert (lease is not None) == wanted
    assert lease is None or lease.authority is Authority.BACK_OUT


@pytest.mark.parametrize("phase", [Phase.POSITIONING, Phase.HELD, Phase.EGRESS])
@pytest.mark.parametrize(("clear_ms", "kept"), [(None, 1), (0, 1), (1_499, 1), (1_500, 0)])
def test_an_open_entry_stays_open_until_clear_for_the_delay(
    phase: Phase, clear_ms: int | None, kept: int
) -> None:
    trail = Trail() if clear_ms is None else clear_since(clear_ms)
    state = State(phase=phase, visit_id=9, opened=(True, False), trail=trail)
    assert (grant(state, SEEN, NOW, HOLD).leases[Side.ENTRY] is not None) == kept
    never = state._replace(opened=(False, True))
    assert grant(never, SEEN, NOW, HOLD).leases[Side.ENTRY] is None


@pytest.mark.parametrize(
    "phase",
    [phase for phase in Phase if phase.value not in ("entering", "egress", "positioning", "held")],
)
def test_no_entry_lease_in_other_phases(phase: Phase) -> None:
    state = State(phase=phase, visit_id=9, opened=(True, True), leased=(True, False))
    assert grant(state, SEEN, NOW, HOLD).leases[Side.ENTRY] is None


@pytest.mark.parametrize("side", list(Side))
@pytest.mark.parametrize(
    ("phase", "clear_ms", "permitted"),
    [
        (Phase.HELD, None, 0),
        (Phase.HELD, 1_499, 0),
        (Phase.HELD, 1_500, 1),
        (Phase.LOCKOUT, 9_999, 0),
        (Phase.LOCKOUT, 10_000, 1),
    ],
)
def test_close_permit(side: Side, phase: Phase, clear_ms: int | None, permitted: int) -> None:
    trail = Trail() if clear_ms is None else clear_since(clear_ms)
    state = State(phase=phase, trail=trail)
    seen = SEEN._replace(closed=NO2)
    permit = grant(state, seen, NOW, PULSE).close[side]
    assert (permit is not None) == permitted
    if permit is not None:
        assert (permit.side, permit.expires_ns) == (side, NOW + LEASE_NS_MAX)
    assert grant(state, seen, NOW, HOLD).close == (None, None)
    assert grant(state, SEEN, NOW, PULSE).close == (None, None)
    assert grant(state, seen, NOW, EXIT_ONLY).close[Side.ENTRY] is None


def test_no_close_permit_beside_a_lease() -> None:
    seen = SEEN._replace(closed=(Tri.YES, Tri.NO))
    both = grant(RELEASED._replace(trail=clear_since(9_000)), seen, NOW, PULSE)
    assert both.leases[Side.EXIT] is not None
    assert both.close == (None, None)
    seen = SEEN._replace(closed=(Tri.NO, Tri.YES))
    both = grant(ENTERING._replace(trail=clear_since(9_000)), seen, NOW, PULSE)
    assert both.leases[Side.ENTRY] is not None
    assert both.close == (None, None)


def test_a_passage_clear_since_the_first_nanosecond_is_clear() -> None:
    for since_ns, given in ((0, False), (1, True)):
        at_ns = MonotonicNs(since_ns)
        state = RELEASED._replace(used=True, trail=Trail(clear=(at_ns, at_ns)))
        seen = SEEN._replace(closed=(Tri.YES, Tri.NO))
        permit = grant(state, seen, MonotonicNs(1 + 60 * NS_PER_S), PULSE).close[Side.EXIT]
        assert (permit is not None) is given
