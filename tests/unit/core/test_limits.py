"""Every row of the limit table at its boundary, every rule, and three bugs others shipped."""

from __future__ import annotations

from dataclasses import replace

import pytest

from terminal.core.limits import (
    NO_LIMIT,
    TABLE,
    LimitRow,
    judge,
    over_kg,
    pattern_axles,
)
from terminal.core.params import Params
from terminal.core.types import VehicleFacts

PARAMS = Params()
UNKNOWN = VehicleFacts()


def facts_of(row: LimitRow, **extra: bool | int | None) -> VehicleFacts:
    return VehicleFacts(
        vehicle_type=row.vehicle_type or "articulated",
        drive_axles=row.drive or None,
        axle_pattern=row.patterns[0] if row.patterns else None,
        **extra,
    )


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.row_id)
def test_every_pattern_of_the_table_has_its_rows_axles(row: LimitRow) -> None:
    assert {pattern_axles(pattern) for pattern in row.patterns} <= {row.axles}


@pytest.mark.parametrize("text", [None, "", "15x", "3", "1 2"])
def test_what_is_no_pattern_has_no_axle_count(text: str | None) -> None:
    assert pattern_axles(text) is None


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.row_id)
def test_each_row_decides_its_own_vehicle(row: LimitRow) -> None:
    result = judge(row.axles, facts_of(row), PARAMS)
    assert (result.row_id, result.limit_kg) == (row.row_id, row.limit_kg)
    assert result.why == "table"


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.row_id)
def test_over_is_strictly_greater(row: LimitRow) -> None:
    limit = row.limit_kg
    assert [over_kg(limit + delta, limit, 0) for delta in (-20, -1, 0, 1, 20)] == [0, 0, 0, 1, 20]


def test_site_margin_only_makes_it_stricter() -> None:
    assert over_kg(48_900, 49_000, 100) == 0
    assert over_kg(48_901, 49_000, 100) == 1


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.row_id)
def test_air_suspension(row: LimitRow) -> None:
    wide = facts_of(row, air_suspension=True, semi_spacing_cm=180)
    assert judge(row.axles, wide, PARAMS).limit_kg == row.air_kg
    for value in (False, None):
        plain = facts_of(row, air_suspension=value, semi_spacing_cm=180)
        assert judge(row.axles, plain, PARAMS).limit_kg == row.limit_kg


def test_which_rows_air_suspension_raises() -> None:
    raised = {row.row_id: row.air_kg for row in TABLE if row.air_kg != row.limit_kg}
    assert raised == {"3-rigid": 26_000, "4-rigid": 32_000, "4-artic": 37_000}


@pytest.mark.parametrize(
    ("spacing", "limit"), [(None, 36_000), (0, 36_000), (179, 36_000), (180, 37_000)]
)
def test_37_tonnes_need_the_axle_spacing(spacing: int | None, limit: int) -> None:
    vehicle = VehicleFacts(vehicle_type="articulated", air_suspension=True, semi_spacing_cm=spacing)
    assert judge(4, vehicle, PARAMS).limit_kg == limit


@pytest.mark.parametrize(
    ("axles", "limit"),
    [(2, 18_000), (3, 25_000), (4, 31_000), (5, 42_000), (6, 46_000), (7, 46_000), (9, 46_000)],
)
def test_unknown_type_takes_the_lowest_limit(axles: int, limit: int) -> None:
    result = judge(axles, UNKNOWN, PARAMS)
    assert result.limit_kg == limit
    assert result.vehicle_type is None
    assert result.why == "type_unknown_lowest"


@pytest.mark.parametrize("axles", [None, -1, 0, 1])
def test_unknown_axle_count_names_no_limit(axles: int | None) -> None:
    assert judge(axles, UNKNOWN, PARAMS) == NO_LIMIT
    assert NO_LIMIT == (None, "", None, "axles_unknown")


@pytest.mark.parametrize(
    ("licence", "limit", "why"),
    [
        (None, 18_000, "table"),
        (17_999, 17_999, "licence_gross"),
        (18_000, 18_000, "table"),
        (18_001, 18_000, "table"),
    ],
)
def test_licence_gross_of_two_axles(licence: int | None, limit: int, why: str) -> None:
    vehicle = VehicleFacts(vehicle_type="rigid", licence_gross_kg=licence)
    result = judge(2, vehicle, PARAMS, "yellow")
    assert (result.limit_kg, result.why) == (limit, why)


