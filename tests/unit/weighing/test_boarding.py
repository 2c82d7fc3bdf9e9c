"""What a drive-on says about wheels: bounce, a bent line and driving aslant are no wheel off."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest

from hal.sim import passage
from terminal.weighing.boarding import Boarding, Ride, study
from terminal.weighing.trace import replay
from terminal.weighing.tracefile import Trace
from tests.bench.weigh_score import as_trace

AXLES_M = (0.0, 3.4, 4.75, 10.5, 11.8)
LOADS_KG = (6_000.0, 9_000.0, 9_000.0, 8_000.0, 8_000.0)
X_M = np.array([0.4, 0.4, 9.0, 9.0, 17.6, 17.6])
FAR = np.array([0.0, 1.0] * 3)
BIN_S = 0.02
MPS = 1.2


def drive_on(
    share: tuple[float, ...],
    loads: tuple[float, ...] = LOADS_KG,
    aslant: float = 0.0,
    standing: float = 1.0,
    stop_m: float = 13.0,
) -> Boarding:
    """share: sideways share of each axle; aslant: how much more each metre. Bounces by 3 %.
    standing: share of its mass that the deck carries once it stands.
    """
    t = np.arange(0, (stop_m + 1.5) / MPS + 3, BIN_S)
    front = np.minimum(MPS * t - 1.2, stop_m)
    forces = np.zeros((len(t), 6))
    for k, (at, load, side) in enumerate(zip(AXLES_M, loads, share, strict=True)):
        x = front - at
        quiet = np.minimum(stop_m + 1.5 - front, 1)
        ring = 1 + 0.03 * np.sin(2 * np.pi * (1.6 + 0.1 * k) * t + k) * quiet
        on = load * np.clip(x / 0.24 + 0.5, 0, 1) * ring
        line = np.interp(x, [0.4, 9.0, 17.6], [0, 1, 2])
        right = side + aslant * x
        for n in range(3):
            part = on * np.clip(1 - np.abs(line - n), 0, 1)
            forces[:, 2 * n] += part * (1 - right)
            forces[:, 2 * n + 1] += part * right
    still = round(2.0 / BIN_S)
    forces[-still:] *= standing
    mass = float(forces[-still:].sum(axis=1).mean())
    centre = float((forces[-still:] @ X_M).mean() / mass)
    return study(Ride(forces, X_M, FAR, BIN_S, still), mass, centre)


@pytest.mark.parametrize(
    ("name", "share", "aslant"),
    [
        ("in the middle", (0.5,) * 5, 0.0),
        ("half a metre aside", (0.66,) * 5, 0.0),
        ("aslant", (0.47,) * 5, 0.006),
        ("the trailer 20 cm off the tractor's line", (0.5, 0.5, 0.5, 0.57, 0.57), 0.0),
    ],
)
def test_a_legal_vehicle_has_its_wheels_on(
    name: str, share: tuple[float, ...], aslant: float
) -> None:
    found = drive_on(share, aslant=aslant)
    assert found.axles is not None
    assert len(found.axles.loads_kg) == 5
    assert not found.wheel_off


@pytest.mark.parametrize("side", [0.19, 0.81])
@pytest.mark.parametrize("off", [(0,), (1,), (4,), (1, 2), (3, 4), (0, 1)])
def test_axles_with_a_wheel_beside_the_deck_are_found(off: tuple[int, ...], side: float) -> None:
    share = tuple(side if k in off else 0.5 for k in range(5))
    loads = tuple(load / 2 if k in off else load for k, load in enumerate(LOADS_KG))
    assert drive_on(share, loads).wheel_off


def test_one_side_of_the_whole_vehicle_beside_the_deck_is_found() -> None:
    assert drive_on((0.19,) * 5, tuple(load / 2 for load in LOADS_KG)).wheel_off


def test_axles_that_rolled_with_another_mass_are_not_told() -> None:
    """A jack takes load off the standing vehicle: its axles are unknown, what rolled is known."""
    whole = drive_on((0.5,) * 5, stop_m=15.0)
    jacked = drive_on((0.5,) * 5, standing=0.9, stop_m=15.0)
    assert whole.axles is not None
    assert jacked.axles is None
    assert not jacked.gains.known
    assert jacked.rolled_kg > 38_000 > jacked.mass_kg


def summed(made: passage.Passage, place: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> Trace:
    """The passage as cells saw it whose wires meet in boxes: place gives each cell's box by its
    x and y; each box is one channel, in the middle of its cells.
    """
    trace = as_trace(made)
    params = trace.params
    x_mm, y_mm = np.asarray(params.cell_x_mm), np.asarray(params.cell_y_mm)
    boxes = place(x_mm, y_mm)
    of = [np.flatnonzero(boxes == box) for box in np.unique(boxes)]
    zero = np.asarray(params.zero_counts)
    return dataclasses.replace(
        trace,
        counts=np.stack([(trace.counts - zero)[:, box].sum(axis=1) for box in of], axis=1),
        params=dataclasses.replace(
            params,
            cells=len(of),
            cell_x_mm=tuple(round(x_mm[box].mean()) for box in of),
            cell_y_mm=tuple(round(y_mm[box].mean()) for box in of),
            kg_per_count=params.kg_per_count[: len(of)],
            zero_counts=(0.0,) * len(of),
            cell_cap_kg=params.cell_cap_kg * params.cells,
        ),
    )


BOXES: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "one for all": lambda x, y: 0 * x,
    "one each side": lambda x, y: y,
    "one each end": lambda x, y: x > x.mean(),
}


@pytest.mark.parametrize("boxes", BOXES.values(), ids=BOXES)
def test_summed_cells_weigh_whole_vehicles_with_beams(
    boxes: Callable[[np.ndarray, np.ndarray], np.ndarray],
) -> None:
    made = passage.make("normal", 202)
    result = replay(summed(made, boxes))
    assert abs(result["releases"][0]["mass_kg"] - made.mass_kg) < 20
    assert "off_deck_wheel" not in result["flags"]  # one side says nothing of wheels


@pytest.mark.parametrize("seed", [108, 202])
@pytest.mark.parametrize("boxes", ["one for all", "one each side"])
def test_cells_at_one_place_weigh_nothing_without_beams(boxes: str, seed: int) -> None:
    """Nothing tells half a vehicle from a whole one: 2,862 of 8,466 kg and 13,106 of 24,534 kg
    were held on a plateau between two axles.
    """
    trace = summed(passage.make("normal", seed, beams=False), BOXES[boxes])
    assert replay(trace)["releases"] == []
