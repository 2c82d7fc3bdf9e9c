"""The live pipeline on plain step loads: hold, void, refuse."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

import pytest

from hal.contract.types import NS_PER_S, Counts, MonotonicNs, RawSample, Tri
from terminal.core.types import Weighed, WeighFlag
from terminal.weighing import Pipeline, calibration
from terminal.weighing.params import WeighParams, alarm_only

X_MM = (0, 0, 6_000, 6_000, 12_000, 12_000, 18_000, 18_000)
Y_MM = (0, 3_000) * 4


def params(beams: bool = True) -> WeighParams:
    return calibration.weigh_params(
        calibration.simulated("SIM-1"),
        max_kg=100_000,
        e_kg=20,
        occupied_kg=800,
        beams=beams,
        rate_hz=80,
        deck_length_mm=18_000,
        cell_positions_mm=list(zip(X_MM, Y_MM, strict=True)),
    )


class Deck:
    """Feeds one pipeline at 80 SPS in 10 ms ticks with a load spread over the cells."""

    def __init__(self, p: WeighParams, seed: int = 1) -> None:
        self.p = p
        self.pipe = Pipeline(p)
        self.rng = random.Random(seed)
        self.now_ns = NS_PER_S
        self.next_ns = NS_PER_S
        self.period_ns = NS_PER_S // 80
        self.newest: Weighed | None = None

    def run(
        self,
        seconds: float,
        kg: float | Sequence[float],
        *,
        beam: Tri = Tri.NO,
        dead: int = -1,
        rail: int = -1,
        person: tuple[int, float] = (-1, 0.0),
        spikes: int = -1,
        late: int = 1,
    ) -> list[Weighed]:
        """kg: on the whole deck, or one entry a cell.

        person: the cell somebody stands at, and his kilograms. spikes: a cell that has them.
        late: samples are delivered every so many ticks.
        """
        cells_kg = [kg / 8] * 8 if isinstance(kg, (int, float)) else list(kg)
        seen = []
        end_ns = self.now_ns + int(seconds * NS_PER_S)
        while self.now_ns < end_ns:
            samples = []
            due = self.now_ns // 10_000_000 % late == 0
            while due and self.next_ns <= self.now_ns:
                for i in range(self.p.cells):
                    if i == dead:
                        continue
                    on_kg = cells_kg[i] + (person[1] if i == person[0] else 0.0)
                    counts = on_kg / self.p.kg_per_count[i] + self.rng.gauss(0, 60)
                    if i == spikes and self.rng.random() < 0.06:
                        counts += 400_000
                    value = self.p.full_scale if i == rail else round(counts)
                    samples.append(RawSample(MonotonicNs(self.next_ns), i, Counts(value)))
                self.next_ns += self.period_ns
            out = self.pipe.feed(samples, beam, Tri.NO, True, MonotonicNs(self.now_ns))
            if out is not None:
                seen.append(out)
                self.newest = out
            self.now_ns += 10_000_000
        return seen


def test_a_standing_load_is_held_as_a_multiple_of_the_division() -> None:
    deck = Deck(params())
    deck.run(3, 0)
    assert deck.newest is not None
    assert deck.newest.deck_empty is Tri.YES
    assert deck.newest.zero_valid is Tri.YES
    deck.run(6, 48_996)
    assert deck.newest.held_kg == 49_000
    assert deck.newest.gross_kg == 49_000
    assert deck.newest.held_u_kg > 0


def test_nothing_is_held_while_a_beam_is_blocked() -> None:
    deck = Deck(params())
    deck.run(3, 0)
    seen = deck.run(6, 30_000, beam=Tri.YES)
    assert all(w.held_kg is None for w in seen)


@pytest.mark.parametrize("beam", [Tri.UNKNOWN, Tri.YES])
def test_an_unknown_beam_reads_as_blocked(beam: Tri) -> None:
    deck = Deck(params())
    deck.run(3, 0)
    assert all(w.held_kg is None for w in deck.run(5, 30_000, beam=beam))


@pytest.mark.parametrize("ticks", [1, 2, 3, 5, 12, 20])
@pytest.mark.parametrize("phase", range(5))
@pytest.mark.parametrize("late", [1, 5, 20])
def test_a_mass_is_held_since_the_beams_came_clear(ticks: int, phase: int, late: int) -> None:
    """A cut ends the hold however it lies between samples and steps, and samples that come in
    bursts late with it: else the core, which looks every tick, never trusts the mass again.
    """
    deck = Deck(params(), seed=7)
    deck.run(3, 0)
    deck.run(5 + phase * 0.01, 30_000)
    deck.run(0.4, 30_000, late=late)
    assert deck.newest is not None
    assert deck.newest.held_kg == 30_000
    cut = deck.run(ticks * 0.01, 30_000, beam=Tri.YES, late=late)
    assert all(w.held_kg is None for w in cut)
    clear_ns = deck.now_ns
    seen = deck.run(1, 30_000, late=late)
    assert all(w.held_kg is None or w.held_since_ns >= clear_ns for w in seen)
    assert seen[-1].held_kg == 30_000


def test_who_walks_behind_a_standing_vehicle_is_no_second_one_for_ever() -> None:
    deck = Deck(params())
    deck.run(3, 0)
    deck.run(5, 30_000)
    deck.run(0.6, 30_000, beam=Tri.YES)
    seen = deck.run(1.5, 30_000)
    assert all(w.flags & WeighFlag.TWO_VEHICLES and w.held_kg is None for w in seen)
    told = [e.detail for e in deck.pipe.drain_events() if e.kind == "flag_two_vehicles"]
    assert told == ["50 % sure"]
    deck.run(2, 30_000)
    assert deck.newest is not None
    assert not deck.newest.flags & WeighFlag.TWO_VEHICLES
    assert deck.newest.held_kg == 30_000


def test_a_second_vehicle_on_the_deck_stays_one_though_the_beam_is_clear_again() -> None:
    deck = Deck(params())
    deck.run(3, 0)
    deck.run(5, 30_000)
    deck.run(0.4, 30_000, beam=Tri.YES)
    for more_kg in range(200, 2_001, 200):
        both = [30_000 / 8 + more_kg] * 2 + [30_000 / 8] * 6
        deck.run(0.05, both, beam=Tri.YES)
    seen = deck.run(6, both)
    assert all(w.flags & WeighFlag.TWO_VEHICLES and w.held_kg is None for w in seen)


def test_a_load_present_since_the_start_has_no_zero_reference() -> None:
    deck = Deck(params())
    seen = deck.run(6, 40_000)
    assert all(w.held_kg is None for w in seen)
    assert seen[-1].flags & WeighFlag.NO_ZERO_REF
    assert seen[-1].zero_valid is Tri.NO


def test_a_held_mass_is_voided_when_the_load_leaves() -> None:
    deck = Deck(params())
    deck.run(3, 0)
    deck.run(6, 30_000)
    assert deck.newest is not None
    assert deck.newest.held_kg == 30_000
    deck.run(4, 0)
    assert deck.newest.held_kg is None
    assert deck.newest.deck_empty is Tri.YES


def test_above_max_plus_nine_divisions_nothing_is_shown() -> None:
    deck = Deck(params())
    deck.run(3, 0)
    seen = deck.run(6, 100_240)
    assert seen[-1].gross_kg is None
    assert seen[-1].held_kg is None
    assert seen[-1].flags & WeighFlag.OVERLOAD


def test_a_silent_cell_takes_the_weight_away() -> None:
    deck = Deck(params())
    deck.run(3, 0)
    deck.run(6, 30_000)
    deck.run(3, 30_000, dead=3)
    assert deck.newest is not None
    assert deck.newest.gross_kg is None
    assert deck.newest.held_kg is None


def test_a_cell_at_the_rail_is_named() -> None:
    deck = Deck(params())
    deck.run(3, 0)
    deck.run(4, 30_000, rail=5)
    assert deck.newest is not None
    assert deck.newest.held_kg is None
    assert deck.newest.flags & WeighFlag.SATURATION
    assert deck.newest.cell == 5


@pytest.mark.parametrize("glitch_blocks", [False, True])
def test_spikes_alarm_and_hold_the_vehicle_where_the_site_wants_it(glitch_blocks: bool) -> None:
    deck = Deck(replace(params(), alarm_only=alarm_only(glitch_blocks=glitch_blocks)))
    deck.run(3, 0)
    deck.run(3, 0, spikes=2)
    seen = deck.run(8, 30_000, spikes=2)
    flagged = [each for each in seen[-300:] if each.flags & WeighFlag.GLITCH]
    assert flagged
    assert {each.cell for each in flagged} == {2}
    assert any(each.held_kg == 30_000 for each in flagged) is not glitch_blocks


def test_the_zero_survives_a_restart() -> None:
    deck = Deck(params())
    deck.run(3, 60)
    again = Pipeline(params())
    assert again.restore_zero(deck.pipe.zero_state(), MonotonicNs(1))
    assert [e.kind for e in again.drain_events()] == ["zero_restored"]


def test_after_minutes_of_silence_bins_are_of_the_time_they_were_made() -> None:
    deck = Deck(params())
    deck.run(3, 0)
    deck.now_ns = deck.next_ns = deck.now_ns + 600 * NS_PER_S
    deck.run(3, 0)
    deck.run(5, 30_000)
    assert deck.newest is not None
    assert deck.now_ns - deck.newest.at_ns < NS_PER_S // 10
    assert deck.newest.held_kg == 30_000


def test_one_stamp_of_another_age_does_not_stop_the_deck() -> None:
    deck = Deck(params())
    deck.run(3, 0)
    far_ns = MonotonicNs(10**19)
    wild = [RawSample(far_ns, i, Counts(0)) for i in range(8)]
    deck.pipe.feed(wild, Tri.NO, Tri.NO, True, far_ns)
    deck.run(5, 30_000)
    assert deck.newest is not None
    assert deck.newest.held_kg == 30_000


def test_a_deck_far_below_zero_is_not_seen_empty() -> None:
    deck = Deck(params())
    deck.run(3, 0)
    deck.run(2, -30_000)
    assert deck.newest is not None
    assert deck.newest.gross_kg is None
    assert deck.newest.deck_empty is Tri.UNKNOWN
