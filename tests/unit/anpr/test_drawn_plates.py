from __future__ import annotations

import cv2
import numpy as np
import pytest

from hal.sim.disturb import DISTURBANCES
from hal.sim.plate_art import draw
from terminal.anpr import attempts, colour
from terminal.anpr.reader import PlateReader
from terminal.anpr.types import Hypothesis, Reading
from terminal.core.plate import is_valid
from tests.bench.plate_scenes import KINDS, draw_lot, photograph, plateless


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_read_at_120_px(reader: PlateReader, kind: str) -> None:
    generator = np.random.default_rng([5, KINDS.index(kind)])
    wrong = []
    for _ in range(3):
        sample = draw_lot(generator, kind)
        assert is_valid(sample.plate)
        found = reader.read(photograph(sample, 120, generator))
        if not found or found[0].plate != sample.plate or not found[0].accepted:
            wrong.append((sample.plate, found[:1]))
    assert not wrong


@pytest.mark.parametrize("name", DISTURBANCES)
def test_half_a_disturbance_never_makes_an_accepted_wrong_plate(
    reader: PlateReader, name: str
) -> None:
    generator = np.random.default_rng([6, list(DISTURBANCES).index(name)])
    for kind in KINDS:
        sample = draw_lot(generator, kind)
        picture = photograph(sample, 120, generator, disturbance=name, strength=0.5)
        for candidate in reader.read(picture):
            assert not candidate.accepted or candidate.plate == sample.plate


def test_scenes_without_a_plate_give_no_accepted_plate(reader: PlateReader) -> None:
    for scene in range(4):
        picture = plateless(np.random.default_rng([31, scene]))
        assert not any(candidate.accepted for candidate in reader.read(picture)), scene


@pytest.mark.parametrize("name", DISTURBANCES)
def test_disturbances_are_seeded_keep_the_shape_and_grow(name: str) -> None:
    plate = draw("晋L52188", "yellow")
    disturb = DISTURBANCES[name]
    first, same = (disturb(plate, 0.6, np.random.default_rng(1)) for _ in range(2))
    assert np.array_equal(first, same)
    assert first.shape == plate.shape
    assert first.dtype == np.uint8
    changes = [
        np.abs(disturb(plate, strength, np.random.default_rng(1)).astype(int) - plate).mean()
        for strength in (0.2, 1.0)
    ]
    assert changes[0] < changes[1] or name == "infrared"


@pytest.mark.parametrize("name", ["yellow", "blue", "green", "yellow_green", "white", "black"])
def test_the_ground_colour_is_seen(name: str) -> None:
    plate = draw("晋LD12345" if "green" in name else "晋L52188", name)
    assert colour.vote(plate) == name
    assert colour.vote(plate, colour_picture=False) == "unknown"
    assert not colour.is_foreign(plate)


def test_a_red_ground_is_no_plates() -> None:
    assert colour.is_foreign(np.full((40, 120, 3), (30, 30, 190), np.uint8))


def test_mixing_keeps_what_readings_share() -> None:
    first = Reading((Hypothesis("晋L12345", -0.5), Hypothesis("晋L12346", -1.5)), 1.0)
    second = Reading((Hypothesis("晋L12345", -0.2),), 12.0)
    whole = attempts.mixed([first, second, None])
    assert whole is not None
    assert whole.best.plate == "晋L12345"
    assert whole.margin > 1.0
    assert whole.best.logp < -0.2
    assert attempts.mixed([None, None]) is None


def test_of_two_lorries_in_view_the_nearer_comes_first(reader: PlateReader) -> None:
    generator = np.random.default_rng(8)
    for _ in range(3):
        far, near = draw_lot(generator, "blue"), draw_lot(generator, "yellow")
        picture = np.full((400, 700, 3), 95, np.uint8)
        for sample, width, x, y in ((far, 90, 90, 80), (near, 170, 380, 250)):
            art = cv2.resize(
                draw(sample.plate, sample.colour),
                (width, width * 140 // 440),
                interpolation=cv2.INTER_AREA,
            )
            picture[y : y + art.shape[0], x : x + art.shape[1]] = art
        picture[250:310, 380:560] = DISTURBANCES["noise"](picture[250:310, 380:560], 0.5, generator)
        found = reader.read_nearest(picture)
        assert [c.plate for c in found if c.accepted] == [near.plate, far.plate]
