"""Sign, converters and keypad on the kernel's own SPI and I2C, with the chips at the far end."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hal.contract.types import (
    DeviceAbsentError,
    Fault,
    FaultCode,
    MonotonicNs,
    RawSample,
    SampleFlag,
)
from hal.drivers.keypad_matrix import MatrixKeypad
from hal.drivers.lines import Lines
from hal.drivers.mcp23017 import Mcp23017Gpio
from hal.drivers.nau7802 import Nau7802LoadCells
from hal.drivers.sign_max7219 import Max7219Sign
from hal.linux.clock import SystemClock, pause
from hal.linux.gpio import pin_factory
from hal.linux.i2c import LinuxI2c
from hal.linux.spi import LinuxSpi
from hal.linux.watchdog import LinuxWatchdog
from hal.sim.keypad import SimKeypad
from hal.sim.mcp23017 import SimExpander
from hal.sim.nau7802 import SimI2c
from hal.sim.sign import SimSpi
from hal.sim.world import KEYPAD_ROWS, PlantState
from hal.sim.world_local import LocalWorld
from tests.kernel.inside.far_ends import EXPANDER, I2C_BUS, MUX, Chips, Serving

ADDRESS = 0x2A
ADAPTERS = Path("/sys/bus/i2c/devices")
STUB = "SMBus stub"
WIDTH, HEIGHT = 128, 32
CELLS = 8
WAIT_S_MAX = 5.0
SCAN_S, RELEASE_SCANS = 0.004, 10


class Yard:
    """A world that has power, with the chips of a gate on the kernel's buses."""

    def __init__(self) -> None:
        self.clock, self.world = SystemClock(), LocalWorld()
        self.converters = SimI2c(self.world, CELLS, MUX, self.clock)
        self.expander = SimExpander(self.world, EXPANDER, self.clock)
        SimKeypad(self.expander, self.world, (8, 9, 10, 11), (0, 1, 2, 3))
        self.panel = SimSpi(self.world, WIDTH, HEIGHT, self.clock)
        self.chips = Chips(self.converters, self.expander, self.panel)
        self.put()

    def put(self, *, cell_nv: int = 0, keys: int = 0) -> None:
        """The wires from now on; the power stays on until then."""
        far_ns = self.clock.monotonic_ns() + 500_000_000
        self.world.put(PlantState(heartbeat_ns=far_ns, cell_nv=(cell_nv,) * CELLS, keys=keys))


@pytest.fixture
def yard() -> Iterator[Yard]:
    made = Yard()
    with Serving(made.chips):
        yield made
    made.chips.close()


def now() -> MonotonicNs:
    return MonotonicNs(time.monotonic_ns())


def load_cells(cells: int = CELLS, mux: int | None = MUX, bus: int = I2C_BUS) -> Nau7802LoadCells:
    clock = SystemClock()
    i2c = LinuxI2c(bus, "load cells")
    return Nau7802LoadCells(i2c, ADDRESS, mux, cells, 80, 128, clock, "load cells", pause=pause)


def poll_until(
    yard: Yard, cells: Nau7802LoadCells, enough: Callable[[list[RawSample], list[Fault]], bool]
) -> tuple[list[RawSample], list[Fault]]:
    """What comes out until it is enough; at most five seconds."""
    samples: list[RawSample] = []
    faults: list[Fault] = []
    deadline_s = time.monotonic() + WAIT_S_MAX
    while not enough(samples, faults):
        assert time.monotonic() < deadline_s, (len(samples), faults)
        yard.put()
        for outcome in cells.poll(now(), 16):
            if isinstance(outcome, Fault):
                faults.append(outcome)
            else:
                samples.append(outcome)
        time.sleep(0.004)
    return samples, faults


def show_and_blank(pictures: list[bytes]) -> None:
    """The sign's owner, a process of its own: py-spidev keeps the interpreter while it waits."""
    sign = Max7219Sign(LinuxSpi("sign"), WIDTH, HEIGHT, SystemClock(), "sign", chip_select=(0, 1))
    assert sign.describe().simulated is False
    for picture in pictures:
        assert sign.show(picture) is None
    sign.blank()
    sign.close()


def test_the_sign_shows_to_the_pixel_and_blanks_over_spidev() -> None:
    made, size = Yard(), WIDTH * HEIGHT // 8
    pictures = [bytes((at * 37 + place * 11) & 0xFF for place in range(size)) for at in range(20)]
    owner = multiprocessing.get_context("fork").Process(target=show_and_blank, args=(pictures,))
    seen: list[bytes] = []
    owner.start()
    while owner.is_alive():
        made.put()
        made.chips.serve(0.02)
        lit = made.world.sign()[2]
        if seen[-1:] != [lit]:
            seen.append(lit)
    made.chips.close()
    assert owner.exitcode == 0
    assert made.world.sign() == (WIDTH, HEIGHT, bytes(size)), "dark at the end"
    shown = [picture for picture in seen if picture in pictures]
    assert shown == pictures, "every picture, to the pixel and in order"


