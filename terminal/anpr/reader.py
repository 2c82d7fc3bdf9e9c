"""The plate reader: picture in, plates out, best first.

Cheap proposals are read first and reading stops at the first clear plate; only when none is
clear the text detector looks at the whole picture. Every text comes from the grammar's beam.
It must never hand out a reading it would not stand by as `accepted`, nor raise for a picture.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from terminal.anpr import colour
from terminal.anpr.beam import margin_of, place_confidence, search
from terminal.anpr.detector import Detector
from terminal.anpr.geometry import box_of, cut, overlap, pad, quad_of_box, sides
from terminal.anpr.models import DETECTOR, RECOGNISER, checked, default_folder
from terminal.anpr.proposals import propose
from terminal.anpr.recognise import Recogniser
from terminal.anpr.tworow import SPLIT_ASPECT_MAX, join_rows
from terminal.anpr.types import Box, Hypothesis, Pixels, PlateCandidate, Quad
from terminal.core.plate import (
    KINDS,
    UNKNOWN_COLOUR,
    colour_length_ok,
    is_truck_plate,
    kind_named,
    kind_of,
)

CANDIDATES_MAX: Final = 5
ALTERNATIVES_MAX: Final = 4
SCORED_MARGIN_MAX: Final = 8.0
COLOUR_PENALTY: Final = 3.0
"""Nats a text loses when its length contradicts the colour seen: right on 92 to 95 % of crops."""
SAME_OVERLAP: Final = 0.5
SIDE_PX_MIN: Final = 12
JOINED_MAX: Final = 4


@dataclass(frozen=True, slots=True)
class ReaderSettings:
    """Thresholds with the error measured behind each (255 real frames, mixed confidence).

    accept_score: above it 92.9 % of frames were accepted with 0.8 % wrong among them.
    stop_score: a proposal this clear ends the search; no wrong one in the upper 70 %.
    temperature: softens the per-place probabilities to what was right in truth.
    """

    accept_score: float = -0.3
    stop_score: float = 2.0
    temperature: float = 2.0


class PlateReader:
    """Reads plates in pictures. One thread; about 10 to 60 ms a clear frame."""

    def __init__(
        self, models_folder: Path | None = None, settings: ReaderSettings | None = None
    ) -> None:
        """Load both networks. Raises ModelError when a file is missing or is another one."""
        folder = models_folder if models_folder is not None else default_folder()
        cv2.setNumThreads(1)
        self._settings = settings if settings is not None else ReaderSettings()
        self._recogniser = Recogniser(checked(RECOGNISER, folder))
        self._detector = Detector(checked(DETECTOR, folder))

    def read(self, picture: Pixels, roi: Box | None = None) -> list[PlateCandidate]:
        """At most CANDIDATES_MAX plates, best first; boxes in coordinates of `picture`.

        roi: only this part is looked at. An unreadable or plateless picture gives none.
        """
        assert picture.ndim == 3
        assert picture.shape[2] == 3
        assert picture.dtype == np.uint8
        left, top, right, bottom = _clamped(roi, picture)
        if min(right - left, bottom - top) < SIDE_PX_MIN:
            return []
        part = np.ascontiguousarray(picture[top:bottom, left:right])
        coloured = colour.has_colour(part)
        found: list[PlateCandidate] = []
        if not self._search(part, _whole_or_proposed(part), found, coloured=coloured):
            self._search(part, self._lines(part, found), found, coloured=coloured)
        return [_moved(candidate, left, top) for candidate in _best_distinct(found)]

    def _search(
        self, part: Pixels, quads: list[Quad], found: list[PlateCandidate], *, coloured: bool
    ) -> bool:
        """Read the quadrilaterals in turn; true as soon as one is clear enough to stop."""
        for quad in quads:
            candidate = self._read_quad(part, quad, coloured=coloured)
            if candidate is None:
                continue
            found.append(candidate)
            if candidate.accepted and candidate.score >= self._settings.stop_score:
                return True
        return False

    def _lines(self, part: Pixels, found: list[PlateCandidate]) -> list[Quad]:
        """The detector's text lines, stacked pairs joined and put first."""
        lines = self._detector.find(part)
        return _stacked(lines) + _beside(lines) + lines

    def _read_quad(self, part: Pixels, quad: Quad, *, coloured: bool) -> PlateCandidate | None:
        best: PlateCandidate | None = None
        for crop, rows in _crops(part, quad):
            reading = search(self._recogniser.scores(crop))
            if reading is None:
                continue
            seen = colour.vote(cut(part, quad), colour_picture=coloured)
            candidate = self._judge(reading.hypotheses, seen, box_of(quad), rows)
            if best is None or candidate.score > best.score:
                best = candidate
            if candidate.accepted and candidate.score >= self._settings.stop_score:
                break
        return best

    def _judge(
        self, hypotheses: tuple[Hypothesis, ...], seen: str, box: Box, rows: int
    ) -> PlateCandidate:
        """Weigh the texts against the colour and make a candidate of the best."""
        weighed = tuple(
            sorted(
                (
                    Hypothesis(h.plate, h.logp - _contradiction(h.plate, seen, rows))
                    for h in hypotheses
                ),
                key=lambda h: (-h.logp, h.plate),
            )
        )
        best, margin = weighed[0], margin_of(weighed)
        score = 0.5 * best.logp + 0.5 * min(margin, SCORED_MARGIN_MAX)
        kind = kind_of(best.plate)
        accepted = (
            kind is not None
            and score > self._settings.accept_score
            and is_truck_plate(best.plate)
            and colour_length_ok(best.plate, _settled(seen, best.plate))
        )
        return PlateCandidate(
            best.plate,
            _settled(seen, best.plate),
            kind if kind is not None else "",
            box,
            best.logp,
            margin,
            score,
            place_confidence(weighed, self._settings.temperature),
            weighed[1 : 1 + ALTERNATIVES_MAX],
            rows,
            accepted,
        )


