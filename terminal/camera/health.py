"""Is this camera still seeing? Dark, covered, out of focus or frozen pictures, told apart.

A frozen camera would show the last lorry's plate to the next one's visit, so its pictures must
never be read; the others explain why nothing is read. Each judgement needs several pictures in
a row, because lorries come close and headlights dazzle.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from hal.contract.types import NS_PER_MS, FaultCode, MonotonicNs
from terminal.anpr.types import Pixels

SAMPLE_WIDTH_PX: Final = 640
DARK_LEVEL_MAX: Final = 10.0
"""The 99.5th percentile of a picture with the cap on stays below; a lamp anywhere exceeds it."""
BLOCKED_LEVEL_MIN: Final = 40.0
"""Darker pictures may be an unlit yard at night: that is not for this judgement."""
BLOCKED_CONTRAST_MAX: Final = 0.06
"""Spread of coarse blocks as a part of their mean, of a lens that something lies on."""
FOCUS_MIN: Final = 0.07
"""Sharpest step between neighbours as a part of the picture's contrast. Nine real frames have
0.12 to 0.24, smeared by 4 px 0.03 to 0.06; drawn lorries 0.17 to 0.37 and 0.04 to 0.07."""
CONTRAST_MIN: Final = 24.0
PERSIST_FRAMES: Final = 5
MOMENT_NS: Final = 100 * NS_PER_MS
"""A camera that gives ten pictures a second may honestly give one twice within this time."""
FROZEN_FRAMES: Final = 3
"""Sensor noise never repeats a picture bit by bit; three equal ones are one picture."""


@dataclass(slots=True)
class Health:
    """The judgement of one camera over its newest pictures.

    fault: what is wrong now. fresh: whether the newest picture differs from the one before it.
    """

    _digest: int = -1
    _equal: int = 0
    _suspect: FaultCode | None = None
    _since: int = 0
    _at_ns: int = 0
    fault: FaultCode | None = None
    fresh: bool = False

    def judge(
        self, picture: Pixels, at_ns: MonotonicNs, *, standing: bool = False
    ) -> FaultCode | None:
        """Take the newest picture in; the standing fault, None while the camera sees.

        A picture repeated over time is FROZEN from the third on; the same one taken twice in
        a moment is only not fresh. standing: a vehicle stands in view; only then focus is
        judged, since an empty yard has few edges.
        """
        digest = zlib.crc32(np.ascontiguousarray(picture[::2]).data)
        if digest == self._digest and at_ns - self._at_ns < MOMENT_NS:
            self.fresh = False
            return self.fault
        self._at_ns = at_ns
        self.fresh = digest != self._digest
        self._equal = self._equal + 1 if digest == self._digest else 1
        self._digest = digest
        if self._equal >= FROZEN_FRAMES:
            self.fault = FaultCode.FROZEN
            return self.fault
        seen = _look(picture, standing=standing)
        self._since = self._since + 1 if seen is self._suspect else 1
        self._suspect = seen
        if seen is None or self._since >= PERSIST_FRAMES:
            self.fault = seen
        elif self.fault is FaultCode.FROZEN:
            self.fault = None
        return self.fault


def _look(picture: Pixels, *, standing: bool) -> FaultCode | None:
    """What one picture alone suggests."""
    step = max(1, picture.shape[1] // SAMPLE_WIDTH_PX)
    grey = cv2.cvtColor(np.ascontiguousarray(picture[::step, ::step]), cv2.COLOR_BGR2GRAY)
    low, high = np.percentile(grey, (0.5, 99.5))
    if high < DARK_LEVEL_MAX:
        return FaultCode.DARK
    coarse = cv2.resize(grey, (16, 9), interpolation=cv2.INTER_AREA).astype(np.float32)
    level = float(coarse.mean())
    if level >= BLOCKED_LEVEL_MIN and float(coarse.std()) < BLOCKED_CONTRAST_MAX * level:
        return FaultCode.BLOCKED
    if standing and high - low >= CONTRAST_MIN and sharpness(picture) < FOCUS_MIN:
        return FaultCode.BLURRED
    return None


def sharpness(picture: Pixels) -> float:
    """Sharpest steps between neighbouring columns as a part of the picture's contrast."""
    height, width = picture.shape[:2]
    middle = picture[height // 8 : height - height // 8 : 2, width // 8 : width - width // 8]
    grey = cv2.cvtColor(np.ascontiguousarray(middle), cv2.COLOR_BGR2GRAY)
    # Averaging along the edges takes the sensor's noise off and leaves their steepness.
    smooth = cv2.blur(grey, (1, 7)).astype(np.float32)
    steps = np.abs(np.diff(smooth, axis=1))
    low, high = np.percentile(grey, (0.5, 99.5))
    return float(np.percentile(steps, 99.7)) / max(1.0, float(high - low))