def test_a_chip_select_that_is_not_there_is_a_typed_absence() -> None:
    spi = LinuxSpi("sign")
    with pytest.raises(DeviceAbsentError, match=r"sign.*spidev1\.1.*dtparam=spi=on"):
        spi.open(1, 1)


def test_a_silent_address_is_an_os_error_on_either_adapter(yard: Yard) -> None:
    """ENODEV here, EREMOTEIO there as on a Pi: nobody may look for one number."""
    seen = set()
    for entry in ADAPTERS.glob("i2c-*"):
        bus = LinuxI2c(int(entry.name.split("-")[1]), "load cells")
        with pytest.raises(OSError, match=r".+") as caught:
            bus.read(0x55, 0, 1)
        seen.add(caught.value.errno)
        bus.close()
    assert len(seen) == 2, "wires and i2c-stub"


def test_registers_keep_what_is_written_byte_and_block() -> None:
    """i2c-stub is a register file of the kernel's own: what smbus2 sends is what arrives."""
    (stub,) = [one for one in ADAPTERS.glob("i2c-*") if STUB in (one / "name").read_text()]
    bus = LinuxI2c(int(stub.name.split("-")[1]), "load cells")
    bus.write(ADDRESS, 0x02, b"\x35")
    assert bus.read(ADDRESS, 0x02, 1) == b"\x35"
    bus.write(ADDRESS, 0x12, b"\x12\x34\x56")
    assert bus.read(ADDRESS, 0x12, 3) == b"\x12\x34\x56"
    bus.write_byte(MUX, 0x01)
    bus.close()


def test_a_bus_that_is_not_there_is_a_typed_absence() -> None:
    with pytest.raises(DeviceAbsentError, match=r"/dev/i2c-9.*i2c_arm=on"):
        LinuxI2c(9, "load cells")


def test_a_bus_without_the_converters_is_refused_at_start_with_what_to_check() -> None:
    with pytest.raises(DeviceAbsentError, match="NAU7802 at 0x2a behind the multiplexer"):
        load_cells()


def test_eight_converters_behind_the_multiplexer_give_their_samples(yard: Yard) -> None:
    cells = load_cells()
    assert cells.describe().device.simulated is False
    samples, faults = poll_until(yard, cells, lambda samples, _: len(samples) >= 80)
    assert not faults
    assert {sample.cell for sample in samples} == set(range(CELLS))
    assert not any(sample.flags & SampleFlag.SATURATED for sample in samples)
    cells.close()


def test_an_unplugged_converter_is_a_named_fault_and_comes_back(yard: Yard) -> None:
    cells = load_cells()
    yard.converters.chips[3].nack = True
    _, faults = poll_until(yard, cells, lambda _, faults: bool(faults))
    assert (faults[0].code, faults[0].device) == (FaultCode.BUS, "load cells")
    assert faults[0].detail.startswith("cell 3: ")
    others, _ = poll_until(yard, cells, lambda samples, _: len(samples) >= 40)
    assert 3 not in {sample.cell for sample in others}, "the other seven go on"
    yard.converters.chips[3].nack = False
    poll_until(yard, cells, lambda samples, _: any(one.cell == 3 for one in samples))
    cells.close()


def test_a_brown_out_is_seen_and_healed_with_new_calibration(yard: Yard) -> None:
    cells = load_cells()
    yard.converters.chips[5].brown_out()
    _, faults = poll_until(yard, cells, lambda _, faults: bool(faults))
    assert faults[0].code is FaultCode.RESET
    back, _ = poll_until(yard, cells, lambda got, _: any(one.cell == 5 for one in got))
    first = next(sample for sample in back if sample.cell == 5)
    assert first.flags & SampleFlag.AFTER_FAULT
    cells.close()


def test_sixteen_keys_of_a_matrix_on_the_expander(yard: Yard) -> None:
    bus = LinuxI2c(I2C_BUS, "keypad expander")
    expander = Mcp23017Gpio(bus, EXPANDER, SystemClock(), "keypad expander")
    lines = Lines(None, expander)
    rows, columns = (108, 109, 110, 111), (100, 101, 102, 103)
    keypad = MatrixKeypad(lines, rows, columns, name="keypad", debounce_ns=1)
    pressed: list[str] = []
    for bit in range(16):
        yard.put(keys=1 << bit)
        deadline_s = time.monotonic() + WAIT_S_MAX
        while len(pressed) <= bit and time.monotonic() < deadline_s:
            yard.put(keys=1 << bit)
            pressed += [press.key.value for press in keypad.poll(now())]
            time.sleep(SCAN_S)
        for _ in range(RELEASE_SCANS):
            yard.put()
            pressed += [press.key.value for press in keypad.poll(now())]
            time.sleep(SCAN_S)
    assert pressed == list("".join(KEYPAD_ROWS))
    keypad.close()


def test_nodes_that_are_not_there_name_their_overlay() -> None:
    with pytest.raises(DeviceAbsentError, match="watchdog"):
        LinuxWatchdog("watchdog", "/dev/watchdog7")
    with pytest.raises(DeviceAbsentError, match="gpiochip7"):
        pin_factory("field inputs", 7)
