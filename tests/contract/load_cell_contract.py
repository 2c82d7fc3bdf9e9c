"""What every LoadCell must do. A backend supplies open_device() and the wires."""

from __future__ import annotations

import pytest

from hal.contract.devices import LoadCell
from hal.contract.types import Fault, LoadCellInfo, MonotonicNs, RawSample, SampleFlag

TICK_NS = 10_000_000


class LoadCellContract:
    """Rules of the LoadCell Protocol."""

    def open_device(self) -> LoadCell:
        raise AssertionError("the backend supplies this")

    def pass_time(self, ns: int) -> MonotonicNs:
        raise AssertionError("the backend supplies this")

    def set_load(self, cell: int, nv: int) -> None:
        raise AssertionError("the backend supplies this")

    def unplug(self) -> None:
        raise AssertionError("the backend supplies this")

    def replug(self) -> None:
        raise AssertionError("the backend supplies this")

    @pytest.fixture
    def device(self):
        device = self.open_device()
        yield device
        device.close()

    def run(self, device: LoadCell, ticks: int, limit: int = 16) -> list[RawSample | Fault]:
        found: list[RawSample | Fault] = []
        for _ in range(ticks):
            found.extend(device.poll(self.pass_time(TICK_NS), limit))
        return found

    def samples(self, found: list[RawSample | Fault]) -> list[RawSample]:
        return [item for item in found if isinstance(item, RawSample)]

    def test_it_is_a_load_cell(self, device):
        assert isinstance(device, LoadCell)
        info = device.describe()
        assert isinstance(info, LoadCellInfo)
        assert info.full_scale > 1_000
        assert device.describe() == info

    def test_every_cell_delivers_at_the_nominal_rate(self, device):
        info = device.describe()
        found = self.run(device, 200)
        assert not [item for item in found if isinstance(item, Fault)]
        expected = info.rate_mhz * 2 // 1_000
        for cell in range(info.cells):
            mine = [s for s in self.samples(found) if s.cell == cell]
            assert expected - 2 <= len(mine) <= expected + 1, cell
            times = [s.at_ns for s in mine]
            assert times == sorted(set(times))
            assert not any(s.flags for s in mine)

    def test_the_limit_bounds_one_poll_and_starves_no_cell(self, device):
        seen = set()
        for _ in range(100):
            found = device.poll(self.pass_time(TICK_NS), 2)
            assert len(found) <= 2
            seen |= {s.cell for s in self.samples(list(found))}
        assert seen == set(range(device.describe().cells))

    def test_no_sample_without_time(self, device):
        self.run(device, 5)
        now = self.pass_time(TICK_NS)
        device.poll(now, 16)
        assert not device.poll(now, 16)

    def test_counts_follow_the_load(self, device):
        before = self.samples(self.run(device, 20))[-1].counts
        for cell in range(device.describe().cells):
            self.set_load(cell, 2_000_000)
        after = self.samples(self.run(device, 20))[-1].counts
        assert after > before

    def test_over_range_is_flagged_saturated_both_ways(self, device):
        for nv in (200_000_000, -200_000_000):
            self.set_load(0, nv)
            mine = [s for s in self.samples(self.run(device, 20)) if s.cell == 0]
            assert mine[-1].flags & SampleFlag.SATURATED
            assert abs(mine[-1].counts) >= device.describe().full_scale

    def test_unplugged_is_a_fault_and_replugged_heals_with_a_mark(self, device):
        self.run(device, 10)
        self.unplug()
        found = self.run(device, 200)
        faults = [item for item in found if isinstance(item, Fault)]
        assert faults
        assert not self.samples(found)
        assert len(faults) <= 20 * device.describe().cells, "retries are bounded"
        assert faults[0].device == device.describe().device.name
        self.replug()
        healed = self.samples(self.run(device, 600))
        for cell in range(device.describe().cells):
            mine = [s for s in healed if s.cell == cell]
            assert mine[0].flags & SampleFlag.AFTER_FAULT
            assert not mine[-1].flags

    def test_what_it_returns_is_counted(self, device):
        tally = getattr(device, "tally", None)
        if tally is None:
            pytest.skip("this driver counts nothing itself")
        before, faults_before = tally.samples, sum(tally.faults.values())
        found = self.run(device, 50)
        self.unplug()
        found += self.run(device, 200)
        faults = [item for item in found if isinstance(item, Fault)]
        assert tally.samples - before == len(found) - len(faults)
        assert sum(tally.faults.values()) - faults_before == len(faults) > 0

    def test_closed_twice_and_silent_after(self, device):
        device.close()
        device.close()
        assert not self.run(device, 10)
