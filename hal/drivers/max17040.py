"""MAX17040/17048 battery gauge of UPS boards that the kernel does not show: charge over I2C.

Read seldom, written never. The gauge knows the battery and not the mains, so it can say that the
charge is low and not why. Source: Maxim 19-5210, registers VCELL and SOC.
"""

from __future__ import annotations

from typing import Final

from hal.contract.bus import I2c
from hal.contract.types import DeviceAbsentError, Fault, FaultCode, MonotonicNs

VCELL, SOC, VERSION = 0x02, 0x04, 0x08
ADDRESS: Final = 0x36
PCT_MAX: Final = 100


class Max17040:
    """One gauge. Fault: BUS while it does not answer, SUPPLY below charge_pct_min.

    charge_pct: of the last look, None before the first or after a failed one. Raises
    DeviceAbsentError at construction.
    """

    def __init__(self, bus: I2c, address: int, name: str, charge_pct_min: int) -> None:
        assert 0 <= charge_pct_min <= PCT_MAX
        self._bus, self._address, self._name = bus, address, name
        self._charge_pct_min = charge_pct_min
        self.charge_pct: int | None = None
        try:
            bus.read(address, VERSION, 2)
        except OSError as error:
            bus.close()
            found = f"no battery gauge at 0x{address:02x} ({error.strerror or error})"
            check = "Check that the UPS board sits on the header and has its battery"
            raise DeviceAbsentError(name, found, check) from error

    def look(self, now_ns: MonotonicNs) -> tuple[Fault, ...]:
        """Read the charge; one transfer."""
        try:
            raw = self._bus.read(self._address, SOC, 2)
        except OSError as error:
            self.charge_pct = None
            why = error.strerror or str(error)
            return (Fault(FaultCode.BUS, self._name, now_ns, why),)
        self.charge_pct = min(PCT_MAX, raw[0])
        if self.charge_pct >= self._charge_pct_min:
            return ()
        why = f"the battery holds {self.charge_pct} %"
        return (Fault(FaultCode.SUPPLY, self._name, now_ns, why),)

    def close(self) -> None:
        """Free the bus."""
        self._bus.close()
