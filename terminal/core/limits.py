"""Which gross mass is allowed: the enforcement table as data, and the rules that bend it.

Table: 公路货运车辆超限超载认定标准 (2016) with its notes 1, 2 and 4, read beside order 2016-62
art. 3; where the two differ the stricter row stands (DOMAIN 1.4). Over means strictly greater:
no tolerance. Never guesses upward: what is unknown takes the lowest limit that is left.
"""

from __future__ import annotations

from typing import NamedTuple

from terminal.core.params import Params
from terminal.core.types import VehicleFacts

EDITION = "2016-62+rd"
PATTERN_AXLES = {"1": 1, "2": 1, "5": 2, "9": 3}
"""Axles each digit of an axle pattern stands for (DOMAIN 1.4)."""
AXLES_TABLE_MAX = 6
LICENCE_AXLES = 2
BLUE_PLATE_KG = 4_500
MISSING_PAIR_KG = 3_000
AIR_SPACING_CM_MIN = 180


class LimitRow(NamedTuple):
    """One row: axles (7 stands for 7 and more), type, axle patterns, driven axles, limit.

    patterns: digits as DOMAIN 1.4 (1 single, 2 dual, 5 tandem, 9 tri-axle); empty fits any.
    drive: 1 or 2 driven axles, 0 where it does not matter. air_kg: the limit with dual-tyred,
    air-sprung drive axle. codes: ANPR vendor's and provincial receiver's vehicle type codes.
    """

    row_id: str
    axles: int
    vehicle_type: str
    patterns: tuple[str, ...]
    drive: int
    limit_kg: int
    air_kg: int
    codes: tuple[int, ...]


class LimitResult(NamedTuple):
    """What applies to one vehicle. limit_kg None: no limit can be named, so no release."""

    limit_kg: int | None
    row_id: str
    vehicle_type: str | None
    why: str


RIGID, ARTICULATED, CENTRE_AXLE, FULL = "rigid", "articulated", "centre_axle", "full_trailer"

TABLE: tuple[LimitRow, ...] = (
    LimitRow("2-rigid", 2, RIGID, ("12", "11"), 0, 18_000, 18_000, (512, 21)),
    LimitRow("3-centre", 3, CENTRE_AXLE, ("122",), 0, 27_000, 27_000, (765, 31)),
    LimitRow("3-artic", 3, ARTICULATED, ("122",), 0, 27_000, 27_000, (766, 32)),
    LimitRow("3-rigid", 3, RIGID, ("15", "112"), 0, 25_000, 26_000, (767, 768, 33, 34)),
    LimitRow("4-centre-125", 4, CENTRE_AXLE, ("125",), 0, 36_000, 36_000, (1024, 41)),
    LimitRow("4-centre-152", 4, CENTRE_AXLE, ("152",), 0, 35_000, 35_000, (1025, 42)),
    LimitRow("4-artic", 4, ARTICULATED, ("125",), 0, 36_000, 37_000, (1026, 43)),
    LimitRow("4-full", 4, FULL, ("1222",), 0, 36_000, 36_000, (1027, 44)),
    LimitRow("4-rigid", 4, RIGID, ("115",), 0, 31_000, 32_000, (1028, 45)),
    LimitRow("5-centre", 5, CENTRE_AXLE, ("155", "1125"), 0, 43_000, 43_000, (1280, 1281, 51, 52)),
    LimitRow("5-artic", 5, ARTICULATED, ("155", "1125"), 0, 43_000, 43_000, (1282, 1283, 53, 54)),
    LimitRow("5-artic-129", 5, ARTICULATED, ("129",), 0, 42_000, 42_000, (1284, 55)),
    LimitRow("5-full", 5, FULL, ("1522", "11222"), 0, 43_000, 43_000, (1285, 1286, 56, 57)),
    LimitRow("6-centre-159", 6, CENTRE_AXLE, ("159",), 2, 49_000, 49_000, (1536, 61)),
    LimitRow("6-centre-159-single", 6, CENTRE_AXLE, ("159",), 1, 46_000, 46_000, (1537, 62)),
    LimitRow("6-centre-1155", 6, CENTRE_AXLE, ("1155",), 2, 49_000, 49_000, (1538, 63)),
    LimitRow("6-centre-1155-single", 6, CENTRE_AXLE, ("1155",), 1, 46_000, 46_000, (1539, 64)),
    LimitRow("6-artic-159", 6, ARTICULATED, ("159",), 2, 49_000, 49_000, (1540, 65)),
    LimitRow("6-artic-159-single", 6, ARTICULATED, ("159",), 1, 46_000, 46_000, (1541, 66)),
    LimitRow("6-artic-1129-single", 6, ARTICULATED, ("1129",), 1, 46_000, 46_000, (1542, 67)),
    LimitRow("6-full", 6, FULL, ("11522",), 2, 49_000, 49_000, (1543, 68)),
    LimitRow("6-full-single", 6, FULL, ("11522",), 1, 46_000, 46_000, (1544, 69)),
    LimitRow("7-combination", 7, "", (), 2, 49_000, 49_000, ()),
    LimitRow("7-combination-single", 7, "", (), 1, 46_000, 46_000, ()),
)

