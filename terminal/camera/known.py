"""Plates of the site's vehicle list, for putting doubtful readings in order.

Only the plate column is used here; what the list says of a vehicle is the ledger's business.
A list that cannot be read is an empty one: readings are then offered in the camera's own order.
"""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path
from typing import Final

from terminal.anpr.prior import fitting, weigh
from terminal.anpr.types import Hypothesis
from terminal.core.plate import is_valid, normalise
from terminal.core.types import PlateOutcome, PlateReading

BYTES_MAX: Final = 16 * 1024 * 1024
PLATES_MAX: Final = 100_000
COLUMN: Final = "plate"


def plates_of(path: Path) -> frozenset[str]:
    """Valid plates of a vehicle list (CSV with a column `plate`); empty when unreadable."""
    try:
        if path.stat().st_size > BYTES_MAX:
            return frozenset()
        with path.open(encoding="utf-8-sig", newline="") as stream:
            rows = (normalise(row.get(COLUMN) or "") for row in csv.DictReader(stream))
            known = [plate for plate in rows if is_valid(plate)]
    except (OSError, UnicodeDecodeError, csv.Error):
        return frozenset()
    return frozenset(known[:PLATES_MAX])


def ordered(
    reading: PlateReading, weights: tuple[float, ...], known: frozenset[str]
) -> PlateReading:
    """A doubtful reading with listed candidates first, marked when the list changed anything.

    weights: log-probabilities of reading.candidates. A clear reading comes back as it is, and
    no outcome ever becomes `read` by the list.
    """
    if reading.outcome is PlateOutcome.UNSURE:
        texts = tuple(map(Hypothesis, reading.candidates, weights))
        weighed = weigh(texts, known)
        if weighed.by_list:
            candidates = tuple(text.plate for text in weighed.hypotheses)
            return replace(reading, candidates=candidates, by_list=True)
    if reading.outcome is PlateOutcome.PARTLY:
        found = fitting(reading.plate, known)
        if found:
            return replace(reading, candidates=found, by_list=True)
    return reading
