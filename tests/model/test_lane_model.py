"""The decision core over every order of events: no invariant breaks, no row is dead, no trap.

Sixteen searches, one for each lane kind, barrier kind and set of inputs, in two processes. The
numbers are printed; a finding is printed as the shortest story that leads to it.
"""

from __future__ import annotations

import multiprocessing
import os

import pytest

from hal.contract.types import Authority, Lease, MonotonicNs, Side
from terminal.core import facts, table
from terminal.core.quality import Seen
from terminal.core.table import ROWS, Row
from terminal.core.types import BarrierKind, HoldReason, LaneKind
from terminal.core.visit import Phase, State
from tests.model import environment as env
from tests.model.canonical import RESIDUE_IN
from tests.model.search import ALL_ROWS, Report, Search, run_one

TRANSITIONS_MIN = 5_000_000
"""Over all searches, when not all of them are complete."""
EACH_MAX = 600_000
"""For one search; the complete ones need less."""
JOBS = [
    (lane, barrier, facet, EACH_MAX)
    for facet in env.SETS
    for lane in reversed(LaneKind)
    for barrier in BarrierKind
]
ENDING = {"END_VISIT", "RENEW_VISIT", "NEW_VISIT"}


@pytest.fixture(scope="module")
def reports() -> list[Report]:
    workers = min(2, os.cpu_count() or 1)
    with multiprocessing.get_context("fork").Pool(workers) as pool:
        found = pool.map(run_one, JOBS, chunksize=1)
    print()
    for one in found:
        end = "complete" if one.complete else "stopped at its bound"
        took = f"{one.seconds:6.1f} s ({one.cpu_s:5.1f} s of processor)"
        print(
            f"{one.name:28} {one.states:7,} states {one.transitions:10,} transitions "
            f"{took}  home in {one.home_steps:2} steps  {end}"
        )
    states, transitions = sum(r.states for r in found), sum(r.transitions for r in found)
    print(f"{'all':28} {states:7,} states {transitions:10,} transitions")
    return found


def test_no_order_of_events_breaks_an_invariant_or_ends_in_a_trap(reports: list[Report]) -> None:
    stories = [story for one in reports for story in one.stories]
    assert not stories, "\n\n".join(stories[:3])


def test_every_search_is_complete_or_as_long_as_promised(reports: list[Report]) -> None:
    done = sum(one.transitions for one in reports)
    open_ones = [one.name for one in reports if not one.complete]
    assert not open_ones or done >= TRANSITIONS_MIN, open_ones


def test_no_row_is_dead_and_every_phase_is_reached(reports: list[Report]) -> None:
    fired = set().union(*(one.rows for one in reports))
    dead = [ALL_ROWS[place] for place in range(len(ALL_ROWS)) if place not in fired]
    assert not dead, dead
    for one in reports:
        assert one.phases == set(Phase) or not one.complete, one.name


def rows_from(phase: Phase) -> list[Row]:
    return [row for row in ROWS if row.phase is phase]


def test_nothing_outlives_a_visit() -> None:
    """What canonical.py forgets: rows out of EGRESS and of a used release end the visit."""
    for row in (*rows_from(Phase.EGRESS), *table.DISABLE):
        assert "END_VISIT" in row.do, row
    for row in rows_from(Phase.CLEARING):
        if "release_unused" not in row.when:
            assert ENDING & set(row.do), row


def test_idle_is_entered_over_an_empty_deck_only() -> None:
    """Why the clock of an occupied deck need not be kept outside IDLE."""
    for row in ROWS:
        if row.then is Phase.IDLE:
            assert {"deck_empty", "ready_long"} & set(row.when), row
        if "not_empty_long" in row.when:
            assert row.phase is Phase.IDLE
        if "residue_long" in row.when:
            assert row.phase in RESIDUE_IN
        if "retry_due" in row.when:
            assert row.reason is HoldReason.NONE
            assert "for_save" in row.when


def test_the_search_sees_a_planted_release(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test of the test: a release that does not wait for the record is found and told."""
    monkeypatch.setattr("terminal.core.interlock._exit", early_exit)
    found = Search(LaneKind.EXIT_ONLY, BarrierKind.HOLD, "passages", EACH_MAX).run()
    assert not found.complete
    story = found.stories[0].splitlines()
    assert story[0] == "I1 in exit-only hold passages:"
    assert "held; entry clear, exit clear; arms shut/shut; all well" in story[-1]
    assert "DECIDING, opens exit, sign: weighing" in story[-1]
    assert story[1].endswith("->  LOCKOUT (restarted), sign: starting")


@pytest.mark.parametrize("barrier", list(BarrierKind))
def test_the_search_sees_a_driver_whom_no_sign_sends_back(
    monkeypatch: pytest.MonkeyPatch, barrier: BarrierKind
) -> None:
    """A test of the test: without the sign, the lane and the truck under its arm wait for ever."""
    monkeypatch.setattr("terminal.core.display._entry_open", lambda facts: False)
    found = Search(LaneKind.DOUBLE, barrier, "passages", 30_000).run()
    assert found.stories[0].startswith("no way home")
    assert found.stories[0].endswith("times more")
    assert len(found.stories[0].splitlines()) < 12


def early_exit(state: State, seen: Seen, until_ns: MonotonicNs) -> Lease | None:
    if state.phase is not Phase.DECIDING:
        return None
    return Lease(Side.EXIT, Authority.RECORD, state.visit_id, env.HASH, until_ns)


@pytest.mark.parametrize("lane", list(LaneKind))
def test_the_search_sees_a_vehicle_that_nobody_lets_go(
    monkeypatch: pytest.MonkeyPatch, lane: LaneKind
) -> None:
    """A test of the test: without an attendant and without the rows for that, a hold is a trap."""
    monkeypatch.setitem(facts.GUARDS, "left_alone", lambda found: False)
    found = Search(lane, BarrierKind.HOLD, "alone", 40_000).run()
    assert found.stories[0].startswith("no way home")
