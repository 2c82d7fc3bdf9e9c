"""A flag's confidence grows with its evidence, stays while the flag does, and goes with it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import inf, nan

import numpy as np
import pytest

from hal.sim.passage import Passage, make
from terminal.core.types import WeighFlag
from terminal.weighing.sureness import BARELY_PCT, CERTAIN_PCT, Sureness, confidence_pct
from terminal.weighing.trace import replay
from tests.bench.weigh_score import as_trace
from tests.unit.weighing.test_boarding import LOADS_KG, drive_on
from tests.unit.weighing.test_pipeline import Deck, params


def test_more_evidence_is_never_less_sure() -> None:
    times = [0.0, 1.0, 1.01, 1.2, 1.5, 2.0, 3.0, 5.0, 20.0, 1e9, inf]
    pcts = [confidence_pct(each) for each in times]
    assert pcts == sorted(pcts)
    assert (pcts[1], pcts[5], pcts[7], pcts[-1]) == (BARELY_PCT, 75, 90, 99)
    assert confidence_pct(nan) == BARELY_PCT


def test_the_best_evidence_counts_while_the_flag_stands() -> None:
    sure = Sureness()
    sure.say(WeighFlag.TWO_VEHICLES, 2.0)
    sure.say(WeighFlag.TWO_VEHICLES, 1.1)
    assert sure.pct(WeighFlag.TWO_VEHICLES) == 75
    sure.standing(WeighFlag.TWO_VEHICLES | WeighFlag.GLITCH)
    assert sure.pct(WeighFlag.TWO_VEHICLES) == 75
    sure.standing(WeighFlag.GLITCH)
    sure.say(WeighFlag.TWO_VEHICLES, 1.0)
    assert sure.pct(WeighFlag.TWO_VEHICLES) == BARELY_PCT


def test_what_is_read_off_is_certain() -> None:
    assert Sureness().pct(WeighFlag.SATURATION) == CERTAIN_PCT


@pytest.mark.parametrize(
    ("flag", "other"),
    [
        (WeighFlag.CORNER_ERROR, WeighFlag.OFF_DECK_WHEEL),
        (WeighFlag.TWO_VEHICLES, WeighFlag.ZERO_OUT),
        (WeighFlag.OVERLOAD, WeighFlag.SATURATION),
    ],
)
def test_what_another_flag_explains_is_barely_sure(flag: WeighFlag, other: WeighFlag) -> None:
    sure = Sureness()
    sure.say(flag, 9.0)
    sure.standing(flag)
    alone_pct = sure.pct(flag)
    sure.say(other, 9.0)
    sure.standing(flag | other)
    assert sure.pct(flag) == BARELY_PCT < alone_pct
    assert sure.pct(other) > BARELY_PCT, "the one that explains stays as sure as it was"
    sure.standing(flag)
    assert sure.pct(flag) == alone_pct


CELL = 2


def with_kg(sound: Passage, kg: np.ndarray) -> dict[str, int]:
    """How sure the flags become with these kilograms more, row by row, on one cell."""
    counts = sound.counts.astype(float)
    counts[:, CELL] += kg / sound.meta["kg_per_count"][CELL]  # type: ignore[index]
    trace = as_trace(replace(sound, counts=np.round(counts).astype(np.int32)))
    return {name: seen["confidence_pct"] for name, seen in replay(trace)["flags"].items()}


def jack(sound: Passage, kg: float) -> np.ndarray:
    """Carried by something beside the deck from a second after the stop on."""
    lifts = np.clip(sound.t - sound.stop_s - 1.0, 0.0, 1.0) * (sound.t < sound.leave_s)
    return np.asarray(-kg * lifts)


def drift(sound: Passage, kg_per_s: float) -> np.ndarray:
    return np.asarray(kg_per_s * np.maximum(sound.t - 1.0, 0.0))


def wrong_gain(sound: Passage, share: float) -> np.ndarray:
    counts = sound.counts[:, CELL]
    kg = (counts - np.median(counts[:20])) * sound.meta["kg_per_count"][CELL]  # type: ignore[index]
    return np.asarray(share * kg)


@pytest.mark.parametrize(
    ("flag", "fault", "sizes"),
    [
        ("external_support", jack, (500.0, 1_500.0, 4_000.0)),
        ("cell_drift", drift, (2.0, 3.0, 8.0)),
        ("corner_error", wrong_gain, (0.012, 0.02, 0.03)),
    ],
)
def test_a_larger_fault_is_surer(
    flag: str, fault: Callable[[Passage, float], np.ndarray], sizes: tuple[float, ...]
) -> None:
    """One sound drive-on, 30 t, with faults from just above the threshold to gross ones."""
    sound = make("low_rate", 202)
    assert with_kg(sound, fault(sound, 0.0)) == {}
    pcts = [with_kg(sound, fault(sound, size))[flag] for size in sizes]
    assert pcts == sorted(set(pcts))
    assert pcts[0] < 75
    assert pcts[-1] >= 90


@pytest.mark.parametrize(
    ("flag", "false", "true"),
    [
        ("unsteady", ("windy", 71_023), ("unsteady", 71_006)),
        ("external_support", ("unsteady", 71_001), ("jack", 81_002)),
        ("left_early", ("cell_dead", 506), ("left_early", 512)),
    ],
    ids=["a gust", "a rocked load", "a dead cell"],
)
def test_a_false_alarm_is_less_sure_than_a_weak_true_one(
    flag: str, false: tuple[str, int], true: tuple[str, int]
) -> None:
    """The surest false alarm and the least sure true one of the seeds looked at, or near them."""
    pcts = [
        replay(as_trace(make(*each)))["flags"][flag]["confidence_pct"] for each in (false, true)
    ]
    assert pcts[0] + 10 <= pcts[1]


def test_a_disturbance_is_less_sure_in_wind() -> None:
    told = []
    for wind_kg in (0.0, 30.0):
        deck = Deck(params())
        deck.run(3, 0)
        deck.run(4, 30_000)
        deck.pipe.hold.wind_kg = wind_kg
        deck.run(2.5, 30_000, person=(2, 200.0))
        events = deck.pipe.drain_events()
        told += [event.detail for event in events if event.kind == "flag_disturbed"]
    calm_pct, windy_pct = (int(detail.removesuffix(" % sure")) for detail in told)
    assert BARELY_PCT < windy_pct < calm_pct - 5


def test_a_wheel_further_off_the_deck_is_surer() -> None:
    """The whole vehicle aside: 0.5 is the middle of the deck."""
    found = [drive_on((share,) * 5, LOADS_KG).wheel_off for share in (0.5, 0.19, 0.1)]
    assert found[0] == 0.0
    assert 1.0 < found[1] < found[2]


@pytest.mark.parametrize(
    ("kind", "flag", "least_pct"),
    [
        ("saturation", "saturation", 100),
        ("tailgate", "two_vehicles", 90),
        ("jack", "external_support", 60),
    ],
)
def test_a_trace_says_how_sure_its_flags_are(kind: str, flag: str, least_pct: int) -> None:
    seen = replay(as_trace(make(kind, 201)))["flags"][flag]
    assert least_pct <= seen["confidence_pct"] <= CERTAIN_PCT
