from __future__ import annotations

import cv2
import numpy as np
import pytest

from terminal.anpr.reader import PlateReader

CROPS_READ_MIN = 29


def test_open_crops(reader: PlateReader, open_set: list[dict[str, str]]) -> None:
    crops = [row for row in open_set if row["kind"] == "crop"]
    wrong = []
    for row in crops:
        found = reader.read(cv2.imread(row["path"]))
        if not found or found[0].plate != row["plate"]:
            wrong.append((row["plate"], found[0].plate if found else ""))
    assert len(crops) == 31
    assert len(crops) - len(wrong) >= CROPS_READ_MIN, wrong


def test_nothing_accepted_of_the_open_set_is_wrong(
    reader: PlateReader, open_set: list[dict[str, str]]
) -> None:
    for row in open_set:
        for candidate in reader.read(cv2.imread(row["path"])):
            if candidate.accepted:
                assert candidate.plate == row["plate"], row["file"]


def test_box_lies_on_the_labelled_plate(
    reader: PlateReader, open_set: list[dict[str, str]]
) -> None:
    row = next(row for row in open_set if row["file"] == "frame_027.jpg")
    x0, y0, x1, y1 = map(int, row["box"].split())
    box = reader.read(cv2.imread(row["path"]))[0].box
    assert x0 <= (box[0] + box[2]) // 2 <= x1
    assert y0 <= (box[1] + box[3]) // 2 <= y1


def test_region_of_interest_hides_a_plate_and_keeps_coordinates(
    reader: PlateReader, open_set: list[dict[str, str]]
) -> None:
    row = next(row for row in open_set if row["file"] == "frame_027.jpg")
    picture = cv2.imread(row["path"])
    x0, y0, x1, y1 = map(int, row["box"].split())
    assert not any(
        c.plate == row["plate"] for c in reader.read(picture, (0, y1 + 5, picture.shape[1], 456))
    )
    found = reader.read(picture, (x0 - 60, y0 - 60, x1 + 60, y1 + 60))
    assert found[0].plate == row["plate"]
    assert found[0].box[0] > x0 - 40


@pytest.mark.parametrize("shape", [(1, 1), (8, 8), (13, 400), (400, 13), (720, 1280)])
@pytest.mark.parametrize("level", [0, 128, 255])
def test_plain_pictures_have_no_plate(
    reader: PlateReader, shape: tuple[int, int], level: int
) -> None:
    assert reader.read(np.full((*shape, 3), level, np.uint8)) == []


def test_noise_has_no_accepted_plate(reader: PlateReader) -> None:
    noise = np.random.default_rng(3).integers(0, 256, (360, 640, 3), np.uint8)
    assert not any(c.accepted for c in reader.read(noise))


def test_a_region_outside_the_picture_is_empty(reader: PlateReader) -> None:
    assert reader.read(np.zeros((100, 100, 3), np.uint8), (200, 200, 300, 300)) == []
