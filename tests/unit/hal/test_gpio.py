"""Simulated pins, line failures and boot states: what the contract suites cannot say."""

from __future__ import annotations

from itertools import combinations

import pytest
from gpiozero import InputDevice, OutputDevice

from hal.contract.types import (
    Authority,
    DeviceAbsentError,
    Fault,
    FaultCode,
    InputName,
    Key,
    KeyPress,
    Lease,
    MonotonicNs,
    Position,
    Side,
    Tri,
)
from hal.drivers.inputs import GpioFieldInputs
from hal.drivers.keypad_matrix import MatrixKeypad, ghost_keys
from hal.drivers.relay import BarrierPins, HoldBarrier, RelayLamp
from hal.sim.gpio import SimGpio, wire_inputs
from hal.sim.keypad import SimKeypad, columns_low
from hal.sim.relay import SimBarrier, SimRelay
from tests.contract.worlds import HandClock, HandWorld


class BrokenError(Exception):
    """Stands for lgpio.error, which derives from Exception alone."""


def break_line(gpio, number):
    def fail(*_):
        raise BrokenError("GPIO busy")

    gpio.pin(number)._get_state = fail
    gpio.pin(number)._set_state = fail


def lease(now_ns):
    return Lease(Side.EXIT, Authority.RECORD, 1, b"", MonotonicNs(now_ns + 100))


def test_gpiozeros_private_hooks_fire_with_this_version():
    gpio, heard = SimGpio(), []
    gpio.attach_coil(17, heard.append)
    gpio.attach_contact(5, lambda: True)
    device = OutputDevice(17, pin_factory=gpio)
    device.on()
    device.off()
    device.close()
    changes = [level for at, level in enumerate(heard) if not at or heard[at - 1] is not level]
    assert changes == [False, True, False, None]
    assert InputDevice(5, pull_up=True, pin_factory=gpio).is_active


def test_an_active_low_board_never_sees_its_active_level_at_boot():
    gpio, heard = SimGpio(), []
    gpio.attach_coil(20, heard.append)
    barrier = HoldBarrier(
        gpio, Side.EXIT, BarrierPins(open=20), name="exit-barrier", active_high=False
    )
    barrier.drive(None, None, MonotonicNs(1))
    barrier.close()
    assert False not in heard
    assert heard[-1] is None


def test_a_pin_used_twice_is_an_absent_device_with_its_name():
    gpio = SimGpio()
    lamp = RelayLamp(gpio, 17, name="lamp-exit")
    with pytest.raises(DeviceAbsentError) as caught:
        HoldBarrier(gpio, Side.EXIT, BarrierPins(open=17), name="exit-barrier")
    assert caught.value.device == "exit-barrier"
    assert "GPIO17" in caught.value.found
    lamp.close()


@pytest.mark.parametrize("number", [20, 21, 22, 23])
def test_a_line_that_fails_is_a_bus_fault_and_never_an_exception(number):
    gpio, world = SimGpio(), HandWorld()
    numbers = {"is_open": 21, "is_closed": 22, "contact": 23}
    SimBarrier(gpio, world, Side.EXIT, open_=20, **numbers)
    barrier = HoldBarrier(gpio, Side.EXIT, BarrierPins(open=20, **numbers), name="exit")
    assert barrier.drive(None, None, MonotonicNs(1)).fault is None
    break_line(gpio, number)
    feedback = barrier.drive(lease(2), None, MonotonicNs(2))
    assert feedback.fault.code is FaultCode.BUS
    assert f"GPIO{number}" in feedback.fault.detail
    if number == 22:
        assert feedback.position is Position.UNKNOWN
    barrier.close()


def test_both_limit_switches_made_is_a_contradiction():
    gpio, world = SimGpio(), HandWorld()
    SimBarrier(gpio, world, Side.EXIT, open_=20, is_open=21, is_closed=22)
    gpio.attach_contact(21, lambda: True)
    pins = BarrierPins(open=20, is_open=21, is_closed=22)
    feedback = HoldBarrier(gpio, Side.EXIT, pins, name="exit").drive(None, None, MonotonicNs(1))
    assert feedback.position is Position.UNKNOWN
    assert feedback.fault.code is FaultCode.CONTRADICTION


@pytest.mark.parametrize(
    ("switch", "mdeg", "position"),
    [
        *(("is_open", 90_000, Position.OPEN), ("is_open", 0, Position.UNKNOWN)),
        *(("is_closed", 0, Position.CLOSED), ("is_closed", 90_000, Position.UNKNOWN)),
    ],
)
def test_one_limit_switch_proves_only_its_own_end(switch, mdeg, position):
    gpio, world = SimGpio(), HandWorld()
    SimBarrier(gpio, world, Side.EXIT, open_=20, **{switch: 21})
    world.arms_mdeg[Side.EXIT] = mdeg
    barrier = HoldBarrier(gpio, Side.EXIT, BarrierPins(open=20, **{switch: 21}), name="exit")
    assert barrier.drive(None, None, MonotonicNs(1)).position is position


