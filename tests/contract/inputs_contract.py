"""What every FieldInputs must do: levels with an age, debounced, a cut wire reads YES."""

from __future__ import annotations

import pytest

from hal.contract.devices import FieldInputs
from hal.contract.types import INPUT_COUNT, InputName, MonotonicNs, Tri

TICK_NS = 10_000_000
UNWIRED = InputName.DOOR


class InputsContract:
    """Rules of the FieldInputs Protocol; every input but UNWIRED is wired, debounce 30 ms."""

    def open_device(self) -> FieldInputs:
        raise AssertionError("the backend supplies this")

    def pass_time(self, ns: int) -> MonotonicNs:
        raise AssertionError("the backend supplies this")

    def set_input(self, name: InputName, on: bool) -> None:
        raise AssertionError("the backend supplies this")

    def cut_wire(self, name: InputName) -> None:
        raise AssertionError("the backend supplies this")

    @pytest.fixture
    def device(self):
        device = self.open_device()
        yield device
        device.close()

    def run(self, device, ticks=6):
        for _ in range(ticks):
            levels = device.poll(self.pass_time(TICK_NS))
        return levels

    def test_it_is_field_inputs_and_knows_nothing_at_first(self, device):
        assert isinstance(device, FieldInputs)
        levels = device.poll(self.pass_time(TICK_NS))
        assert len(levels) == INPUT_COUNT
        assert {level.value for level in levels} == {Tri.UNKNOWN}

    def test_an_unwired_input_is_unknown_at_zero(self, device):
        assert self.run(device)[UNWIRED] == (Tri.UNKNOWN, 0)

    @pytest.mark.parametrize("name", [n for n in InputName if n is not UNWIRED])
    def test_each_input_alone(self, device, name):
        assert self.run(device)[name].value is Tri.NO
        self.set_input(name, True)
        levels = self.run(device)
        assert levels[name].value is Tri.YES
        others = [levels[n].value for n in InputName if n not in (name, UNWIRED)]
        assert set(others) == {Tri.NO}
        self.set_input(name, False)
        assert self.run(device)[name].value is Tri.NO

    def test_a_cut_wire_reads_yes(self, device):
        self.run(device)
        self.cut_wire(InputName.ESTOP)
        assert self.run(device)[InputName.ESTOP].value is Tri.YES

    def test_a_confirmed_level_is_as_young_as_the_poll(self, device):
        self.run(device)
        now = self.pass_time(TICK_NS)
        assert device.poll(now)[InputName.BEAM_EXIT] == (Tri.NO, now)

    def test_a_short_bounce_changes_nothing_but_the_age(self, device):
        before = self.run(device)[InputName.BEAM_EXIT].at_ns
        self.set_input(InputName.BEAM_EXIT, True)
        level = self.run(device, 2)[InputName.BEAM_EXIT]
        assert level == (Tri.NO, before)
        self.set_input(InputName.BEAM_EXIT, False)
        assert self.run(device, 6)[InputName.BEAM_EXIT].value is Tri.NO

    def test_a_chattering_input_grows_old_and_is_reported_once(self, device):
        before = self.run(device)[InputName.BEAM_EXIT].at_ns
        for tick in range(300):
            self.set_input(InputName.BEAM_EXIT, tick % 2 == 0)
            level = device.poll(self.pass_time(TICK_NS))[InputName.BEAM_EXIT]
            assert level.at_ns == before
        assert len(device.faults()) == 1
        assert not device.faults()
