"""Every checked vector through its decoder: whole, split, glued, misaligned, with one bit wrong."""

from __future__ import annotations

import pytest

from firmware_bridge.indicators.catalogue import Decodes, built_in, decoder, find
from firmware_bridge.indicators.reading import Reading, Reject, Step
from firmware_bridge.indicators.spec import Confirm, Format
from hal.contract.types import Tri
from tests.unit.bridge.vectors import VECTORS, Vector


def _format(protocol: str) -> Format:
    format_ = find(protocol)
    assert format_ is not None, f"no built-in format is called {protocol}"
    return format_


each_vector = pytest.mark.parametrize("vector", VECTORS, ids=lambda v: f"{v.protocol}-{v.gross_kg}")
each_checked = pytest.mark.parametrize(
    "vector",
    [vector for vector in VECTORS if _format(vector.protocol).checked],
    ids=lambda v: f"{v.protocol}-{v.gross_kg}",
)
PIECE = 13


def fresh(vector: Vector, scaling: str | None = None) -> Decodes:
    return decoder(_format(vector.protocol), vector.scaling if scaling is None else scaling)


def readings(given: list[Reading | Reject]) -> list[Reading]:
    return [item for item in given if isinstance(item, Reading)]


def masses(given: list[Reading | Reject]) -> list[int | None]:
    return [item.gross_kg for item in readings(given)]


@each_vector
def test_a_vector_means_what_the_display_showed(vector: Vector) -> None:
    given = fresh(vector).feed(vector.frame * 2)
    first = readings(given)[0]
    letters = {Tri.YES: "y", Tri.NO: "n", Tri.UNKNOWN: "u"}
    assert first.gross_kg == vector.gross_kg
    told = (first.motion, first.overload, first.zero, first.net)
    assert "".join(letters[one] for one in told) == vector.flags


@each_vector
def test_every_split_point_gives_the_same(vector: Vector) -> None:
    whole = masses(fresh(vector).feed(vector.frame * 3))
    for cut in range(len(vector.frame) * 3):
        one = fresh(vector)
        given = one.feed((vector.frame * 3)[:cut]) + one.feed((vector.frame * 3)[cut:])
        assert masses(given) == whole
        assert len(given) == len(whole)


@each_vector
def test_thirteen_byte_reads_lose_nothing(vector: Vector) -> None:
    stream = vector.frame * 20
    one = fresh(vector)
    given = [
        item for at in range(0, len(stream), PIECE) for item in one.feed(stream[at : at + PIECE])
    ]
    assert masses(given) == masses(fresh(vector).feed(stream))
    assert len(masses(given)) >= 19


@each_checked
def test_one_wrong_bit_never_makes_a_number_where_there_is_a_check(vector: Vector) -> None:
    stripped = 7 if _format(vector.protocol).strip_bit7 else 8
    for at in range(len(vector.frame)):
        for bit in range(stripped):
            wrong = bytearray(vector.frame * 3)
            wrong[len(vector.frame) + at] ^= 1 << bit
            given = fresh(vector).feed(bytes(wrong))
            assert set(masses(given)) <= {vector.gross_kg}, (at, bit)
            assert len(masses(given)) == 2, (at, bit)
            assert any(isinstance(item, Reject) for item in given)


def test_a_scaling_nobody_confirmed_gives_no_number() -> None:
    unsure = [v for v in VECTORS if _format(v.protocol).confirm is not Confirm.NEVER]
    assert unsure
    for vector in unsure:
        given = fresh(vector, scaling="").feed(vector.frame * 2)
        steps = {item.step for item in given if isinstance(item, Reject)}
        assert readings(given) == []
        assert steps == {Step.SCALING}


def test_the_rest_of_a_frame_before_the_first_start_is_told_as_no_frame() -> None:
    vector = VECTORS[3]
    given = fresh(vector).feed(vector.frame[5:] + vector.frame)
    assert isinstance(given[0], Reject)
    assert given[0].step is Step.SHAPE
    assert masses(given) == [1_560]


def _toledo(swa: int, swb: int, swc: int, weight: bytes) -> list[Reading | Reject]:
    body = bytes([2, swa, swb, swc]) + weight + b"000000\r"
    return decoder(_format("toledo")).feed(body + bytes([-sum(body) & 0x7F]))


@pytest.mark.parametrize(
    ("swa", "swb", "swc", "weight"),
    [
        (0x2A, 0x20, 0x20, b" 12340"),  # pounds
        (0x2A, 0x30, 0x21, b" 12340"),  # grams
        (0x2A, 0x30, 0x30, b" 12340"),  # expanded display
        (0x2F, 0x30, 0x20, b" 12340"),  # place code 111
        (0x22, 0x30, 0x20, b" 12340"),  # no division
        (0x2B, 0x30, 0x20, b" 12345"),  # tenths of a kilogram
        (0x2A, 0x30, 0x20, b"      "),
        (0x2A, 0x30, 0x20, b"1 2340"),
        (0x28, 0x30, 0x20, b" 12340"),  # two dummy zeros, not confirmed
    ],
)
def test_a_proved_toledo_frame_that_is_no_truck_mass_is_refused(
    swa: int, swb: int, swc: int, weight: bytes
) -> None:
    given = _toledo(swa, swb, swc, weight)
    assert readings(given) == []
    assert len(given) == 1


@pytest.mark.parametrize("swb", [0x31, 0x34, 0x70])
def test_net_overload_and_not_zeroed_give_no_gross(swb: int) -> None:
    assert masses(_toledo(0x2A, swb, 0x20, b" 12340")) == [None]


def test_negative_and_motion_come_from_the_status() -> None:
    (reading,) = readings(_toledo(0x2A, 0x3A, 0x20, b" 12340"))
    assert reading.gross_kg == -12_340
    assert reading.motion.name == "YES"


def test_every_built_in_format_has_a_vector() -> None:
    assert {vector.protocol for vector in VECTORS} == {one.name for one in built_in()}


def test_a_modbus_weight_needs_the_status_read_before_it() -> None:
    vector = VECTORS[-1]
    given = fresh(vector).feed(vector.frame[7:])
    assert masses(given) == []
    assert [item.step for item in given if isinstance(item, Reject)] == [Step.MEANING]
