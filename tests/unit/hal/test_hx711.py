"""HX711 under preemption: no wrong value gets through, few good ones are lost."""

from __future__ import annotations

import random

import pytest

from hal.contract.types import DeviceAbsentError, Fault, FaultCode, RawSample, SampleFlag
from hal.drivers.clocked_pair import GpioClockedPair
from hal.drivers.hx711 import Hx711LoadCells
from hal.sim.gpio import SimGpio
from hal.sim.hx711 import Hx711Chip
from tests.contract.worlds import HandClock, HandWorld

PINS = (5, 6)
TICK_NS = 10_000_000
"""The control loop's period: a word is then always read before the next conversion ends."""


class RacingClock(HandClock):
    """Every look at the clock costs 2 us, and sometimes the process is put aside."""

    def __init__(self, seed=1):
        super().__init__()
        self.random, self.preempt = random.Random(seed), 0.0

    def monotonic_ns(self):
        self.now_ns += 2_000
        if self.preempt and self.random.random() < self.preempt:
            self.now_ns += self.random.choice((20_000, 50_000, 58_000, 61_000, 200_000, 9_000_000))
        return super().monotonic_ns()


class Bench:
    def __init__(self, gain=128):
        self.clock, self.world, self.gpio = RacingClock(), HandWorld(), SimGpio()
        self.chip = Hx711Chip(self.gpio, PINS, self.world, 0, self.clock, 80)
        pair = GpioClockedPair(self.gpio, *PINS, self.clock, "deck")
        self.device = Hx711LoadCells([pair], 80, gain, self.clock, "deck", pause=self.clock.pause)

    def tick(self):
        self.clock.now_ns += TICK_NS
        return list(self.device.poll(self.clock.monotonic_ns(), 16))


@pytest.mark.parametrize("gain", [128, 64])
def test_under_preemption_every_value_let_through_is_the_chips_own(gain):
    bench = Bench(gain)
    values = random.Random(2)
    bench.clock.preempt = 0.002
    accepted = 0
    for _ in range(4_000):
        bench.world.cells_nv[0] = values.randint(-30_000_000, 30_000_000)
        for item in bench.tick():
            if isinstance(item, RawSample):
                accepted += 1
                assert item.counts == bench.chip.word
    assert bench.chip.slept > 50
    assert accepted > 1_000


def test_without_preemption_at_most_one_in_a_thousand_is_thrown_away():
    bench = Bench()
    values = random.Random(3)
    for _ in range(4_000):
        bench.world.cells_nv[0] = values.randint(-10_000_000, 10_000_000)
        bench.tick()
    assert bench.device.discarded <= 4
    assert bench.chip.slept == 0


def test_a_long_pulse_is_a_desync_and_the_next_four_words_are_dropped():
    bench = Bench()
    bench.clock.preempt = 0.01
    for _ in range(200):
        faults = [item for item in bench.tick() if isinstance(item, Fault)]
        if bench.chip.slept:
            break
    bench.clock.preempt = 0.0
    assert [fault.code for fault in faults] == [FaultCode.DESYNC]
    assert "asleep" in faults[0].detail
    before = bench.device.discarded
    good = next(found for found in (bench.tick() for _ in range(50)) if found)
    assert good[0].flags & SampleFlag.AFTER_FAULT
    assert bench.device.discarded - before == 4


def test_a_silent_chip_times_out_and_a_stuck_one_is_flagged():
    bench = Bench()
    bench.chip.stuck = True
    assert [bench.tick() for _ in range(30)][-1][0].flags & SampleFlag.STUCK
    bench.chip.silent = True
    found = [item for _ in range(30) for item in bench.tick()]
    assert FaultCode.TIMEOUT in [item.code for item in found if isinstance(item, Fault)]


def test_absent_chip_and_failing_line():
    clock, gpio = HandClock(), SimGpio()
    pair = GpioClockedPair(gpio, *PINS, clock, "deck")
    with pytest.raises(DeviceAbsentError, match="does not start"):
        Hx711LoadCells([pair], 80, 128, clock, "deck", pause=clock.pause)
    bench = Bench()

    def fail():
        raise RuntimeError("gone")

    bench.gpio.pin(6)._get_state = fail
    assert bench.tick()[0].code is FaultCode.BUS
    del bench.gpio.pin(6)._get_state
    assert bench.device.describe().device.model == "HX711 (not for trade)"


def test_gain_32_reads_channel_b_and_nothing_else():
    bench = Bench(gain=32)
    bench.world.cells_nv[0], bench.chip.b_nv = 1_000_000, -9_000_000
    good = [item for _ in range(40) for item in bench.tick()]
    assert good[-1].counts == bench.chip.word < -1_000_000 * 32 * (1 << 24) // 5_000_000_000
    assert bench.device.describe().gain == 32


def test_a_hung_chip_is_powered_down_and_comes_back_by_itself():
    bench = Bench()
    bench.tick()
    bench.chip.hung = True
    found = [item for _ in range(60) for item in bench.tick()]
    assert [item.code for item in found if isinstance(item, Fault)] == [FaultCode.TIMEOUT]
    assert not bench.chip.hung
    assert bench.chip.slept == 1
    healed = [item for item in found if isinstance(item, RawSample)]
    assert healed[0].flags & SampleFlag.AFTER_FAULT
    assert healed[-1].counts == bench.chip.word


def test_what_it_returned_is_counted():
    bench = Bench()
    bench.clock.preempt = 0.0005
    found = [item for _ in range(2_000) for item in bench.tick()]
    faults = [item for item in found if isinstance(item, Fault)]
    tally = bench.device.tally
    assert tally.samples == len(found) - len(faults)
    assert sum(tally.faults.values()) == len(faults) > 0
    assert 60_000 < tally.rate_mhz <= 80_000
