"""NAU7802 driver and model: what the contract suite cannot say in general."""

from __future__ import annotations

import pytest

from hal.contract.types import DeviceAbsentError, Fault, FaultCode, RawSample, SampleFlag
from hal.drivers import nau7802
from hal.drivers.nau7802 import Nau7802LoadCells
from hal.sim.nau7802 import OFFSET_NV_MAX, SimI2c
from tests.contract.worlds import HandClock, HandWorld

TICK_NS = 10_000_000
NV_PER_COUNT = 3_000_000_000 / (128 << 24)


class Bench:
    def __init__(self, cells=2, rate_sps=80, gain=128):
        self.clock, self.world = HandClock(), HandWorld()
        self.bus = SimI2c(self.world, cells, 0x70, self.clock, seed=3)
        self.cells, self.rate_sps, self.gain = cells, rate_sps, gain

    def open(self):
        args = (self.bus, 0x2A, 0x70, self.cells, self.rate_sps, self.gain, self.clock, "deck")
        self.device = Nau7802LoadCells(*args, pause=self.clock.pause)
        return self

    def run(self, ticks):
        found = []
        for _ in range(ticks):
            self.clock.now_ns += TICK_NS
            found += self.device.poll(self.clock.monotonic_ns(), 16)
        return found


def faults(found):
    return [item.code for item in found if isinstance(item, Fault)]


def samples(found, cell):
    return [item for item in found if isinstance(item, RawSample) and item.cell == cell]


@pytest.mark.parametrize("gain", nau7802.GAINS)
@pytest.mark.parametrize("rate_sps", nau7802.RATE_BITS)
def test_every_gain_and_rate_gives_the_bridge_voltage(gain, rate_sps):
    bench = Bench(cells=1, rate_sps=rate_sps, gain=gain)
    bench.world.cells_nv[0] = 4_000_000
    got = [s.counts for s in samples(bench.open().run(200), 0)]
    mean_nv = sum(got) / len(got) * 3_000_000_000 / (gain << 24)
    assert abs(mean_nv - 4_000_000) < 200 + 3_000_000_000 / (gain << 24)


def test_calibration_takes_the_chips_offset_away_and_noise_is_190_nv():
    bench = Bench(cells=1)
    got = [s.counts * NV_PER_COUNT for s in samples(bench.open().run(2_000), 0)]
    mean = sum(got) / len(got)
    deviation = (sum((x - mean) ** 2 for x in got) / len(got)) ** 0.5
    assert abs(mean - 1_000_000) < 25
    assert 170 < deviation < 210
    assert OFFSET_NV_MAX > 1_000


def test_absent_multiplexer_and_absent_chip_name_the_device_and_what_to_check():
    for spoil in ("mux", "chip"):
        bench = Bench()
        bench.bus.mux_nack = spoil == "mux"
        bench.bus.chips[1].nack = spoil == "chip"
        with pytest.raises(DeviceAbsentError) as caught:
            bench.open()
        assert caught.value.device == "deck"
        assert "i2c_arm=on" in caught.value.check


def test_failed_calibration_at_open_is_absent_and_while_running_a_fault():
    bench = Bench()
    bench.bus.chips[0].cal_err = True
    with pytest.raises(DeviceAbsentError, match="CAL_ERR"):
        bench.open()
    bench = Bench().open()
    bench.bus.chips[0].cal_err = True
    bench.bus.chips[0].brown_out()
    found = bench.run(300)
    assert faults(found)[0] is FaultCode.RESET
    assert FaultCode.CALIBRATION in faults(found)
    assert len(samples(found, 1)) > 200, "the other cell goes on"


def test_a_brown_out_is_a_reset_fault_then_the_same_gain_again():
    bench = Bench().open()
    bench.run(20)
    bench.bus.chips[0].brown_out()
    found = bench.run(200)
    assert faults(found) == [FaultCode.RESET]
    mine = samples(found, 0)
    assert mine[0].flags == SampleFlag.AFTER_FAULT | SampleFlag.NONE
    assert all(abs(s.counts * NV_PER_COUNT - 1_000_000) < 2_000 for s in mine)


@pytest.mark.parametrize("after_ms", range(0, 700, 10))
@pytest.mark.parametrize("rate_sps", [10, 80])
def test_a_dip_at_any_moment_of_recovery_never_leaves_a_wrong_gain(after_ms, rate_sps):
    bench = Bench(cells=1, rate_sps=rate_sps).open()
    bench.bus.chips[0].brown_out()
    found = bench.run(1 + after_ms // 10)
    bench.bus.chips[0].brown_out()
    found += bench.run(400)
    mine = samples(found, 0)
    assert mine
    assert all(abs(s.counts * NV_PER_COUNT - 1_000_000) < 2_000 for s in mine)


def test_a_stuck_converter_is_flagged_and_recovers():
    bench = Bench().open()
    bench.bus.chips[0].stuck = True
    mine = samples(bench.run(40), 0)
    assert mine[-1].flags & SampleFlag.STUCK
    bench.bus.chips[0].stuck = False
    assert not samples(bench.run(5), 0)[-1].flags


def test_a_late_converter_is_missed_and_a_silent_one_times_out():
    bench = Bench().open()
    bench.bus.chips[0].late = True
    assert samples(bench.run(40), 0)[-1].flags & SampleFlag.MISSED
    bench = Bench().open()
    bench.bus.chips[0].__class__ = _Silent
    found = bench.run(40)
    assert FaultCode.TIMEOUT in faults(found)


class _Silent(type(SimI2c(HandWorld(), 1, None, HandClock()).chips[0])):
    """A chip whose oscillator stopped: registers answer, nothing converts."""

    def _advance(self):
        self._ready = False


def test_one_poll_costs_a_bounded_number_of_transactions_and_time():
    bench = Bench(cells=8).open()
    for _ in range(50):
        bench.clock.now_ns += TICK_NS
        before = bench.bus.transactions
        bench.device.poll(bench.clock.monotonic_ns(), 16)
        assert bench.bus.transactions - before <= 8 * 3
    slow = bench.bus.write_byte

    def select(address, value):
        bench.clock.now_ns += 1_000_000
        slow(address, value)

    bench.bus.write_byte = select
    bench.clock.now_ns += 10 * TICK_NS
    before = bench.clock.now_ns
    bench.device.poll(bench.clock.monotonic_ns(), 16)
    assert bench.clock.now_ns - before <= 2_000_000
