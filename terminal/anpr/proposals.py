"""Cheap guesses where a plate may be: plate colours under dense vertical edges, and edges alone.

Runs in a few milliseconds and finds most plates, so that the slow text detector is only asked
when this is unsure. It must never decide anything: the recogniser and the grammar do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from terminal.anpr.geometry import box_of, overlap, quad_of
from terminal.anpr.types import Pixels, Quad

LONG_SIDE_PX_MAX: Final = 960
PROPOSALS_MAX: Final = 8
ASPECT_MIN: Final = 1.5
ASPECT_MAX: Final = 6.5
AREA_PX_MIN: Final = 220
EDGE_PERCENTILE: Final = 92
EDGE_DENSITY_MIN: Final = 0.18
SAME_OVERLAP: Final = 0.7


@dataclass(frozen=True, slots=True)
class ColourRange:
    """One plate colour in OpenCV's HSV (hue 0..179); the mask it makes is joined with edges."""

    name: str
    hue: tuple[int, int]
    saturation_min: int
    value_min: int


COLOUR_RANGES: Final = (
    ColourRange("blue", (95, 135), 60, 30),
    ColourRange("yellow", (12, 36), 70, 40),
    ColourRange("green", (38, 95), 40, 40),
)


GROUNDS: Final = (
    (("blue",), 13),
    (("yellow",), 13),
    (("green",), 13),
    (("yellow", "green"), 41),
)
"""Colours a plate's ground is made of, and the widest gap (px) between its symbols: the large
new-energy plate has two colours and a wide gap where they meet."""


def shrink(picture: Pixels, long_side_px: int) -> tuple[Pixels, float]:
    """The picture no longer than this, and the factor by which it was scaled."""
    height, width = picture.shape[:2]
    factor = min(1.0, long_side_px / max(height, width))
    if factor == 1.0:
        return picture, 1.0
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    small: Pixels = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    return small, factor


def propose(picture: Pixels) -> list[Quad]:
    """At most PROPOSALS_MAX quadrilaterals in picture coordinates, likeliest first."""
    small, factor = shrink(picture, LONG_SIDE_PX_MAX)
    hsv = cv2.cvtColor(small, cv2.COLOR_BGR2HSV)
    density = edge_density(small)
    dense = (density > EDGE_DENSITY_MIN).astype(np.uint8)
    found: list[tuple[float, Quad]] = []
    masks = {
        colour.name: cv2.inRange(
            hsv,
            (colour.hue[0], colour.saturation_min, colour.value_min),
            (colour.hue[1], 255, 255),
        )
        for colour in COLOUR_RANGES
    }
    for names, gap_px in GROUNDS:
        ground = (np.max([masks[name] for name in names], axis=0) > 0).astype(np.uint8)
        found.extend(_regions(ground & dense, density, gap_px, bonus=1.0))
    strict = (density > 2 * EDGE_DENSITY_MIN).astype(np.uint8)
    found.extend(_regions(strict, density, 13, bonus=0.5))
    found.sort(key=lambda item: -item[0])
    return _distinct([quad / np.float32(factor) for _, quad in found])


def edge_density(picture: Pixels) -> NDArray[np.float32]:
    """Part of strong vertical edges around each pixel, 0 to 1."""
    grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
    slope = np.abs(cv2.Sobel(cv2.GaussianBlur(grey, (3, 3), 0), cv2.CV_16S, 1, 0))
    strong = slope > max(24.0, float(np.percentile(slope[::2, ::2], EDGE_PERCENTILE)))
    density: NDArray[np.float32] = cv2.boxFilter(strong.astype(np.float32), -1, (25, 9))
    return density


def _regions(
    mask: NDArray[np.uint8], density: NDArray[np.float32], gap_px: int, bonus: float
) -> list[tuple[float, Quad]]:
    closed = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, np.ones((5, gap_px), np.uint8))
    opened = cv2.morphologyEx(closed, cv2.MORPH_OPEN, np.ones((3, 5), np.uint8))
    contours, _ = cv2.findContours(opened, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    regions: list[tuple[float, Quad]] = []
    for contour in contours:
        area = float(cv2.contourArea(contour))
        if area < AREA_PX_MIN:
            continue
        corners: Quad = cv2.boxPoints(cv2.minAreaRect(contour)).astype(np.float32)
        quad = quad_of(corners)
        width = float(np.linalg.norm(quad[1] - quad[0]))
        height = float(np.linalg.norm(quad[3] - quad[0]))
        if height < 6 or not ASPECT_MIN <= width / height <= ASPECT_MAX:
            continue
        x0, y0, x1, y1 = box_of(quad)
        inside = density[max(0, y0) : max(1, y1), max(0, x0) : max(1, x1)]
        filled = min(1.0, area / (width * height))
        regions.append((bonus * filled * float(inside.mean() if inside.size else 0.0), quad))
    return regions


def _distinct(quads: list[Quad]) -> list[Quad]:
    kept: list[Quad] = []
    for quad in quads:
        box = box_of(quad)
        if all(overlap(box, box_of(other)) < SAME_OVERLAP for other in kept):
            kept.append(quad)
        if len(kept) == PROPOSALS_MAX:
            break
    return kept
