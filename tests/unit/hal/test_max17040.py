"""The battery gauge of a UPS board on its register model."""

from __future__ import annotations

import pytest

from hal.contract.types import DeviceAbsentError, FaultCode, MonotonicNs
from hal.drivers.max17040 import Max17040
from hal.sim.max17040 import SimGauge

NOW = MonotonicNs(3)


@pytest.mark.parametrize(
    ("permille", "pct", "codes"),
    [
        (1_000, 100, []),
        (305, 30, []),
        (300, 30, []),
        (299, 29, [FaultCode.SUPPLY]),
        (0, 0, [FaultCode.SUPPLY]),
    ],
)
def test_the_charge_and_its_limit(permille, pct, codes):
    bus = SimGauge()
    gauge = Max17040(bus, 0x36, "UPS", 30)
    assert gauge.charge_pct is None
    bus.charge_permille = permille
    assert [fault.code for fault in gauge.look(NOW)] == codes
    assert gauge.charge_pct == pct


def test_a_gauge_that_goes_away_is_a_fault_by_name_and_comes_back():
    bus = SimGauge()
    gauge = Max17040(bus, 0x36, "UPS", 30)
    bus.nack = True
    (fault,) = gauge.look(NOW)
    assert (fault.code, fault.device) == (FaultCode.BUS, "UPS")
    assert gauge.charge_pct is None
    bus.nack = False
    assert gauge.look(NOW) == ()
    gauge.close()


def test_a_wrong_address_is_said_at_start():
    with pytest.raises(DeviceAbsentError, match="no battery gauge at 0x37") as caught:
        Max17040(SimGauge(), 0x37, "UPS", 30)
    assert "battery" in caught.value.check
