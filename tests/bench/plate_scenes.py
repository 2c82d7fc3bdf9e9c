"""Seeded pictures of plates for the accuracy curves, and pictures that hold no plate at all."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from hal.sim.disturb import DISTURBANCES
from hal.sim.fonts import PLATE_SYMBOLS
from hal.sim.plate_art import Pixels, draw, soil
from hal.sim.scenery import View, paint
from hal.sim.world import Scene, TruckPose
from terminal.core.plate import ANY, DIGITS, ENERGY_LETTERS, LETTERS, PROVINCES

HOME = "晋"
BACKGROUND_PX = (240, 400)


@dataclass(frozen=True)
class Sample:
    """One drawn plate and what it says."""

    plate: str
    colour: str
    rows: int


def draw_lot(generator: np.random.Generator, kind: str) -> Sample:
    """A plate of this kind by lot; half of them from Shanxi, serials mostly digits."""

    def pick(symbols: str) -> str:
        return symbols[int(generator.integers(0, len(symbols)))]

    province = HOME if generator.random() < 0.5 else pick(PROVINCES)
    head = province + pick(LETTERS)
    mixed = "".join(pick(ANY if generator.random() < 0.35 else DIGITS) for _ in range(5))
    digits = "".join(pick(DIGITS) for _ in range(5))
    return {
        "yellow": Sample(head + mixed, "yellow", 1),
        "blue": Sample(head + mixed, "blue", 1),
        "two-row": Sample(head + mixed, "yellow", 2),
        "trailer": Sample(head + mixed[:4] + "挂", "yellow", 2),
        "green": Sample(head + pick(ENERGY_LETTERS) + pick(ANY) + digits[:4], "green", 1),
        "large-green": Sample(head + digits + pick(ENERGY_LETTERS), "yellow_green", 1),
    }[kind]


KINDS = ("yellow", "blue", "two-row", "trailer", "green", "large-green")


def photograph(
    sample: Sample,
    width_px: int,
    generator: np.random.Generator,
    *,
    disturbance: str = "",
    strength: float = 0.0,
    dirt_pct: int = 0,
) -> Pixels:
    """The plate on a bumper at this width, slightly tilted, disturbed, with mild sensor noise."""
    art = soil(
        draw(sample.plate, sample.colour, rows=sample.rows),
        dirt_pct,
        int(generator.integers(0, 2**31)),
    )
    rows, columns = BACKGROUND_PX
    shade = int(generator.integers(50, 150))
    picture = np.full((rows, columns, 3), shade, np.uint8)
    for _ in range(6):
        x, y = int(generator.integers(0, columns)), int(generator.integers(0, rows))
        size = (int(generator.integers(20, 160)), int(generator.integers(6, 60)))
        tone = tuple(int(v) for v in generator.integers(30, 200, 3))
        cv2.rectangle(picture, (x, y), (x + size[0], y + size[1]), tone, -1)
    scale = width_px / art.shape[1]
    angle = float(generator.uniform(-3, 3))
    matrix = cv2.getRotationMatrix2D((art.shape[1] / 2, art.shape[0] / 2), angle, scale)
    matrix[0, 2] += columns / 2 - art.shape[1] / 2
    matrix[1, 2] += rows / 2 - art.shape[0] / 2
    soft = cv2.GaussianBlur(art, (0, 0), max(0.3, 0.45 / scale))
    seen = cv2.warpAffine(soft, matrix, (columns, rows), flags=cv2.INTER_LINEAR)
    mask = cv2.warpAffine(np.full(art.shape[:2], 255, np.uint8), matrix, (columns, rows))
    weight = mask.astype(np.float32)[..., None] / 255
    picture = (picture * (1 - weight) + seen * weight).astype(np.uint8)
    if disturbance:
        picture = DISTURBANCES[disturbance](picture, strength, generator)
    return DISTURBANCES["noise"](picture, 0.12, generator)


BANNERS = (
    "使用挂警 13835712345",
    "TEL 0357 6812345",
    "A12345 B67890",
    "SHACMAN X3000",
    "2026-11-23 14:05:09",
    "晋新能源 2026",
    "49000 KG 6X4",
    "NO.0031 LANE 2",
    "京津冀晋蒙辽吉",
    "GB1589 2016",
)
GROUND_COLOURS = ((40, 40, 190), (200, 90, 20), (30, 170, 230), (240, 240, 240), (70, 140, 60))


def plateless(generator: np.random.Generator) -> Pixels:
    """A gate scene with lorries whose plates are gone, banners, telephone numbers, overlays."""
    front = bool(generator.random() < 0.6)
    lorries = tuple(
        TruckPose(int(generator.integers(8_000, 18_000)), 9_000, "", "blue", "ordinary", "", 0)
        for _ in range(int(generator.integers(0, 3)))
    )
    light = int(generator.choice([100, 60, 20]))
    picture = paint(Scene(lorries, light, 18_000), View(1280, 720, front))
    for _ in range(int(generator.integers(1, 5))):
        text = BANNERS[int(generator.integers(0, len(BANNERS)))]
        height = int(generator.integers(22, 90))
        font = ImageFont.truetype(str(PLATE_SYMBOLS), height)
        width = round(font.getlength(text)) + 20
        ground = GROUND_COLOURS[int(generator.integers(0, len(GROUND_COLOURS)))]
        board = Image.new("RGB", (width, round(height * 1.6)), ground[::-1])
        ink = (255, 255, 255) if sum(ground) < 600 else (20, 20, 20)
        ImageDraw.Draw(board).text((10, height * 0.1), text, font=font, fill=ink)
        art = cv2.cvtColor(np.asarray(board), cv2.COLOR_RGB2BGR)[:700, :1200]
        x = int(generator.integers(0, 1280 - art.shape[1] + 1))
        y = int(generator.integers(0, 720 - art.shape[0] + 1))
        picture[y : y + art.shape[0], x : x + art.shape[1]] = art
    return DISTURBANCES["noise"](picture, 0.1, generator)