def test_a_broken_coil_is_noticed_by_its_contact():
    gpio, world = SimGpio(), HandWorld()
    wires = SimBarrier(gpio, world, Side.EXIT, open_=20, contact=23)
    wires.opening.broken = True
    barrier = HoldBarrier(gpio, Side.EXIT, BarrierPins(open=20, contact=23), name="exit")
    barrier.drive(lease(0), None, MonotonicNs(0))
    late = 500_000_000
    feedback = barrier.drive(lease(late), None, MonotonicNs(late))
    assert (feedback.commanded, feedback.energised) == (True, Tri.NO)
    assert feedback.fault.code is FaultCode.CONTRADICTION


def test_inputs_in_a_dead_world_read_yes_and_a_failed_line_unknown_with_one_fault():
    gpio, world, clock = SimGpio(), HandWorld(), HandClock()
    numbers = {InputName.BEAM_EXIT: 6, InputName.ESTOP: 16}
    wire_inputs(gpio, world, clock, numbers)
    inputs = GpioFieldInputs(gpio, numbers, name="field", debounce_ns=0)
    assert inputs.poll(MonotonicNs(1))[InputName.ESTOP] == (Tri.NO, 1)
    world.powered = False
    assert inputs.poll(MonotonicNs(2))[InputName.ESTOP] == (Tri.YES, 2)
    break_line(gpio, 6)
    for at in range(3, 9):
        levels = inputs.poll(MonotonicNs(at))
    assert levels[InputName.BEAM_EXIT].value is Tri.UNKNOWN
    assert levels[InputName.ESTOP].value is Tri.YES
    assert [fault.code for fault in inputs.faults()] == [FaultCode.BUS]


def test_normally_open_wiring_is_the_other_way_round():
    gpio, world, clock = SimGpio(), HandWorld(), HandClock()
    numbers = {InputName.DOOR: 5}
    wire_inputs(gpio, world, clock, numbers, normally_closed=False)
    inputs = GpioFieldInputs(gpio, numbers, name="f", debounce_ns=0, normally_closed=False)
    assert inputs.poll(MonotonicNs(1))[InputName.DOOR].value is Tri.NO
    world.set_input(InputName.DOOR, True)
    assert inputs.poll(MonotonicNs(2))[InputName.DOOR].value is Tri.YES


def test_the_keypad_model_makes_real_ghosts_and_the_rule_finds_each():
    ghosts = 0
    for three in combinations(range(16), 3):
        keys = sum(1 << at for at in three)
        scan = sum(columns_low(keys, 1 << row) << 4 * row for row in range(4))
        assert scan & keys == keys
        if scan != keys:
            ghosts += 1
            assert ghost_keys(scan) & scan == scan
        else:
            assert not ghost_keys(scan)
    assert ghosts == 36 * 4, "36 rectangles, each with four triples"


def test_a_failed_keypad_line_is_one_fault_and_heals():
    gpio, world = SimGpio(), HandWorld()
    SimKeypad(gpio, world, (4, 7, 8, 9), (0, 1, 14, 15))
    keypad = MatrixKeypad(gpio, (4, 7, 8, 9), (0, 1, 14, 15), name="keypad", debounce_ns=0)
    break_line(gpio, 14)
    found = [item for at in range(5) for item in keypad.poll(MonotonicNs(at))]
    assert [item.code for item in found if isinstance(item, Fault)] == [FaultCode.BUS]
    del gpio.pin(14)._get_state
    world.press(Key.D7)
    found = [item for at in range(5, 9) for item in keypad.poll(MonotonicNs(at))]
    assert found == [KeyPress(Key.D7, MonotonicNs(5))]


def test_keypad_rows_are_never_driven_high():
    gpio, levels = SimGpio(), []
    for row in (4, 7, 8, 9):
        gpio.attach_coil(row, levels.append)
    keypad = MatrixKeypad(gpio, (4, 7, 8, 9), (0, 1, 14, 15), name="keypad")
    keypad.poll(MonotonicNs(1))
    assert True not in levels
    assert levels.count(False) >= 4


def test_the_boards_resistor_releases_a_relay_whose_owner_closed():
    gpio, world = SimGpio(), HandWorld()
    SimRelay(gpio, 17, world, "lamp_exit", True)
    line = OutputDevice(17, pin_factory=gpio, initial_value=True)
    assert world.relay("lamp_exit")
    line.close()
    assert not world.relay("lamp_exit")


def test_a_pins_log_of_states_is_bounded():
    gpio = SimGpio()
    line = OutputDevice(17, pin_factory=gpio)
    for _ in range(1_000):
        line.toggle()
    assert len(gpio.pin(17).states) <= 65
