"""The bars of the hardware drivers, on the chip models: every figure beside what is asked of it.

HX711_SAMPLES in the environment shortens the long run; the table says how many it was.
"""

from __future__ import annotations

import errno
import os
import random
import time
from collections.abc import Callable
from itertools import combinations

from hal.contract.types import DeviceAbsentError, Fault, Key, KeyPress, MonotonicNs, RawSample
from hal.drivers.clocked_pair import GpioClockedPair
from hal.drivers.hx711 import Hx711LoadCells
from hal.drivers.keypad_matrix import MatrixKeypad
from hal.drivers.lines import Lines
from hal.drivers.mcp23017 import Mcp23017Gpio
from hal.drivers.nau7802 import Nau7802LoadCells
from hal.drivers.sign_max7219 import Max7219Sign
from hal.linux import i2c
from hal.linux.usb_keypad import UsbKeypad
from hal.linux.watchdog import LinuxWatchdog
from hal.sim.gpio import SimGpio
from hal.sim.hx711 import Hx711Chip
from hal.sim.keypad import SimKeypad
from hal.sim.mcp23017 import SimExpander
from hal.sim.nau7802 import SimI2c
from hal.sim.sign import SimSpi
from tests.contract.worlds import HandClock, HandWorld

TICK_NS = 10_000_000
HX711_SAMPLES = int(os.environ.get("HX711_SAMPLES", "1000000"))
NAU_S = 600
PREEMPTED_NS = (20_000, 50_000, 58_000, 61_000, 200_000, 9_000_000)
ERRNOS = (errno.ENOENT, errno.ENODEV, errno.ENXIO, errno.EREMOTEIO, errno.EACCES, errno.EPERM)
ERRNOS += (errno.EBUSY, errno.EIO, errno.ETIMEDOUT)


class PreemptedClock(HandClock):
    """Each look costs 2 us; one look in `one_in` the process is put aside. 0: never."""

    def __init__(self, one_in: int) -> None:
        super().__init__()
        self.random, self.one_in = random.Random(7), one_in

    def monotonic_ns(self) -> MonotonicNs:
        self.now_ns += 2_000
        if self.one_in and not self.random.randrange(self.one_in):
            self.now_ns += self.random.choice(PREEMPTED_NS)
        return MonotonicNs(self.now_ns)


class Still:
    """The same time without the cost of a look: the chip's own view."""

    def __init__(self, clock: HandClock) -> None:
        self._clock = clock

    def monotonic_ns(self) -> MonotonicNs:
        return MonotonicNs(self._clock.now_ns)


class Wires:
    """A chip's two pins without gpiozero between, which costs nine tenths of the time.

    Time passes, and the process may be put aside, between any two edges.
    """

    def __init__(self, clock: HandClock) -> None:
        self._clock = clock

    def attach_coil(self, gpio: int, drive: Callable[[bool], None]) -> None:
        self._drive = drive

    def on(self) -> None:
        self._drive(True)

    def off(self) -> None:
        self._clock.monotonic_ns()
        self._drive(False)

    def attach_contact(self, gpio: int, low: Callable[[], bool]) -> None:
        self._low = low

    @property
    def is_active(self) -> bool:
        return self._low()


def _hx711(one_in: int, samples: int) -> tuple[int, int, int, int, float]:
    """(accepted, wrong, thrown away, slept, CPU seconds) of so many accepted samples."""
    clock, world = PreemptedClock(one_in), HandWorld()
    wires = Wires(clock)
    chip = Hx711Chip(wires, (5, 6), world, 0, Still(clock), 80)  # type: ignore[arg-type]
    pair = GpioClockedPair.__new__(GpioClockedPair)
    pair._clock, pair._simulated, pair._sck, pair._dout = clock, True, wires, wires
    device = Hx711LoadCells([pair], 80, 128, clock, "deck", pause=clock.pause)
    values, accepted, wrong = random.Random(3), 0, 0
    begun = time.process_time()
    due_ns = clock.now_ns
    while accepted < samples:
        due_ns = max(due_ns + TICK_NS, clock.now_ns)
        clock.now_ns = due_ns
        world.cells_nv[0] = values.randint(-10_000_000, 10_000_000)
        for item in device.poll(MonotonicNs(clock.now_ns), 4):
            if isinstance(item, RawSample):
                accepted += 1
                wrong += item.counts != chip.word
    return accepted, wrong, device.discarded, chip.slept, time.process_time() - begun


def hx711_rows() -> list[tuple[str, ...]]:
    accepted, wrong, thrown, slept, _cpu = _hx711(2_000, HX711_SAMPLES)
    clean, bad, lost, _slept, cpu = _hx711(0, HX711_SAMPLES)
    share = f"{100 * lost / (clean + lost):.3f} %"
    return [
        (f"HX711, {accepted:,} samples, preempted", f"{wrong} wrong", "0"),
        ("  put to sleep; words thrown away", f"{slept:,}; {thrown:,}", ""),
        (f"HX711, {clean:,} samples, undisturbed", f"{bad} wrong", "0"),
        ("  good words thrown away", share, "<= 0.1 %"),
        ("  model and driver", f"{clean / cpu:,.0f} samples/s of CPU", ""),
    ]


