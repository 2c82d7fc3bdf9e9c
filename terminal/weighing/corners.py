"""Corner errors accumulated over passages: which cell reads wrongly, and by how much.

One passage says little, many say it all: the evidence of every passage is added up with a slow
forgetting. Each cell in turn is supposed to be the wrong one; a cell is named only when that
explains the evidence far better than sound cells and than any other cell. It alarms; it never
corrects a span, which is sealed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from terminal.weighing.gains import WRONG_SHARE, GainEvidence, nothing

FORGET = 0.98
"""Half of it is forgotten after 34 drive-ons and drive-offs: a cell that changes is found."""
SOUND_SHARE = 5e-4
"""Spread of the gains of sound, adjusted cells."""
FLAG_SHARE_MIN = 0.005
FLAG_SURE = 16.0
"""How much likelier (natural logarithm) one wrong cell must be than none."""
STILL_SURE = 8.0
STILL_SHARE_MIN = 0.0025
"""The same once it has been flagged: what is on the edge does not come and go."""
NAME_SURE = 8.0
"""How much likelier this cell must be than the next one before it is named."""
PASSAGE_SURE = 16.0
"""The same for one passage alone, whose rolling on and rolling off must agree."""
ONE_WAY_SURE = 24.0
"""The same where only one of the two says anything. Sound cells reached 1.3 in 90 simulated
passages, and 12 in 32 whose drivers steered half a degree or a tenth to and fro (rms); who swings
out within a few metres by centimetres, as no truck's wheelbase allows, cannot be told from one."""
AGREE_SIGMAS = 3.0
AGREE_SHARE = 0.25
"""Both ways must give the gain error of the two together, within so much."""
PASSAGES_MIN = 5
INFO_MAX = 1e14
"""No number of passages gives stronger evidence."""
PASSAGES_MAX = 10**9


@dataclass(frozen=True, slots=True)
class Corner:
    """A gain error. cell: -1 while it is not sure which; gain_share: 0.01 reads 1 % too much.

    likely: the likeliest cell and the next. times: how many times as sure as an alarm asks for.
    """

    cell: int
    gain_share: float
    times: float
    likely: tuple[int, int]


class CornerMemory:
    """add() the evidence of every passage; worst() speaks once it is strong."""

    def __init__(self, cells: int) -> None:
        self._info = np.zeros((cells, cells))
        self._vector = np.zeros(cells)
        self.passages = 0
        self._flagged = False

    def add(self, evidence: GainEvidence) -> None:
        """Count one more passage."""
        if not evidence.known:
            return
        self._info = FORGET * self._info + evidence.info
        self._vector = FORGET * self._vector + evidence.vector
        self.passages += 1

    def worst(self) -> Corner | None:
        """The error that the evidence of enough passages shows; None while there is none."""
        if self.passages < PASSAGES_MIN:
            return None
        bounds = (STILL_SURE, STILL_SHARE_MIN) if self._flagged else (FLAG_SURE, FLAG_SHARE_MIN)
        found = _judge(self._info, self._vector, *bounds)
        self._flagged = found is not None
        return found

    def state(self) -> tuple[tuple[float, ...], tuple[float, ...], int]:
        """For storage: information row by row, vector, passages."""
        return (
            tuple(float(v) for v in self._info.ravel()),
            tuple(float(v) for v in self._vector),
            self.passages,
        )

    def restore(self, info: tuple[float, ...], vector: tuple[float, ...], passages: int) -> bool:
        """Add stored evidence, older than all of this; False, and nothing is added, when it does
        not fit these cells or is no evidence.
        """
        cells = len(self._vector)
        matrix, line = np.asarray(info, dtype=float), np.asarray(vector, dtype=float)
        if matrix.size != cells * cells or line.size != cells:
            return False
        if not 0 <= passages <= PASSAGES_MAX:
            return False
        matrix = matrix.reshape(cells, cells)
        if not (np.abs(matrix) <= INFO_MAX).all() or not (np.abs(line) <= INFO_MAX).all():
            return False
        if not np.allclose(matrix, matrix.T) or float(np.linalg.eigvalsh(matrix).min()) < -1e-6 * (
            1.0 + float(np.abs(matrix).max())
        ):
            return False
        older = FORGET**self.passages
        self._info = self._info + older * matrix
        self._vector = self._vector + older * line
        self.passages += passages
        return True


def both_ways(on: GainEvidence, off: GainEvidence | None = None) -> Corner | None:
    """The error that one passage shows, unless rolling on and rolling off disagree on it.

    off: None while the vehicle has not left.
    """
    off = off or nothing(len(on.vector))
    if not (on.known or off.known):
        return None
    both = on.plus(off)
    sure = PASSAGE_SURE if on.known and off.known else ONE_WAY_SURE
    found = _judge(both.info, both.vector, sure)
    if found is None:
        return None
    for way in (on, off):
        gain, doubt = _gain(way, found.likely[0])
        apart = abs(gain - found.gain_share)
        if apart > AGREE_SIGMAS * doubt + AGREE_SHARE * abs(found.gain_share):
            return None
    return found


def _gain(evidence: GainEvidence, cell: int) -> tuple[float, float]:
    """Gain error of a cell that is supposed to be the wrong one, and its standard uncertainty."""
    precision = np.full(len(evidence.vector), SOUND_SHARE**-2)
    precision[cell] = WRONG_SHARE**-2
    inverse = np.linalg.inv(evidence.info + np.diag(precision))
    return float((inverse @ evidence.vector)[cell]), float(np.sqrt(inverse[cell, cell]))


def _scores(info: np.ndarray, vector: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each cell: how much likelier it is wrong than none is, and its gain error then."""
    cells = len(vector)
    sound = np.full(cells, SOUND_SHARE**-2)
    none, _ = _evidence(info, vector, sound)
    scores, gains = np.zeros(cells), np.zeros(cells)
    for cell in range(cells):
        supposed = sound.copy()
        supposed[cell] = WRONG_SHARE**-2
        likely, gain = _evidence(info, vector, supposed)
        scores[cell], gains[cell] = likely - none, gain[cell]
    return scores, gains


def _judge(
    info: np.ndarray,
    vector: np.ndarray,
    sure: float = FLAG_SURE,
    share_min: float = FLAG_SHARE_MIN,
) -> Corner | None:
    scores, gains = _scores(info, vector)
    cells = len(vector)
    order = np.argsort(scores)
    best = int(order[-1])
    if scores[best] < sure or abs(gains[best]) < share_min:
        return None
    alone = cells == 1 or scores[best] - scores[order[-2]] >= NAME_SURE
    likely = best, int(order[-2]) if cells > 1 else best
    times = float(scores[best]) / max(sure, FLAG_SURE)
    return Corner(best if alone else -1, float(gains[best]), times, likely)


def _evidence(
    info: np.ndarray, vector: np.ndarray, precision: np.ndarray
) -> tuple[float, np.ndarray]:
    """Logarithm of how likely the evidence is under these gain spreads, and the gains."""
    posterior = info + np.diag(precision)
    gain = np.linalg.solve(posterior, vector)
    _, size = np.linalg.slogdet(posterior)
    return 0.5 * (float(vector @ gain) - float(size) + float(np.log(precision).sum())), gain
