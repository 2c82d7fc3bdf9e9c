"""Grammar-constrained CTC prefix beam search: the best plates that a crop can mean.

The recogniser knows 6,623 characters and no plates; this search follows only texts that the
plate table allows, and keeps the second best, because the margin between the two is the best
confidence there is. It must never return a text that is not whole under the table.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Final

import numpy as np

from terminal.anpr.types import Hypothesis, Reading, Scores
from terminal.core.plate import DIGITS, LETTERS, PROVINCES, is_whole, next_symbols

SYMBOLS: Final = PROVINCES + LETTERS + "O" + DIGITS + "挂学警港澳领使应急"
"""Column i + 1 of the folded scores is SYMBOLS[i]; column 0 is the CTC blank."""
WIDTH: Final = 12
SYMBOLS_PER_STEP: Final = 6
BLANK_SKIP_LOGP: Final = math.log(0.998)
FLOOR_LOGP: Final = -14.0
"""Least log-probability of a symbol in one step; less is noise of the network."""
MARGIN_MAX: Final = 12.0
NEVER: Final = -math.inf

_PREFIXES_CACHED_MAX: Final = 8_192
_INDEX: Final = {symbol: index for index, symbol in enumerate(SYMBOLS)}


@lru_cache(maxsize=_PREFIXES_CACHED_MAX)
def _allowed(prefix: str) -> frozenset[int]:
    return frozenset(_INDEX[symbol] for symbol in next_symbols(prefix))


def _add(first: float, second: float) -> float:
    """log(exp(first) + exp(second)) without leaving logarithms."""
    if first < second:
        first, second = second, first
    if second == NEVER:
        return first
    return first + math.log1p(math.exp(second - first))


Beams = dict[str, tuple[float, float]]
"""Prefix -> log-probability of ending in blank, and of ending in its last symbol."""


def _blank_step(beams: Beams, blank: float) -> Beams:
    return {prefix: (_add(*ends) + blank, NEVER) for prefix, ends in beams.items()}


def _step(beams: Beams, row: list[float], order: list[int]) -> Beams:
    """One time step: stay by blank, stay by repeating, or grow by an allowed symbol."""
    grown: Beams = {}

    def put(prefix: str, in_blank: float, in_symbol: float) -> None:
        old = grown.get(prefix, (NEVER, NEVER))
        grown[prefix] = (_add(old[0], in_blank), _add(old[1], in_symbol))

    for prefix, (in_blank, in_symbol) in beams.items():
        total = _add(in_blank, in_symbol)
        last = _INDEX[prefix[-1]] if prefix else -1
        put(prefix, total + row[0], in_symbol + row[last + 1] if prefix else NEVER)
        allowed = _allowed(prefix)
        taken = 0
        for index in order:
            if index not in allowed:
                continue
            # A symbol equal to the last one is a new one only after a blank.
            put(
                prefix + SYMBOLS[index],
                NEVER,
                (in_blank if index == last else total) + row[index + 1],
            )
            taken += 1
            if taken == SYMBOLS_PER_STEP:
                break
    best = sorted(grown.items(), key=lambda item: (-_add(*item[1]), item[0]))
    return dict(best[:WIDTH])


def search(scores: Scores) -> Reading | None:
    """The plates these folded log-probabilities (steps x 1 + symbols) can mean, best first.

    None when no text of the grammar survives the beam.
    """
    assert scores.shape[1] == len(SYMBOLS) + 1
    floored = np.maximum(scores, FLOOR_LOGP)
    orders = np.argsort(-floored[:, 1:], axis=1, kind="stable").tolist()
    beams: Beams = {"": (0.0, NEVER)}
    for row, order in zip(floored.tolist(), orders, strict=True):
        blank = row[0] > BLANK_SKIP_LOGP
        beams = _blank_step(beams, row[0]) if blank else _step(beams, row, order)
    whole = [
        Hypothesis(prefix, _add(*ends))
        for prefix, ends in beams.items()
        if is_whole(prefix) and _add(*ends) > NEVER
    ]
    if not whole:
        return None
    whole.sort(key=lambda hypothesis: (-hypothesis.logp, hypothesis.plate))
    return Reading(tuple(whole), margin_of(tuple(whole)))


def margin_of(hypotheses: tuple[Hypothesis, ...]) -> float:
    """Nats between the best and the second text, MARGIN_MAX when there is no second."""
    if len(hypotheses) < 2:
        return MARGIN_MAX
    return min(MARGIN_MAX, hypotheses[0].logp - hypotheses[1].logp)


def place_confidence(
    hypotheses: tuple[Hypothesis, ...], temperature: float
) -> tuple[tuple[str, float], ...]:
    """(symbol, probability) per place of the best text, from the texts that share the symbol.

    temperature above 1 makes the figures more modest; it is fitted on readings known right.
    """
    best = hypotheses[0]
    weights = [math.exp((h.logp - best.logp) / temperature) for h in hypotheses]
    total = sum(weights)
    return tuple(
        (
            symbol,
            sum(
                weight
                for weight, h in zip(weights, hypotheses, strict=True)
                if h.plate[place : place + 1] == symbol
            )
            / total,
        )
        for place, symbol in enumerate(best.plate)
    )
