"""Picture files of any sort as upright 8-bit BGR, or one sentence that says why not.

Files come from phones, scanners and damaged cards, so nothing about them is believed: size is
checked before anything is unpacked, and every defect ends as a PictureError.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from terminal.anpr.types import Pixels

FILE_BYTES_MAX: Final = 256 * 1024 * 1024
PIXELS_MAX: Final = 64_000_000
"""Largest picture that is unpacked: 64 million pixels take 192 MB. JPEG is unpacked smaller."""
WORKING_SIDE_PX: Final = 4_096
"""Larger pictures are scaled down before they are read; no gate camera gives more."""
DEEP_MODES: Final = ("I", "I;16", "I;16B", "I;16L", "I;16N", "F")
DEPTHS: Final = (1.0, 255.0, 1_023.0, 4_095.0, 65_535.0)
"""Full scale of fractions and of 8, 10, 12 and 16 bit sensors."""


class PictureError(Exception):
    """The file holds no picture that can be used. The text is one sentence."""


def load(path: Path) -> tuple[Pixels, float]:
    """The picture upright, and how many original pixels one of its pixels stands for.

    Of an animated picture the first frame counts. Raises OSError when the file cannot be
    opened and PictureError when it holds no usable picture.
    """
    size_bytes = path.stat().st_size
    with path.open("rb") as stream:
        if size_bytes == 0:
            raise PictureError(f"{path} is empty.")
        if size_bytes > FILE_BYTES_MAX:
            raise PictureError(f"{path} has over {FILE_BYTES_MAX} bytes and is not looked at.")
        # The bounds below take the place of the library's own warning.
        Image.MAX_IMAGE_PIXELS = None
        try:
            with Image.open(stream) as image:
                full = max(image.size)
                _prepare(path, image)
                upright = ImageOps.exif_transpose(image)
                picture = _bgr(upright)
        except PictureError:
            raise
        except UnidentifiedImageError as error:
            raise PictureError(f"{path} is no picture of a known format.") from error
        except Exception as error:  # decoders of foreign formats raise nearly anything
            raise PictureError(f"{path} is no picture that can be read ({error}).") from error
    picture = _working(picture)
    return picture, full / max(picture.shape[:2])


def _prepare(path: Path, image: Image.Image) -> None:
    """Refuse what is too large to unpack; ask the JPEG decoder for a smaller picture."""
    if image.format == "JPEG" and max(image.size) > WORKING_SIDE_PX:
        image.draft("RGB", (WORKING_SIDE_PX // 2, WORKING_SIDE_PX // 2))
    width, height = image.size
    if width * height > PIXELS_MAX:
        raise PictureError(
            f"{path} has {width} x {height} pixels; at most {PIXELS_MAX} are unpacked."
        )


def _bgr(image: Image.Image) -> Pixels:
    if image.mode in DEEP_MODES:
        deep = np.asarray(image, dtype=np.float32)
        scale = next((depth for depth in DEPTHS if deep.max(initial=0.0) <= depth), DEPTHS[-1])
        grey: NDArray[np.uint8] = np.clip(deep * (255.0 / scale), 0, 255).astype(np.uint8)
        return np.ascontiguousarray(np.repeat(grey[..., np.newaxis], 3, axis=2))
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        ground = Image.new("RGBA", image.size, (128, 128, 128, 255))
        image = Image.alpha_composite(ground, image.convert("RGBA"))
    rgb = np.asarray(image.convert("RGB"), dtype=np.uint8)
    picture: Pixels = cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR)
    return picture


def _working(picture: Pixels) -> Pixels:
    side = max(picture.shape[:2])
    if side <= WORKING_SIDE_PX:
        return picture
    factor = WORKING_SIDE_PX / side
    size = (
        max(1, round(picture.shape[1] * factor)),
        max(1, round(picture.shape[0] * factor)),
    )
    smaller: Pixels = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    return smaller
