"""Our drivers on the Raspberry Pi's own pin controller (pinctrl-bcm2835), inside the emulated Pi 3.

Each check prints one line. Levels are read from the kernel's own table of the chip, which asks the
controller's registers, not from the driver that set them.
"""

from __future__ import annotations

import os
import re
import signal
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path

import lgpio
from gpiozero.pins.lgpio import LGPIOFactory

from hal.contract.types import (
    NS_PER_MS,
    Aspect,
    Authority,
    DeviceAbsentError,
    InputName,
    Lease,
    MonotonicNs,
    Side,
    Tri,
)
from hal.drivers.inputs import GpioFieldInputs
from hal.drivers.keypad_matrix import MatrixKeypad
from hal.drivers.relay import BarrierPins, BarrierTimes, HoldBarrier, RelayLamp
from hal.linux.gpio import pin_factory

LAMP, OTHER, OPEN = 17, 18, 20
TABLE = Path("/sys/kernel/debug/gpio")


def now() -> MonotonicNs:
    return MonotonicNs(time.monotonic_ns())


def line(gpio: int) -> str:
    """Direction and level of a claimed line, such as "out hi"; empty when nobody holds it."""
    found = re.search(
        rf"^\s*gpio-\d+ \((?:GPIO|.*_){gpio}\s*\|.*\) (\S+\s+\S+)", TABLE.read_text(), re.M
    )
    return " ".join(found.group(1).split()) if found else ""


def is_a_pi_3(factory: LGPIOFactory) -> str:
    handle = lgpio.gpiochip_open(0)
    _status, lines, _name, label = lgpio.gpio_get_chip_info(handle)
    lgpio.gpiochip_close(handle)
    assert (lines, label) == (54, "pinctrl-bcm2835"), (lines, label)
    assert factory.board_info.model == "3B"
    return f"model {factory.board_info.model}, {label}, {lines} lines"


def lamp_drives_its_line(factory: LGPIOFactory) -> str:
    seen = []
    for active_high in (True, False):
        lamp = RelayLamp(factory, LAMP, name="lamp", active_high=active_high)
        for aspect in (Aspect.RED, Aspect.GREEN, Aspect.RED):
            lamp.show(aspect, now())
            seen.append(line(LAMP))
        lamp.close()
    low, high = "out lo", "out hi"
    assert seen == [low, high, low, high, low, high], seen
    return " ".join(seen)


def lease_opens_and_its_end_drops(factory: LGPIOFactory) -> str:
    pins = BarrierPins(OPEN, None, 21, 22, 23)
    times = BarrierTimes(travel_ns_max=10**10, pulse_ns=10**8)
    barrier = HoldBarrier(factory, Side.EXIT, pins, name="exit", active_high=True, times=times)
    at, seen = now(), [line(OPEN)]
    ends = MonotonicNs(at + 200 * NS_PER_MS)
    lease = Lease(Side.EXIT, Authority.RECORD, 7, bytes(32), ends)
    barrier.drive(lease, None, at)
    seen.append(line(OPEN))
    barrier.drive(lease, None, MonotonicNs(ends + 1))
    seen.append(line(OPEN))
    barrier.close()
    assert seen == ["out lo", "out hi", "out lo"], seen
    return " ".join(seen)


def inputs_are_claimed_with_pull_up_and_read(factory: LGPIOFactory) -> str:
    wires = {InputName.BEAM_ENTRY: 5, InputName.ESTOP: 16}
    inputs = GpioFieldInputs(factory, wires, name="inputs", debounce_ns=0, normally_closed=True)
    levels = inputs.poll(now())
    levels = inputs.poll(now())
    claimed = line(5)
    inputs.close()
    assert claimed.startswith("in "), claimed
    assert levels[InputName.BEAM_ENTRY].value in (Tri.YES, Tri.NO)
    return claimed


def keypad_scans_eight_lines(factory: LGPIOFactory) -> str:
    keypad = MatrixKeypad(factory, (4, 7, 24, 25), (0, 1, 14, 15), name="keypad")
    begun_s = time.monotonic()
    for _ in range(50):
        keypad.poll(now())
    keypad.close()
    return f"{(time.monotonic() - begun_s) * 20:.1f} ms a scan (emulated)"


def a_held_line_is_refused_and_freed_by_the_kernel(factory: LGPIOFactory) -> str:
    """Another process drives a line, is killed, and the line can be had again."""
    told, tells = os.pipe()
    holder = os.fork()
    if holder == 0:
        handle = lgpio.gpiochip_open(0)
        lgpio.gpio_claim_output(handle, OTHER, 1)
        os.write(tells, b"x")
        time.sleep(600)
        os._exit(0)
    os.read(told, 1)
    held = line(OTHER)
    refused = ""
    try:
        RelayLamp(factory, OTHER, name="lamp_exit", active_high=True)
    except DeviceAbsentError as error:
        refused = str(error)
    os.kill(holder, signal.SIGKILL)
    os.waitpid(holder, 0)
    assert held == "out hi", held
    assert "lamp_exit" in refused, refused
    lamp = RelayLamp(factory, OTHER, name="lamp_exit", active_high=True)
    assert line(OTHER) == "out lo", line(OTHER)
    lamp.close()
    return refused


CHECKS: tuple[Callable[[LGPIOFactory], str], ...] = (
    is_a_pi_3,
    lamp_drives_its_line,
    lease_opens_and_its_end_drops,
    inputs_are_claimed_with_pull_up_and_read,
    keypad_scans_eight_lines,
    a_held_line_is_refused_and_freed_by_the_kernel,
)


def main() -> None:
    """One line a check: "ok NAME what was seen" or "FAIL NAME why"."""
    factory = pin_factory("kernel lines")
    print(f"python {sys.version.split()[0]} on {os.uname().machine}", flush=True)
    for check in CHECKS:
        try:
            print(f"ok {check.__name__} {check(factory)}", flush=True)
        except Exception as error:  # the next check is worth its own line
            traceback.print_exc(file=sys.stdout)
            print(f"FAIL {check.__name__} {error}", flush=True)
    factory.close()
