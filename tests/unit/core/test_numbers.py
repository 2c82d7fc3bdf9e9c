"""The numbers people rely on, written down a second time: none may change by accident.

Legal limits, bounds, waits, codes on the wire and bits in records. Whoever changes one changes it
here as well, and says why in the same commit.
"""

from __future__ import annotations

import dataclasses
from types import ModuleType

import pytest

from hal.contract.types import INPUT_COUNT, Aspect, MonotonicNs, Tri
from terminal import outbox
from terminal.core import (
    display,
    facts,
    interlock,
    limits,
    menu,
    params,
    plate,
    quality,
    scale,
    step,
)
from terminal.core.limits import NO_LIMIT, TABLE
from terminal.core.params import Params
from terminal.core.types import (
    BarrierKind,
    Display,
    HoldReason,
    Inputs,
    LaneKind,
    Outputs,
    PlateOutcome,
    PlateReading,
    Prompt,
    Weighed,
    WeighFlag,
    WeightSource,
)
from terminal.core.visit import MenuState, State
from terminal.records import body, keys, model, signing

NS_PER_S = 10**9
NUMBERS: list[tuple[ModuleType, dict[str, int]]] = [
    (display, {"VERDICT_S": 10}),
    (facts, {"AXLES_MIN": 2}),
    (interlock, {"RECORD_HASH_BYTES": 32}),
    (
        menu,
        {
            "KEYS_PER_TICK_MAX": 8,
            "PIN_DIGITS_MAX": 8,
            "PLATE_PLACES_MAX": 8,
            "WRONG_PINS_MAX": 5,
            "LOCK_S": 300,
            "PAGE_S_MAX": 60,
            "TAP_MS_MAX": 1_200,
            "CANDIDATES_MAX": 4,
        },
    ),
    (params, {"VISITS_PER_BOOT_BITS": 20}),
    (
        quality,
        {
            "OVERLOAD_FLAGS": 0b1,
            "FAULT_FLAGS": 0b110110,
            "OFF_DECK_FLAGS": 0b11000000,
            "TWO_FLAGS": 0b100000000,
            "BLOCKING_FLAGS": 0b11111111110111,
        },
    ),
    (
        scale,
        {
            "BLANK_ABOVE_E": 9,
            "BLANK_BELOW_D": 20,
            "VETO_E": 20,
            "VETO_PERCENT": 2,
            "ZERO_PERCENT": 2,
            "INITIAL_ZERO_PERCENT": 10,
        },
    ),
    (step, {"EVENTS_MAX": 8}),
    (
        limits,
        {
            "AXLES_TABLE_MAX": 6,
            "LICENCE_AXLES": 2,
            "BLUE_PLATE_KG": 4_500,
            "MISSING_PAIR_KG": 3_000,
            "AIR_SPACING_CM_MIN": 180,
        },
    ),
    (model, {"FORMAT": 1, "SEQ_FIRST": 1}),
    (
        signing,
        {
            "COSE_SIGN1_TAG": 18,
            "HEADER_ALG": 1,
            "HEADER_KID": 4,
            "ALG_EDDSA": -8,
            "SIGNED_BYTES_MAX": 16_512,
            "KEYS_MAX": 4_096,
            "ALG_SM2_SM3": -65_537,
        },
    ),
    (body, {"BODY_BYTES_MAX": 16_000, "ROLE_BYTES_MAX": 16, "ORIGINS_MAX": 16}),
    (keys, {"UINT_MAX": 9_223_372_036_854_775_807}),
    (
        outbox,
        {
            "BACKOFF_NS_MIN": 5 * NS_PER_S,
            "BACKOFF_NS_MAX": 300 * NS_PER_S,
            "START_NS_MAX": 300 * NS_PER_S,
            "JITTER_MAX": 1_000,
            "ALARM_PERMILLE": 800,
        },
    ),
]


@pytest.mark.parametrize(("module", "numbers"), NUMBERS)
def test_bounds_and_waits(module: ModuleType, numbers: dict[str, int]) -> None:
    assert {name: getattr(module, name) for name in numbers} == numbers


def test_bits_of_a_record() -> None:
    names = [
        "OVERLOAD",
        "SATURATION",
        "CELL_FAULT",
        "CELL_DRIFT",
        "CORNER_ERROR",
        "EXTERNAL_SUPPORT",
        "NOT_FULLY_ON",
        "OFF_DECK_WHEEL",
        "TWO_VEHICLES",
        "UNSTEADY",
        "DISTURBED",
        "LEFT_EARLY",
        "ZERO_OUT",
        "NO_ZERO_REF",
        "GLITCH",
    ]
    assert [(flag.name, flag.value) for flag in WeighFlag] == [
        (name, 2**bit) for bit, name in enumerate(names)
    ]
    assert WeighFlag.NONE.value == 0
    assert [state.value for state in outbox.DeliveryState] == [0, 1, 2]
    assert [fill.value for fill in outbox.Fill] == [0, 1, 2]


