"""Two-row plates (rear of large vehicles, trailers) laid side by side for the recogniser."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np

from terminal.anpr.types import Pixels

TOP_END: Final = 0.40
BOTTOM_START: Final = 0.38
SPLIT_ASPECT_MAX: Final = 2.4
"""Above this aspect ratio nobody mounts two rows."""


def join_rows(crop: Pixels, squeeze: float) -> Pixels:
    """Upper row left, lower row right, both as high as the lower row.

    squeeze: width factor (0.5 to 1) of the upper row, whose symbols are printed wider.
    """
    height, width = crop.shape[:2]
    upper = crop[: max(1, round(height * TOP_END))]
    lower = crop[round(height * BOTTOM_START) :]
    rows = lower.shape[0]
    # The upper row holds two symbols in the middle of the plate: its outer parts are empty.
    upper = upper[:, round(width * 0.12) : round(width * 0.88)]
    scaled = cv2.resize(
        upper, (max(1, round(upper.shape[1] * rows / upper.shape[0] * squeeze)), rows)
    )
    joined: Pixels = np.hstack([scaled, lower])
    return joined
