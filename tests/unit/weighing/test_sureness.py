"""A flag's confidence grows with its evidence, stays while the flag does, and goes with it."""

from __future__ import annotations

from math import inf, nan

import pytest

from hal.sim.passage import make
from terminal.core.types import WeighFlag
from terminal.weighing.sureness import BARELY_PCT, CERTAIN_PCT, Sureness, confidence_pct
from terminal.weighing.trace import replay
from tests.bench.weigh_score import as_trace
from tests.unit.weighing.test_boarding import LOADS_KG, drive_on


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
