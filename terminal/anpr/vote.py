"""Voting over the frames of one visit: from single readings to one of the outcome classes.

A standing lorry gives many frames whose errors (glare, blur) differ; what they agree on is
right far more often. Fixed dirt does not vote away, so clarity is asked of the frames as well.
Only `read` may go on by itself; everything else ends at a person.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from terminal.anpr.types import PlateCandidate
from terminal.core.plate import OPEN_PLACE, is_truck_plate
from terminal.core.types import PlateOutcome

MISSING_NATS: Final = 8.0
"""What a text loses in a frame whose hypotheses do not hold it."""
TEXTS_MAX: Final = 32
FRAMES_MAX: Final = 60
OFFERED_MAX: Final = 4


@dataclass(frozen=True, slots=True)
class VoteSettings:
    """When a visit's frames count as read.

    margin: nats between the best and the second text, summed over frames. frames: how many
    must have it on top. score: mean mixed confidence of those frames. unsure_score: below it
    a text is not offered as a choice. place: probability from which a place counts as legible.
    """

    margin: float = 2.0
    frames: int = 2
    score: float = 1.5
    unsure_score: float = -4.0
    place: float = 0.9
    legible_places_min: int = 4


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the frames so far say. plate: empty for no plate, open places for partly.

    weights: log-probabilities of the candidates, summed over frames.
    """

    outcome: PlateOutcome
    plate: str
    colour: str
    kind: str
    margin: float
    candidates: tuple[str, ...]
    frames: int
    weights: tuple[float, ...] = ()


@dataclass(slots=True)
class _Text:
    """What is known of one text: its sum of log-probabilities and where it stood on top."""

    logp: float
    tops: int = 0
    scores: float = 0.0
    best: PlateCandidate | None = None


@dataclass(slots=True)
class Voter:
    """Collects the frames of one visit."""

    settings: VoteSettings = field(default_factory=VoteSettings)
    frames: int = 0
    _seen: int = 0
    _floor: float = 0.0
    _texts: dict[str, _Text] = field(default_factory=dict)

    def add(self, candidates: list[PlateCandidate]) -> None:
        """One frame's plates, best first; only the best counts. At most FRAMES_MAX count."""
        if self.frames >= FRAMES_MAX:
            return
        self.frames += 1
        if not candidates:
            return
        top = candidates[0]
        self._seen += 1
        logps = {h.plate: h.logp for h in (*top.alternatives[::-1],)}
        logps[top.plate] = top.logp
        least = min(logps.values()) - MISSING_NATS
        for plate, text in self._texts.items():
            text.logp += logps.get(plate, least)
        for plate, logp in logps.items():
            if plate not in self._texts and len(self._texts) < TEXTS_MAX:
                self._texts[plate] = _Text(self._floor + logp)
        self._floor += least
        winner = self._texts.get(top.plate)
        if winner is not None:
            winner.tops += 1
            winner.scores += top.score
            if winner.best is None or top.score > winner.best.score:
                winner.best = top

    def verdict(self) -> Verdict:
        """The outcome over all frames so far."""
        ranked = sorted(self._texts.items(), key=lambda item: (-item[1].logp, item[0]))
        ranked = [item for item in ranked if item[1].best is not None] + [
            item for item in ranked if item[1].best is None
        ]
        if not ranked or ranked[0][1].best is None:
            return Verdict(PlateOutcome.NO_PLATE, "", "unknown", "", 0.0, (), self.frames)
        plate, text = ranked[0]
        best = text.best
        assert best is not None
        rivals = [other.logp for name, other in self._texts.items() if name != plate]
        margin = text.logp - max(rivals) if rivals else MISSING_NATS
        mean = text.scores / text.tops
        offered = tuple(name for name, _ in ranked if is_truck_plate(name))[:OFFERED_MAX]
        if (
            text.tops >= self.settings.frames
            and margin >= self.settings.margin
            and mean >= self.settings.score
            and best.accepted
        ):
            outcome = PlateOutcome.READ
        elif mean >= self.settings.unsure_score and offered:
            outcome = PlateOutcome.UNSURE
        else:
            return self._partly(best)
        weights = tuple(self._texts[name].logp for name in offered)
        return Verdict(
            outcome, plate, best.colour, best.kind, margin, offered, self.frames, weights
        )

    def _partly(self, best: PlateCandidate) -> Verdict:
        """Show the legible places, the others open; too few of them are no plate at all."""
        shown = "".join(
            symbol if chance >= self.settings.place else OPEN_PLACE for symbol, chance in best.chars
        )
        legible = len(shown) - shown.count(OPEN_PLACE)
        if legible < self.settings.legible_places_min or best.logp < -16.0:
            return Verdict(PlateOutcome.NO_PLATE, "", "unknown", "", 0.0, (), self.frames)
        return Verdict(PlateOutcome.PARTLY, shown, best.colour, best.kind, 0.0, (), self.frames)
