from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from terminal.core.plate import (
    ANY,
    COLOUR_CODES,
    DIGITS,
    ENERGY_LETTERS,
    KINDS,
    LETTERS,
    PROVINCES,
    colour_code,
    colour_length_ok,
    fits_open,
    is_truck_plate,
    is_valid,
    is_whole,
    kind_named,
    kind_of,
    next_symbols,
    normalise,
    serial_is_usual,
    type_code,
)

P, L, N = f"[{PROVINCES}]", "[A-HJ-NP-Z]", "[A-HJ-NP-Z0-9]"
REGEXES = (
    ("ordinary", f"{P}{L}{N}{{5}}"),
    ("trailer", f"{P}{L}{N}{{4}}挂"),
    ("ne_large", f"{P}{L}[0-9]{{5}}[A-HJK]"),
    ("ne_small", f"{P}{L}[A-HJK]{N}[0-9]{{4}}"),
    ("learner", f"{P}{L}{N}{{4}}学"),
    ("police", f"{P}{L}{N}{{4}}警"),
    ("hk_macao", f"粤Z{N}{{4}}[港澳]"),
    ("embassy", "[0-9]{6}使"),
    ("consulate", f"{P}{L}[0-9]{{4}}领"),
    ("emergency", f"{P}[SX][0-9]{{4}}应急"),
)


def by_regex(text: str) -> str | None:
    for name, regex in REGEXES:
        if re.fullmatch(regex, text):
            return name
    return None


@pytest.mark.parametrize(
    ("plate", "kind"),
    [
        ("晋L12345", "ordinary"),
        ("晋LA1234", "ordinary"),
        ("晋L1234挂", "trailer"),
        ("晋L12345D", "ne_large"),
        ("晋LD12345", "ne_small"),
        ("晋L1234学", "learner"),
        ("晋L1234警", "police"),
        ("粤Z1234港", "hk_macao"),
        ("123456使", "embassy"),
        ("沪A1234领", "consulate"),
        ("晋S1234应急", "emergency"),
    ],
)
def test_each_kind_is_known(plate: str, kind: str) -> None:
    assert kind_of(plate) == kind
    assert is_valid(plate)
    assert is_truck_plate(plate) == kind_named(kind).trucks


@pytest.mark.parametrize(
    "text",
    [
        "",
        "晋",
        "晋L1234",
        "晋L123456",
        "晋I12345",
        "晋O12345",
        "晋LO1234",
        "晋L1234I",
        "台A12345",
        "晋l12345",
        "晋L1234挂挂",
        "粤A1234港",
        "晋L12345L",
        "晋LL12345",
        " 晋L12345",
        "晋L12345\n",
        "使123456",
    ],
)
def test_what_is_no_plate(text: str) -> None:
    assert kind_of(text) is None
    assert not is_valid(text)
    assert not is_truck_plate(text)


@given(
    st.text(
        alphabet=PROVINCES[:4] + LETTERS[:11] + "LZIO" + DIGITS + "挂学警港澳领使应急", max_size=9
    )
)
def test_table_and_regular_expressions_agree(text: str) -> None:
    assert kind_of(text) == by_regex(text)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
@given(st.randoms(use_true_random=False))
def test_every_plate_of_the_table_can_be_spelt_by_next_symbols(kind, draw) -> None:  # type: ignore[no-untyped-def]
    plate = ""
    for allowed in kind.places:
        symbol = draw.choice(allowed)
        assert symbol in next_symbols(plate)
        plate += symbol
    assert is_whole(plate)
    assert kind_of(plate) == by_regex(plate)


def test_beginnings_that_lead_nowhere_have_no_next_symbol() -> None:
    assert next_symbols("晋L1234挂") == ""
    assert next_symbols("晋I") == ""
    assert next_symbols("晋L12345D") == ""
    assert len(next_symbols("")) == len(PROVINCES) + len(DIGITS)
    assert sorted(next_symbols("晋")) == sorted(LETTERS + "O")
    assert sorted(next_symbols("晋L1234")) == sorted(ANY + "挂学警领")
    assert sorted(next_symbols("晋L12345")) == sorted(ENERGY_LETTERS)


@pytest.mark.parametrize(
    ("plate", "colour", "ok"),
    [
        ("晋L12345", "yellow", True),
        ("晋L12345", "blue", True),
        ("晋L12345", "green", False),
        ("晋L12345", "unknown", True),
        ("晋LD12345", "green", True),
        ("晋LD12345", "yellow", False),
        ("晋L12345D", "yellow_green", True),
        ("晋L1234挂", "blue", False),
        ("晋O12345", "blue", False),
    ],
)
def test_colour_and_length_check_each_other(plate: str, colour: str, ok: bool) -> None:
    assert colour_length_ok(plate, colour) is ok


def test_the_three_colour_tables_differ_and_name_what_they_know() -> None:
    assert [colour_code(name, "yellow") for name in COLOUR_CODES] == [2, 1, 1]
    assert [colour_code(name, "blue") for name in COLOUR_CODES] == [1, 0, 2]
    assert [colour_code(name, "yellow_green") for name in COLOUR_CODES] == [93, 5, 4]
    assert colour_code("transport", "unknown") is None
    with pytest.raises(KeyError):
        colour_code("somebody's", "blue")


@pytest.mark.parametrize(
    ("plate", "colour", "code"),
    [
        ("晋L12345", "yellow", "01"),
        ("晋L12345", "blue", "02"),
        ("晋L1234挂", "yellow", "15"),
        ("晋L12345D", "yellow_green", "51"),
        ("粤Z1234港", "black", "99"),
        ("nothing", "blue", "44"),
    ],
)
def test_type_codes(plate: str, colour: str, code: str) -> None:
    assert type_code(plate, colour) == code


def test_serial_shapes_only_judge_ordinary_plates() -> None:
    assert serial_is_usual("晋L12345")
    assert serial_is_usual("晋LAB123")
    assert not serial_is_usual("晋LABCD1")
    assert serial_is_usual("晋L12345D")


def test_open_places_agree_with_anything() -> None:
    assert fits_open("晋L?2?45", "晋L12345")
    assert not fits_open("晋L?2?45", "晋L12346")
    assert not fits_open("晋L?2?4", "晋L12345")


@pytest.mark.parametrize(
    ("text", "plate"),
    [
        ("晋l·12345", "晋L12345"),
        ("蓝浙AX2P12", "浙AX2P12"),
        ("晋\uff2c\uff11\uff12\uff13\uff14\uff15", "晋L12345"),
        (" 晋L-123 45 ", "晋L12345"),
        ("", ""),
        ("黄", "黄"),
    ],
)
def test_normalising_what_people_and_cameras_write(text: str, plate: str) -> None:
    assert normalise(text) == plate


@given(st.text(max_size=60))
def test_normalising_never_raises_and_never_grows(text: str) -> None:
    assert len(normalise(text)) <= 2 * len(text)


def test_unknown_kind_is_an_error() -> None:
    with pytest.raises(KeyError):
        kind_named("spaceship")
