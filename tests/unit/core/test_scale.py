"""Scale arithmetic at its boundaries."""

from __future__ import annotations

import pytest

from hal.contract.types import Tri
from terminal.core import scale


@pytest.mark.parametrize(
    ("mass_g", "kg"),
    [
        (0, 0),
        (9_999, 0),
        (10_000, 20),
        (29_999, 20),
        (30_000, 40),
        (-9_999, 0),
        (-10_000, -20),
        (48_989_999, 48_980),
        (48_990_000, 49_000),
    ],
)
def test_rounding_to_divisions(mass_g: int, kg: int) -> None:
    assert scale.to_divisions(mass_g, 20) == kg


@pytest.mark.parametrize(
    ("gross", "shown"),
    [(100_180, 100_180), (100_181, None), (-400, -400), (-401, None), (0, 0)],
)
def test_indication_range(gross: int, shown: int | None) -> None:
    assert scale.shown(gross, 100_000, 20) == shown


@pytest.mark.parametrize(
    ("gross", "fact"),
    [(None, Tri.UNKNOWN), (799, Tri.NO), (800, Tri.YES), (801, Tri.YES), (-400, Tri.NO)],
)
def test_occupied(gross: int | None, fact: Tri) -> None:
    assert scale.occupied(gross, 800) is fact


@pytest.mark.parametrize(
    ("held", "shown", "ok"),
    [
        (10_400, 10_000, True),
        (10_401, 10_000, False),
        (9_600, 10_000, True),
        (9_599, 10_000, False),
        (51_000, 50_000, True),
        (51_001, 50_000, False),
    ],
)
def test_coarse_veto(held: int, shown: int, ok: bool) -> None:
    assert scale.agree(held, shown, 20) is ok


@pytest.mark.parametrize("sign", [1, -1])
def test_zero_ranges(sign: int) -> None:
    assert scale.zero_in_range(sign * 2_000, 100_000)
    assert not scale.zero_in_range(sign * 2_001, 100_000)
    assert scale.initial_zero_in_range(sign * 10_000, 100_000)
    assert not scale.initial_zero_in_range(sign * 10_001, 100_000)


@pytest.mark.parametrize("mass_g", [1, 9_999, 10_000, 10_001, 29_999, 30_000])
def test_rounding_is_the_same_on_both_sides_of_zero(mass_g: int) -> None:
    assert scale.to_divisions(-mass_g, 20) == -scale.to_divisions(mass_g, 20)
    assert scale.to_divisions(0, 20) == 0
