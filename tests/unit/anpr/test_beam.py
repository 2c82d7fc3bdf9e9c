from __future__ import annotations

import math

import numpy as np
import pytest

from terminal.anpr.beam import MARGIN_MAX, SYMBOLS, margin_of, place_confidence, search
from terminal.anpr.types import Hypothesis, Scores
from terminal.core.plate import is_whole


def spelt(text: str, *, sure: float = 0.99, blanks: bool = True) -> Scores:
    """Scores of a recogniser that sees this text, "-" being a blank step."""
    steps = "".join(f"{symbol}-" if blanks else symbol for symbol in text)
    scores = np.full((len(steps), len(SYMBOLS) + 1), (1 - sure) / len(SYMBOLS), np.float32)
    for step, symbol in enumerate(steps):
        scores[step, 0 if symbol == "-" else SYMBOLS.index(symbol) + 1] = sure
    return np.log(scores).astype(np.float32)


def blend(first: Scores, second: Scores, part: float) -> Scores:
    mixed = (1 - part) * np.exp(first) + part * np.exp(second)
    return np.log(mixed).astype(np.float32)


@pytest.mark.parametrize("plate", ["晋L12345", "晋L11111", "晋LD12345", "晋L1234挂", "晋L12345D"])
def test_a_clear_text_is_read_with_a_wide_margin(plate: str) -> None:
    reading = search(spelt(plate))
    assert reading is not None
    assert reading.best.plate == plate
    assert reading.margin > 2.0


def test_repeated_steps_are_one_symbol_unless_a_blank_lies_between() -> None:
    once = search(spelt("晋L-1-22-3-4-5", blanks=False, sure=0.9999))
    twice = search(spelt("晋L-1-2-2-3-4-", blanks=False, sure=0.9999))
    assert once is not None
    assert twice is not None
    assert once.best.plate == "晋L12345"
    assert twice.best.plate == "晋L12234"


def test_what_the_grammar_forbids_is_never_returned() -> None:
    generator = np.random.default_rng(7)
    for _ in range(50):
        noise = generator.dirichlet(np.full(len(SYMBOLS) + 1, 0.05), size=20)
        reading = search(np.log(noise + 1e-9).astype(np.float32))
        for hypothesis in reading.hypotheses if reading else ():
            assert is_whole(hypothesis.plate)
            assert hypothesis.logp <= 1e-6


def test_an_empty_crop_is_no_plate() -> None:
    blank = np.full((20, len(SYMBOLS) + 1), 1e-9, np.float32)
    blank[:, 0] = 1.0
    assert search(np.log(blank)) is None


def test_a_doubtful_place_gives_the_second_text_and_a_small_margin() -> None:
    mixed = blend(spelt("晋L12345"), spelt("晋L12845"), 0.4)
    reading = search(mixed)
    assert reading is not None
    assert reading.hypotheses[0].plate == "晋L12345"
    assert reading.hypotheses[1].plate == "晋L12845"
    assert reading.margin == pytest.approx(math.log(0.6 / 0.4), abs=0.05)
    chars = place_confidence(reading.hypotheses, 1.0)
    assert [symbol for symbol, _ in chars] == list("晋L12345")
    assert chars[4][1] == pytest.approx(0.6, abs=0.05)
    assert chars[0][1] > 0.95


def test_the_probability_of_a_text_is_the_sum_over_its_alignments() -> None:
    # Two steps, one symbol each way: blank+symbol and symbol+blank and symbol+symbol.
    steps = spelt("晋L1234", sure=0.999)
    last = np.full((2, len(SYMBOLS) + 1), 1e-9, np.float32)
    last[:, 0], last[:, SYMBOLS.index("5") + 1] = 0.5, 0.5
    reading = search(np.vstack([steps, np.log(last)]).astype(np.float32))
    assert reading is not None
    best = {h.plate: h.logp for h in reading.hypotheses}["晋L12345"]
    assert math.exp(best) == pytest.approx(0.75 * 0.999**12, abs=0.01)


def test_margin_of_a_single_text_is_bounded() -> None:
    assert margin_of((Hypothesis("晋L12345", -0.1),)) == MARGIN_MAX
