from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hal.contract.types import Fault, FaultCode, Frame, MonotonicNs
from hal.sim.camera import SimCamera
from hal.sim.plate_art import draw, soil
from hal.sim.world import TruckPose
from hal.sim.world_local import LocalWorld
from terminal.anpr.models import default_folder, missing
from terminal.anpr.reader import PlateReader
from terminal.camera.pictures import pixels
from tests.unit.camera.rig import TRUCK, world_with

NOW = MonotonicNs(2)


@pytest.fixture(scope="module")
def reader() -> PlateReader:
    if missing(default_folder()):
        pytest.skip("the reader's networks are not here: run weigh-terminal fetch-models")
    return PlateReader()


def shot(camera: SimCamera) -> np.ndarray:  # type: ignore[type-arg]
    taken = camera.capture(NOW)
    assert isinstance(taken, Frame)
    return pixels(taken)


def test_a_dead_world_gives_no_picture() -> None:
    taken = SimCamera(LocalWorld(), "front").capture(NOW)
    assert isinstance(taken, Fault)
    assert taken.code is FaultCode.TIMEOUT


def test_the_same_seed_gives_the_same_frames_and_another_seed_others() -> None:
    world = world_with(TRUCK)
    one, same, other = (SimCamera(world, "front", seed=seed) for seed in (1, 1, 2))
    first = shot(one)
    assert np.array_equal(first, shot(same))
    assert not np.array_equal(first, shot(one))
    assert not np.array_equal(first, shot(other))


def test_it_says_that_it_is_simulated() -> None:
    info = SimCamera(LocalWorld(), "rear").describe()
    assert info.simulated
    assert info.name == "camera-rear"


@pytest.mark.parametrize("light_pct", [100, 40, 5])
@pytest.mark.parametrize(
    ("plate", "colour", "rear"),
    [
        ("晋L52188", "yellow", "晋L7731挂"),
        ("晋LA7J18", "blue", ""),
        ("晋LD12345", "green", ""),
        ("晋L12345D", "yellow_green", "晋L7731挂"),
    ],
)
def test_plates_are_read_from_both_ends(
    reader: PlateReader, plate: str, colour: str, rear: str, light_pct: int
) -> None:
    truck = replace(TRUCK, plate=plate, plate_colour=colour, rear_plate=rear)
    world = world_with(truck, light_pct=light_pct)
    front = reader.read(shot(SimCamera(world, "front")))
    assert front[0].plate == plate
    assert front[0].accepted
    behind = reader.read(shot(SimCamera(world, "rear")))
    assert behind[0].plate == (rear or plate)
    assert behind[0].accepted


def test_a_plate_under_mud_is_not_accepted(reader: PlateReader) -> None:
    for dirt_pct in (85, 95, 100):
        world = world_with(replace(TRUCK, dirt_pct=dirt_pct))
        assert not any(c.accepted for c in reader.read(shot(SimCamera(world, "front"))))


def test_an_empty_lane_has_no_plate(reader: PlateReader) -> None:
    assert not any(c.accepted for c in reader.read(shot(SimCamera(world_with(), "front"))))


def test_the_nearer_of_two_trucks_hides_the_farther(reader: PlateReader) -> None:
    follower = TruckPose(2_000, 6_000, "晋LA7J18", "blue", "ordinary", "", 0)
    leader = replace(TRUCK, front_mm=17_000, length_mm=12_000)
    found = reader.read(shot(SimCamera(world_with(leader, follower), "front")))
    assert [c.plate for c in found if c.accepted] == [leader.plate]


def test_plate_pictures_refuse_what_cannot_be_drawn() -> None:
    for plate, colour, rows in (("晋L1234", "blue", 1), ("晋L12345", "pink", 1)):
        with pytest.raises(ValueError, match="plate"):
            draw(plate, colour, rows=rows)
    with pytest.raises(ValueError, match="2 rows"):
        draw("晋LD12345", "green", rows=2)


def test_mud_is_seeded_and_grows() -> None:
    clean = draw("晋L52188", "yellow")
    assert np.array_equal(soil(clean, 0, 1), clean)
    assert np.array_equal(soil(clean, 50, 1), soil(clean, 50, 1))
    changes = [np.abs(soil(clean, pct, 1).astype(int) - clean).mean() for pct in (10, 40, 80, 100)]
    assert changes == sorted(changes)
