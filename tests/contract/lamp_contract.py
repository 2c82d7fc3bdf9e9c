"""What every Lamp and every Siren must do: red and silent unless told otherwise just now."""

from __future__ import annotations

import pytest

from hal.contract.devices import Lamp, Siren
from hal.contract.types import Aspect, MonotonicNs

SECOND_NS = 1_000_000_000


class LampContract:
    """Rules of the Lamp Protocol."""

    def open_device(self) -> Lamp:
        raise AssertionError("the backend supplies this")

    def green(self) -> bool:
        raise AssertionError("the backend supplies this")

    @pytest.fixture
    def device(self):
        device = self.open_device()
        yield device
        device.close()

    def test_red_at_start_and_after_close(self, device):
        assert isinstance(device, Lamp)
        assert not self.green()
        device.show(Aspect.GREEN, MonotonicNs(1))
        assert self.green()
        device.close()
        assert not self.green()
        device.show(Aspect.GREEN, MonotonicNs(2))
        assert not self.green()

    def test_follows_the_aspect(self, device):
        for aspect in (Aspect.GREEN, Aspect.RED, Aspect.RED, Aspect.GREEN, Aspect.GREEN):
            device.show(aspect, MonotonicNs(1))
            assert self.green() is (aspect is Aspect.GREEN)


class SirenContract:
    """Rules of the Siren Protocol; the backend opens it with a maximum of 60 s."""

    def open_device(self) -> Siren:
        raise AssertionError("the backend supplies this")

    def sounding(self) -> bool:
        raise AssertionError("the backend supplies this")

    @pytest.fixture
    def device(self):
        device = self.open_device()
        yield device
        device.close()

    def test_silent_at_start_and_after_close(self, device):
        assert isinstance(device, Siren)
        assert not self.sounding()
        device.sound(True, MonotonicNs(1))
        assert self.sounding()
        device.close()
        assert not self.sounding()

    def test_a_long_tone_is_cut_until_asked_off(self, device):
        for second, expected in [(0, True), (59, True), (60, False), (90, False)]:
            device.sound(True, MonotonicNs(second * SECOND_NS))
            assert self.sounding() is expected
        device.sound(False, MonotonicNs(91 * SECOND_NS))
        device.sound(True, MonotonicNs(92 * SECOND_NS))
        assert self.sounding()
