"""What each effect leaves behind, field by field, and every field of a draft at its edges."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from hal.contract.types import MonotonicNs, Tri
from terminal.core.effects import EFFECTS, draft_of
from terminal.core.limits import LimitResult
from terminal.core.params import Params
from terminal.core.types import (
    HoldReason,
    PlateOutcome,
    PlateSource,
    RecordDraft,
    Verdict,
    WeightSource,
)
from terminal.core.visit import MenuState, Phase, State
from tests.unit.core import moment as m
from tests.unit.core.moment import LATCH, NOW_NS, READING, SEEN, VISIT_ID, WEIGHED, facts, state

LIMIT = LimitResult(49_000, "6-artic-159", "articulated", "table")


def after(effect: str, of: State, **changes: Any) -> State:
    return EFFECTS[effect](facts(of, **changes), of)


def judged(**changes: Any) -> State:
    return state(limit=LIMIT, verdict=Verdict.PASS)._replace(**changes)


def drafted(verdict: Verdict = Verdict.PASS, **changes: Any) -> RecordDraft:
    params = changes.pop("params", Params(boot_id=1, e_kg=20))
    seen = changes.pop("seen", SEEN)
    of = judged(**changes)
    return draft_of(facts(of, seen=seen, params=params), of, verdict, "why")


LANES_OWN = {
    "serial": 7,
    "leased": (True, False),
    "opened": (False, True),
    "zero_allowed": True,
    "guarded": (Tri.YES, Tri.NO),
    "trail": m.TRAIL,
    "menu": MenuState(page="menu"),
}


def test_what_outlives_a_visit() -> None:
    of = judged(
        draft=m.draft(), committed=m.committed(), used=True, cut=True, keyed="x",
        save_refused=True, **LANES_OWN,
    )  # fmt: skip
    assert after("END_VISIT", of) == State(**LANES_OWN)


@pytest.mark.parametrize("effect", ["NEW_VISIT", "RENEW_VISIT"])
@pytest.mark.parametrize("serial", [0, 7])
def test_a_new_visit_has_the_next_number_and_no_past(effect: str, serial: int) -> None:
    own = {**LANES_OWN, "serial": serial}
    found = after(effect, judged(**own), params=Params(boot_id=3))
    own["serial"] = serial + 1
    assert found == State(visit_id=(3 << 20) + serial + 1, arrived_ns=NOW_NS, **own)


def test_the_latch() -> None:
    weighed = replace(
        WEIGHED, held_u_kg=17, held_since_ns=MonotonicNs(5), axles=4, axle_loads_kg=(1, 2),
        zero_age_ns=99,
    )  # fmt: skip
    seen = SEEN._replace(held_kg=48_011, flags=8)
    found = after("HOLD_WEIGHT", state(latch=None), seen=seen, said=m.inputs(weighed=weighed))
    assert found == state(latch=(48_020, 17, 5, NOW_NS, 4, (1, 2), 8, 99))
    voided = after("VOID_WEIGHT", judged())
    assert voided == judged(latch=None, verdict=None)


@pytest.mark.parametrize(
    ("gross_kg", "margin_kg", "verdict"),
    [
        (49_000, 0, Verdict.PASS),
        (49_001, 0, Verdict.OVER),
        (48_900, 100, Verdict.PASS),
        (48_901, 100, Verdict.OVER),
    ],
)
def test_judging(gross_kg: int, margin_kg: int, verdict: Verdict) -> None:
    of = state(latch=LATCH._replace(gross_kg=gross_kg))
    found = after("JUDGE", of, params=Params(site_margin_kg=margin_kg))
    assert (found.verdict, found.limit) == (verdict, LIMIT)


def test_judging_what_is_not_known() -> None:
    found = after("JUDGE", state(vehicle=None))
    assert (found.limit.limit_kg, found.limit.why) == (46_000, "type_unknown_lowest")
    two = state(latch=LATCH._replace(axles=2, gross_kg=4_000), vehicle=None)
    for colour, why in (("blue", "light_truck_plate"), ("yellow", "type_unknown_lowest")):
        found = after("JUDGE", two._replace(reading=replace(READING, colour=colour)))
        assert found.limit.why == why
    assert after("JUDGE", two._replace(reading=None)).limit.why == "type_unknown_lowest"


def test_drafting_and_refusing() -> None:
    found = after("DRAFT", judged())
    assert found == judged(draft=draft_of(facts(judged()), judged(), Verdict.PASS, "table"))
    held = judged(reason=HoldReason.UNSTEADY)
    first = after("REFUSE", held)
    assert (first.visit_id, first.serial, first.verdict) == (VISIT_ID, 1, Verdict.REFUSED)
    assert first.draft is not None
    assert (first.draft.reason, first.draft.visit_id) == ("unsteady", VISIT_ID)
    asked = held._replace(draft=m.draft(), committed=m.committed(), save_refused=True)
    second = after("REFUSE", asked)
    assert (second.visit_id, second.serial) == (VISIT_ID + 1, 2)
    assert (second.committed, second.save_refused) == (None, False)
    assert second.draft is not None
    assert second.draft.visit_id == VISIT_ID + 1


@pytest.mark.parametrize("verdict", [None, *Verdict])
def test_barring_keeps_a_judgement_of_over(verdict: Verdict | None) -> None:
    found = after("BAR", judged(verdict=verdict))
    over = verdict is Verdict.OVER
    assert found.verdict is (Verdict.OVER if over else Verdict.REFUSED)


def test_small_effects() -> None:
    assert after("RETRY_SAVE", judged(save_refused=True)) == judged()
    assert after("END_RELEASE", judged()) == judged(used=True)


def test_a_draft_of_what_is_known() -> None:
    assert drafted(params=Params(simulated=True, e_kg=50)) == RecordDraft(
        visit_id=VISIT_ID,
        verdict=Verdict.PASS,
        reason="why",
        source=WeightSource.AMPLIFIER,
        gross_kg=m.KG,
        uncertainty_kg=12,
        e_kg=50,
        limit_kg=49_000,
        over_kg=0,
        limit_row="6-artic-159",
        axles=6,
        axle_loads_kg=(18_000, 30_000),
        vehicle_type="articulated",
        plate=m.PLATE,
        plate_colour="yellow",
        plate_kind="ordinary",
        plate_source=PlateSource.CAMERA,
        plate_margin_mn=3_000,
        weigh_flags=0,
        zero_age_ms=7,
        arrived_ns=state().arrived_ns,
        weighed_ns=LATCH.at_ns,
        photos=m.PHOTOS,
        simulated=True,
        limit_edition="2016-62+rd",
        rear_plate="",
    )


def test_a_draft_of_what_is_not() -> None:
    seen = SEEN._replace(gross_kg=30_000, flags=64)
    found = drafted(
        Verdict.REFUSED, latch=None, reading=None, photos=None, seen=seen,
        limit=LimitResult(None, "", None, "axles_unknown"),
    )  # fmt: skip
    assert (found.gross_kg, found.uncertainty_kg, found.weigh_flags) == (30_000, 0, 64)
    assert (found.axles, found.axle_loads_kg, found.zero_age_ms) == (None, (), 0)
    assert (found.plate, found.plate_colour, found.plate_kind) == ("", "", "")
    assert (found.plate_source, found.plate_margin_mn) == (PlateSource.NONE, 0)
    assert (found.limit_kg, found.over_kg, found.limit_edition) == (None, 0, "")
    assert (found.weighed_ns, found.photos, found.reason) == (NOW_NS, (), "why")
    blank = drafted(Verdict.REFUSED, latch=None, seen=SEEN._replace(gross_kg=None))
    assert blank.gross_kg == 0
    latched = drafted(seen=seen, latch=LATCH._replace(flags=8))
    assert (latched.gross_kg, latched.weigh_flags) == (m.KG, 8)


@pytest.mark.parametrize("verdict", list(Verdict))
def test_a_judgement_without_pictures_says_so(verdict: Verdict) -> None:
    told = "why" if verdict is Verdict.REFUSED else "why;no_photos"
    assert drafted(verdict, photos=None).reason == told
    assert drafted(verdict).reason == "why"


def test_the_excess_is_over_the_limit_itself() -> None:
    over = LATCH._replace(gross_kg=49_020)
    assert drafted(latch=over, params=Params(site_margin_kg=500)).over_kg == 20


def test_who_vouches_for_the_plate() -> None:
    keyed = drafted(keyed="晋LB9999")
    assert (keyed.plate, keyed.plate_source) == ("晋LB9999", PlateSource.KEYPAD)
    assert keyed.plate_margin_mn == 3_000
    assert drafted(reading=replace(READING, plate="晋L")).plate_source is PlateSource.NONE
    rear = drafted(reading=replace(READING, rear_plate="晋L7731挂"))
    assert rear.rear_plate == "晋L7731挂"
    assert drafted(reading=replace(READING, rear_plate="晋L7")).rear_plate == ""


def test_phases_are_left_alone() -> None:
    for name in EFFECTS:
        if name not in ("NEW_VISIT", "RENEW_VISIT", "END_VISIT"):
            assert after(name, judged(phase=Phase.HELD)).phase is Phase.HELD


@pytest.mark.parametrize("outcome", list(PlateOutcome))
@pytest.mark.parametrize("offered", [False, True])
def test_a_keyed_plate_that_was_on_offer_came_from_whoever_offered_it(
    outcome: PlateOutcome, offered: bool
) -> None:
    offers = ("晋LB9999",) if offered else (m.PLATE,)
    reading = replace(READING, outcome=outcome, candidates=offers)
    by = {PlateOutcome.UNSURE: PlateSource.CHOSEN, PlateOutcome.PARTLY: PlateSource.LISTED}
    wanted = by.get(outcome, PlateSource.KEYPAD) if offered else PlateSource.KEYPAD
    assert drafted(keyed="晋LB9999", reading=reading).plate_source is wanted
    assert drafted(keyed="晋LB9999", reading=None).plate_source is PlateSource.KEYPAD
    read = outcome is PlateOutcome.READ
    assert drafted(reading=reading).plate_source is (
        PlateSource.CAMERA if read else PlateSource.NONE
    )
