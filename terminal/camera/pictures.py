"""Camera frames as arrays, crops and JPEG bytes, each within a byte budget where one is named."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np

from hal.contract.types import Frame
from terminal.anpr.types import Box, Pixels

LIVE_WIDTH_PX: Final = 640
LIVE_BYTES_MAX: Final = 100_000
LIVE_QUALITIES: Final = (70, 50, 30, 15)
CROP_MARGIN: Final = 0.25
HALVINGS_MAX: Final = 5


def pixels(frame: Frame) -> Pixels:
    """The frame as rows x columns x BGR, without copying. Asserts the Frame's own promise."""
    assert len(frame.bgr) == frame.width_px * frame.height_px * 3
    flat: Pixels = np.frombuffer(frame.bgr, np.uint8)
    return flat.reshape(frame.height_px, frame.width_px, 3)


def jpeg(picture: Pixels, quality: int) -> bytes:
    """Baseline JPEG of this quality (1 to 100)."""
    done, encoded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])
    assert done
    return bytes(encoded)


def small(picture: Pixels) -> Pixels:
    """The picture at most LIVE_WIDTH_PX wide, for the live view and for video."""
    height, width = picture.shape[:2]
    if width <= LIVE_WIDTH_PX:
        return picture
    size = (LIVE_WIDTH_PX, max(2, round(height * LIVE_WIDTH_PX / width) // 2 * 2))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def within(picture: Pixels, bytes_max: int = LIVE_BYTES_MAX) -> bytes:
    """A JPEG within a byte budget: first worse, then smaller; empty when even that fails."""
    for _ in range(HALVINGS_MAX):
        for quality in LIVE_QUALITIES:
            encoded = jpeg(picture, quality)
            if len(encoded) <= bytes_max:
                return encoded
        height, width = picture.shape[:2]
        if min(height, width) < 16:
            break
        picture = np.asarray(
            cv2.resize(picture, (width // 2, height // 2), interpolation=cv2.INTER_AREA),
            dtype=np.uint8,
        )
    return b""


def plate_crop(picture: Pixels, box: Box) -> Pixels:
    """The plate with a margin around it, as a copy."""
    height, width = picture.shape[:2]
    aside, over = (box[2] - box[0]) * CROP_MARGIN, (box[3] - box[1]) * CROP_MARGIN
    x0, x1 = max(0, round(box[0] - aside)), min(width, round(box[2] + aside))
    y0, y1 = max(0, round(box[1] - over)), min(height, round(box[3] + over))
    return picture[y0 : max(y0 + 1, y1), x0 : max(x0 + 1, x1)].copy()
