"""The staircase: count, loads and spacing from plain, stopped and bouncing drive-ons."""

from __future__ import annotations

import numpy as np
import pytest

from terminal.weighing.axles import AxleSet, axle_stages, finish, ramp

BIN_S = 0.02


def find_axles(
    total: np.ndarray, moment: np.ndarray, bin_s: float, mass_kg: float, centre_m: float
) -> AxleSet | None:
    return finish(axle_stages(total, moment, bin_s, mass_kg, centre_m))


def drive_on(
    loads: list[float],
    spacing: list[float],
    speed: np.ndarray,
    bounce: float = 0.0,
) -> tuple[np.ndarray, np.ndarray, float, float]:
    """Total and moment of a vehicle that moves at the given speed per bin; mass and centre."""
    travel = np.cumsum(speed) * BIN_S - 0.5
    back = np.concatenate([[0.0], np.cumsum(spacing)])
    on = ramp(travel[:, None] - back) * loads
    shake = 1 + bounce * np.sin(2 * np.pi * 1.9 * np.arange(len(travel)) * BIN_S)
    total = on.sum(axis=1) * shake
    moment = (on * np.maximum(travel[:, None] - back, 0)).sum(axis=1) * shake
    mass = float(np.sum(loads))
    return total, moment, mass, float((loads * (travel[-1] - back)).sum() / mass)


VEHICLES = [
    ([6_000.0, 11_000.0], [4.0]),
    ([6_000.0, 9_000.0, 9_000.0], [3.6, 1.35]),
    ([6_000.0, 6_000.0, 9_000.0, 9_000.0], [1.9, 4.0, 1.35]),
    ([6_000.0, 9_500.0, 9_000.0, 8_500.0, 8_000.0, 8_000.0], [3.2, 1.35, 5.2, 1.31, 1.31]),
]


@pytest.mark.parametrize(("loads", "spacing"), VEHICLES)
@pytest.mark.parametrize("kmh", [3.0, 8.0, 20.0])
def test_count_loads_and_spacing(loads: list[float], spacing: list[float], kmh: float) -> None:
    bins = round((sum(spacing) + 2.5) / (kmh / 3.6) / BIN_S)
    speed = np.concatenate([np.full(bins, kmh / 3.6), np.zeros(50)])
    found = find_axles(*_in_order(drive_on(loads, spacing, speed)))
    assert found is not None
    assert len(found.loads_kg) == len(loads)
    assert np.abs(np.asarray(found.loads_kg) / loads - 1).max() < 0.02
    assert np.abs(np.asarray(found.spacing_m) - spacing).max() < 0.1
    assert sum(found.loads_kg) == pytest.approx(sum(loads))


def test_a_stop_half_way_changes_nothing() -> None:
    loads, spacing = VEHICLES[3]
    speed = np.concatenate([np.full(250, 1.5), np.zeros(400), np.full(300, 1.5), np.zeros(50)])
    found = find_axles(*_in_order(drive_on(loads, spacing, speed)))
    assert found is not None
    assert len(found.loads_kg) == 6


@pytest.mark.parametrize("bounce", [0.02, 0.05])
def test_bounce_is_not_an_axle(bounce: float) -> None:
    loads, spacing = VEHICLES[1]
    speed = np.concatenate([np.full(220, 2.0), np.zeros(50)])
    found = find_axles(*_in_order(drive_on(loads, spacing, speed, bounce)))
    assert found is not None
    assert len(found.loads_kg) == 3


def test_a_staircase_that_disagrees_with_the_standing_mass_is_dropped() -> None:
    loads, spacing = VEHICLES[0]
    speed = np.concatenate([np.full(250, 1.5), np.zeros(50)])
    total, moment, mass, centre = drive_on(loads, spacing, speed)
    assert find_axles(total, moment, BIN_S, mass, centre + 1.5) is None


@pytest.mark.parametrize(
    ("share", "agrees"), [(0.9, False), (0.97, False), (0.99, True), (1.01, True), (1.03, False)]
)
@pytest.mark.parametrize(("loads", "spacing"), VEHICLES)
def test_axles_agree_with_the_mass_only_if_they_rolled_with_it(
    loads: list[float], spacing: list[float], share: float, agrees: bool
) -> None:
    speed = np.concatenate([np.full(round((sum(spacing) + 3) / 1.5 / BIN_S), 1.5), np.zeros(50)])
    total, moment, mass, centre = drive_on(loads, spacing, speed)
    found = find_axles(total, moment, BIN_S, share * mass, centre)
    assert found is not None
    assert sum(found.loads_kg) == pytest.approx(share * mass)  # the fit sees to that
    assert found.top_share == pytest.approx(1 / share, abs=0.005)
    assert found.agrees is agrees


def test_nothing_on_the_deck_has_no_axles() -> None:
    assert find_axles(np.zeros(500), np.zeros(500), BIN_S, 10_000.0, 5.0) is None
    assert find_axles(np.zeros(3), np.zeros(3), BIN_S, 10_000.0, 5.0) is None


def test_axles_closer_than_2_2_m_are_one_group() -> None:
    axles = AxleSet((6e3, 9e3, 8e3, 7e3), (0.0, 3.6, 5.0, 11.0), 0.0)
    assert axles.groups_kg() == (6e3, 17e3, 7e3)


def _in_order(
    made: tuple[np.ndarray, np.ndarray, float, float],
) -> tuple[np.ndarray, np.ndarray, float, float, float]:
    return made[0], made[1], BIN_S, made[2], made[3]
