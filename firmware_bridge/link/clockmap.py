"""A device's clock in host time: an interval that every message narrows and drift widens.

A message that arrives says its stamp lies in the past; an answer says its stamp lies after the
question. Both bounds hold whatever the host was doing, so a stalled host makes the interval
wider, never wrong. Integers only; reads no clock.
"""

from __future__ import annotations

from hal.contract.types import MonotonicNs

DRIFT_PPM_MAX = 150
"""Two crystals of 50 ppm each, and temperature."""
NS_PER_US = 1_000
MILLION = 1_000_000
WIDTH_NS_MAX = 20_000_000
"""With a wider interval the mapping is unknown: no stamp is given, no lease asked for."""


class ClockMap:
    """Offset host minus device, as a lower and an upper bound. octet_ns: line time of a byte."""

    def __init__(self, octet_ns: int = 0) -> None:
        self._octet_ns = octet_ns
        self._low: int | None = None
        self._high: int | None = None
        self._at_us = 0
        self.broken = 0

    @property
    def known(self) -> bool:
        """Both bounds exist and are close enough to be worth anything."""
        return self._low is not None and self._high is not None and self.width_ns <= WIDTH_NS_MAX

    @property
    def width_ns(self) -> int:
        """Distance of the bounds; the middle is wrong by at most half of it."""
        assert self._low is not None
        assert self._high is not None
        return self._high - self._low

    def reset(self) -> None:
        """The device started again; its clock is another one."""
        self._low = self._high = None

    def received(self, device_us: int, host_ns: MonotonicNs, octets: int) -> None:
        """A message of so many octets, stamped before it was sent, had arrived at host_ns."""
        self._widen(device_us)
        high = host_ns - octets * self._octet_ns - device_us * NS_PER_US
        self._high = high if self._high is None else min(self._high, high)
        self._mend(high, high)

    def answered(self, asked_ns: MonotonicNs, octets: int, device_us: int) -> None:
        """The device stamped device_us after it had got a question sent at asked_ns."""
        self._widen(device_us)
        low = asked_ns + octets * self._octet_ns - device_us * NS_PER_US
        self._low = low if self._low is None else max(self._low, low)
        self._mend(low, low)

    def host_ns(self, device_us: int) -> MonotonicNs:
        """Host time of a device stamp. Only while known."""
        assert self._low is not None
        assert self._high is not None
        return MonotonicNs(device_us * NS_PER_US + (self._low + self._high) // 2)

    def device_us(self, host_ns: MonotonicNs) -> int:
        """Device time of a host time, early rather than late: for leases. Only while known."""
        assert self._high is not None
        return (host_ns - self._high) // NS_PER_US

    def _widen(self, device_us: int) -> None:
        passed_us = max(0, device_us - self._at_us)
        self._at_us = max(self._at_us, device_us)
        drift_ns = passed_us * NS_PER_US * DRIFT_PPM_MAX // MILLION
        if self._low is not None:
            self._low -= drift_ns
        if self._high is not None:
            self._high += drift_ns

    def _mend(self, low: int, high: int) -> None:
        """Bounds that cross mean a clock that jumped: start again from the newest word."""
        if self._low is not None and self._high is not None and self._low > self._high:
            self.broken += 1
            self._low, self._high = (low, None) if self._low == low else (None, high)
