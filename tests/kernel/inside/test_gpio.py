"""Relays, lamps and inputs of the lane on the kernel's own GPIO lines."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from gpiozero import Device
from gpiozero.pins.lgpio import LGPIOFactory

from hal.contract.types import (
    NS_PER_MS,
    Aspect,
    Authority,
    DeviceAbsentError,
    InputName,
    Key,
    Lease,
    MonotonicNs,
    Position,
    Side,
    Tri,
)
from hal.drivers.inputs import GpioFieldInputs
from hal.drivers.keypad_matrix import MatrixKeypad
from hal.drivers.relay import BarrierPins, BarrierTimes, HoldBarrier, RelayLamp, RelaySiren
from hal.linux.gpio import pin_factory
from tests.kernel.inside.lines import SimLines

OPEN, IS_OPEN, IS_CLOSED, CONTACT = 20, 21, 22, 23
BEAM, ESTOP = 5, 16
DEBOUNCE_NS = 30 * NS_PER_MS


# Claiming an input with its pull-up moves gpio-sim's own pull: lines are pulled after claiming.


def now() -> MonotonicNs:
    return MonotonicNs(time.monotonic_ns())


@pytest.fixture
def factory():
    made = pin_factory("kernel lines")
    yield made
    made.close()
    Device.pin_factory = None


def test_this_machine_is_a_raspberry_pi_to_gpiozero(factory) -> None:
    assert isinstance(factory, LGPIOFactory)
    assert factory.board_info.model == "4B"
    assert "Raspberry Pi 4" in Path("/proc/device-tree/model").read_text()


@pytest.mark.parametrize("active_high", [True, False])
def test_a_lamp_is_green_only_while_driven_and_falls_on_close(factory, lines, active_high) -> None:
    lines.pull(17, not active_high)
    lamp = RelayLamp(factory, 17, name="lamp", active_high=active_high)
    assert lines.level(17) is not active_high
    lamp.show(Aspect.GREEN, now())
    assert lines.level(17) is active_high
    lamp.show(Aspect.RED, now())
    assert lines.level(17) is not active_high
    lamp.show(Aspect.GREEN, now())
    lamp.close()
    assert lines.level(17) is not active_high


def test_the_siren_sounds_and_is_silent_after_close(factory, lines) -> None:
    siren = RelaySiren(factory, 18, name="siren", active_high=True)
    siren.sound(True, now())
    assert lines.level(18)
    siren.close()
    assert not lines.level(18)


def test_a_key_column_at_ground_is_seen_by_every_scanned_row(factory, lines: SimLines) -> None:
    """gpio-sim has no wires between lines, so one key of a matrix cannot be pressed here."""
    keypad = MatrixKeypad(factory, (4, 7, 24, 25), (0, 1, 14, 15), name="keypad")
    at = now()
    assert list(keypad.poll(at)) == []
    lines.pull(1, False)
    keypad.poll(MonotonicNs(at + DEBOUNCE_NS))
    seen = keypad.poll(MonotonicNs(at + 3 * DEBOUNCE_NS))
    assert [press.key for press in seen] == [Key.D2, Key.D5, Key.D8, Key.D0]
    keypad.close()


def test_a_hold_barrier_follows_its_lease_on_real_lines(factory, lines: SimLines) -> None:
    pins = BarrierPins(OPEN, None, IS_OPEN, IS_CLOSED, CONTACT)
    times = BarrierTimes(travel_ns_max=10**10, pulse_ns=10**8)
    barrier = HoldBarrier(factory, Side.EXIT, pins, name="exit", active_high=True, times=times)
    for pin in (IS_OPEN, CONTACT):
        lines.pull(pin, True)
    lines.pull(IS_CLOSED, False)  # this switch is made: the arm is down
    assert barrier.drive(None, None, now()).position is Position.CLOSED
    at = now()
    lease = Lease(Side.EXIT, Authority.RECORD, 7, bytes(32), MonotonicNs(at + 200 * NS_PER_MS))
    barrier.drive(lease, None, at)
    assert lines.level(OPEN)
    lines.pull(CONTACT, False)
    lines.pull(IS_CLOSED, True)
    assert barrier.drive(lease, None, now()).position is Position.MOVING
    lines.pull(IS_OPEN, False)
    seen = barrier.drive(lease, None, MonotonicNs(at + 100 * NS_PER_MS))
    assert (seen.position, seen.energised) == (Position.OPEN, Tri.YES)
    barrier.drive(lease, None, MonotonicNs(at + 201 * NS_PER_MS))
    assert not lines.level(OPEN), "an expired lease must let the relay fall"
    barrier.close()


def test_inputs_read_the_lines_debounced_and_a_cut_wire_is_blocked(factory, lines) -> None:
    inputs = GpioFieldInputs(
        factory,
        {InputName.BEAM_ENTRY: BEAM, InputName.ESTOP: ESTOP},
        name="inputs",
        debounce_ns=DEBOUNCE_NS,
        normally_closed=True,
    )
    lines.pull(BEAM, False)  # contact closed to ground: free
    lines.pull(ESTOP, False)
    at = now()
    inputs.poll(at)
    levels = inputs.poll(MonotonicNs(at + DEBOUNCE_NS + 1))
    assert levels[InputName.BEAM_ENTRY].value is Tri.NO
    assert levels[InputName.LOOP_ENTRY].value is Tri.UNKNOWN
    lines.pull(BEAM, True)  # the wire is cut: the pull-up wins
    at = MonotonicNs(at + 2 * DEBOUNCE_NS)
    assert inputs.poll(at)[InputName.BEAM_ENTRY].value is not Tri.YES
    later = inputs.poll(MonotonicNs(at + DEBOUNCE_NS + 1))
    assert later[InputName.BEAM_ENTRY].value is Tri.YES
    assert later[InputName.ESTOP].value is Tri.NO
    inputs.close()


@contextmanager
def holder_of(gpio: int, level: int) -> Iterator[subprocess.Popen[str]]:
    """Another process that drives one line until it is killed."""
    program = "import lgpio, time; h = lgpio.gpiochip_open(0)\n"
    program += f"lgpio.gpio_claim_output(h, {gpio}, {level})\n"
    program += "print('held', flush=True); time.sleep(60)"
    other = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    try:
        assert other.stdout is not None
        assert other.stdout.readline().strip() == "held"
        yield other
    finally:
        other.kill()
        other.wait()
        if other.stdout is not None:
            other.stdout.close()


def test_a_pin_that_another_process_holds_is_refused_by_name(factory, lines) -> None:
    with holder_of(24, 0), pytest.raises(DeviceAbsentError, match="24"):
        RelayLamp(factory, 24, name="lamp_entry", active_high=True)


def test_the_kernel_frees_the_lines_of_a_killed_process(factory, lines) -> None:
    """What they carry then is the board's affair (strict_gpiod); that they are free is ours."""
    with holder_of(24, 1) as other:
        assert lines.level(24)
        other.kill()
        other.wait()
        lamp = RelayLamp(factory, 24, name="lamp_entry", active_high=True)
    assert not lines.level(24)
    lamp.close()
