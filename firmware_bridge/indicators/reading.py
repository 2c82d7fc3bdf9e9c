"""What a decoder makes of bytes: a reading it can vouch for, or a rejection with its step."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from hal.contract.types import Tri


class Step(Enum):
    """The step at which bytes failed, in the order in which a person looks for the cause."""

    SHAPE = "shape"
    """Bytes that form no frame."""
    CHECK = "check"
    """A whole frame whose check is wrong."""
    MEANING = "meaning"
    """A proved frame whose number or status cannot be taken."""
    SCALING = "scaling"
    """A proved frame that can be read two ways, and nobody has compared it with the display."""


class Reading(NamedTuple):
    """One frame understood. gross_kg None: overload, underload, error or a net value.

    end: stream offset after the frame.
    """

    gross_kg: int | None
    motion: Tri
    overload: Tri
    zero: Tri
    net: Tri
    raw: bytes
    end: int


class Reject(NamedTuple):
    """Bytes that give no reading, and why in one sentence."""

    step: Step
    why: str
    raw: bytes
    end: int
