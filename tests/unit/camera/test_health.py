from __future__ import annotations

import csv

import cv2
import numpy as np
import pytest

from hal.contract.types import FaultCode, MonotonicNs
from hal.sim.camera import SimCamera
from terminal.camera.health import PERSIST_FRAMES, Health, sharpness
from tests.unit.anpr.conftest import PLATES
from tests.unit.camera.rig import TRUCK, world_with
from tests.unit.camera.test_sim_camera import shot


def judged(health: Health, picture: np.ndarray, *, standing: bool = False) -> FaultCode | None:  # type: ignore[type-arg]
    """The judgement a second after the last one."""
    return health.judge(picture, MonotonicNs(health._at_ns + 10**9), standing=standing)


def noisy(picture: np.ndarray, seed: int) -> np.ndarray:  # type: ignore[type-arg]
    noise = np.random.default_rng(seed).normal(0, 2.5, picture.shape)
    return np.clip(picture + noise, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("light_pct", [100, 50, 5])
@pytest.mark.parametrize("role", ["front", "rear"])
def test_a_lorry_by_day_and_night_is_a_good_picture(light_pct: int, role: str) -> None:
    camera, health = SimCamera(world_with(TRUCK, light_pct=light_pct), role), Health()
    assert [judged(health, shot(camera), standing=True) for _ in range(8)] == [None] * 8


@pytest.mark.parametrize("light_pct", [100, 20, 5])
def test_an_empty_yard_is_a_good_picture(light_pct: int) -> None:
    camera, health = SimCamera(world_with(light_pct=light_pct), "front"), Health()
    assert [judged(health, shot(camera)) for _ in range(8)] == [None] * 8


def test_out_of_focus_is_told_when_a_lorry_stands() -> None:
    soft = cv2.GaussianBlur(shot(SimCamera(world_with(TRUCK), "front")), (0, 0), 5)
    health = Health()
    told = [judged(health, noisy(soft, n), standing=True) for n in range(PERSIST_FRAMES)]
    assert told == [None] * (PERSIST_FRAMES - 1) + [FaultCode.BLURRED]


def test_one_bad_picture_is_forgiven() -> None:
    camera, health = SimCamera(world_with(TRUCK), "front"), Health()
    black = np.zeros((720, 1280, 3), np.uint8)
    for number in range(12):
        picture = noisy(black, number) // 2 if number % 4 == 0 else shot(camera)
        assert judged(health, picture) is None


def test_a_repeated_picture_is_frozen_and_not_fresh() -> None:
    camera, health = SimCamera(world_with(TRUCK), "front"), Health()
    same = shot(camera)
    assert [judged(health, same) for _ in range(3)] == [None, None, FaultCode.FROZEN]
    assert not health.fresh
    assert judged(health, shot(camera)) is None
    assert health.fresh


def test_real_frames_are_in_focus_and_smeared_ones_are_not() -> None:
    if not (PLATES / "manifest.csv").exists():
        pytest.skip("the open plate pictures are not beside the repository")
    with (PLATES / "manifest.csv").open(encoding="utf-8") as stream:
        frames = [row["file"] for row in csv.DictReader(stream) if row["kind"] == "frame"]
    for name in frames:
        picture = cv2.imread(str(PLATES / name))
        health, smeared = Health(), Health()
        soft = cv2.GaussianBlur(picture, (0, 0), 5)
        for number in range(PERSIST_FRAMES):
            assert judged(health, cv2.add(picture, number), standing=True) is None, name
            judged(smeared, cv2.add(soft, number), standing=True)
        assert smeared.fault is FaultCode.BLURRED, (name, sharpness(soft))


def test_one_picture_asked_for_twice_in_a_moment_is_not_frozen() -> None:
    health, same = Health(), shot(SimCamera(world_with(TRUCK), "front"))
    for ms in range(0, 90, 10):
        assert health.judge(same, MonotonicNs(10**9 + ms * 10**6)) is None
        assert health.fresh is (ms == 0)
    assert health.judge(same, MonotonicNs(2 * 10**9)) is None
    assert health.judge(same, MonotonicNs(3 * 10**9)) is FaultCode.FROZEN
