"""The plate reader: picture in, plates out, best first.

Cheap proposals are read first and reading stops at the first clear plate; only when none is
clear the text detector looks at the whole picture. Every text comes from the grammar's beam.
It must never hand out a reading it would not stand by as `accepted`, nor raise for a picture.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from terminal.anpr import colour
from terminal.anpr.attempts import Attempt, families, mixed
from terminal.anpr.beam import margin_of, place_confidence, search
from terminal.anpr.detector import Detector
from terminal.anpr.geometry import box_of, cut, extend_left, overlap, quad_of_box, sides
from terminal.anpr.models import DETECTOR, RECOGNISER, checked, default_folder
from terminal.anpr.proposals import propose
from terminal.anpr.recognise import Recogniser
from terminal.anpr.types import Box, Hypothesis, Pixels, PlateCandidate, Quad, Reading
from terminal.core.plate import (
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
PALE_PENALTY: Final = 1.0
"""What it loses when that colour is too pale to be sure of."""
AGREEMENT_NATS: Final = 1.0
"""What each attempt that reads the same text adds to the confidence, beyond two: at 82 % of 480
disturbed real pictures accepted, 3 were wrong by score and agreement, 6 by score alone."""
ATTEMPTS_NEUTRAL: Final = 2
NOT_ISSUED_PENALTY: Final = 1.5
"""Nats a text loses that is only read, never issued: an O after the province is mostly a Q."""
SAME_OVERLAP: Final = 0.5
SIDE_PX_MIN: Final = 12
HEAD_WIDTH: Final = 0.44
"""The yellow head of a large new-energy plate beside its green part, as a part of that."""
JOINED_MAX: Final = 4
LINES_MAX: Final = 16
CAREFUL_SCORE_MIN: Final = -9.0
CAREFUL_MAX: Final = 2
"""How many places of a picture are read again with every attempt, and how poor they may be."""


@dataclass(frozen=True, slots=True)
class ReaderSettings:
    """Thresholds, with the error measured behind each.

    accept_score: least confidence (score and agreement of the attempts) of an accepted plate:
    37 of 40 real pictures accepted, none wrong; of 480 disturbed ones 82 %, 3 of them wrong (6 by
    the score alone; this set chose the rule); of other disturbances 159 accepted, 2 wrong.
    narrow_px, narrow_score: plates narrower than this must be clearer; of 78 drawn plates 60 px
    wide 5, 4 and 2 were accepted wrongly as the score asked for rose by 1 and by 1.8.
    clear_score: a first attempt this clear ends the search; no wrong one in the upper 70 %.
    stop_score: a careful reading this good makes the text detector unnecessary.
    temperature: softens the per-place probabilities to what was right in truth.
    """

    accept_score: float = 0.2
    narrow_px: float = 64.0
    narrow_score: float = 1.2
    clear_score: float = 2.5
    stop_score: float = 1.0
    temperature: float = 2.0


@dataclass(slots=True)
class _Look:
    """One call's working state: the part looked at and what was found in it."""

    part: Pixels
    coloured: bool
    every: bool
    found: list[PlateCandidate]


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
        return self._read(picture, roi, every=False)

    def read_nearest(self, picture: Pixels, roi: Box | None = None) -> list[PlateCandidate]:
        """As read(), but every proposal is looked at and the nearest plate comes first.

        For a gate camera: of two lorries in view the nearer one, whose plate is larger, stands
        on the deck. Costs up to PROPOSALS_MAX crops instead of stopping at the first clear one.
        """
        found = self._read(picture, roi, every=True)
        return sorted(found, key=lambda c: (not c.accepted, -_width_class(c), -c.score))

    def _read(self, picture: Pixels, roi: Box | None, *, every: bool) -> list[PlateCandidate]:
        assert picture.ndim == 3
        assert picture.shape[2] == 3
        assert picture.dtype == np.uint8
        left, top, right, bottom = _clamped(roi, picture)
        if min(right - left, bottom - top) < SIDE_PX_MIN:
            return []
        part = np.ascontiguousarray(picture[top:bottom, left:right])
        look = _Look(part, colour.has_colour(part), every, [])
        if not self._search(look, _whole_or_proposed(part)):
            self._search(look, _joined_and_single(self._detector.find(part)))
        return [_moved(found, left, top) for found in _best_distinct(look.found)]

    def _search(self, look: _Look, quads: list[Quad]) -> bool:
        """Read the quadrilaterals in turn, the best again with care; true when one is clear."""
        seen: list[tuple[PlateCandidate, Quad, tuple[Attempt, ...], Reading | None]] = []
        queue = list(quads)
        for place, quad in enumerate(queue):
            for family in families(quad):
                reading = self._attempt(look.part, quad, family[0])
                if reading is None:
                    if place < len(quads) and _lacks_head(look, quad):
                        queue.append(extend_left(quad, HEAD_WIDTH))
                    continue
                candidate = self._judge(look, reading.hypotheses, quad, family[0].rows)
                if candidate.accepted and candidate.score >= self._settings.clear_score:
                    look.found.append(candidate)
                    if not look.every:
                        return True
                    break
                seen.append((candidate, quad, family, reading))
        seen.sort(key=lambda item: (-item[0].score, item[0].plate))
        clear = any(candidate.accepted for candidate in look.found)
        promising = [item for item in seen if item[0].score > CAREFUL_SCORE_MIN][:CAREFUL_MAX]
        for candidate, quad, family, reading in promising:
            readings = [reading, *(self._attempt(look.part, quad, a) for a in family[1:])]
            whole = mixed(readings)
            assert whole is not None
            careful = self._judge(look, whole.hypotheses, quad, candidate.rows, readings)
            look.found.append(careful)
            clear = clear or (careful.accepted and careful.score >= self._settings.stop_score)
        look.found.extend(item[0] for item in seen[len(promising) :])
        return clear

    def _least(self, quad: Quad) -> float:
        narrow = sides(quad)[0] < self._settings.narrow_px
        return self._settings.narrow_score if narrow else self._settings.accept_score

    def _attempt(self, part: Pixels, quad: Quad, attempt: Attempt) -> Reading | None:
        return search(self._recogniser.scores(attempt.crop(part, quad), attempt.stretch))

    def _judge(
        self,
        look: _Look,
        hypotheses: tuple[Hypothesis, ...],
        quad: Quad,
        rows: int,
        readings: Sequence[Reading | None] = (),
    ) -> PlateCandidate:
        """Weigh the texts against the colour and make a candidate of the best.

        readings: what each attempt said, when several were made.
        """
        straight = cut(look.part, quad)
        seen = colour.vote(straight, colour_picture=look.coloured)
        sure = colour.is_sure(straight)
        box = box_of(quad)
        weighed = tuple(
            sorted(
                (
                    Hypothesis(h.plate, h.logp - _contradiction(h.plate, seen, rows, sure=sure))
                    for h in hypotheses
                ),
                key=lambda h: (-h.logp, h.plate),
            )
        )
        best, margin = weighed[0], margin_of(weighed)
        score = 0.5 * best.logp + 0.5 * min(margin, SCORED_MARGIN_MAX)
        kind = kind_of(best.plate)
        agree = sum(r is not None and r.best.plate == best.plate for r in readings)
        bonus = AGREEMENT_NATS * (agree - ATTEMPTS_NEUTRAL) if readings else 0.0
        if not sure and not colour_length_ok(best.plate, _settled(seen, best.plate)):
            seen = UNKNOWN_COLOUR
        accepted = (
            kind is not None
            and score + bonus > self._least(quad)
            and is_truck_plate(best.plate)
            and not colour.is_foreign(straight)
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


def _joined_and_single(lines: list[Quad]) -> list[Quad]:
    """The detector's text lines, pairs that may be one plate first."""
    return (_stacked(lines) + _beside(lines) + lines)[:LINES_MAX]


def _lacks_head(look: _Look, quad: Quad) -> bool:
    """Whether this may be the green part of a large new-energy plate without its yellow head."""
    width, height = sides(quad)
    return width > 1.8 * height and colour.vote(cut(look.part, quad)) == "green"


def _settled(seen: str, plate: str) -> str:
    """A vote that only half sees a two-coloured plate takes the kind's own name."""
    if kind_of(plate) == "ne_large" and seen in ("yellow", "green"):
        return "yellow_green"
    return seen


def _contradiction(plate: str, seen: str, rows: int, *, sure: bool) -> float:
    """Nats to take off a text that the colour or the number of rows speaks against."""
    if kind_of(plate) is None:
        return NOT_ISSUED_PENALTY
    settled = _settled(seen, plate)
    penalty = 0.0
    if settled != UNKNOWN_COLOUR and not colour_length_ok(plate, settled):
        penalty += COLOUR_PENALTY if sure else PALE_PENALTY
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


def _width_class(candidate: PlateCandidate) -> int:
    """Octave thirds of the plate's width: nearer lorries' plates are clearly, not a bit, wider."""
    return round(3 * math.log2(max(1, candidate.box[2] - candidate.box[0])))


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