def _clamped(roi: Box | None, picture: Pixels) -> Box:
    height, width = picture.shape[:2]
    if roi is None:
        return 0, 0, width, height
    return max(0, roi[0]), max(0, roi[1]), min(width, roi[2]), min(height, roi[3])


def _whole_or_proposed(part: Pixels) -> list[Quad]:
    """Proposals; a picture shaped like a plate is first tried whole."""
    height, width = part.shape[:2]
    proposals = propose(part)
    if height <= 240 and 1.3 <= width / height <= 8.0:
        return [quad_of_box((0, 0, width, height)), *proposals]
    return proposals


def _crops(part: Pixels, quad: Quad) -> list[tuple[Pixels, int]]:
    """Ways to cut one quadrilateral: as one row, and as two where its shape allows."""
    width, height = sides(quad)
    single = (cut(part, pad(quad, 0.03, 0.06)), 1)
    if width > SPLIT_ASPECT_MAX * height:
        return [single, (cut(part, pad(quad, 0.0, 0.0)), 1)]
    whole = cut(part, pad(quad, 0.02, 0.03))
    return [(join_rows(whole, 0.6), 2), (join_rows(whole, 0.85), 2), single]


def _settled(seen: str, plate: str) -> str:
    """A vote that only half sees a two-coloured plate takes the kind's own name."""
    if kind_of(plate) == "ne_large" and seen in ("yellow", "green"):
        return "yellow_green"
    return seen


def _contradiction(plate: str, seen: str, rows: int) -> float:
    """Nats to take off a text that the colour or the number of rows speaks against."""
    if not any(kind.issued and kind.matches(plate) for kind in KINDS):
        return 0.0
    settled = _settled(seen, plate)
    penalty = 0.0
    if settled != UNKNOWN_COLOUR and not colour_length_ok(plate, settled):
        penalty += COLOUR_PENALTY
    kind = kind_of(plate)
    if kind is not None and kind_named(kind).rows == 2 and rows == 1:
        penalty += 1.0
    return penalty


def _stacked(lines: list[Quad]) -> list[Quad]:
    """Pairs of text lines one above the other, as one quadrilateral each."""
    joined: list[Quad] = []
    for upper in lines:
        for lower in lines:
            if upper is lower:
                continue
            upper_width, upper_height = sides(upper)
            lower_width, lower_height = sides(lower)
            gap = float(lower[:2, 1].mean() - upper[2:, 1].mean())
            aside = abs(float(lower[:, 0].mean() - upper[:, 0].mean()))
            if (
                abs(gap) < 0.5 * upper_height
                and aside < 0.2 * lower_width
                and 0.3 * lower_width < upper_width < 1.1 * lower_width
                and 0.3 * lower_height < upper_height < 1.3 * lower_height
            ):
                x0 = min(float(upper[:, 0].min()), float(lower[:, 0].min()))
                x1 = max(float(upper[:, 0].max()), float(lower[:, 0].max()))
                y0, y1 = float(upper[:, 1].min()), float(lower[:, 1].max())
                joined.append(quad_of_box((round(x0), round(y0), round(x1), round(y1))))
    return joined[:JOINED_MAX]


def _beside(lines: list[Quad]) -> list[Quad]:
    """Neighbours in one row, as one quadrilateral each: a wide gap splits a plate in two."""
    joined: list[Quad] = []
    for left in lines:
        for right in lines:
            if left is right:
                continue
            (left_width, left_height), (right_width, right_height) = sides(left), sides(right)
            height = max(left_height, right_height)
            gap = float(right[[0, 3], 0].mean() - left[[1, 2], 0].mean())
            offset = abs(float(right[[0, 3], 1].mean() - left[[1, 2], 1].mean()))
            if (
                -0.7 * height < gap < 1.0 * height
                and offset < 0.3 * height
                and min(left_height, right_height) > 0.6 * height
                and 2.0 * height < left_width + right_width + gap < 6.5 * height
            ):
                joined.append(np.array([left[0], right[1], right[2], left[3]], np.float32))
    return joined[:JOINED_MAX]


def _best_distinct(found: list[PlateCandidate]) -> list[PlateCandidate]:
    """Best first; of two candidates in one place or with one text only the better."""
    kept: list[PlateCandidate] = []
    for candidate in sorted(found, key=lambda c: (-c.score, c.plate, c.box)):
        if all(
            candidate.plate != other.plate and overlap(candidate.box, other.box) < SAME_OVERLAP
            for other in kept
        ):
            kept.append(candidate)
        if len(kept) == CANDIDATES_MAX:
            break
    return kept


def _moved(candidate: PlateCandidate, left: int, top: int) -> PlateCandidate:
    x0, y0, x1, y1 = candidate.box
    return PlateCandidate(
        candidate.plate,
        candidate.colour,
        candidate.kind,
        (x0 + left, y0 + top, x1 + left, y1 + top),
        candidate.logp,
        candidate.margin,
        candidate.score,
        candidate.chars,
        candidate.alternatives,
        candidate.rows,
        candidate.accepted,
    )
