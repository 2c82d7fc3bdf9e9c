"""PP-OCRv4 text detector: every line of text in a picture, for when cheap guesses are unsure."""

from __future__ import annotations

from math import sqrt
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from terminal.anpr.geometry import quad_of, sides
from terminal.anpr.proposals import shrink
from terminal.anpr.recognise import session
from terminal.anpr.types import Pixels, Quad

LONG_SIDE_PX: Final = 1_280
AREA_PX_MAX: Final = 800_000
"""Bounds time and memory: 16:9 pictures keep 1,193 columns, 4:3 pictures 1,033."""
STEP_PX: Final = 32
TEXT_MIN: Final = 0.3
BOX_SCORE_MIN: Final = 0.3
UNCLIP: Final = 1.6
ASPECT_MIN: Final = 1.1
QUADS_MAX: Final = 24
SIDE_PX_MIN: Final = 4.0
MEAN: Final = np.array((0.485, 0.456, 0.406), dtype=np.float32)
DEVIATION: Final = np.array((0.229, 0.224, 0.225), dtype=np.float32)


class Detector:
    """The text detector's session."""

    def __init__(self, path: Path) -> None:
        """Load a checked network file."""
        self._session = session(path)
        self._input: str = self._session.get_inputs()[0].name

    def find(self, picture: Pixels) -> list[Quad]:
        """Quadrilaterals of text lines in picture coordinates, largest first."""
        rows_over_columns = min(picture.shape[:2]) / max(picture.shape[:2])
        small, _ = shrink(picture, min(LONG_SIDE_PX, round(sqrt(AREA_PX_MAX / rows_over_columns))))
        height, width = small.shape[:2]
        columns = max(STEP_PX, round(width / STEP_PX) * STEP_PX)
        rows = max(STEP_PX, round(height / STEP_PX) * STEP_PX)
        scaled = cv2.resize(small, (columns, rows)).astype(np.float32) / 255
        tensor = ((scaled - MEAN) / DEVIATION).transpose(2, 0, 1)
        text: NDArray[np.float32] = self._session.run(
            None, {self._input: np.ascontiguousarray(tensor[np.newaxis])}
        )[0][0, 0]
        scale = np.array([picture.shape[1] / columns, picture.shape[0] / rows], dtype=np.float32)
        return _lines(text, scale)


def _lines(text: NDArray[np.float32], scale: NDArray[np.float32]) -> list[Quad]:
    mask = (text > TEXT_MIN).astype(np.uint8)
    contours, _ = cv2.findContours(mask, cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)
    found: list[tuple[float, Quad]] = []
    for contour in contours:
        centre, (width, height), angle = cv2.minAreaRect(contour)
        if min(width, height) < SIDE_PX_MIN:
            continue
        x, y, w, h = cv2.boundingRect(contour)
        inside = mask[y : y + h, x : x + w] > 0
        if float(text[y : y + h, x : x + w][inside].mean()) < BOX_SCORE_MIN:
            continue
        # The network draws each line shrunken; grow it back by area * ratio / perimeter.
        grow = width * height * UNCLIP / (2 * (width + height))
        corners = cv2.boxPoints((centre, (width + 2 * grow, height + 2 * grow), angle))
        quad: Quad = quad_of(corners.astype(np.float32)) * scale
        across, along = sides(quad)
        if along > 0 and across / along >= ASPECT_MIN:
            found.append((across * along, quad))
    found.sort(key=lambda item: -item[0])
    return [quad for _, quad in found[:QUADS_MAX]]
