"""A coal yard's gate as its cameras see it: yard, deck, lorries from front and rear, the light.

A pinhole camera at either end of the lane looks along it; a lorry is painted as flat parts at
its own distance, its plate where lorries carry it. Everything that varies is drawn from seeds
made of the plate, so one lorry looks the same in every frame.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from hal.sim.plate_art import Pixels, draw, soil
from hal.sim.world import Scene, TruckPose

FOCAL_PX_AT_1280: Final = 5_200
SET_BACK_MM: Final = 12_000
"""The camera pole's distance beyond its end of the deck."""
CAMERA_HEIGHT_MM: Final = 2_500
CAMERA_ASIDE_MM: Final = 120
HORIZON_ROW_AT_720: Final = -300
NEAR_MM: Final = 4_000
FAR_MM: Final = 60_000
NIGHT_PCT: Final = 30

Colour = tuple[int, int, int]
Corners = NDArray[np.float32]
CAB_COLOURS: Final[tuple[Colour, ...]] = (
    (52, 44, 168),
    (150, 80, 30),
    (205, 205, 205),
    (70, 120, 60),
    (40, 120, 200),
)
BODY_COLOURS: Final[tuple[Colour, ...]] = ((60, 52, 140), (120, 70, 40), (90, 90, 90))
TYRE: Final = (30, 30, 30)
STEEL: Final = (105, 108, 110)
GLASS: Final = (70, 58, 48)
LAMP: Final = (225, 240, 245)


@dataclass(frozen=True, slots=True)
class View:
    """One camera: picture size, which end of the lane it watches, and how far beyond it stands."""

    width_px: int
    height_px: int
    front: bool
    set_back_mm: int = SET_BACK_MM

    def distance_mm(self, along_mm: float, deck_length_mm: int) -> float:
        """Distance from the lens of something at this place along the lane."""
        if self.front:
            return deck_length_mm + self.set_back_mm - along_mm
        return along_mm + self.set_back_mm

    def point(self, across_mm: float, up_mm: float, distance_mm: float) -> tuple[float, float]:
        """Picture coordinates of a point."""
        focal = FOCAL_PX_AT_1280 * self.width_px / 1280
        column = self.width_px / 2 + focal * (across_mm + CAMERA_ASIDE_MM) / distance_mm
        horizon = HORIZON_ROW_AT_720 * self.height_px / 720
        return column, horizon + focal * (CAMERA_HEIGHT_MM - up_mm) / distance_mm


@dataclass(slots=True)
class Brush:
    """Paints rectangles of the lorry's cross-section at one distance."""

    picture: Pixels
    view: View
    distance_mm: float

    def box(self, left: float, bottom: float, right: float, top: float, colour: Colour) -> None:
        """A filled rectangle, millimetres across (0 is the lane's middle) and above ground."""
        x0, y0 = self.view.point(left, top, self.distance_mm)
        x1, y1 = self.view.point(right, bottom, self.distance_mm)
        cv2.rectangle(self.picture, (round(x0), round(y0)), (round(x1), round(y1)), colour, -1)

    def disc(self, across: float, up: float, radius: float, colour: Colour) -> None:
        """A filled circle."""
        x, y = self.view.point(across, up, self.distance_mm)
        size = FOCAL_PX_AT_1280 * self.view.width_px / 1280 * radius / self.distance_mm
        centre = (round(x), round(y))
        cv2.circle(self.picture, centre, max(1, round(size)), colour, -1, cv2.LINE_AA)


def paint(scene: Scene, view: View) -> Pixels:
    """The whole picture by daylight of scene.light_pct, without sensor noise."""
    picture = _yard(view, scene.deck_length_mm)
    placed = []
    for truck in scene.trucks:
        near_end = truck.front_mm if view.front else truck.front_mm - truck.length_mm
        distance = view.distance_mm(near_end, scene.deck_length_mm)
        if NEAR_MM < distance < FAR_MM:
            placed.append((distance, truck))
    plates: list[Corners] = []
    for distance, truck in sorted(placed, key=lambda item: -item[0]):
        brush = Brush(picture, view, distance)
        (_front if view.front else _rear)(brush, truck)
        if truck.plate:
            art, corners = _plate(brush, truck, front=view.front)
            _paste(picture, art, corners)
            plates.append(corners)
    return _light(picture, scene.light_pct, plates)


def _seed(truck: TruckPose) -> int:
    return zlib.crc32(truck.plate.encode())


def _yard(view: View, deck_length_mm: int) -> Pixels:
    rows = np.linspace(0, 1, view.height_px, dtype=np.float32)[:, None, None]
    top, bottom = np.array((120, 128, 132)), np.array((78, 84, 90))
    picture: Pixels = np.repeat(
        (top * (1 - rows) + bottom * rows).astype(np.uint8), view.width_px, axis=1
    )
    ends = [view.distance_mm(end, deck_length_mm) for end in (0, deck_length_mm)]
    near, far = max(NEAR_MM, min(ends)), max(ends)
    outline = [
        view.point(side * 1_700, 0, distance)
        for side, distance in ((-1, far), (1, far), (1, near), (-1, near))
    ]
    cv2.fillPoly(picture, [np.array(outline).round().astype(np.int32)], STEEL)
    for side in (-1, 1):
        kerb = [
            view.point(side * across, up, distance)
            for across, up, distance in (
                (1_700, 0, far),
                (1_700, 250, far),
                (1_700, 250, near),
                (1_700, 0, near),
            )
        ]
        cv2.fillPoly(picture, [np.array(kerb).round().astype(np.int32)], (60, 170, 200))
    return picture