DEFAULTS: dict[str, object] = {
    "lane": LaneKind.DOUBLE,
    "barrier": BarrierKind.HOLD,
    "source": WeightSource.AMPLIFIER,
    "boot_id": 1,
    "simulated": False,
    "max_kg": 100_000,
    "e_kg": 20,
    "occupied_kg": 800,
    "site_margin_kg": 0,
    "readback": (True, True),
    "boarding_s_max": 90,
    "position_s_max": 90,
    "settle_s_max": 40,
    "plate_s_max": 12,
    "commit_s_max": 5,
    "leave_s_max": 120,
    "barrier_s_max": 15,
    "photo_ms_max": 3_000,
    "lookup_ms_max": 2_000,
    "save_retry_s": 10,
    "close_delay_ms": 1_500,
    "restart_close_s": 10,
    "ready_ms": 500,
    "not_empty_ms": 3_000,
    "weight_age_ms_max": 250,
    "input_age_ms_max": 250,
    "barrier_age_ms_max": 250,
    "clock_skew_ms_max": 50,
    "relay_ms_max": 500,
    "siren_s": 3,
    "attended": True,
    "unattended_s_max": 300,
    "home_province": "晋",
}


def test_a_lane_told_nothing() -> None:
    found = {field.name: getattr(Params(), field.name) for field in dataclasses.fields(Params)}
    del found["required"]
    assert found == DEFAULTS
    assert [name.value for name in Params().required] == [0, 1, 2, 3, 4, 5]


def test_what_is_not_remembered_is_no() -> None:
    state = State()
    assert (state.serial, state.visit_id, state.since_ns, state.arrived_ns) == (0, 0, 0, 0)
    assert (state.cut, state.used, state.save_refused, state.zero_allowed) == (False,) * 4
    assert (state.leased, state.opened) == ((False, False), (False, False))
    assert MenuState() == ("", "", False, "", 0, 0, 0, 0, 0)


LEGAL = """
2-rigid              2 rigid       12,11      0 18000 18000 512,21
3-centre             3 centre_axle 122        0 27000 27000 765,31
3-artic              3 articulated 122        0 27000 27000 766,32
3-rigid              3 rigid       15,112     0 25000 26000 767,768,33,34
4-centre-125         4 centre_axle 125        0 36000 36000 1024,41
4-centre-152         4 centre_axle 152        0 35000 35000 1025,42
4-artic              4 articulated 125        0 36000 37000 1026,43
4-full               4 full_trailer 1222      0 36000 36000 1027,44
4-rigid              4 rigid       115        0 31000 32000 1028,45
5-centre             5 centre_axle 155,1125   0 43000 43000 1280,1281,51,52
5-artic              5 articulated 155,1125   0 43000 43000 1282,1283,53,54
5-artic-129          5 articulated 129        0 42000 42000 1284,55
5-full               5 full_trailer 1522,11222 0 43000 43000 1285,1286,56,57
6-centre-159         6 centre_axle 159        2 49000 49000 1536,61
6-centre-159-single  6 centre_axle 159        1 46000 46000 1537,62
6-centre-1155        6 centre_axle 1155       2 49000 49000 1538,63
6-centre-1155-single 6 centre_axle 1155       1 46000 46000 1539,64
6-artic-159          6 articulated 159        2 49000 49000 1540,65
6-artic-159-single   6 articulated 159        1 46000 46000 1541,66
6-artic-1129-single  6 articulated 1129       1 46000 46000 1542,67
6-full               6 full_trailer 11522     2 49000 49000 1543,68
6-full-single        6 full_trailer 11522     1 46000 46000 1544,69
7-combination        7 -           -          2 49000 49000 -
7-combination-single 7 -           -          1 46000 46000 -
"""
"""Row, axles, type, axle patterns, driven axles, limit, limit with air springs, type codes."""


def test_the_legal_table() -> None:
    told = []
    for row in TABLE:
        codes = ",".join(map(str, row.codes))
        cells = (row.row_id, row.axles, row.vehicle_type or "-", ",".join(row.patterns) or "-")
        told.append([*map(str, (*cells, row.drive, row.limit_kg, row.air_kg)), codes or "-"])
    assert told == [line.split() for line in LEGAL.strip().splitlines()]


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("！", "!"),
        ("～", "~"),
        ("Ａ１", "A1"),
        ("｟", "｟"),
        ("\u3000", "\u3000"),
        ("黄晋Ｌ·１", "晋L1"),
        ("黄", "黄"),
        ("晋l1-2.3_4•5 6", "晋L123456"),
        ("A" * 40, "A" * 32),
    ],
)
def test_normalising_a_plate_at_its_edges(text: str, plain: str) -> None:
    assert plate.normalise(text) == plain


def test_parts_of_plates() -> None:
    assert plate.is_whole("晋LA1234")
    assert not plate.is_whole("晋LA123")


