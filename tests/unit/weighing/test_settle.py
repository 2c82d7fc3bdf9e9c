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
