"""What every Keypad must do: each key once a press, and nothing that nobody pressed."""

from __future__ import annotations

from itertools import combinations, permutations

import pytest

from hal.contract.devices import Keypad
from hal.contract.types import Fault, FaultCode, Key, KeyPress, MonotonicNs

TICK_NS = 10_000_000


class KeypadContract:
    """Rules of the Keypad Protocol."""

    def open_device(self) -> Keypad:
        raise AssertionError("the backend supplies this")

    def pass_time(self, ns: int) -> MonotonicNs:
        raise AssertionError("the backend supplies this")

    def press(self, *keys: Key) -> None:
        raise AssertionError("the backend supplies this")

    @pytest.fixture
    def device(self):
        device = self.open_device()
        yield device
        device.close()

    def run(self, device, ticks=6):
        found = []
        for _ in range(ticks):
            found += device.poll(self.pass_time(TICK_NS))
        return found

    def keys(self, found):
        return [item.key for item in found if isinstance(item, KeyPress)]

    def test_it_is_a_keypad_and_quiet(self, device):
        assert isinstance(device, Keypad)
        assert not self.run(device, 50)

    @pytest.mark.parametrize("key", Key)
    def test_each_key_once_a_press(self, device, key):
        for _ in range(2):
            self.press(key)
            assert self.keys(self.run(device, 20)) == [key]
            self.press()
            assert not self.run(device)

    def test_a_bounce_is_no_press(self, device):
        for tick in range(40):
            self.press(*([Key.D5] if tick % 2 else []))
            assert not self.run(device, 1)

    def test_two_keys_at_once_are_two_presses(self, device):
        for pair in combinations(Key, 2):
            self.press(*pair)
            assert sorted(k.value for k in self.keys(self.run(device))) == sorted(
                k.value for k in pair
            )
            self.press()
            self.run(device)

    def test_no_three_keys_make_a_fourth(self, device):
        for three in combinations(Key, 3):
            self.press(*three)
            got = self.keys(self.run(device))
            assert set(got) <= set(three), three
            for two in combinations(three, 2):
                self.press(*two)
                assert set(self.keys(self.run(device, 4))) <= set(three), three
            self.press()
            self.run(device)

    def test_three_keys_one_after_the_other_in_any_order(self, device):
        for order in permutations((Key.D1, Key.D2, Key.D4)):
            got = []
            for count in (1, 2, 3, 2, 1, 0):
                self.press(*order[:count])
                got += self.keys(self.run(device))
            assert got[:2] == list(order[:2])
            assert set(got) <= set(order)

    def test_a_stuck_key_is_one_fault_and_heals(self, device):
        self.press(Key.STAR)
        found = self.run(device, 4_000)
        assert self.keys(found) == [Key.STAR]
        faults = [item for item in found if isinstance(item, Fault)]
        assert [fault.code for fault in faults] == [FaultCode.STUCK]
        self.press()
        self.run(device)
        self.press(Key.STAR)
        assert self.keys(self.run(device)) == [Key.STAR]
