"""Calibration text: it comes back unchanged, and a foreign or touched one is refused."""

from __future__ import annotations

import pytest

from terminal.weighing import calibration
from terminal.weighing.calibration import CalibrationError, from_text, simulated, to_text


def test_text_comes_back_unchanged() -> None:
    made = simulated("SN-1")
    assert from_text(to_text(made), "SN-1") == made


def test_the_simulated_cells_give_143_counts_a_kilogram() -> None:
    assert simulated("SN-1").counts_per_kg()[0] == pytest.approx(143.2, abs=0.1)


@pytest.mark.parametrize(
    ("old", "new", "word"),
    [
        ('"full_scale": 8388607', '"full_scale": 8388606', "changed"),
        ('"format": 1', '"format": 2', "format"),
        ("{", "[", "JSON"),
    ],
)
def test_damaged_text_is_refused(old: str, new: str, word: str) -> None:
    with pytest.raises(CalibrationError, match=word):
        from_text(to_text(simulated("SN-1")).replace(old, new, 1), "SN-1")


def test_another_device_is_refused_by_name() -> None:
    with pytest.raises(CalibrationError, match=r"belongs to device SN-1, but SN-2"):
        from_text(to_text(simulated("SN-1")), "SN-2")


@pytest.mark.parametrize(
    ("spans", "zeros"),
    [((0.0,), (0.0,)), ((0.01, 0.03), (0.0, 0.0)), ((0.01,), (8_388_000.0,)), ((), ())],
)
def test_implausible_values_are_refused(spans: tuple[float, ...], zeros: tuple[float, ...]) -> None:
    made = calibration.Calibration("S", 8_388_607, spans, zeros, 30_000)
    with pytest.raises(CalibrationError, match="not plausible"):
        calibration.check(made)
