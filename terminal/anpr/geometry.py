"""Quadrilaterals in pictures: ordering corners, padding, cutting a plate out straight."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np

from terminal.anpr.types import Box, Pixels, Quad

CROP_HEIGHT_PX_MAX: Final = 96


def quad_of(points: Quad) -> Quad:
    """The four corners in the order top left, top right, bottom right, bottom left."""
    by_x = points[np.argsort(points[:, 0], kind="stable")]
    left = by_x[:2][np.argsort(by_x[:2, 1], kind="stable")]
    right = by_x[2:][np.argsort(by_x[2:, 1], kind="stable")]
    return np.array([left[0], right[0], right[1], left[1]], dtype=np.float32)


def quad_of_box(box: Box) -> Quad:
    """An upright box as a quadrilateral."""
    x0, y0, x1, y1 = box
    return np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)], dtype=np.float32)


def box_of(quad: Quad) -> Box:
    """The upright box around a quadrilateral."""
    low, high = quad.min(axis=0), quad.max(axis=0)
    return round(float(low[0])), round(float(low[1])), round(float(high[0])), round(float(high[1]))


def sides(quad: Quad) -> tuple[float, float]:
    """Mean width and mean height in pixels."""
    top, right = np.linalg.norm(quad[1] - quad[0]), np.linalg.norm(quad[2] - quad[1])
    bottom, left = np.linalg.norm(quad[2] - quad[3]), np.linalg.norm(quad[3] - quad[0])
    return float(top + bottom) / 2, float(left + right) / 2


def pad(quad: Quad, across: float, along: float) -> Quad:
    """Widen by these parts of the width (on each side) and of the height."""
    right, down = (
        (quad[1] - quad[0] + quad[2] - quad[3]) / 2,
        (quad[3] - quad[0] + quad[2] - quad[1]) / 2,
    )
    signs = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)], dtype=np.float32)
    padded: Quad = (quad + signs[:, :1] * right * across + signs[:, 1:] * down * along).astype(
        np.float32
    )
    return padded


def extend_left(quad: Quad, part: float) -> Quad:
    """Move the left edge outwards by this part of the width."""
    longer = quad.copy()
    longer[0] -= (quad[1] - quad[0]) * np.float32(part)
    longer[3] -= (quad[2] - quad[3]) * np.float32(part)
    return longer


def cut(picture: Pixels, quad: Quad) -> Pixels:
    """The quadrilateral's content, straightened; no larger than the recogniser can use."""
    width, height = sides(quad)
    shrink = min(1.0, CROP_HEIGHT_PX_MAX / max(height, 1.0))
    columns, rows = max(8, round(width * shrink)), max(8, round(height * shrink))
    target = np.array([(0, 0), (columns, 0), (columns, rows), (0, rows)], dtype=np.float32)
    matrix = cv2.getPerspectiveTransform(quad, target)
    crop: Pixels = cv2.warpPerspective(
        picture, matrix, (columns, rows), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return crop


def overlap(first: Box, second: Box) -> float:
    """Shared area as a part of the smaller box, 0 to 1."""
    width = min(first[2], second[2]) - max(first[0], second[0])
    height = min(first[3], second[3]) - max(first[1], second[1])
    if width <= 0 or height <= 0:
        return 0.0
    smaller = min((box[2] - box[0]) * (box[3] - box[1]) for box in (first, second))
    return width * height / max(1, smaller)
