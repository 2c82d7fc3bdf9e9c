"""Which format and which line settings a stream of bytes is: pure judgement, no port.

Every format reads the same bytes, without a confirmed scaling; the answer says how far each one
came, in the steps a person would check, and what each way of reading it would show. It never
chooses between two that both fit: the display decides.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from firmware_bridge.indicators.catalogue import decoder
from firmware_bridge.indicators.reading import Reading, Reject, Step
from firmware_bridge.indicators.spec import Confirm, Format, Scaling

FRAMES_MIN = 3
"""Fewer good frames in a row are chance."""
JUNK_SHARE_MAX = 0.34
"""More rubbish than this between good frames means: another format, or another speed."""
CLEAN_OCTETS = 64
"""Rubbish before the first frame that is forgiven: the line was opened in the middle of one."""


class Stage(IntEnum):
    """How far the bytes came. Higher is better."""

    NO_BYTES = 0
    NO_FRAMES = 1
    CHECK_FAILS = 2
    NO_MEANING = 3
    STREAMING = 4


STAGE_TEXT: dict[Stage, str] = {
    Stage.NO_BYTES: "no bytes at all: check cable, the pair A/B or TX/RX, and that the indicator"
    " sends continuously",
    Stage.NO_FRAMES: "bytes, but no frame of any format known here: usually the wrong baud rate"
    " or parity",
    Stage.CHECK_FAILS: "whole frames whose check is wrong: noise on the line, a missing ground,"
    " or the wrong parity",
    Stage.NO_MEANING: "proved frames whose number or status is not a truck's mass: look at the"
    " indicator's unit and output settings",
    Stage.STREAMING: "streaming",
}


@dataclass(frozen=True, slots=True)
class Candidate:
    """One way to read the bytes. scaling None: the format needs none. reading: the newest."""

    format: Format
    scaling: Scaling | None
    reading: Reading
    frames: int
    junk_octets: int

    @property
    def scaling_name(self) -> str:
        """As it goes into the configuration."""
        return self.scaling.name if self.scaling is not None else ""


@dataclass(frozen=True, slots=True)
class Finding:
    """What one recording at one line setting is."""

    stage: Stage
    detail: str
    candidates: tuple[Candidate, ...]


def judge(octets: bytes, formats: Sequence[Format]) -> Finding:
    """How far these bytes came, and every way of reading them that fits."""
    if not octets:
        return Finding(Stage.NO_BYTES, STAGE_TEXT[Stage.NO_BYTES], ())
    stage, detail = Stage.NO_FRAMES, ""
    candidates: list[Candidate] = []
    for format_ in formats:
        for scaling in _scalings(format_):
            found, candidate, why = _try(octets, format_, scaling)
            if candidate is not None:
                candidates.append(candidate)
            if found > stage:
                stage, detail = found, f" ({format_.title}: {why})" if why else ""
            if candidate is not None and scaling is None:
                break  # no frame here needs a scaling
    if candidates:
        fewest = min(one.junk_octets for one in candidates)
        candidates = [one for one in candidates if one.junk_octets <= fewest + _one_frame(one)]
        checked = [one for one in candidates if one.format.checked]
        candidates = checked or candidates
        stage, detail = Stage.STREAMING, ""
    return Finding(stage, STAGE_TEXT[stage] + detail, tuple(candidates))


def _scalings(format_: Format) -> tuple[Scaling | None, ...]:
    if format_.confirm is Confirm.ALWAYS:
        return format_.scalings
    return (None, *format_.scalings)


def _one_frame(candidate: Candidate) -> int:
    return len(candidate.reading.raw)


def _try(
    octets: bytes, format_: Format, scaling: Scaling | None
) -> tuple[Stage, Candidate | None, str]:
    given = decoder(format_, scaling.name if scaling is not None else "").feed(octets)
    good = [item for item in given if isinstance(item, Reading)]
    meaningless = [item for item in given if isinstance(item, Reject)]
    proved = [item for item in meaningless if item.step in (Step.MEANING, Step.SCALING)]
    wrong = [item for item in meaningless if item.step is Step.CHECK]
    framed = sum(len(item.raw) for item in good) + sum(len(item.raw) for item in proved)
    junk = max(0, len(octets.translate(None, format_.filler)) - framed)
    fits = junk <= CLEAN_OCTETS + len(octets) * JUNK_SHARE_MAX
    if len(good) >= FRAMES_MIN and fits and len(good) >= len(proved):
        newest = next((r for r in reversed(good) if r.gross_kg is not None), good[-1])
        return Stage.STREAMING, Candidate(format_, scaling, newest, len(good), junk), ""
    if len(proved) >= FRAMES_MIN and fits:
        return Stage.NO_MEANING, None, proved[-1].why
    if len(wrong) >= FRAMES_MIN:
        return Stage.CHECK_FAILS, None, wrong[-1].why
    return Stage.NO_FRAMES, None, ""


@dataclass(frozen=True, slots=True)
class Load:
    """What the display showed and the bytes of that moment."""

    display_kg: int
    octets: bytes


def fits_load(candidate: Candidate, load: Load) -> bool:
    """Whether this way of reading shows what the display shows, in every frame of the moment."""
    given = decoder(candidate.format, candidate.scaling_name).feed(load.octets)
    masses = [item.gross_kg for item in given if isinstance(item, Reading)]
    return len(masses) >= FRAMES_MIN and set(masses) == {load.display_kg}


def remaining(candidates: Sequence[Candidate], loads: Sequence[Load]) -> tuple[Candidate, ...]:
    """The ways of reading that agree with the display in all loads."""
    return tuple(one for one in candidates if all(fits_load(one, load) for load in loads))


def distinct(loads: Sequence[Load]) -> int:
    """How many different loads were compared; nought counts as one of them."""
    return len({load.display_kg for load in loads})
