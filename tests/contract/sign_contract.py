"""What every Sign must do: light exactly the pixels it was given, and go dark when told."""

from __future__ import annotations

import random

import pytest

from hal.contract.devices import Sign
from hal.contract.types import Fault


class SignContract:
    """Rules of the Sign Protocol. lit() is what a person would see."""

    size_px = (128, 32)

    def open_device(self) -> Sign:
        raise AssertionError("the backend supplies this")

    def lit(self) -> bytes:
        raise AssertionError("the backend supplies this")

    def unplug(self) -> None:
        raise AssertionError("the backend supplies this")

    def replug(self) -> None:
        raise AssertionError("the backend supplies this")

    def lose_power(self) -> None:
        """The sign's own supply dips: its chips forget everything."""
        raise AssertionError("the backend supplies this")

    @pytest.fixture
    def device(self):
        device = self.open_device()
        yield device
        device.close()

    def bytes_count(self):
        return self.size_px[0] * self.size_px[1] // 8

    def picture(self, seed=1):
        return random.Random(seed).randbytes(self.bytes_count())

    def test_it_is_a_sign_dark_at_start(self, device):
        assert isinstance(device, Sign)
        assert device.size_px == self.size_px
        assert not any(self.lit())

    def test_each_pixel_alone(self, device):
        for at in range(0, self.bytes_count() * 8, 37):
            rows = bytearray(self.bytes_count())
            rows[at // 8] = 0x80 >> at % 8
            assert device.show(bytes(rows)) is None
            assert self.lit() == rows, at

    def test_random_pictures_one_after_the_other(self, device):
        for seed in range(10):
            assert device.show(self.picture(seed)) is None
            assert self.lit() == self.picture(seed)

    def test_blank_and_close_leave_it_dark(self, device):
        device.show(self.picture())
        device.blank()
        assert not any(self.lit())
        device.show(self.picture())
        device.close()
        device.close()
        assert not any(self.lit())
        assert isinstance(device.show(self.picture()), Fault)

    def test_unplugged_is_a_fault_and_replugged_shows_again(self, device):
        self.unplug()
        fault = device.show(self.picture())
        assert isinstance(fault, Fault)
        assert fault.device == device.describe().name
        device.blank()
        self.replug()
        assert device.show(self.picture(2)) is None
        assert self.lit() == self.picture(2)

    def test_a_sign_that_lost_its_supply_comes_back_with_the_next_picture(self, device):
        device.show(self.picture())
        self.lose_power()
        assert device.show(self.picture(3)) is None
        assert self.lit() == self.picture(3)
