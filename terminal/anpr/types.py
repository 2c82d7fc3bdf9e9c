"""Values of the plate reader: pixels, quadrilaterals, hypotheses and candidates.

Probabilities here are floats in nats: they rank readings and never decide a release; what goes
to the core is rounded to milli-nats. Nothing here knows a camera or a clock.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
"""Rows x columns x BGR, 8 bit."""
Quad = NDArray[np.float32]
"""Four corners (x, y): top left, top right, bottom right, bottom left."""
Scores = NDArray[np.float32]
"""Time steps x classes."""

Box = tuple[int, int, int, int]
"""Left, top, right, bottom in pixels of the picture given."""


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """One text that fits the grammar, with the log-probability (nats) of all its alignments."""

    plate: str
    logp: float


@dataclass(frozen=True, slots=True)
class Reading:
    """What one crop says, best first. margin: nats to the second text, MARGIN_MAX at most."""

    hypotheses: tuple[Hypothesis, ...]
    margin: float

    @property
    def best(self) -> Hypothesis:
        """The most probable text."""
        return self.hypotheses[0]


@dataclass(frozen=True, slots=True)
class PlateCandidate:
    """One plate seen in one picture. score: the mixed confidence that orders candidates.

    chars: (symbol, probability 0..1) per place. alternatives: other texts of the same crop,
    best first. accepted: good enough to count as read; only voting over frames releases.
    """

    plate: str
    colour: str
    kind: str
    box: Box
    logp: float
    margin: float
    score: float
    chars: tuple[tuple[str, float], ...]
    alternatives: tuple[Hypothesis, ...]
    rows: int
    accepted: bool
