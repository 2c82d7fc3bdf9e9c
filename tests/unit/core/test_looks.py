"""Staleness and plausibility at their edges: what one tick's inputs are taken for."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from hal.contract.types import (
    INPUT_COUNT,
    NS_PER_MS,
    BarrierFeedback,
    Fault,
    FaultCode,
    InputName,
    Level,
    MonotonicNs,
    Position,
    Tri,
)
from terminal.core.params import Params
from terminal.core.quality import Seen, disabled, either, follow, look
from terminal.core.types import LaneKind, WeighFlag
from terminal.core.visit import NO_TRAIL, Trail
from tests.unit.core.moment import (
    EMPTY,
    KG,
    NO,
    NOW_NS,
    PARAMS,
    SEEN,
    UNKNOWN,
    WEIGHED,
    YES,
    inputs,
)

MS = NS_PER_MS
ZERO = MonotonicNs(0)


def seen(params: Params = PARAMS, **changes: Any) -> Seen:
    return look(inputs(**changes), params)


def weighed(params: Params = PARAMS, **changes: Any) -> Seen:
    return seen(params, weighed=replace(WEIGHED, **changes))


def test_a_sound_lane() -> None:
    assert seen() == SEEN


EDGES = [(250 * MS, True), (250 * MS + 1, False), (-50 * MS, True), (-50 * MS - 1, False)]


@pytest.mark.parametrize(("age_ns", "fresh"), [*EDGES, (0, True)])
def test_ages(age_ns: int, fresh: bool) -> None:
    at_ns = MonotonicNs(NOW_NS - age_ns)
    assert weighed(at_ns=at_ns).weight_fresh is fresh
    assert (weighed(at_ns=at_ns).held_kg == KG) is fresh
    levels = [Level(NO, NOW_NS)] * INPUT_COUNT
    for name in PARAMS.required:
        levels[name] = Level(NO, at_ns)
        assert seen(levels=tuple(levels)).inputs_known is fresh
        levels[name] = Level(NO, NOW_NS)
    for side in (0, 1):
        feedback = [inputs().barriers[0], inputs().barriers[1]]
        feedback[side] = BarrierFeedback(Position.CLOSED, NO, False, 0, at_ns)
        found = seen(barriers=tuple(feedback))
        assert found.barriers_known is fresh
        assert found.closed[side] is (YES if fresh else UNKNOWN)
        assert found.agree == (True, True)


def test_what_never_came_is_old_even_just_after_power_up() -> None:
    early = replace(inputs(), now_ns=MonotonicNs(1), weighed=replace(WEIGHED, at_ns=ZERO))
    assert not look(early, PARAMS).weight_fresh
    at_once = replace(early, weighed=replace(WEIGHED, at_ns=MonotonicNs(1)))
    assert look(at_once, PARAMS).weight_fresh
    nothing = seen(weighed=None)
    assert (nothing.weight_fresh, nothing.gross_kg, nothing.flags) == (False, None, 0)
    assert (nothing.deck_empty, nothing.zero_valid, nothing.motion) == (UNKNOWN,) * 3
    assert nothing.occupied is UNKNOWN


@pytest.mark.parametrize("name", list(InputName))
def test_every_input_has_its_own_place(name: InputName) -> None:
    levels = [Level(NO, NOW_NS)] * INPUT_COUNT
    levels[name] = Level(YES, NOW_NS)
    found = seen(replace(PARAMS, required=tuple(InputName)), levels=tuple(levels))
    beams = (name is InputName.BEAM_ENTRY, name is InputName.BEAM_EXIT)
    taken = (
        beams[0] or name is InputName.LOOP_ENTRY,
        beams[1] or name is InputName.LOOP_EXIT,
    )
    assert tuple(beam is YES for beam in found.beams) == beams
    assert tuple(place is YES for place in found.taken) == taken
    assert (found.estop is YES) is (name is InputName.ESTOP)
    assert (found.wired_release is YES) is (name is InputName.WIRED_RELEASE)
    assert tuple(one is YES for one in found.guarded) == (
        name is InputName.SEAL,
        name is InputName.DOOR,
    )
    unwired = seen(levels=tuple(levels))
    assert (unwired == SEEN) is (name not in PARAMS.required)


def test_a_wired_input_that_says_nothing_makes_all_unknown() -> None:
    levels = [Level(NO, NOW_NS)] * INPUT_COUNT
    levels[InputName.LOOP_EXIT] = Level(UNKNOWN, NOW_NS)
    found = seen(levels=tuple(levels))
    assert not found.inputs_known
    assert found.taken == (NO, UNKNOWN)


@pytest.mark.parametrize("left", list(Tri))
@pytest.mark.parametrize("right", list(Tri))
def test_either(left: Tri, right: Tri) -> None:
    wanted = UNKNOWN
    if YES in (left, right):
        wanted = YES
    elif left is NO and right is NO:
        wanted = NO
    assert either(left, right) is wanted


@pytest.mark.parametrize("side", [0, 1])
@pytest.mark.parametrize("position", list(Position))
def test_arms(side: int, position: Position) -> None:
    feedback = [inputs().barriers[0], inputs().barriers[1]]
    feedback[side] = BarrierFeedback(position, NO, False, 0, NOW_NS)
    found = seen(barriers=tuple(feedback))
    wanted = {Position.CLOSED: YES, Position.UNKNOWN: UNKNOWN}.get(position, NO)
    assert found.closed[side] is wanted
    assert found.closed[1 - side] is YES
    assert found.barriers_known
    feedback[side] = None
    silent = seen(barriers=tuple(feedback))
    assert (silent.barriers_known, silent.closed[side]) == (False, UNKNOWN)
    fault = Fault(FaultCode.BUS, "arm", NOW_NS)
    feedback[side] = BarrierFeedback(Position.CLOSED, NO, False, 0, NOW_NS, fault)
    assert not seen(barriers=tuple(feedback)).barriers_known


@pytest.mark.parametrize("side", [0, 1])
@pytest.mark.parametrize("commanded", [False, True])
@pytest.mark.parametrize("energised", list(Tri))
def test_relays(side: int, commanded: bool, energised: Tri) -> None:
    feedback = [inputs().barriers[0], inputs().barriers[1]]
    feedback[side] = BarrierFeedback(Position.CLOSED, energised, commanded, 0, NOW_NS)
    wired = seen(barriers=tuple(feedback))
    same = energised is (YES if commanded else NO)
    assert wired.agree[side] is same
    assert wired.agree[1 - side] is True
    readback = (side != 0, side != 1)
    assert seen(replace(PARAMS, readback=readback), barriers=tuple(feedback)).agree[side] is True


def test_an_exit_only_lane_has_no_entry_arm() -> None:
    lane = replace(PARAMS, lane=LaneKind.EXIT_ONLY)
    found = seen(lane, barriers=(None, inputs().barriers[1]))
    assert (found.barriers_known, found.closed, found.agree) == (True, (YES, YES), (True, True))
    open_exit = BarrierFeedback(Position.OPEN, YES, False, 0, NOW_NS)
    found = seen(lane, barriers=(None, open_exit))
    assert (found.closed, found.agree) == ((YES, NO), (True, False))
    assert not seen(lane, barriers=(None, None)).barriers_known


@pytest.mark.parametrize(
    "change",
    [
        {"gross_kg": None},
        {"gross_kg": 799, "held_kg": 799},
        {"held_kg": None},
        {"zero_valid": NO},
        {"zero_valid": UNKNOWN},
        {"motion": YES},
        {"motion": UNKNOWN},
        {"held_since_ns": MonotonicNs(NOW_NS + 1)},
        {"gross_kg": 48_980, "held_kg": 48_000},
        {"gross_kg": 100_180, "held_kg": 100_181},
        {"flags": WeighFlag.UNSTEADY},
    ],
)
def test_masses_that_are_not_trusted(change: dict[str, Any]) -> None:
    assert weighed(**change).held_kg is None


@pytest.mark.parametrize(
    "change",
    [
        {"gross_kg": 800, "held_kg": 800},
        {"held_since_ns": NOW_NS},
        {"gross_kg": 48_979, "held_kg": 48_000},
        {"gross_kg": 100_180, "held_kg": 100_180},
        {"flags": WeighFlag.CELL_DRIFT},
        {"flags": WeighFlag.GLITCH},
    ],
)
def test_masses_that_are_trusted(change: dict[str, Any]) -> None:
    assert weighed(**change).held_kg == change.get("held_kg", KG)


@pytest.mark.parametrize("flag", list(WeighFlag))
def test_which_flags_take_trust_away(flag: WeighFlag) -> None:
    harmless = flag in (WeighFlag.CELL_DRIFT, WeighFlag.GLITCH)
    found = weighed(flags=flag)
    assert (found.held_kg is None) is not harmless
    assert found.flags == flag


def test_what_may_not_be_shown() -> None:
    for gross_kg, shown in ((100_180, 100_180), (100_181, None), (-400, -400), (-401, None)):
        found = weighed(gross_kg=gross_kg)
        assert found.gross_kg == shown
        assert found.occupied is (UNKNOWN if shown is None else YES if shown > 0 else NO)
    assert weighed(gross_kg=799).occupied is NO
    assert weighed(gross_kg=800).occupied is YES


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ({}, False),
        ({"inputs_known": False}, True),
        ({"barriers_known": False}, True),
        ({"weight_fresh": False}, True),
        ({"estop": YES}, True),
        ({"estop": UNKNOWN}, True),
        ({"wired_release": YES}, True),
        ({"wired_release": UNKNOWN}, True),
    ],
)
def test_what_disables(change: dict[str, Any], wanted: bool) -> None:
    assert disabled(SEEN._replace(**change)) is wanted


def trail(of: Seen, before: Trail = NO_TRAIL, leased: tuple[bool, bool] = (False, False)) -> Trail:
    return follow(before, of, leased, NOW_NS)


READY = EMPTY


@pytest.mark.parametrize(
    ("change", "ready"),
    [
        ({}, True),
        ({"beams": (YES, NO)}, False),
        ({"beams": (UNKNOWN, NO)}, False),
        ({"taken": (NO, YES)}, False),
        ({"taken": (NO, UNKNOWN)}, False),
        ({"taken": (YES, NO)}, True),
        ({"closed": (NO, YES)}, False),
        ({"closed": (YES, UNKNOWN)}, False),
        ({"deck_empty": NO}, False),
        ({"deck_empty": UNKNOWN}, False),
        ({"zero_valid": NO}, False),
        ({"zero_valid": UNKNOWN}, False),
        ({"estop": YES}, False),
    ],
)
def test_ready(change: dict[str, Any], ready: bool) -> None:
    assert trail(READY._replace(**change)).ready == (NOW_NS if ready else 0)


def test_clocks_start_once_run_on_and_stop() -> None:
    before = Trail(edges_clear=MonotonicNs(7), clear=(MonotonicNs(5), MonotonicNs(6)))
    assert trail(SEEN, before).edges_clear == 7
    assert trail(SEEN, before).clear == (5, 6)
    assert trail(SEEN).edges_clear == NOW_NS
    assert trail(SEEN).clear == (NOW_NS, NOW_NS)
    for beams in ((YES, NO), (NO, YES), (UNKNOWN, NO), (NO, UNKNOWN)):
        assert trail(SEEN._replace(beams=beams), before).edges_clear == 0
    for value in (YES, UNKNOWN):
        assert trail(SEEN._replace(taken=(value, NO)), before).clear == (0, 6)
        assert trail(SEEN._replace(taken=(NO, value)), before).clear == (5, 0)
    same = trail(SEEN)
    assert trail(SEEN, same) is same


@pytest.mark.parametrize("empty", [NO, YES, UNKNOWN])
@pytest.mark.parametrize("occupied", [NO, YES, UNKNOWN])
def test_deck_clocks(empty: Tri, occupied: Tri) -> None:
    found = trail(SEEN._replace(deck_empty=empty, occupied=occupied))
    assert found.not_empty == (NOW_NS if empty is NO else 0)
    assert found.residue == (NOW_NS if empty is NO and occupied is NO else 0)
    kept = trail(
        SEEN._replace(deck_empty=empty, occupied=occupied),
        Trail(not_empty=MonotonicNs(3), residue=MonotonicNs(4)),
    )
    assert kept.not_empty == (3 if empty is NO else 0)
    assert kept.residue == (4 if empty is NO and occupied is NO else 0)


@pytest.mark.parametrize("side", [0, 1])
def test_relays_and_arms_that_go_their_own_way(side: int) -> None:
    def pair(mine: Any, other: Any) -> Any:
        return (mine, other) if side == 0 else (other, mine)

    apart = trail(SEEN._replace(agree=pair(False, True)))
    assert apart.disagree == pair(NOW_NS, 0)
    longer = Trail(disagree=pair(MonotonicNs(3), ZERO), awry=pair(MonotonicNs(4), ZERO))
    assert trail(SEEN._replace(agree=pair(False, True)), longer).disagree == pair(3, 0)
    assert trail(SEEN, longer).disagree == (0, 0)
    for closed in (YES, NO, UNKNOWN):
        for taken in (YES, NO, UNKNOWN):
            for leased in (False, True):
                found = trail(
                    SEEN._replace(closed=pair(closed, YES), taken=pair(taken, NO)),
                    leased=pair(leased, False),
                )
                awry = closed is YES if leased else taken is NO and closed is not YES
                assert found.awry == pair(NOW_NS if awry else 0, 0)
    stuck = trail(SEEN, longer, leased=pair(True, False))
    assert stuck.awry == pair(4, 0)
