"""The settling estimator on decays whose end is known."""

from __future__ import annotations

import numpy as np
import pytest

from terminal.weighing.settle import (
    STEP_S,
    Estimate,
    Settler,
    block_estimates,
    surest,
    window_estimates,
)


def best_estimate(total: np.ndarray, step_s: float) -> Estimate | None:
    """The surest of all windows and orders, in one look."""
    return surest([*window_estimates(total, step_s), *block_estimates(total, step_s)], 0.0)


def ring(seconds: float, hz: float, damping: float, kg: float, seed: int = 0) -> np.ndarray:
    t = np.arange(0, seconds, STEP_S)
    noise = np.random.default_rng(seed).normal(0, 0.5, len(t))
    decay = kg * np.exp(-damping * 2 * np.pi * hz * t) * np.cos(2 * np.pi * hz * t + 0.7)
    return 40_000.0 + decay + noise


@pytest.mark.parametrize("hz", [1.4, 2.0, 3.5])
@pytest.mark.parametrize("kg", [50.0, 300.0])
def test_a_ringing_load_is_known_after_a_second(hz: float, kg: float) -> None:
    found = best_estimate(ring(1.2, hz, 0.04, kg), STEP_S)
    assert found is not None
    assert abs(found.mass_kg - 40_000) < max(5.0, 3.0 * found.u_kg)
    assert abs(found.mass_kg - 40_000) < 8.0


def test_two_tones_at_once() -> None:
    both = ring(2.0, 1.5, 0.05, 200.0) + ring(2.0, 2.6, 0.03, 120.0, seed=1) - 40_000.0
    found = best_estimate(both, STEP_S)
    assert found is not None
    assert abs(found.mass_kg - 40_000) < 10.0


def test_too_short_a_look_gives_nothing() -> None:
    assert best_estimate(ring(0.5, 2.0, 0.05, 100.0), STEP_S) is None


def test_a_slow_wave_seen_for_less_than_a_cycle_is_doubted() -> None:
    slow = ring(1.2, 0.4, 0.01, 150.0)
    found = best_estimate(slow, STEP_S)
    assert found is not None
    assert found.u_kg > 10.0


def test_a_sure_claim_that_proves_wrong_costs_trust() -> None:
    settler = Settler(STEP_S)
    calm = np.full(40, 40_000.0)
    for n in range(25, 40):
        settler.step(calm[:n], STEP_S)
    before = settler.step(calm, STEP_S)
    after = settler.step(calm + 200.0, STEP_S)
    assert before is not None
    assert after is not None
    assert after.u_kg > before.u_kg + 30.0
    assert not settler.agreed(10.0)


def test_a_restart_forgets() -> None:
    settler = Settler(STEP_S)
    for n in range(25, 60):
        settler.step(np.full(n, 40_000.0), STEP_S)
    assert settler.agreed(10.0)
    settler.restart()
    assert not settler.agreed(10.0)


@pytest.mark.parametrize("kg", [np.nan, np.inf, -np.inf, 1e10, -1e200, 1e308])
@pytest.mark.parametrize("rows", [slice(None), slice(-1, None), slice(-20, None, 2)])
def test_what_no_deck_shows_says_nothing_and_raises_nothing(kg: float, rows: slice) -> None:
    points = ring(4.0, 2.0, 0.05, 100.0)
    points[rows] = kg
    settler = Settler(STEP_S)
    for _ in range(10):
        assert settler.step(points, STEP_S) is None
    assert not settler.agreed(1e300)


def test_points_without_a_spectrum_say_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_: np.ndarray) -> np.ndarray:
        raise np.linalg.LinAlgError("did not converge")

    monkeypatch.setattr(np.linalg, "eigvals", fails)
    assert best_estimate(ring(1.2, 2.0, 0.05, 100.0), STEP_S) is None


def tank(seconds: float) -> np.ndarray:
    """A tanker: body bounce that dies soon over a slosh that takes 2.4 s a wave."""
    return ring(seconds, 1.8, 0.06, 150.0) + ring(seconds, 0.42, 0.02, 120.0, seed=1) - 40_000.0


def test_a_slosh_that_was_seen_for_one_wave_is_known() -> None:
    settler = Settler(STEP_S)
    points = tank(3.0)
    found = [settler.step(points[:n], STEP_S) for n in range(20, len(points))][-1]
    assert found is not None
    assert found.window_s > 2.0
    assert abs(found.mass_kg - 40_000) < 8.0
    assert found.u_kg < 14.0
    assert settler.agreed(8.0)


@pytest.mark.parametrize(
    ("longer", "winner_s"),
    [
        (Estimate(40_000.0, 8.0, 2.4), 2.4),
        (Estimate(40_000.0, 8.0, 1.6), 0.8),
        (Estimate(40_000.0, 60.0, 2.4), 0.8),
        (Estimate(40_090.0, 8.0, 2.4), 0.8),
    ],
    ids=["sure and elsewhere", "not long enough", "unsure itself", "says the same"],
)
def test_a_longer_window_overrules_a_shorter_one(longer: Estimate, winner_s: float) -> None:
    short = Estimate(40_100.0, 2.0, 0.8)
    found = surest([short, longer], 0.0)
    assert found is not None
    assert found.window_s == winner_s


def test_what_the_wind_has_of_the_doubt_is_told_apart() -> None:
    found = surest([Estimate(40_000.0, 6.0, 1.3)], 8.0)
    assert found is not None
    assert (found.u_kg, found.gusts_kg) == (10.0, 8.0)
    assert found.calm_u_kg == pytest.approx(6.0)