def _front(brush: Brush, truck: TruckPose) -> None:
    cab = CAB_COLOURS[_seed(truck) % len(CAB_COLOURS)]
    dark = (cab[0] * 2 // 3, cab[1] * 2 // 3, cab[2] * 2 // 3)
    for side in (-1, 1):
        brush.box(side * 1_180 - 170, 0, side * 1_180 + 170, 700, TYRE)
    brush.box(-1_240, 380, 1_240, 3_300, cab)
    brush.box(-1_120, 1_900, 1_120, 2_900, GLASS)
    brush.box(-1_120, 1_900, -300, 2_000, (100, 92, 84))
    brush.box(-850, 1_150, 850, 1_780, dark)
    for slat in range(4):
        brush.box(-800, 1_200 + 145 * slat, 800, 1_250 + 145 * slat, (150, 152, 155))
    brush.disc(0, 1_480, 110, (190, 192, 195))
    brush.box(-1_250, 330, 1_250, 980, dark)
    for side in (-1, 1):
        brush.box(side * 950 - 190, 700, side * 950 + 190, 900, LAMP)
        brush.disc(side * 950, 480, 80, (210, 225, 230))
    brush.box(-420, 420, 420, 820, (58, 58, 60))


def _rear(brush: Brush, truck: TruckPose) -> None:
    body = BODY_COLOURS[_seed(truck) % len(BODY_COLOURS)]
    dark = (body[0] * 3 // 4, body[1] * 3 // 4, body[2] * 3 // 4)
    for side in (-1, 1):
        brush.box(side * 900 - 300, 0, side * 900 + 300, 1_000, TYRE)
    brush.box(-1_250, 1_250, 1_250, 3_000, body)
    for rib in (-1_240, -640, -30, 580, 1_180):
        brush.box(rib, 1_250, rib + 60, 3_000, dark)
    brush.box(-1_250, 1_150, 1_250, 1_270, (80, 80, 82))
    for part in range(10):
        stripe = (45, 45, 200) if part % 2 == 0 else (225, 225, 225)
        brush.box(-1_200 + 240 * part, 560, -960 + 240 * part, 680, stripe)
    for side in (-1, 1):
        brush.box(side * 1_000 - 150, 860, side * 1_000 + 150, 1_040, (40, 40, 190))
    brush.box(-320, 740, 320, 1_100, (50, 50, 52))


def _plate(brush: Brush, truck: TruckPose, *, front: bool) -> tuple[Pixels, Corners]:
    """The plate's own picture and where its corners lie: tilted a little, as screws leave it."""
    text = truck.plate if front or not truck.rear_plate else truck.rear_plate
    colour = "yellow" if text.endswith("挂") else truck.plate_colour
    two = text.endswith("挂") or (not front and colour == "yellow" and len(text) == 7)
    art = soil(draw(text, colour, rows=2 if two else 1), truck.dirt_pct, _seed(truck))
    height, width = art.shape[:2]
    middle = 620 if front else 920
    tilt = ((_seed(truck) >> 8) % 61 - 30) / 1_000
    x, y = brush.view.point(0, middle, brush.distance_mm)
    scale = FOCAL_PX_AT_1280 * brush.view.width_px / 1280 / brush.distance_mm
    corners = np.array(
        [
            (
                x + scale * (side * width / 2 - tilt * end * height / 2),
                y + scale * (end * height / 2 + tilt * side * width / 2),
            )
            for side, end in ((-1, -1), (1, -1), (1, 1), (-1, 1))
        ],
        dtype=np.float32,
    )
    return art, corners


def _paste(picture: Pixels, art: Pixels, corners: Corners) -> None:
    """Warp the plate onto its corners, averaging as a lens and sensor do."""
    low = np.floor(corners.min(axis=0)).astype(int) - 1
    high = np.ceil(corners.max(axis=0)).astype(int) + 2
    x0, y0 = max(0, int(low[0])), max(0, int(low[1]))
    x1, y1 = min(picture.shape[1], int(high[0])), min(picture.shape[0], int(high[1]))
    if x1 - x0 < 2 or y1 - y0 < 2:
        return
    height, width = art.shape[:2]
    shown = max(1.0, float(corners[1, 0] - corners[0, 0]))
    art = cv2.GaussianBlur(art, (0, 0), max(0.3, 0.45 * width / shown))
    source = np.array([(0, 0), (width, 0), (width, height), (0, height)], dtype=np.float32)
    shift = np.array((x0, y0), dtype=np.float32)
    matrix = cv2.getPerspectiveTransform(source, corners - shift)
    size = (x1 - x0, y1 - y0)
    warped = cv2.warpPerspective(art, matrix, size, flags=cv2.INTER_LINEAR)
    alpha = cv2.warpPerspective(np.full((height, width), 255, np.uint8), matrix, size)
    weight = alpha.astype(np.float32)[..., None] / 255
    part = picture[y0:y1, x0:x1]
    part[:] = (part * (1 - weight) + warped * weight).astype(np.uint8)


def _light(
    picture: Pixels,
    light_pct: int,
    plates: list[Corners],
) -> Pixels:
    """Dim the scene; by night the camera's own lamp still lights the reflecting plates."""
    gain = max(0.06, min(1.0, light_pct / 100))
    if gain >= 0.999:
        return picture
    table = np.clip(np.arange(256) * gain, 0, 255).astype(np.uint8)
    dim: Pixels = cv2.LUT(picture, table)
    if light_pct <= NIGHT_PCT:
        lit = max(gain, 0.6)
        bright = cv2.LUT(picture, np.clip(np.arange(256) * lit, 0, 255).astype(np.uint8))
        mask = np.zeros(picture.shape[:2], np.uint8)
        for corners in plates:
            cv2.fillPoly(mask, [corners.round().astype(np.int32)], 255)
        dim = np.where(mask[..., None] > 0, bright, dim)
    return dim
