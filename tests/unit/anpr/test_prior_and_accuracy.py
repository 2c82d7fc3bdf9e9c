from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from terminal.anpr.prior import fitting, weigh
from terminal.anpr.site_accuracy import Confirmed, measure, wilson_pct
from terminal.anpr.types import Hypothesis

CLEAR = (Hypothesis("晋L12345", -0.1), Hypothesis("晋L12346", -6.0))
CLOSE = (Hypothesis("晋L12345", -0.7), Hypothesis("晋L12346", -1.2))


def test_the_list_decides_only_between_close_texts_and_says_so() -> None:
    close = weigh(CLOSE, {"晋L12346"})
    assert close.hypotheses[0].plate == "晋L12346"
    assert close.by_list
    clear = weigh(CLEAR, {"晋L12346"})
    assert clear.hypotheses[0].plate == "晋L12345"
    assert not clear.by_list


def test_the_list_never_adds_a_text() -> None:
    weighed = weigh(CLOSE, {"冀B00000"})
    assert weighed.hypotheses == CLOSE
    assert not weighed.by_list
    assert weigh((), {"晋L12345"}).hypotheses == ()


@given(st.lists(st.tuples(st.sampled_from("0123456789"), st.floats(-20, 0)), max_size=6))
def test_the_same_texts_come_out(texts: list[tuple[str, float]]) -> None:
    hypotheses = tuple(Hypothesis(f"晋L1234{c}", logp) for c, logp in texts)
    weighed = weigh(hypotheses, {"晋L12343"})
    assert sorted(h.plate for h in weighed.hypotheses) == sorted(h.plate for h in hypotheses)


def test_open_places_are_searched_in_the_list() -> None:
    known = {"晋L12345", "晋L12945", "晋L1234挂", "冀B12345", "nonsense"}
    assert fitting("晋L12?45", known) == ("晋L12345", "晋L12945")
    assert fitting("晋L99?45", known) == ()
    assert fitting("晋L?????", {f"晋L0000{n}" for n in range(9)}) == ()


@pytest.mark.parametrize(
    ("right", "lorries", "low", "high"),
    [(0, 0, 0.0, 100.0), (10, 10, 72.2, 100.0), (190, 200, 91.0, 97.3), (0, 20, 0.0, 16.1)],
)
def test_wilson_interval(right: int, lorries: int, low: float, high: float) -> None:
    assert wilson_pct(right, lorries) == pytest.approx((low, high), abs=0.1)


def visits(right: int, wrong: int, *, night: bool) -> list[Confirmed]:
    return [Confirmed("晋L12345", "晋L12345", night)] * right + [
        Confirmed("晋L12345", "", night)
    ] * wrong


def test_alarm_needs_a_rate_below_its_floor_beyond_doubt() -> None:
    assert not measure(visits(8, 2, night=False), night=False).alarm
    assert measure(visits(160, 40, night=False), night=False).alarm
    assert not measure(visits(165, 35, night=True), night=True).alarm
    assert measure(visits(120, 80, night=True), night=True).alarm
    assert not measure([], night=False).alarm


def test_day_and_night_are_counted_apart() -> None:
    week = visits(190, 10, night=False) + visits(5, 5, night=True)
    day, night = measure(week, night=False), measure(week, night=True)
    assert (day.lorries, day.right, day.enough) == (200, 190, True)
    assert (night.lorries, night.right, night.enough) == (10, 5, False)
