"""Sample checks of one cell: what is dropped, mended, counted, and never invented."""

from __future__ import annotations

import math
from collections.abc import Iterable

import pytest

from hal.contract.types import NS_PER_S, Counts, MonotonicNs, RawSample, SampleFlag
from terminal.weighing.decktime import DeckTime
from terminal.weighing.samples import CellStream, placed_by_clock
from terminal.weighing.stamps import SampleClock

PERIOD_S = 1 / 80


def stream(full_scale: int = 8_388_607) -> CellStream:
    return CellStream(0, DeckTime(0.02), PERIOD_S, full_scale, 17_000.0, 0.0, SampleClock(PERIOD_S))


def push(cell: CellStream, *samples: RawSample) -> None:
    """One tick that delivers these."""
    for sample in samples:
        cell.arrive(sample)
    (placed,) = placed_by_clock([cell], 0)
    for at in placed:
        cell.put(at)


def feed(
    cell: CellStream,
    counts: Iterable[int],
    start_s: float = 1.0,
    flags: SampleFlag = SampleFlag.NONE,
) -> CellStream:
    for k, value in enumerate(counts):
        at = MonotonicNs(round((start_s + k * PERIOD_S) * NS_PER_S))
        push(cell, RawSample(at, 0, Counts(value), flags))
    return cell


def wobble(count: int, level: int = 100_000) -> list[int]:
    return [level + (k * 37) % 11 for k in range(count)]


def test_bins_are_means_of_what_fell_into_them() -> None:
    cell = feed(stream(), wobble(160))
    known = [value for value in cell.bins.means if not math.isnan(value)]
    assert len(known) > 90
    assert all(abs(value - 100_005) < 8 for value in known)


def test_one_wild_sample_is_replaced_and_counted() -> None:
    values = wobble(160)
    values[80] += 400_000
    cell = feed(stream(), values)
    assert cell.counters.glitch == 1
    assert max(value for value in cell.bins.means if not math.isnan(value)) < 100_020


def test_an_axle_rolling_on_is_no_glitch() -> None:
    values = wobble(60) + [100_000 + 60_000 * k for k in range(1, 12)] + wobble(60, 760_000)
    assert feed(stream(), values).counters.glitch == 0


def test_an_axle_that_hops_is_no_glitch() -> None:
    hop = [1_000_000 + round(60_000 * math.sin(2 * math.pi * 15 * k / 80)) for k in range(160)]
    assert feed(stream(), hop).counters.glitch <= 2


def test_a_long_gap_is_not_bridged() -> None:
    cell = feed(stream(), wobble(80))
    feed(cell, wobble(80), start_s=3.0)
    assert any(math.isnan(value) for value in list(cell.bins.means)[10:])
    assert cell.counters.missing > 0


def test_a_short_gap_is_bridged_and_counted() -> None:
    cell = feed(stream(), wobble(80))
    feed(cell, wobble(80), start_s=2.1)
    assert not any(math.isnan(value) for value in list(cell.bins.means)[5:])
    assert cell.counters.missing >= 6


def test_a_repeating_converter_is_stuck_after_a_second() -> None:
    cell = feed(stream(), [5] * 70)
    assert not cell.stuck()
    feed(cell, [5] * 40, start_s=1.0 + 70 * PERIOD_S)
    assert cell.stuck()
    assert cell.counters.stuck > 0


def test_the_rail_three_times_is_saturated() -> None:
    cell = feed(stream(), [8_388_607] * 2)
    assert not cell.saturated()
    feed(cell, [8_388_607], start_s=1.1)
    assert cell.saturated()


@pytest.mark.parametrize("flag", [SampleFlag.DESYNC, SampleFlag.READ_TOO_LONG])
def test_a_suspect_reading_is_dropped_and_counted(flag: SampleFlag) -> None:
    cell = feed(stream(), wobble(50), flags=flag)
    assert cell.counters.desync == 50
    assert not cell.bins.means


@pytest.mark.parametrize("swapped_at", [10, 11, 40])
def test_a_sample_that_was_overtaken_takes_its_place(swapped_at: int) -> None:
    clean, swapped = stream(), stream()
    values = [1_000 * (n * n % 11) for n in range(60)]
    made = [
        RawSample(MonotonicNs(NS_PER_S + round(n * clean.period_s * NS_PER_S)), 0, Counts(v))
        for n, v in enumerate(values)
    ]
    for sample in made:
        push(clean, sample)
    made[swapped_at : swapped_at + 2] = made[swapped_at : swapped_at + 2][::-1]
    for sample in made:
        push(swapped, sample)
    assert swapped.counters.late == 1
    assert list(swapped.bins.means) == pytest.approx(list(clean.bins.means), abs=20)


def test_a_late_sample_is_dropped_and_counted() -> None:
    cell = feed(stream(), wobble(50))
    push(cell, RawSample(MonotonicNs(round(1.2 * NS_PER_S)), 0, Counts(1)))
    assert cell.counters.late == 1


def test_waiting_bins_are_bounded() -> None:
    cell = feed(stream(), wobble(80))
    feed(cell, wobble(3), start_s=10_000.0)
    assert len(cell.bins.means) <= 4_096
