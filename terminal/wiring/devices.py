"""Wiring of the lane's devices: the same drivers on the kernel's lines or on chip models."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from hal.contract.devices import Barrier, Lamp, LoadCell, Siren
from hal.contract.types import NS_PER_MS, NS_PER_S, DeviceAbsentError, InputName, Side
from hal.drivers.inputs import GpioFieldInputs
from hal.drivers.lines import Lines
from hal.drivers.relay import (
    BarrierPins,
    BarrierTimes,
    HoldBarrier,
    PulseBarrier,
    RelayLamp,
    RelaySiren,
)
from terminal.config import Config, Field
from terminal.control.devices import LaneDevices
from terminal.wiring.amplifiers import load_cell
from terminal.wiring.bridge import indicator, mcu_barriers
from terminal.wiring.context import Context

Device = TypeVar("Device")


def lane_devices(
    context: Context, without: Callable[[DeviceAbsentError], None] | None = None
) -> LaneDevices:
    """Open everything the control process owns. Raises DeviceAbsentError naming the device.

    without: told of a front end that is not there, which then is left out (the doctor tries the
    rest); the control process never leaves one out.
    """
    config = context.config
    factory = _gpio(context)
    cells = _front_end(
        config.weighing.source == "amplifier", lambda: load_cell(context, factory), without
    )
    return LaneDevices(
        inputs=_inputs(config, factory),
        barriers=_barriers(config, factory, cells),
        lamps=(_lamp(config.field, factory, Side.ENTRY), _lamp(config.field, factory, Side.EXIT)),
        load_cell=cells,
        indicator=_front_end(
            config.weighing.source == "indicator", lambda: indicator(context), without
        ),
        siren=_siren(config.field, factory),
    )


def _front_end(
    wanted: bool,
    opener: Callable[[], Device],
    without: Callable[[DeviceAbsentError], None] | None,
) -> Device | None:
    if not wanted:
        return None
    try:
        return opener()
    except DeviceAbsentError as error:
        if without is None:
            raise
        without(error)
        return None


def _gpio(context: Context) -> object:
    """The pin factory: the kernel's, or a model of the chip wired to the simulated world."""
    if context.config.field.kind != "sim":
        from hal.linux.gpio import pin_factory

        header = pin_factory("field inputs and relays")
        return Lines(header, _expander(context) if context.config.field.expander_address else None)
    return _simulated_gpio(context)


def _expander(context: Context) -> object:
    from hal.drivers.mcp23017 import Mcp23017Gpio
    from hal.linux.i2c import LinuxI2c

    field, name = context.config.field, "field expander"
    return Mcp23017Gpio(
        LinuxI2c(field.expander_bus, name), field.expander_address, context.clock, name
    )


def _simulated_gpio(context: Context) -> object:
    from hal.drivers.mcp23017 import Mcp23017Gpio
    from hal.sim.gpio import wire_inputs
    from hal.sim.mcp23017 import SimExpander, SimHeader
    from hal.sim.relay import SimBarrier, SimRelay

    config, world = context.config, context.world()
    field = config.field
    chip = SimExpander(world, field.expander_address, context.clock)
    gpio = SimHeader(chip)
    wire_inputs(
        gpio, world, context.clock, _input_pins(field), normally_closed=field.normally_closed
    )
    for side in Side:
        if side is Side.ENTRY and config.lane.kind != "double":
            continue
        pins = _pins(config, side)
        SimBarrier(
            gpio,
            world,
            side,
            open_=pins.open,
            close=pins.close,
            is_open=pins.is_open,
            is_closed=pins.is_closed,
            contact=pins.contact,
            active_high=field.relay_active_high,
        )
    for name in ("lamp_entry", "lamp_exit", "siren"):
        if getattr(field, name) >= 0:
            SimRelay(gpio, getattr(field, name), world, name, field.relay_active_high)
    if not field.expander_address:
        return gpio
    return Lines(gpio, Mcp23017Gpio(chip, field.expander_address, context.clock, "field expander"))


def _input_pins(field: Field) -> dict[InputName, int]:
    pins = {name: int(getattr(field, name.name.lower())) for name in InputName}
    return {name: pin for name, pin in pins.items() if pin >= 0}


def _inputs(config: Config, factory: object) -> GpioFieldInputs:
    field = config.field
    return GpioFieldInputs(
        factory,
        _input_pins(field),
        name="field inputs",
        debounce_ns=field.debounce_ms * NS_PER_MS,
        normally_closed=field.normally_closed,
    )


def _pins(config: Config, side: Side) -> BarrierPins:
    def pin(part: str) -> int | None:
        number = int(getattr(config.field, f"{side.name.lower()}_{part}"))
        return number if number >= 0 else None

    opening = pin("open")
    assert opening is not None, "config_rules lets no lane without this relay through"
    return BarrierPins(
        open=opening,
        close=pin("close") if config.lane.barrier == "pulse" else None,
        is_open=pin("is_open"),
        is_closed=pin("is_closed"),
        contact=pin("contact"),
    )


def _barriers(
    config: Config, factory: object, cells: LoadCell | None
) -> tuple[Barrier | None, Barrier]:
    """Both arms, entry first; None where the entry has none. Raises DeviceAbsentError."""
    if config.field.barriers == "mcu":
        return mcu_barriers(config, cells)
    double = config.lane.kind == "double"
    entry = _barrier(config, factory, Side.ENTRY) if double else None
    return entry, _barrier(config, factory, Side.EXIT)


def _barrier(config: Config, factory: object, side: Side) -> Barrier:
    kind = PulseBarrier if config.lane.barrier == "pulse" else HoldBarrier
    return kind(
        factory,
        side,
        _pins(config, side),
        name=f"{side.name.lower()} barrier",
        active_high=config.field.relay_active_high,
        times=BarrierTimes(
            travel_ns_max=config.lane.barrier_s_max * NS_PER_S,
            pulse_ns=config.field.pulse_ms * NS_PER_MS,
        ),
    )


def _lamp(field: Field, factory: object, side: Side) -> Lamp:
    name = f"lamp_{side.name.lower()}"
    return RelayLamp(
        factory, int(getattr(field, name)), name=name, active_high=field.relay_active_high
    )


def _siren(field: Field, factory: object) -> Siren | None:
    if field.siren < 0:
        return None
    return RelaySiren(factory, field.siren, name="siren", active_high=field.relay_active_high)
