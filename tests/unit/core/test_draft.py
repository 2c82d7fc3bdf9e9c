"""What stands in the record: every field, for a pass and for a refusal without a held mass."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hal.contract.types import NS_PER_MS, InputName
from terminal.core.effects import plate_source
from terminal.core.limits import NO_LIMIT
from terminal.core.types import PlateOutcome, PlateSource, RecordDraft, Verdict, WeightSource
from terminal.core.visit import Phase, next_visit_id
from tests.tools.specimens import PHOTOS, PLATE
from tests.unit.core.lane import PIN, LaneRig

REFUSE = "A" + PIN + "#2#"


def test_every_field_of_a_passing_record() -> None:
    rig = LaneRig(boot_id=3, source=WeightSource.INDICATOR).ready().arrive()
    arrived_ns = rig.state.arrived_ns
    rig.tampered = lambda inputs: replace(
        inputs,
        weighed=inputs.weighed
        and replace(inputs.weighed, axle_loads_kg=(7_000, 41_000), zero_age_ns=90 * NS_PER_MS),
    )
    rig.drive_on().until(Phase.WEIGHING).settle(48_009).run(10)
    weighed_ns = rig.now_ns
    rig.until(Phase.RELEASING)
    assert rig.state.draft == RecordDraft(
        visit_id=3 << 20 | 1,
        verdict=Verdict.PASS,
        reason="table",
        source=WeightSource.INDICATOR,
        gross_kg=48_000,
        uncertainty_kg=10,
        e_kg=20,
        limit_kg=49_000,
        over_kg=0,
        limit_row="6-artic-159",
        axles=6,
        axle_loads_kg=(7_000, 41_000),
        vehicle_type="articulated",
        plate=PLATE,
        plate_colour="yellow",
        plate_kind="ordinary",
        plate_source=PlateSource.CAMERA,
        plate_margin_mn=3_000,
        weigh_flags=0,
        zero_age_ms=90,
        arrived_ns=arrived_ns,
        weighed_ns=weighed_ns,
        photos=PHOTOS,
        simulated=False,
        limit_edition="2016-62+rd",
    )


@pytest.mark.parametrize(("seen", "kept"), [("晋L7731挂", "晋L7731挂"), ("晋L77挂", ""), ("", "")])
def test_the_trailer_plate_is_kept_when_it_is_a_plate(seen: str, kept: str) -> None:
    rig = LaneRig()
    rig.rear_plate = seen
    rig.weigh(48_000).until(Phase.RELEASING)
    assert rig.state.draft is not None
    assert rig.state.draft.rear_plate == kept


def test_a_refusal_without_a_held_mass_shows_what_was_indicated() -> None:
    rig = LaneRig()
    rig.reading = None
    rig.board(30_000).until(Phase.HELD, 45_000).press(REFUSE).until(Phase.EGRESS)
    draft = rig.state.draft
    assert draft is not None
    assert (draft.verdict, draft.reason, draft.gross_kg) == (Verdict.REFUSED, "unsteady", 30_000)
    assert (draft.plate, draft.plate_source) == ("", PlateSource.NONE)
    assert (draft.plate_colour, draft.plate_kind, draft.plate_margin_mn) == ("", "", 0)
    assert (draft.limit_kg, draft.over_kg, draft.limit_row) == (None, 0, "")
    assert draft.limit_edition == ""
    assert (draft.axles, draft.photos, draft.uncertainty_kg) == (None, (), 0)
    assert rig.state.limit == NO_LIMIT


def test_display_of_an_overloaded_vehicle() -> None:
    rig = LaneRig().weigh(50_200).until(Phase.EGRESS)
    shown = rig.out.display
    assert (shown.plate, shown.axles) == (PLATE, 6)
    assert (shown.gross_kg, shown.limit_kg, shown.over_kg) == (50_200, 49_000, 1_200)


def test_a_plate_read_by_the_list_is_shown_as_such_until_it_is_keyed_in() -> None:
    rig = LaneRig()
    assert not rig.weigh().run(100).out.display.by_list
    rig = LaneRig()
    rig.by_list = True
    rig.reading = (PlateOutcome.UNSURE, PLATE)
    assert rig.weigh().until(Phase.HELD, 15_000).out.display.by_list
    rig.candidates = (PLATE,)
    assert not rig.press("A" + PIN + "#11").until(Phase.RELEASING).out.display.by_list


OPEN_PLATE = PLATE[:3] + "?" + PLATE[4:]


def test_a_partly_legible_plate_is_shown_open_until_the_operator_confirms_a_listed_one() -> None:
    rig = LaneRig()
    rig.by_list = True
    rig.reading = (PlateOutcome.PARTLY, OPEN_PLATE)
    rig.candidates = (PLATE,)
    rig.weigh().until(Phase.HELD, 15_000)
    assert (rig.out.display.plate, rig.out.display.partly) == ("", OPEN_PLATE)
    rig.press("A" + PIN + "#1")
    assert (rig.out.display.menu_page, rig.out.display.menu_lines) == ("choose", (PLATE,))
    rig.press("1").until(Phase.RELEASING)
    assert rig.out.display.partly == ""
    assert rig.state.draft is not None
    assert (rig.state.draft.plate, rig.state.draft.plate_source) == (PLATE, PlateSource.LISTED)


def test_a_plate_that_nobody_offered_is_the_operators_own() -> None:
    rig = LaneRig()
    rig.reading = (PlateOutcome.UNSURE, OPEN_PLATE)
    rig.candidates = (PLATE,)
    state = rig.weigh().until(Phase.HELD, 15_000).state
    assert plate_source(state) is PlateSource.NONE
    assert plate_source(state._replace(keyed=PLATE)) is PlateSource.CHOSEN
    assert plate_source(state._replace(keyed="晋L00001")) is PlateSource.KEYPAD
    assert plate_source(state._replace(keyed=PLATE, reading=None)) is PlateSource.KEYPAD


def test_a_second_record_is_never_asked_for_under_an_acknowledged_id() -> None:
    rig = LaneRig().weigh().until(Phase.RELEASING).run(1_000)
    sent = len(rig.drafts)
    rig.set(InputName.BEAM_EXIT, True).run(1_000)
    assert len(rig.drafts) == sent


def test_the_visit_counter_has_a_bound() -> None:
    params = LaneRig(boot_id=2).params
    assert next_visit_id((1 << 20) - 1, params) == (2 << 20) + (1 << 20) - 1
    with pytest.raises(AssertionError, match="restart due"):
        next_visit_id(1 << 20, params)
