"""What every Barrier must do: energise on a live lease of its own and on nothing else."""

from __future__ import annotations

import pytest

from hal.contract.devices import Barrier
from hal.contract.types import (
    LEASE_NS_MAX,
    Authority,
    BarrierFeedback,
    ClosePermit,
    FaultCode,
    Lease,
    MonotonicNs,
    Position,
    Side,
    Tri,
)

TICK_NS = 10_000_000
MS = 1_000_000


class BarrierContract:
    """Rules of the Barrier Protocol. A backend supplies the device, its arm and its wires."""

    side = Side.EXIT

    def open_device(self) -> Barrier:
        raise AssertionError("the backend supplies this")

    def pass_time(self, ns: int) -> MonotonicNs:
        raise AssertionError("the backend supplies this")

    def now(self) -> MonotonicNs:
        raise AssertionError("the backend supplies this")

    def set_arm(self, mdeg: int) -> None:
        raise AssertionError("the backend supplies this")

    def opening(self) -> bool:
        """Whether the opening relay is energised, as the wires say."""
        raise AssertionError("the backend supplies this")

    def closing(self) -> bool:
        raise AssertionError("the backend supplies this")

    def weld(self) -> None:
        raise AssertionError("the backend supplies this")

    @pytest.fixture
    def device(self):
        self.set_up()
        device = self.open_device()
        yield device
        device.close()

    def set_up(self) -> None:
        """Make a fresh rig."""

    def lease(self, life_ns: int = 200 * MS, side: Side | None = None, visit: int = 7) -> Lease:
        at = MonotonicNs(self.now() + life_ns)
        own = self.side if side is None else side
        return Lease(own, Authority.RECORD, visit, bytes([visit]) * 32, at)

    def permit(self, life_ns: int = 200 * MS, side: Side | None = None) -> ClosePermit:
        own = self.side if side is None else side
        return ClosePermit(own, MonotonicNs(self.now() + life_ns))

    def drive(self, device, lease=None, permit=None) -> BarrierFeedback:
        return device.drive(lease, permit, self.pass_time(TICK_NS))

    def test_it_is_a_barrier_and_starts_released(self, device):
        assert isinstance(device, Barrier)
        assert not self.opening()
        feedback = self.drive(device)
        assert feedback.commanded is False
        assert feedback.energised is Tri.NO
        assert not self.opening()
        assert not self.closing()

    @pytest.mark.parametrize("left_ns", [-1, 0, 1, TICK_NS - 1, TICK_NS])
    def test_an_expired_lease_never_energises(self, device, left_ns):
        lease = self.lease(TICK_NS + left_ns)
        feedback = self.drive(device, lease)
        assert feedback.commanded is (left_ns > 0)
        assert self.opening() is (left_ns > 0)

    def test_a_lease_longer_than_any_may_live_is_none(self, device):
        assert not self.drive(device, self.lease(TICK_NS + LEASE_NS_MAX + 1)).commanded
        assert self.drive(device, self.lease(TICK_NS + LEASE_NS_MAX)).commanded

    def test_the_other_sides_lease_is_none(self, device):
        other = Side.ENTRY if self.side is Side.EXIT else Side.EXIT
        assert not self.drive(device, self.lease(side=other)).commanded
        assert not self.opening()

    def test_the_same_lease_dies_at_its_own_expiry(self, device):
        lease = self.lease(35 * MS)
        seen = [self.drive(device, lease).commanded for _ in range(5)]
        assert seen == [True, True, True, False, False]
        assert not self.opening()

    def test_no_lease_releases_in_the_same_call(self, device):
        assert self.drive(device, self.lease()).commanded
        assert not self.drive(device).commanded
        assert not self.opening()

    def test_position_comes_from_the_switches_alone(self, device):
        for mdeg, position in [
            *((0, Position.CLOSED), (1_999, Position.CLOSED), (2_000, Position.MOVING)),
            *((45_000, Position.MOVING), (85_000, Position.MOVING)),
            *((85_001, Position.OPEN), (90_000, Position.OPEN)),
        ]:
            self.set_arm(mdeg)
            assert self.drive(device).position is position, mdeg
            assert self.drive(device, self.lease()).position is position, mdeg

    def test_an_arm_between_its_ends_for_too_long_is_unknown_with_a_fault(self, device):
        self.set_arm(45_000)
        assert self.drive(device).fault is None
        self.pass_time(60_000 * MS)
        feedback = self.drive(device)
        assert feedback.position is Position.UNKNOWN
        assert feedback.fault is not None
        assert feedback.fault.code is FaultCode.TIMEOUT

    def test_the_contact_is_read_back_and_a_welded_one_is_a_contradiction(self, device):
        self.drive(device, self.lease())
        assert self.drive(device, self.lease()).energised is Tri.YES
        self.weld()
        first = self.drive(device)
        assert (first.energised, first.fault) == (Tri.YES, None)
        for _ in range(49):
            last = self.drive(device)
            assert last.fault is None
        last = self.drive(device)
        assert last.fault is not None
        assert last.fault.code is FaultCode.CONTRADICTION
        assert last.fault.device == device.describe().name

    def test_one_opening_is_one_cycle(self, device):
        start = self.drive(device).cycles
        for mdeg in (0, 40_000, 90_000, 90_000, 40_000, 0):
            self.set_arm(mdeg)
            last = self.drive(device, self.lease())
        assert last.cycles == start + 1

    def test_close_releases_and_a_closed_barrier_stays_released(self, device):
        self.drive(device, self.lease())
        device.close()
        device.close()
        assert not self.opening()
        self.drive(device, self.lease())
        assert not self.opening()


