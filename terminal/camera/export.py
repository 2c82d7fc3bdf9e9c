"""A time range of the recording as one MP4, with parts of the picture made unrecognisable.

Faces outside the cab and other vehicles are nobody's evidence: what leaves the site may be
masked, what stays is untouched.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from terminal.anpr.types import Box, Pixels
from terminal.camera.video import Film, frames_of
from terminal.footage.index import FootageReader

MASK_BLOCKS: Final = 8
"""A masked region keeps so many blocks across its longer side: nothing can be recognised."""
RANGE_MS_MAX: Final = 6 * 3_600_000


def masked(picture: Pixels, regions: Sequence[Box], keep: Box | None = None) -> Pixels:
    """A copy with these regions coarsened, and everything outside `keep` where it is given."""
    copy = picture.copy()
    if keep is not None:
        copy = _coarse(picture)
        x0, y0, x1, y1 = _inside(keep, picture)
        copy[y0:y1, x0:x1] = picture[y0:y1, x0:x1]
    for region in regions:
        x0, y0, x1, y1 = _inside(region, picture)
        if x1 > x0 and y1 > y0:
            copy[y0:y1, x0:x1] = _coarse(picture[y0:y1, x0:x1])
    return copy


def _inside(box: Box, picture: Pixels) -> Box:
    height, width = picture.shape[:2]
    return max(0, box[0]), max(0, box[1]), min(width, box[2]), min(height, box[3])


def _coarse(part: Pixels) -> Pixels:
    height, width = part.shape[:2]
    block = max(1, max(height, width) // MASK_BLOCKS)
    size = (max(1, width // block), max(1, height // block))
    few = cv2.resize(part, size, interpolation=cv2.INTER_AREA)
    return np.asarray(
        cv2.resize(few, (width, height), interpolation=cv2.INTER_NEAREST), dtype=np.uint8
    )


def export(
    reader: FootageReader,
    role: str,
    from_ms: int,
    to_ms: int,
    target: Path,
    *,
    regions: Sequence[Box] = (),
    keep: Box | None = None,
) -> int:
    """Write the range of one camera to `target`; how many pictures it holds.

    Raises OSError when nothing was recorded then, or the file cannot be written.
    """
    if not 0 < to_ms - from_ms <= RANGE_MS_MAX:
        raise OSError(
            f"a range must be longer than nothing and at most {RANGE_MS_MAX // 3_600_000} h"
        )
    film: Film | None = None
    written = 0
    for segment in reader.segments(from_ms, to_ms, role):
        for shown_ms, picture in frames_of(segment.path):
            at_ms = segment.start_ms + shown_ms
            if not from_ms <= at_ms <= to_ms:
                continue
            if film is None:
                film = Film(target, (picture.shape[1], picture.shape[0]), growing=False)
            film.add_pixels(at_ms, masked(picture, regions, keep))
            written += 1
    if film is None:
        raise OSError(f"camera {role} has recorded nothing in that time")
    film.close()
    return written
