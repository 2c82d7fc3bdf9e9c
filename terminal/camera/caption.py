"""Captions burnt into copies of photos: when, where, how heavy, whose plate.

The original is evidence by its digest and stays untouched; a captioned picture is a copy for
people and says so by its own digest.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from terminal.anpr.types import Box, Pixels
from terminal.camera.export import masked
from terminal.camera.pictures import jpeg
from terminal.texts.fonts import TEXT_FONT

TEXT_SHARE: Final = 28
"""Lines of text that would fill the picture's height."""
TEXT_PX_MIN: Final = 12
QUALITY: Final = 88


@lru_cache(maxsize=8)
def _font(size_px: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(TEXT_FONT), size_px)


def burnt_in(picture: Pixels, lines: Sequence[str]) -> Pixels:
    """A copy with a dark band of text below the picture, so that nothing of it is covered."""
    height, width = picture.shape[:2]
    size_px = max(TEXT_PX_MIN, height // TEXT_SHARE)
    while size_px > TEXT_PX_MIN and any(
        _font(size_px).getlength(line) > width - size_px for line in lines
    ):
        size_px -= 1
    step = size_px + size_px // 3
    band = Image.new("RGB", (width, step * len(lines) + size_px // 2), (16, 16, 16))
    draw = ImageDraw.Draw(band)
    for number, line in enumerate(lines):
        at = (size_px // 2, number * step + size_px // 8)
        draw.text(at, line, font=_font(size_px), fill=(255, 255, 255))
    below = cv2.cvtColor(np.asarray(band, dtype=np.uint8), cv2.COLOR_RGB2BGR)
    return np.ascontiguousarray(np.vstack([picture, np.asarray(below, dtype=np.uint8)]))


def captioned(original: bytes, lines: Sequence[str], regions: Sequence[Box] = ()) -> bytes:
    """JPEG copy of a stored JPEG with caption and masks; empty when it cannot be decoded."""
    decoded = cv2.imdecode(np.frombuffer(original, np.uint8), cv2.IMREAD_COLOR)
    if decoded is None:
        return b""
    picture = masked(np.asarray(decoded, dtype=np.uint8), regions)
    return jpeg(burnt_in(picture, lines), QUALITY)