def nau7802_rows() -> list[tuple[str, ...]]:
    clock, world = HandClock(), HandWorld()
    bus = SimI2c(world, 8, 0x70, clock)
    device = Nau7802LoadCells(bus, 0x2A, 0x70, 8, 80, 128, clock, "deck", pause=clock.pause)
    got = flagged = faults = 0
    begun = time.process_time()
    for _ in range(NAU_S * 100):
        clock.now_ns += TICK_NS
        for item in device.poll(MonotonicNs(clock.now_ns), 16):
            faults += isinstance(item, Fault)
            if isinstance(item, RawSample):
                got, flagged = got + 1, flagged + bool(item.flags)
    share = (time.process_time() - begun) / NAU_S
    due = NAU_S * 80 * 8
    return [
        (f"NAU7802, 8 cells x 80 SPS, {NAU_S} s", f"{max(0, due - got)} lost of {due:,}", "0"),
        ("  flagged; faults", f"{flagged}; {faults}", "0; 0"),
        ("  CPU, model included", f"{100 * share:.1f} %", "<= 3 %"),
    ]


def _keypad(board: str) -> tuple[int, int]:
    """(keys that work, ghosts over every combination of three)."""
    clock, world = HandClock(), HandWorld()
    if board == "header":
        gpio = SimGpio()
        SimKeypad(gpio, world, (4, 7, 8, 9), (0, 1, 14, 15))
        pad = MatrixKeypad(gpio, (4, 7, 8, 9), (0, 1, 14, 15), name="keypad")
    else:
        bus = SimExpander(world, 0x20, clock)
        SimKeypad(bus, world, (8, 9, 10, 11), (0, 1, 2, 3))
        lines = Lines(None, Mcp23017Gpio(bus, 0x20, clock, "expander"))
        pad = MatrixKeypad(lines, (108, 109, 110, 111), (100, 101, 102, 103), name="keypad")

    def pressed(*keys: Key) -> set[Key]:
        world.press(*keys)
        found: set[Key] = set()
        for _ in range(6):
            clock.now_ns += TICK_NS
            items = pad.poll(MonotonicNs(clock.now_ns))
            found |= {item.key for item in items if isinstance(item, KeyPress)}
        return found

    works = ghosts = 0
    for key in Key:
        works += pressed(key) == {key}
        pressed()
    for three in combinations(Key, 3):
        ghosts += bool(pressed(*three) - set(three))
        pressed()
    return works, ghosts


def keypad_rows() -> list[tuple[str, ...]]:
    rows = []
    for board in ("header", "expander"):
        works, ghosts = _keypad(board)
        rows.append((f"keypad on the {board}: keys", f"{works} of 16", "16 of 16"))
        rows.append(("  ghosts over 560 combinations of three", str(ghosts), "0"))
    return rows


def sign_rows() -> list[tuple[str, ...]]:
    clock, world = HandClock(), HandWorld()

    class Silent(SimSpi):
        def writebytes(self, payload):
            pass

        writebytes2 = writebytes

    sign = Max7219Sign(Silent(world, 128, 32, clock), 128, 32, clock, "sign")
    pictures = [bytes(random.Random(n).randbytes(512)) for n in range(8)]
    begun, count = time.process_time(), 400
    for number in range(count):
        sign.show(pictures[number % 8])
    rate = count / (time.process_time() - begun)
    return [("sign 128x32, driver cost", f"{rate:,.0f} pictures/s", ">= 100")]


def errno_rows() -> list[tuple[str, ...]]:
    """Every device node by every errno of its opening: the same typed error, or not."""

    def refusing(code: int) -> Callable[..., int]:
        def refuse(*_args: object) -> int:
            raise OSError(code, os.strerror(code))

        return refuse

    openers: dict[str, Callable[[], object]] = {
        "I2C bus": lambda: i2c.LinuxI2c(1, "device"),
        "watchdog": lambda: LinuxWatchdog("device"),
        "USB keypad": lambda: UsbKeypad("/dev/input/event0", "device"),
    }
    rows = []
    for name, opener in openers.items():
        typed = 0
        for code in ERRNOS:
            bus, node = i2c.SMBus, os.open
            i2c.SMBus, os.open = refusing(code), refusing(code)  # type: ignore[assignment]
            try:
                opener()
            except DeviceAbsentError as error:
                typed += error.device == "device" and bool(error.check)
            except OSError:
                continue
            finally:
                i2c.SMBus, os.open = bus, node
        rows.append((f"{name}: errnos that give the typed error", f"{typed} of {len(ERRNOS)}", ""))
    return rows


def table() -> list[tuple[str, ...]]:
    """Rows: what, figure, bar."""
    return [
        ("hal, on the models", "figure", "bar"),
        *nau7802_rows(),
        *keypad_rows(),
        *sign_rows(),
        *errno_rows(),
        *hx711_rows(),
    ]


if __name__ == "__main__":
    for row in table():
        print(" | ".join(row))
