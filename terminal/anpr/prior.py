"""The site's vehicle list as a prior: which of the texts the camera thinks possible is known?

It re-ranks the reader's own hypotheses and never adds one; a clear reading is never turned into
another plate, and whoever uses the answer must show that the list decided.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from terminal.anpr.types import Hypothesis
from terminal.core.plate import fits_open, is_truck_plate

KNOWN_NATS: Final = 3.0
"""Weight of being on the list: a lorry at this gate is about twenty times likelier to be known.
Less than the margin of a clear reading, so a list cannot overrule one."""
FITTING_MAX: Final = 4


@dataclass(frozen=True, slots=True)
class Weighed:
    """Hypotheses with the list's weight, best first. by_list: the list changed the first."""

    hypotheses: tuple[Hypothesis, ...]
    by_list: bool


def weigh(hypotheses: tuple[Hypothesis, ...], known: Collection[str]) -> Weighed:
    """Re-rank within the hypotheses. known: plates of the site's vehicle list."""
    weighed = tuple(
        sorted(
            (
                Hypothesis(h.plate, h.logp + (KNOWN_NATS if h.plate in known else 0.0))
                for h in hypotheses
            ),
            key=lambda h: (-h.logp, h.plate),
        )
    )
    by_list = bool(weighed) and weighed[0].plate != hypotheses[0].plate
    return Weighed(weighed, by_list)


def fitting(open_plate: str, known: Collection[str]) -> tuple[str, ...]:
    """Listed plates that agree with a partly legible one, in order; empty when too many do.

    The operator confirms; nothing is released by this.
    """
    agreeing = sorted(
        plate for plate in known if is_truck_plate(plate) and fits_open(open_plate, plate)
    )
    return tuple(agreeing) if len(agreeing) <= FITTING_MAX else ()
