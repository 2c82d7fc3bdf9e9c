"""Holding: near a limit longer, void when the load shifts or the vehicle moves."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hal.contract.types import NS_PER_S, Counts, MonotonicNs, RawSample, Tri
from terminal.core.limits import BLUE_PLATE_KG, TABLE
from terminal.core.types import Weighed, WeighFlag
from terminal.weighing import Pipeline
from terminal.weighing.corners import Corner
from terminal.weighing.params import LIMITS_KG
from tests.unit.weighing.test_pipeline import Deck, params


def first_hold(deck: Deck, kg: float) -> float:
    """Seconds from the load's arrival to the first held mass."""
    start_ns = deck.now_ns
    held = [w for w in deck.run(10, kg) if w.held_kg is not None]
    assert held
    return (held[0].at_ns - start_ns) / NS_PER_S


def loaded(kg: float) -> Deck:
    deck = Deck(params())
    deck.run(3, 0)
    deck.run(4, kg)
    assert deck.newest is not None
    assert deck.newest.held_kg is not None
    return deck


def test_a_mass_is_held_within_two_seconds_of_standing() -> None:
    deck = Deck(params())
    deck.run(3, 0)
    assert first_hold(deck, 30_000) < 2.0


def test_a_zero_that_was_just_set_is_no_wind() -> None:
    deck = Deck(params())
    deck.run(3, 130)
    assert first_hold(deck, 30_130) < 2.0


def test_in_wind_a_mass_takes_longer_and_is_less_sure() -> None:
    calm, windy = Deck(params()), Deck(params())
    for deck, gust in ((calm, 0.0), (windy, 7.0)):
        deck.run(3, 0)
        for _ in range(6):
            deck.run(1, gust)
            deck.run(1, -gust)
    calm_s, windy_s = first_hold(calm, 30_000), first_hold(windy, 30_000)
    assert calm_s < 2.0 < windy_s
    assert calm.newest is not None
    assert windy.newest is not None
    assert windy.newest.held_u_kg > calm.newest.held_u_kg


def in_gusts(gust_kg: float, vehicle_kg: float, careful_kg: tuple[int, ...]) -> float:
    """Seconds to the first held mass after gusts over the empty deck."""
    deck = Deck(replace(params(), careful_kg=careful_kg))
    deck.run(3, 0)
    for _ in range(6):
        deck.run(1, gust_kg)
        deck.run(1, -gust_kg)
    return first_hold(deck, vehicle_kg)


@pytest.mark.parametrize(
    ("gust_kg", "off_kg", "early_s", "late_s"),
    [
        (14.0, None, 3.2, 4.0),
        (14.0, 90, 3.2, 4.0),
        (14.0, -90, 3.2, 4.0),
        (14.0, 45, 6.0, 9.0),
        (14.0, -45, 6.0, 9.0),
        (14.0, 0, 6.0, 9.0),
        (22.0, None, 6.0, 9.0),
        (0.0, None, 0.0, 2.0),
        (0.0, 0, 0.0, 3.0),
    ],
    ids=[
        "no limit at all",
        "a limit out of the doubt's reach above",
        "and below",
        "a limit that the doubt reaches above, though it is 2 MPE away",
        "and below",
        "at a limit",
        "stronger wind than the gate admits",
        "no wind",
        "no wind, at a limit",
    ],
)
def test_wind_is_waited_for_only_where_a_limit_is_in_reach_or_the_doubt_too_great(
    gust_kg: float, off_kg: int | None, early_s: float, late_s: float
) -> None:
    careful_kg = () if off_kg is None else (30_000 + off_kg,)
    assert early_s <= in_gusts(gust_kg, 30_000, careful_kg) < late_s


