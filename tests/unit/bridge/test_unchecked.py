"""What a format without a check cannot show: exactly these places, each a digit, sign or mode.

One wrong bit in such a frame may read as another number. It may do so only where the format has
nothing that could tell, and never by losing the frame's shape.
"""

from __future__ import annotations

import pytest

from firmware_bridge.indicators.catalogue import built_in, decoder, find
from firmware_bridge.indicators.decoder import part_width
from firmware_bridge.indicators.reading import Reading
from firmware_bridge.indicators.spec import Bits, Number, Places, Words
from tests.unit.bridge.vectors import VECTORS, Vector

UNCHECKED = {
    "a12e-plain",
    "eq-forward-8",
    "eq-reversed-6",
    "eq-reversed-7",
    "eq-reversed-8",
    "flintec",
    "keli-kl3101",
    "mt-sics",
    "rinstrum-auto",
    "rinstrum-cmd",
    "st-gs",
    "st-gs-cas",
    "toledo-17",
    "vishay-vt220",
}
"""The built-in formats that carry no check."""


def telling_places(vector: Vector) -> set[int]:
    """Offsets that carry number, sign, unit or status in any frame of that length."""
    format_ = find(vector.protocol)
    assert format_ is not None
    places: set[int] = set()
    for spec in format_.frames:
        at = 0
        for part in spec.parts:
            width = part_width(part)
            if isinstance(part, Bits | Number | Places | Words):
                places |= set(range(at, at + width))
            at += width
    return places


def test_the_list_of_formats_without_a_check_is_this_one() -> None:
    assert {one.name for one in built_in() if not one.checked} == UNCHECKED


@pytest.mark.parametrize(
    "vector",
    [v for v in VECTORS if v.protocol in UNCHECKED and v.gross_kg is not None],
    ids=lambda v: f"{v.protocol}-{v.gross_kg}",
)
def test_what_a_format_without_a_check_lets_pass(vector: Vector) -> None:
    format_ = find(vector.protocol)
    assert format_ is not None
    allowed = telling_places(vector)
    passed = 0
    for at in range(len(vector.frame)):
        for bit in range(8):
            wrong = bytearray(vector.frame * 3)
            wrong[len(vector.frame) + at] ^= 1 << bit
            given = decoder(format_, vector.scaling).feed(bytes(wrong))
            masses = {item.gross_kg for item in given if isinstance(item, Reading)}
            if masses - {vector.gross_kg, None}:
                passed += 1
                assert at in allowed, (at, bit, masses)
    assert passed
