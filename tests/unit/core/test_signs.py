"""What the sign says in every phase, one fact changed at a time."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from hal.contract.types import NS_PER_S, MonotonicNs
from terminal.core.display import PHASE_PROMPT, REASON_PROMPT, show
from terminal.core.types import Display, HoldReason, PlateOutcome, Prompt, Verdict
from terminal.core.visit import MenuState, Phase, State
from tests.unit.core import moment as m
from tests.unit.core.moment import EMPTY, NO, READING, SEEN, UNKNOWN, YES, ago, facts, state


def said(of: State, **changes: Any) -> tuple[Prompt, HoldReason]:
    seen = changes.pop("seen", SEEN)
    shown = show(facts(of, seen=seen._replace(**changes)), of)
    return shown.prompt, shown.reason


@pytest.mark.parametrize("phase", [Phase.IDLE, Phase.DECIDING, Phase.COMMITTING, Phase.RELEASING])
def test_phases_that_say_one_thing(phase: Phase) -> None:
    assert said(state(phase, reason=HoldReason.OPERATOR)) == (PHASE_PROMPT[phase], HoldReason.NONE)


@pytest.mark.parametrize("phase", [Phase.HELD, Phase.LOCKOUT])
@pytest.mark.parametrize("reason", list(HoldReason))
def test_reasons(phase: Phase, reason: HoldReason) -> None:
    wanted = REASON_PROMPT.get(reason, PHASE_PROMPT[phase])
    assert said(state(phase, reason=reason)) == (wanted, reason)


@pytest.mark.parametrize("phase", [Phase.ENTERING, Phase.POSITIONING])
def test_too_far(phase: Phase) -> None:
    for exit_beam in (NO, YES, UNKNOWN):
        for entry_beam in (NO, YES):
            prompt, reason = said(state(phase), beams=(entry_beam, exit_beam))
            assert (prompt is Prompt.GO_BACK) is (exit_beam is YES)
            assert (reason is HoldReason.NOT_IN_PLACE) is (
                exit_beam is YES or (phase is Phase.POSITIONING and entry_beam is YES)
            )


@pytest.mark.parametrize("beam", [NO, YES, UNKNOWN])
def test_boarding_is_said_until_it_is_on(beam: Any) -> None:
    taken = (YES, NO)
    found = said(state(Phase.ENTERING), beams=(beam, NO), taken=taken, closed=(NO, YES))
    assert found == (Prompt.BOARD, HoldReason.NONE)


def test_not_far_enough_or_somebody_behind() -> None:
    of = state(Phase.POSITIONING)
    assert said(of, beams=(YES, NO)) == (Prompt.GO_FORWARD, HoldReason.NOT_IN_PLACE)
    assert said(of, beams=(UNKNOWN, NO)) == (Prompt.WAIT, HoldReason.NONE)
    for taken in (NO, YES, UNKNOWN):
        for closed in (NO, YES, UNKNOWN):
            behind = taken is YES and closed is not YES
            wanted = (Prompt.WAIT, HoldReason.NONE)
            if behind:
                wanted = (Prompt.SECOND_VEHICLE, HoldReason.SECOND_VEHICLE)
            for other in (NO, YES):
                found = said(of, taken=(taken, other), closed=(closed, other))
                assert found == wanted


def test_weighing() -> None:
    unread = state(reading=None)
    assert said(unread) == (Prompt.READING_PLATE, HoldReason.NONE)
    assert said(unread._replace(latch=None)) == (Prompt.WEIGHING, HoldReason.NONE)
    assert said(state()) == (Prompt.WEIGHING, HoldReason.NONE)
    assert said(state(latch=None)) == (Prompt.WEIGHING, HoldReason.NONE)


def test_driving_off() -> None:
    assert said(state(Phase.CLEARING)) == (Prompt.LEAVE, HoldReason.NONE)
    used = state(Phase.CLEARING, used=True)
    assert said(used) == (Prompt.WAIT, HoldReason.BARRIER_OPEN)


@pytest.mark.parametrize("verdict", [None, *Verdict])
@pytest.mark.parametrize(("age_ns", "late"), [(-1, False), (0, True), (1, True)])
def test_backing_out(verdict: Verdict | None, age_ns: int, late: bool) -> None:
    of = state(Phase.EGRESS, verdict=verdict, since_ns=ago(10_000, age_ns))
    over = verdict is Verdict.OVER
    reason = HoldReason.OVER_LIMIT if over else HoldReason.OPERATOR
    first = Prompt.OVER if over else Prompt.REFUSED
    for occupied in (YES, UNKNOWN):
        assert said(of, occupied=occupied) == (Prompt.BACK_OUT if late else first, reason)
    gone = HoldReason.LEFT_EARLY if verdict is None else HoldReason.NONE
    assert said(of, occupied=NO) == (Prompt.WAIT, gone)


@pytest.mark.parametrize("phase", list(Phase))
def test_off_the_entry(phase: Phase) -> None:
    """Only where all waits for the arm: nothing amiss, deck empty, arm known to be open."""
    told = (Prompt.OFF_ENTRY, HoldReason.BARRIER_OPEN)
    of = state(phase, reason=HoldReason.RESTARTED)
    under = EMPTY._replace(taken=(YES, NO), closed=(NO, YES))
    waits = phase in (Phase.LOCKOUT, Phase.EGRESS)
    assert (said(of, seen=under) == told) is waits
    assert (said(of, seen=under, taken=(NO, NO)) == told) is waits
    assert (said(of, seen=under, closed=(NO, NO)) == told) is waits
    for amiss in (
        {"closed": (YES, NO)}, {"closed": (UNKNOWN, YES)},
        {"deck_empty": NO}, {"deck_empty": UNKNOWN}, {"estop": YES}, {"weight_fresh": False},
    ):  # fmt: skip
        assert said(of, seen=under, **amiss) != told, amiss


def shown(of: State, **changes: Any) -> Display:
    return show(facts(of, **changes), of)


def test_what_is_shown_beside_it() -> None:
    found = shown(state())
    assert (found.plate, found.axles, found.gross_kg, found.limit_kg) == (m.PLATE, 6, m.KG, None)
    assert (found.over_kg, found.menu_page, found.menu_lines, found.by_list) == (0, "", (), False)
    assert shown(state(latch=None)).axles is None
    drafted = state(draft=m.draft(gross_kg=50_000, over_kg=1_000))
    assert (shown(drafted).gross_kg, shown(drafted).over_kg) == (50_000, 1_000)


def test_menu_lines() -> None:
    choosing = state(menu=MenuState(page="choose"), reading=replace(READING, candidates=("a", "b")))
    assert (shown(choosing).menu_page, shown(choosing).menu_lines) == ("choose", ("a", "b"))
    assert shown(choosing._replace(reading=None)).menu_lines == ()
    closed = state(menu=MenuState(page="", typed="123"))
    assert shown(closed).menu_lines == ()
    assert shown(state(menu=MenuState(page="pin", typed="00"))).menu_lines == ("**",)


def test_the_help_of_the_list_is_told() -> None:
    by_list = replace(READING, by_list=True)
    assert shown(state(reading=by_list)).by_list
    assert not shown(state(reading=by_list, keyed=m.PLATE)).by_list
    assert not shown(state()).by_list
    assert not shown(state(reading=None)).by_list
    assert shown(state(reading=replace(by_list, outcome=PlateOutcome.UNSURE))).by_list


def test_ten_seconds_of_verdict() -> None:
    of = state(Phase.EGRESS, verdict=Verdict.OVER, since_ns=MonotonicNs(m.NOW_NS - 10 * NS_PER_S))
    assert said(of)[0] is Prompt.BACK_OUT
    assert said(of._replace(since_ns=MonotonicNs(of.since_ns + 1)))[0] is Prompt.OVER


@pytest.mark.parametrize("outcome", list(PlateOutcome))
def test_open_places_are_shown_while_nobody_has_filled_them(outcome: PlateOutcome) -> None:
    of = state(reading=replace(READING, outcome=outcome, plate="晋L?1234"))
    partly = outcome is PlateOutcome.PARTLY
    assert shown(of).partly == ("晋L?1234" if partly else "")
    assert shown(of._replace(keyed=m.PLATE)).partly == ""
    assert shown(of._replace(reading=None)).partly == ""
