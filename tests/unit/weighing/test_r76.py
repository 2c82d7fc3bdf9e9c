"""OIML R 76-1:2006 clause by clause: clause, case, what the terminal must do."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from hal.contract.types import NS_PER_S, MonotonicNs, Tri
from terminal.core.types import WeighFlag
from terminal.weighing import Pipeline
from terminal.weighing.params import mpe_kg, round_to_division
from terminal.weighing.zero import ZeroKeeper, ZeroState
from tests.unit.weighing.test_pipeline import Deck, params

E_KG = 20
MAX_KG = 100_000


def keeper() -> ZeroKeeper:
    return ZeroKeeper(params(), 0.02)


def settle(
    zero: ZeroKeeper, kg: float, seconds: float, start_s: float = 0.0, quiet: bool = True
) -> ZeroKeeper:
    """An empty deck that reads kg against the calibration, with a little noise."""
    rng = np.random.default_rng(1)
    span = np.asarray(params().kg_per_count)
    for k in range(round(seconds / 0.02)):
        counts = (kg / 8 + rng.normal(0, 0.2, 8)) / span
        zero.feed(counts, quiet, MonotonicNs(round((start_s + k * 0.02) * NS_PER_S)))
    return zero


def shown(zero: ZeroKeeper, kg: float) -> float:
    """What the deck shows now when it reads kg against the calibration."""
    span = np.asarray(params().kg_per_count)
    return float(kg - zero.counts @ span)


MPE_CASES = [
    (0, 10), (10_000, 10), (10_001, 20), (40_000, 20), (40_001, 30), (100_000, 30), (-50, 10),
]  # fmt: skip


@pytest.mark.parametrize(("mass_kg", "expected_kg"), MPE_CASES)
def test_3_5_1_mpe_of_class_iii(mass_kg: int, expected_kg: float) -> None:
    assert mpe_kg(mass_kg, E_KG) == expected_kg


ROUNDING = [(9.9, 0), (10, 20), (29.9, 20), (30, 40), (-9.9, 0), (-10, -20), (48_996, 49_000)]


@pytest.mark.parametrize(("mass_kg", "expected_kg"), ROUNDING)
def test_4_2_2_1_one_scale_interval_for_everything_shown(mass_kg: float, expected_kg: int) -> None:
    assert round_to_division(mass_kg, E_KG) == expected_kg


INDICATION = [
    ("Max", MAX_KG, MAX_KG, False),
    ("Max + 9 e", MAX_KG + 180, MAX_KG + 180, False),
    ("above Max + 9 e", MAX_KG + 200, None, True),
    ("-20 d", -400, -400, False),
    ("below -20 d", -440, None, False),
]


@pytest.mark.parametrize(
    ("case", "mass_kg", "gross_kg", "over"), INDICATION, ids=[c[0] for c in INDICATION]
)
def test_4_2_3_limits_of_indication(
    case: str, mass_kg: int, gross_kg: int | None, over: bool
) -> None:
    deck = Deck(params())
    deck.run(3, 0)
    last = deck.run(2, mass_kg)[-1]
    assert last.gross_kg == gross_kg
    assert bool(last.flags & WeighFlag.OVERLOAD) is over
    if over:
        assert last.held_kg is None


def test_4_4_1_an_old_value_does_not_persist_for_a_second() -> None:
    deck = Deck(params())
    deck.run(3, 0)
    deck.run(3, 20_000)
    changed = [w for w in deck.run(1, 30_000) if w.gross_kg == 30_000]
    assert changed
    assert changed[0].at_ns <= deck.now_ns - 0.4 * NS_PER_S


def test_3_8_a_change_of_1_4_d_is_shown_although_a_mass_is_held() -> None:
    deck = Deck(params())
    deck.run(3, 0)
    assert deck.run(3, 30_000)[-1].held_kg == 30_000
    assert deck.run(1, 30_028)[-1].gross_kg == 30_020


def test_4_4_2_nothing_is_held_while_the_mass_still_moves() -> None:
    deck = Deck(params())
    deck.run(3, 0)
    seen = [deck.run(0.1, kg) for kg in range(2_000, 40_000, 400)]
    assert all(w.held_kg is None for part in seen for w in part)


def test_4_4_2_a_held_mass_is_within_1_e_of_the_next_five_seconds() -> None:
    deck = Deck(params())
    deck.run(3, 0)
    held = [w.held_kg for w in deck.run(3, 31_234) if w.held_kg is not None]
    after = [w.gross_kg for w in deck.run(5, 31_234)]
    assert held
    assert all(g is not None and abs(g - held[0]) <= E_KG for g in after)


ZERO_CASES: list[tuple[str, str, Callable[[], ZeroKeeper], str, float]] = [
    (
        "4.5.1",
        "initial zero takes a small dead load",
        lambda: settle(keeper(), 300, 3),
        "zero_initial",
        0.0,
    ),
    (
        "4.5.1",
        "initial zero refuses what could be a vehicle",
        lambda: settle(keeper(), 700, 3),
        "zero_out",
        700.0,
    ),
    (
        "4.5.1",
        "initial zero beyond 10 % of Max stays silent: that is a vehicle",
        lambda: settle(keeper(), 12_000, 3),
        "",
        12_000.0,
    ),
    (
        "4.5.1",
        "zero key works within 2 % of Max",
        lambda: asked(settle(keeper(), 0, 3), 500),
        "zero_set",
        0.0,
    ),
    (
        "4.5.1",
        "zero key is refused beyond 2 % of Max",
        lambda: asked(settle(keeper(), 0, 3), 2_100),
        "zero_out",
        2_100.0,
    ),
    (
        "4.5.6",
        "below zero for 5 s: automatic zero setting",
        lambda: settle(settle(keeper(), 0, 3), -60, 8, 3),
        "zero_automatic",
        0.0,
    ),
    (
        "4.5.6",
        "below zero for 4 s only: nothing",
        lambda: settle(settle(keeper(), 0, 3), -60, 4 + 1.5, 3),
        "",
        -60.0,
    ),
    (
        "4.5.6",
        "above zero: never by itself, the deck is dirty",
        lambda: settle(settle(keeper(), 0, 3), 60, 20, 3),
        "",
        60.0,
    ),
    (
        "4.5.4",
        "moving deck: no zero",
        lambda: settle(keeper(), 0, 1.0),
        "",
        0.0,
    ),
]


def asked(zero: ZeroKeeper, kg: float) -> ZeroKeeper:
    zero.ask()
    return settle(zero, kg, 4, 3)


@pytest.mark.parametrize(
    ("clause", "case", "make", "last_event", "shows_kg"),
    ZERO_CASES,
    ids=[f"{c[0]} {c[1]}" for c in ZERO_CASES],
)
def test_zero(
    clause: str, case: str, make: Callable[[], ZeroKeeper], last_event: str, shows_kg: float
) -> None:
    zero = make()
    kinds = [event.kind for event in zero.drain_events() if event.kind != "zero_initial"]
    if last_event == "zero_initial":
        assert zero.referenced()
    elif last_event:
        assert kinds[-1] == last_event
    else:
        assert kinds == []
    reads = {0.0: None}.get(shows_kg, shows_kg)
    if reads is not None:
        assert shown(zero, reads) == pytest.approx(shows_kg, abs=3.0)


def test_4_5_2_zero_is_set_within_a_quarter_e() -> None:
    zero = settle(keeper(), 300, 4)
    assert abs(shown(zero, 300)) <= 0.25 * E_KG


def test_4_5_7_tracking_is_never_faster_than_half_a_division_a_second() -> None:
    zero = settle(keeper(), 0, 3)
    span = np.asarray(params().kg_per_count)
    before = float(zero.counts @ span)
    for second in range(5):
        settle(zero, 9, 1, 3 + second)
        after = float(zero.counts @ span)
        assert after - before <= 0.5 * E_KG + 1e-6
        before = after
    assert before > 5.0


def test_4_5_7_tracking_stops_while_a_beam_is_blocked_or_it_is_forbidden() -> None:
    zero = settle(keeper(), 0, 3)
    before = zero.counts.copy()
    settle(zero, 9, 5, 3, quiet=False)
    assert (zero.counts == before).all()


def test_4_5_1_tracking_in_small_steps_cannot_leave_the_range() -> None:
    zero = settle(keeper(), 0, 3)
    zero._initial_kg = -0.02 * MAX_KG
    before = zero.counts.copy()
    settle(zero, 9, 5, 3)
    assert float((zero.counts - before) @ np.asarray(params().kg_per_count)) <= 1.0


def test_every_zero_action_leaves_an_event() -> None:
    zero = settle(keeper(), 0, 3)
    settle(zero, -60, 8, 3)
    assert [e.kind for e in zero.drain_events()] == ["zero_initial", "zero_automatic"]


@pytest.mark.parametrize(
    ("counts", "initial_kg", "accepted"),
    [
        ((1_000.0,) * 8, 0.0, True),
        ((1_000.0,) * 7, 0.0, False),
        ((1e7,) * 8, 0.0, False),
        ((3e5,) * 8, 0.0, False),
        ((1_000.0,) * 8, 50_000.0, False),
        ((float("nan"),) * 8, 0.0, False),
    ],
)
def test_a_stored_zero_is_taken_only_when_plausible(
    counts: tuple[float, ...], initial_kg: float, accepted: bool
) -> None:
    state = ZeroState(counts, initial_kg, MonotonicNs(5))
    assert keeper().restore(state, MonotonicNs(9)) is accepted


def test_a_restored_zero_still_has_to_be_seen_on_an_empty_deck() -> None:
    zero = keeper()
    assert zero.restore(ZeroState((0.0,) * 8, 0.0, MonotonicNs(5)), MonotonicNs(9))
    assert not zero.valid(MonotonicNs(9))
    settle(zero, 100, 3)
    assert zero.valid(MonotonicNs(4 * NS_PER_S))


def test_a_restored_zero_that_the_deck_contradicts_is_out_of_range() -> None:
    zero = keeper()
    zero.restore(ZeroState((0.0,) * 8, 0.0, MonotonicNs(5)), MonotonicNs(9))
    settle(zero, 2_500, 3)
    assert zero.out_of_range
    assert not zero.valid(MonotonicNs(4 * NS_PER_S))


def test_an_old_zero_is_no_longer_valid() -> None:
    zero = settle(keeper(), 0, 3)
    assert zero.valid(MonotonicNs(4 * 3_600 * NS_PER_S))
    assert not zero.valid(MonotonicNs(5 * 3_600 * NS_PER_S))


def test_5_3_5_nothing_is_shown_before_the_cells_speak() -> None:
    pipe = Pipeline(params())
    assert pipe.feed([], Tri.NO, Tri.NO, True, MonotonicNs(NS_PER_S)) is None
