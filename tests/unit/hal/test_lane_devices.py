"""Every driver of a lane at once on one LocalWorld: names of coils, pins and wires agree."""

from __future__ import annotations

from dataclasses import replace

from hal.contract.types import (
    Aspect,
    Authority,
    InputName,
    Key,
    KeyPress,
    Lease,
    MonotonicNs,
    Position,
    RawSample,
    Side,
    Tri,
)
from hal.drivers.inputs import GpioFieldInputs
from hal.drivers.keypad_matrix import MatrixKeypad
from hal.drivers.lines import Lines
from hal.drivers.mcp23017 import Mcp23017Gpio
from hal.drivers.nau7802 import Nau7802LoadCells
from hal.drivers.relay import BarrierPins, HoldBarrier, RelayLamp
from hal.drivers.sign_max7219 import Max7219Sign
from hal.sim.gpio import SimGpio, wire_inputs
from hal.sim.keypad import SimKeypad
from hal.sim.mcp23017 import SimExpander
from hal.sim.nau7802 import SimI2c
from hal.sim.relay import SimBarrier, SimRelay
from hal.sim.sign import SimSpi
from hal.sim.world import PlantState
from hal.sim.world_local import LocalWorld
from terminal.config import Config
from tests.contract.worlds import KEY_LAYOUT, HandClock


class PlantClock(HandClock):
    """Moves the plant's heartbeat along, as the plant process does."""

    def __init__(self, world):
        super().__init__()
        self.world, self.state = world, PlantState(self.now_ns)
        self.put()

    def put(self, **changes):
        self.state = replace(self.state, heartbeat_ns=self.now_ns, **changes)
        self.world.put(self.state)

    def pause(self, ns):
        super().pause(ns)
        self.put()


def test_the_default_configuration_s_pins_make_a_working_lane():
    field, keys = Config().field, Config().keypad
    world, gpio = LocalWorld(), SimGpio()
    clock = PlantClock(world)
    numbers = {n: g for n in InputName if (g := getattr(field, n.name.lower())) >= 0}
    wire_inputs(gpio, world, clock, numbers)
    wires = {"is_open": field.exit_is_open, "is_closed": field.exit_is_closed}
    wires["contact"] = field.exit_contact
    SimBarrier(gpio, world, Side.EXIT, open_=field.exit_open, **wires)
    SimRelay(gpio, field.lamp_exit, world, "lamp_exit", active_high=True)
    expander = SimExpander(world, keys.expander_address, clock)
    lines = [[line - 100 for line in side] for side in (keys.rows, keys.columns)]
    SimKeypad(expander, world, *lines)
    board = Lines(None, Mcp23017Gpio(expander, keys.expander_address, clock, "expander"))
    cells = Nau7802LoadCells(
        *(SimI2c(world, 8, 0x70, clock), 0x2A, 0x70, 8, 80, 128, clock, "deck"), pause=clock.pause
    )
    spi = SimSpi(world, 128, 32, clock)
    devices = (
        cells,
        inputs := GpioFieldInputs(gpio, numbers, name="field", debounce_ns=0),
        barrier := HoldBarrier(gpio, Side.EXIT, BarrierPins(field.exit_open, **wires), name="exit"),
        lamp := RelayLamp(gpio, field.lamp_exit, name="lamp"),
        keypad := MatrixKeypad(board, keys.rows, keys.columns, name="keypad", debounce_ns=0),
        sign := Max7219Sign(spi, 128, 32, clock, "sign"),
    )
    clock.now_ns += 20_000_000
    clock.put(
        cell_nv=(3_000_000,) * 8,
        inputs=1 << InputName.BEAM_EXIT,
        arms_mdeg=(0, 90_000),
        keys=1 << KEY_LAYOUT.index("7"),
    )
    now = clock.monotonic_ns()
    lease = Lease(Side.EXIT, Authority.RECORD, 1, b"", MonotonicNs(now + 1))
    assert len([s for s in cells.poll(now, 16) if isinstance(s, RawSample)]) == 8
    levels = inputs.poll(now)
    assert (levels[InputName.BEAM_EXIT].value, levels[InputName.ESTOP].value) == (Tri.YES, Tri.NO)
    feedback = barrier.drive(lease, None, now)
    assert (feedback.position, feedback.energised, feedback.fault) == (Position.OPEN, Tri.YES, None)
    lamp.show(Aspect.GREEN, now)
    assert world.relay("exit_open")
    assert world.relay("lamp_exit")
    assert keypad.poll(now) == [KeyPress(Key.D7, now)]
    assert sign.show(b"\x0f" * 512) is None
    assert world.sign() == (128, 32, b"\x0f" * 512)
    for device in devices:
        info = device.describe()
        assert getattr(info, "device", info).simulated
        device.close()
    assert not world.relay("exit_open")
    assert not world.relay("lamp_exit")
    assert not any(world.sign()[2])