def test_licence_gross_does_not_touch_other_axle_counts() -> None:
    vehicle = VehicleFacts(vehicle_type="rigid", licence_gross_kg=10_000)
    assert judge(3, vehicle, PARAMS).limit_kg == 25_000


@pytest.mark.parametrize(
    ("colour", "limit"), [("blue", 4_500), ("green", 4_500), ("yellow", 18_000), ("", 18_000)]
)
def test_light_truck_plate_is_never_judged_by_18_tonnes(colour: str, limit: int) -> None:
    assert judge(2, UNKNOWN, PARAMS, colour).limit_kg == limit
    known = VehicleFacts(licence_gross_kg=7_000)
    assert judge(2, known, PARAMS, colour).limit_kg == 7_000


@pytest.mark.parametrize(
    ("missing", "limit"),
    [
        (None, 49_000),
        (0, 49_000),
        (1, 46_000),
        (2, 46_000),
        (3, 43_000),
        (4, 43_000),
        (34, 0),
        (33, 0),
        (32, 1_000),
    ],
)
def test_missing_tyres(missing: int | None, limit: int) -> None:
    vehicle = VehicleFacts(
        vehicle_type="articulated", drive_axles=2, axle_pattern="159", tyres_missing=missing
    )
    result = judge(6, vehicle, PARAMS)
    assert result.limit_kg == limit
    assert result.why == ("tyres_missing" if missing else "table")


def test_missing_tyres_do_not_touch_two_axles() -> None:
    assert judge(2, VehicleFacts(tyres_missing=2), PARAMS).limit_kg == 18_000


@pytest.mark.parametrize(
    ("drive", "limit"), [(None, 46_000), (0, 46_000), (1, 46_000), (2, 49_000), (3, 49_000)]
)
@pytest.mark.parametrize("axles", [6, 7, 8])
def test_single_drive_axle(axles: int, drive: int | None, limit: int) -> None:
    vehicle = VehicleFacts(vehicle_type="full_trailer", drive_axles=drive)
    assert judge(axles, vehicle, PARAMS).limit_kg == limit


def test_pattern_that_fits_no_row_is_as_good_as_unknown() -> None:
    vehicle = VehicleFacts(vehicle_type="centre_axle", axle_pattern="999")
    assert judge(4, vehicle, PARAMS).limit_kg == 35_000


def test_type_that_fits_no_row_takes_the_lowest() -> None:
    assert judge(5, VehicleFacts(vehicle_type="rigid"), PARAMS).limit_kg == 42_000


def test_three_axle_rigid_reaches_its_25_tonnes() -> None:
    assert judge(3, VehicleFacts(vehicle_type="rigid"), PARAMS).limit_kg == 25_000


def test_full_trailer_type_44_has_a_limit() -> None:
    row = next(row for row in TABLE if 44 in row.codes)
    assert judge(4, facts_of(row), PARAMS).limit_kg == 36_000


def test_six_axle_full_trailer_with_single_drive_is_code_69() -> None:
    row = next(row for row in TABLE if 69 in row.codes)
    assert judge(6, facts_of(row), PARAMS).limit_kg == 46_000
    assert not any(59 in row.codes for row in TABLE)


def test_codes_and_patterns_are_consistent() -> None:
    codes = [code for row in TABLE for code in row.codes]
    assert len(codes) == len(set(codes))
    width = {"1": 1, "2": 1, "5": 2, "9": 3}
    for row in TABLE:
        assert all(sum(width[digit] for digit in p) == row.axles for p in row.patterns)


@pytest.mark.parametrize(
    ("spacing_cm", "limit_kg"), [(None, 36_000), (0, 36_000), (179, 36_000), (180, 37_000)]
)
def test_air_springs_raise_a_semi_trailer_of_known_spacing_only(
    spacing_cm: int | None, limit_kg: int
) -> None:
    vehicle = VehicleFacts("articulated", air_suspension=True, axle_pattern="125")
    vehicle = replace(vehicle, semi_spacing_cm=spacing_cm)
    assert judge(4, vehicle, PARAMS).limit_kg == limit_kg