class HoldContract(BarrierContract):
    """Kind hold: the contact is made exactly while leases live."""

    def test_held_as_long_as_renewed(self, device):
        for _ in range(500):
            assert self.drive(device, self.lease()).commanded
            assert self.opening()
        assert not self.drive(device, None, self.permit()).commanded


class PulseContract(BarrierContract):
    """Kind pulse: one pulse to open, one to close, never both."""

    pulse_ns = 500 * MS

    def ticks(self, device, count, lease=False, permit=False) -> tuple[int, int]:
        opened = closed = 0
        for _ in range(count):
            self.drive(device, self.lease() if lease else None, self.permit() if permit else None)
            assert not (self.opening() and self.closing())
            opened, closed = opened + self.opening(), closed + self.closing()
        return opened, closed

    def test_one_pulse_a_lease(self, device):
        assert self.ticks(device, 300, lease=True) == (self.pulse_ns // TICK_NS, 0)

    def test_another_visits_lease_is_another_pulse(self, device):
        self.ticks(device, 100, lease=True)
        assert self.drive(device, self.lease(visit=8)).commanded

    def test_no_pulse_when_the_arm_is_open(self, device):
        self.set_arm(90_000)
        assert self.ticks(device, 100, lease=True) == (0, 0)

    def test_a_pulse_ends_with_its_lease(self, device):
        assert self.ticks(device, 10, lease=True) == (10, 0)
        assert self.ticks(device, 10) == (0, 0)

    def test_one_closing_pulse_a_permit_and_it_ends_with_it(self, device):
        assert self.ticks(device, 300, permit=True) == (0, self.pulse_ns // TICK_NS)
        self.ticks(device, 1)
        assert self.ticks(device, 5, permit=True) == (0, 5)
        assert self.ticks(device, 5) == (0, 0)

    def test_never_closing_while_a_lease_lives(self, device):
        assert self.ticks(device, 300, lease=True, permit=True)[1] == 0
        self.ticks(device, 2, permit=True)
        assert self.closing()
        self.drive(device, self.lease(visit=9), self.permit())
        assert not self.closing()

    @pytest.mark.parametrize("left_ns", [0, TICK_NS + LEASE_NS_MAX + 1])
    def test_a_dead_or_overlong_permit_is_none(self, device, left_ns):
        self.drive(device, None, self.permit(left_ns))
        assert not self.closing()

    def test_the_other_sides_permit_is_none(self, device):
        other = Side.ENTRY if self.side is Side.EXIT else Side.EXIT
        self.drive(device, None, self.permit(side=other))
        assert not self.closing()