NO_LIMIT = LimitResult(None, "", None, "axles_unknown")


def judge(
    axles: int | None, vehicle: VehicleFacts, params: Params, plate_colour: str = ""
) -> LimitResult:
    """The limit for `axles` and what the site knows of the vehicle; never above the table.

    Unknown type, pattern or drive leaves several rows: the lowest limit among them holds.
    """
    if axles is None or axles < LICENCE_AXLES:
        return NO_LIMIT
    rows = _candidates(axles, vehicle)
    best = min(rows, key=lambda row: _row_kg(row, vehicle))
    limit_kg, why = _row_kg(best, vehicle), "table"
    if vehicle.vehicle_type is None:
        why = "type_unknown_lowest"
    if axles == LICENCE_AXLES:
        limit_kg, why = _two_axles(limit_kg, why, vehicle, plate_colour)
    elif vehicle.tyres_missing:
        pairs = (vehicle.tyres_missing + 1) // 2
        limit_kg, why = max(0, limit_kg - MISSING_PAIR_KG * pairs), "tyres_missing"
    return LimitResult(limit_kg, best.row_id, vehicle.vehicle_type, why)


def pattern_axles(pattern: str | None) -> int | None:
    """How many axles a pattern such as "159" has; None when there is none or it is no pattern."""
    if not pattern or any(digit not in PATTERN_AXLES for digit in pattern):
        return None
    return sum(PATTERN_AXLES[digit] for digit in pattern)


def over_kg(gross_kg: int, limit_kg: int, site_margin_kg: int) -> int:
    """By how much the displayed mass exceeds the limit less the site's margin; 0: not over."""
    return max(0, gross_kg - (limit_kg - site_margin_kg))


def _candidates(axles: int, vehicle: VehicleFacts) -> tuple[LimitRow, ...]:
    """The rows that may apply. A fact that fits no row of the count is as good as unknown."""
    table_axles = min(axles, AXLES_TABLE_MAX + 1)
    rows = tuple(row for row in TABLE if row.axles == table_axles)
    typed = tuple(row for row in rows if row.vehicle_type == vehicle.vehicle_type) or rows
    shaped = tuple(row for row in typed if vehicle.axle_pattern in row.patterns) or typed
    drive = None if vehicle.drive_axles is None else min(vehicle.drive_axles, 2)
    return tuple(row for row in shaped if row.drive in (0, drive)) or shaped


def _row_kg(row: LimitRow, vehicle: VehicleFacts) -> int:
    """The row's limit; note 4 raises it only for air springs that are known to be there."""
    if vehicle.air_suspension is not True:
        return row.limit_kg
    spacing_cm = vehicle.semi_spacing_cm
    too_short = spacing_cm is None or spacing_cm < AIR_SPACING_CM_MIN
    if row.vehicle_type == ARTICULATED and too_short:
        return row.limit_kg
    return row.air_kg


def _two_axles(
    limit_kg: int, why: str, vehicle: VehicleFacts, plate_colour: str
) -> tuple[int, str]:
    """Note 1: also not above the licence gross; a blue plate is a light truck class."""
    if vehicle.licence_gross_kg is not None:
        if vehicle.licence_gross_kg < limit_kg:
            return vehicle.licence_gross_kg, "licence_gross"
        return limit_kg, why
    if plate_colour in ("blue", "green"):
        return BLUE_PLATE_KG, "light_truck_plate"
    return limit_kg, why