@pytest.mark.parametrize(
    ("around_kg", "gust_kg", "held_kg"),
    [
        (0.0, 8.0, 30_000),
        (6.0, 8.0, 29_994),
        (-6.0, 8.0, 30_006),
        (16.0, 12.0, 29_990),
        (-16.0, 12.0, 30_010),
        (30.0, 12.0, 30_000),
        (6.0, 26.0, 30_000),
        (6.0, 0.5, 30_000),
        (75.0, 5.0, 30_000),
    ],
    ids=[
        "gusts around zero",
        "the zero was set in a gust down",
        "or up",
        "no more than zero tracking reaches",
        "nor the other way",
        "a weight is no gust",
        "too rough for any gust",
        "no wind at all",
        "somebody who stayed",
    ],
)
def test_a_zero_that_was_set_in_a_gust_is_corrected_to_the_reach_of_zero_tracking(
    around_kg: float, gust_kg: float, held_kg: float
) -> None:
    deck = Deck(params())
    deck.run(3, 0)
    gusts = [around_kg + gust_kg * (-1) ** (i // 2) for i in range(30)]
    deck.pipe.hold.resume_calm(gusts)
    assert deck.run(9, 30_000)[-1].held_kg is not None
    assert deck.pipe.held_fine_kg()[0] == pytest.approx(held_kg, abs=1.5)


def test_every_limit_of_the_law_is_one_to_be_careful_at() -> None:
    legal = {kg for row in TABLE for kg in (row.limit_kg, row.air_kg)}
    assert {*LIMITS_KG} == legal | {BLUE_PLATE_KG}


def test_a_person_who_crossed_the_empty_deck_is_no_wind() -> None:
    deck = Deck(params())
    deck.run(5, 0)
    deck.run(1.5, 80)
    deck.run(1.5, 400)
    deck.run(4, 0)
    assert first_hold(deck, 30_000) < 2.0


def test_a_person_who_stayed_on_the_empty_deck_delays_but_does_not_stop_a_vehicle() -> None:
    deck = Deck(params())
    deck.run(3, 0)
    for kg in (70.0, 100.0, 80.0, 0.0):
        deck.run(3, kg)
    assert first_hold(deck, 30_000) < 9.0


def test_no_limit_in_reach_means_no_extra_care() -> None:
    plain = Deck(replace(params(), careful_kg=()))
    near = Deck(params())
    for deck in (plain, near):
        deck.run(3, 0)
    assert first_hold(plain, 49_005) <= first_hold(near, 49_005)


def test_a_person_stepping_on_voids_the_mass_and_is_named() -> None:
    deck = loaded(30_000)
    seen = deck.run(3, 30_110)
    assert any(w.held_kg is None for w in seen)
    assert any(w.flags & WeighFlag.DISTURBED for w in seen)
    again = deck.run(6, 30_000)
    assert again[-1].held_kg == 30_000
    assert not again[-1].flags


@pytest.mark.parametrize(
    ("vehicle_kg", "person"),
    [(48_000, (3, 65.0)), (48_000, (0, -70.0)), (7_000, (7, 150.0)), (7_000, (0, 150.0))],
    ids=["light person, heavy truck", "driver out", "far end of a van", "near end of a van"],
)
def test_a_person_anywhere_voids_the_mass_and_is_named(
    vehicle_kg: float, person: tuple[int, float]
) -> None:
    deck = loaded(vehicle_kg)
    seen = deck.run(4, vehicle_kg, person=person)
    assert any(w.held_kg is None for w in seen)
    assert any(w.flags & WeighFlag.DISTURBED for w in seen)
    assert not any(w.flags & WeighFlag.EXTERNAL_SUPPORT for w in seen)


def test_a_vehicle_that_rolls_on_a_little_was_not_disturbed() -> None:
    deck = loaded(7_000)
    for step in range(20):
        seen = deck.run(0.1, 7_000 - 60.0 * step, person=(7, 60.0 * step))
        assert not any(w.flags & WeighFlag.DISTURBED for w in seen)
    assert deck.run(4, 5_860, person=(7, 1_140.0))[-1].held_kg == 7_000


def test_a_load_that_is_rocked_is_unsteady_though_it_holds_still_at_times() -> None:
    deck = Deck(params())
    deck.run(3, 0)
    seen = []
    for turn in range(16):
        seen += deck.run(2.0, 30_000 + (110 if turn % 2 else -110))
    assert any(w.held_kg is not None for w in seen)
    assert any(w.flags & WeighFlag.UNSTEADY for w in seen)


def test_a_steady_load_that_a_wrong_cell_holds_up_is_not_called_unsteady() -> None:
    deck = Deck(params())
    deck.run(3, 0)
    deck.pipe.checks.corners.verdict = Corner(2, 0.02, 50.0, (2, 3))
    seen = deck.run(16, 30_000)
    assert all(w.held_kg is None for w in seen)
    assert seen[-1].flags == WeighFlag.CORNER_ERROR
    assert seen[-1].cell == 2


def test_load_taken_off_by_tonnes_is_outside_support_and_blocks() -> None:
    deck = loaded(30_000)
    seen = deck.run(6, 28_500)
    assert seen[-1].flags & WeighFlag.EXTERNAL_SUPPORT
    assert seen[-1].held_kg is None


@pytest.mark.parametrize(("kg", "held"), [(27_000, False), (29_700, True)])
def test_a_vehicle_that_stands_lighter_than_it_rolled_is_supported(kg: float, held: bool) -> None:
    deck = Deck(params())
    deck.run(3, 0)
    deck.run(1.0, 30_000, beam=Tri.YES)
    seen = deck.run(6, kg)
    assert (seen[-1].held_kg is not None) is held
    assert bool(seen[-1].flags & WeighFlag.EXTERNAL_SUPPORT) is not held


def test_the_flags_end_with_the_vehicle() -> None:
    deck = loaded(30_000)
    deck.run(4, 28_500)
    assert deck.run(5, 0)[-1].flags is WeighFlag.NONE
    assert deck.run(4, 20_000)[-1].held_kg == 20_000


def test_a_vehicle_that_leaves_without_a_mass_left_early() -> None:
    deck = Deck(params())
    deck.run(3, 0)
    deck.run(2.5, 30_000, beam=Tri.UNKNOWN)
    seen = deck.run(1.5, 0, beam=Tri.UNKNOWN)
    assert any(w.flags & WeighFlag.LEFT_EARLY for w in seen)
    assert not deck.run(3, 0)[-1].flags


def rolling(pipe: Pipeline, x_m: list[float], kg: float, start_ns: int) -> list[Weighed]:
    """One point load along the deck, a position a sample, shared between the two lines."""
    seen = []
    period = NS_PER_S // 80
    for k, x in enumerate(x_m):
        at = MonotonicNs(start_ns + k * period)
        line = min(int(x // 6), 2)
        share = (x - 6 * line) / 6
        force = [0.0] * 8
        for side in (0, 1):
            force[2 * line + side] = kg * (1 - share) / 2
            force[2 * line + 2 + side] = kg * share / 2
        samples = [
            RawSample(at, c, Counts(round(f / pipe.params.kg_per_count[c]) + (k * 31 + c) % 9))
            for c, f in enumerate(force)
        ]
        out = pipe.feed(samples, Tri.NO, Tri.NO, True, at)
        if out is not None:
            seen.append(out)
    return seen


@pytest.mark.parametrize("kmh", [2.0, 5.0, 15.0])
def test_a_constant_total_that_travels_is_never_held(kmh: float) -> None:
    pipe = Pipeline(params(beams=False))
    empty = rolling(pipe, [1.0] * 240, 0.0, NS_PER_S)
    assert empty[-1].zero_valid is Tri.YES
    steps = round(14 / (kmh / 3.6) * 80)
    path = [1.0 + 14.0 * k / steps for k in range(steps)]
    seen = rolling(pipe, path, 20_000.0, 4 * NS_PER_S)
    assert all(w.held_kg is None for w in seen)
    still = rolling(pipe, [15.0] * 240, 20_000.0, 4 * NS_PER_S + steps * (NS_PER_S // 80))
    assert still[-1].held_kg == 20_000