KINDS = """
ordinary  7 440 140 1 truck issued yellow blue
trailer   7 440 220 2 truck issued yellow
ne_large  8 480 140 1 truck issued yellow_green green
ne_small  8 480 140 1 truck issued green
learner   7 440 140 1 - issued yellow
police    7 440 140 1 - issued white
hk_macao  7 440 140 1 - issued black
embassy   7 440 140 1 - issued black
consulate 7 440 140 1 - issued black
emergency 8 480 140 1 truck issued white
official  7 440 140 1 - - blue white
"""
"""Kind, places, width and height in mm, rows, on trucks, issued, colours (GA 36-2018)."""


def test_the_plates() -> None:
    told = [
        [
            kind.name, *map(str, (len(kind.places), kind.width_mm, kind.height_mm, kind.rows)),
            "truck" if kind.trucks else "-", "issued" if kind.issued else "-", *kind.colours,
        ]
        for kind in plate.KINDS
    ]  # fmt: skip
    assert told == [line.split() for line in KINDS.strip().splitlines()]
    assert plate.PLACES_MAX == 8


COLOURS = {
    "transport": "blue 1 yellow 2 black 3 white 4 green 94 yellow_green 93 other 9 farm_blue 90 "
    "farm_yellow 91 farm_green 92",
    "toll": "blue 0 yellow 1 black 2 white 3 green 4 yellow_green 5 temporary 7 farm_green 11 "
    "red 12",
    "gat_police": "white 0 yellow 1 blue 2 black 3 green 4 yellow_green 4 unknown 5 other 9",
}


def test_colours_on_the_wire() -> None:
    told = {
        table: " ".join(f"{name} {code}" for name, code in codes.items())
        for table, codes in plate.COLOUR_CODES.items()
    }
    assert told == COLOURS


def test_axles_of_a_pattern() -> None:
    assert limits.PATTERN_AXLES == {"1": 1, "2": 1, "5": 2, "9": 3}


def test_a_colour_prefix_is_one_sign_before_something() -> None:
    assert plate.normalise("黄1") == "1"
    assert plate.normalise("黄黄1") == "黄1"
    assert plate.normalise("1黄") == "1黄"


@pytest.mark.parametrize(
    ("pattern", "text", "fits"),
    [("晋L?", "晋L1", True), ("晋L?", "晋L", False), ("晋L", "晋L1", False), ("", "", True)],
)
def test_partly_legible(pattern: str, text: str, fits: bool) -> None:
    assert plate.fits_open(pattern, text) is fits


def test_a_kind_wants_every_place() -> None:
    ordinary = plate.kind_named("ordinary")
    assert ordinary.matches("晋LA1234")
    for text in ("", "晋LA123", "晋LA12345", "LLA1234", "晋LA123挂"):
        assert not ordinary.matches(text)


def test_what_is_not_said_is_nothing() -> None:
    now = MonotonicNs(5)
    assert dataclasses.astuple(Weighed(now, None, Tri.NO, Tri.NO, Tri.NO))[5:] == (
        None, 0, 0, None, (), (), WeighFlag.NONE, -1, 0,
    )  # fmt: skip
    shown = Display()
    assert (shown.prompt, shown.reason) == (Prompt.STARTING, HoldReason.NONE)
    assert dataclasses.astuple(shown)[2:] == ("", None, None, None, 0, "", (), False, "")
    out = Outputs()
    assert (out.leases, out.close, out.lamps) == ((None, None), (None, None), (Aspect.RED,) * 2)
    assert (out.siren, out.draft, out.zero_allowed, out.events) == (False, None, False, ())
    assert (out.look_visit_id, out.capture_visit_id, out.lookup_plate) == (0, 0, "")
    said = Inputs(now)
    assert (said.weighed, said.barriers, said.plate, said.captured) == (
        None, (None, None), None, None,
    )  # fmt: skip
    assert (said.committed, said.refused_visit_ids, said.keys, said.pins) == ((), (), (), ())
    assert (said.ledger_up, said.camera_up, said.outbox_full) == (Tri.UNKNOWN,) * 3
    assert [(level.value, level.at_ns) for level in said.levels] == [(Tri.UNKNOWN, 0)] * INPUT_COUNT
    reading = PlateReading(1, PlateOutcome.READ, "", "", "", 0, (), 0, now)
    assert (reading.rear_plate, reading.by_list) == ("", False)
    assert NO_LIMIT.limit_kg is None


def test_the_smallest_division_and_boot() -> None:
    assert (Params(e_kg=1).e_kg, Params(boot_id=1).boot_id) == (1, 1)
    for wrong in ({"e_kg": 0}, {"boot_id": 0}):
        with pytest.raises(AssertionError):
            Params(**wrong)  # type: ignore[arg-type]


def test_an_item_that_was_never_tried_is_due_at_once() -> None:
    assert dataclasses.astuple(outbox.Delivery()) == (0, 0, 0, "", "", b"")
