"""The demo deck: its trucks through the live pipeline and a trace of the same samples."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import pytest

from hal.contract.types import NS_PER_S, Counts, MonotonicNs, RawSample, Tri
from hal.sim.deck import DeckParams, record_passage
from hal.sim.fleet import ARTICULATED_6, RIGID_2, RIGID_4
from hal.sim.truck import TruckPlan
from terminal.weighing import Pipeline, calibration
from terminal.weighing.params import WeighParams, mpe_kg
from terminal.weighing.trace import START_NS, replay
from terminal.weighing.tracefile import Trace

DECK = DeckParams()
NV_PER_COUNT = DECK.nv_per_kg() / calibration.simulated("S").counts_per_kg()[0]


def recorded(plan: TruckPlan, seed: int) -> tuple[Trace, WeighParams]:
    t_ns, cells, beams, _ = record_passage(plan, seed, 80, stand_s=4)
    rng = random.Random(seed)
    made = calibration.simulated("SIM", zero_counts=DECK.dead_kg * DECK.nv_per_kg() / NV_PER_COUNT)
    params = calibration.weigh_params(
        made,
        max_kg=100_000,
        e_kg=20,
        occupied_kg=800,
        beams=True,
        rate_hz=80,
        deck_length_mm=DECK.length_mm,
        cell_positions_mm=list(zip(DECK.cell_x_mm, DECK.cell_y_mm, strict=True)),
    )
    counts = [[round(nv / NV_PER_COUNT + rng.gauss(0, 60)) for nv in cell] for cell in cells]
    entry, leave = np.asarray(beams).T
    t = np.asarray(t_ns) / NS_PER_S
    return Trace(t, np.asarray(counts, dtype=float).T, entry, leave, params), params


def live(trace: Trace) -> list[int]:
    """The samples of the trace in 10 ms ticks, as the control process gets them."""
    pipe = Pipeline(trace.params)
    masses: list[int] = []
    holding = False
    for k, t in enumerate(trace.t.tolist()):
        at = MonotonicNs(START_NS + round(t * NS_PER_S))
        samples = [RawSample(at, c, Counts(int(v))) for c, v in enumerate(trace.counts[k])]
        entry, leave = (Tri.YES if b[k] else Tri.NO for b in (trace.beam_entry, trace.beam_exit))
        for part in (samples[:3], samples[3:], []):
            out = pipe.feed(part, entry, leave, True, at)
            if out is not None:
                if out.held_kg is not None and not holding:
                    masses.append(out.held_kg)
                holding = out.held_kg is not None
    return masses


@pytest.mark.parametrize(
    ("plan", "axles"), [(RIGID_2, 2), (RIGID_4, 4), (ARTICULATED_6, 6)], ids=["2", "4", "6"]
)
def test_the_demos_trucks_are_weighed_within_the_mpe(plan: TruckPlan, axles: int) -> None:
    plan = replace(plan, behaviour="patient")
    trace, params = recorded(plan, 5)
    result = replay(trace)
    assert not result["flags"]
    assert result["releases"]
    for release in result["releases"]:
        assert abs(release["mass_kg"] - plan.mass_kg) <= mpe_kg(plan.mass_kg, params.e_kg)
    assert result["axles"] is not None
    assert len(result["axles"]["loads_kg"]) == axles
    assert live(trace) == [release["displayed_kg"] for release in result["releases"]]
