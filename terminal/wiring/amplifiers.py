"""Wiring of the load-cell front end: which converter, on which bus or lines, real or simulated."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from hal.contract.bus import I2c
from hal.contract.devices import LoadCell
from hal.contract.types import DeviceAbsentError
from terminal.wiring.context import Context

NAME = "load cells"


def load_cell(context: Context, lines: object) -> LoadCell:
    """The converters of [amplifier]. lines: the lane's pin factory. Raises DeviceAbsentError."""
    kind = context.config.amplifier.kind
    opener = OPENERS.get(kind)
    if opener is None:
        found = f"this version has no driver for amplifier.kind = {kind!r}"
        raise DeviceAbsentError(NAME, found, f"Use one of {', '.join(OPENERS)}")
    return opener(context, lines)


def _nau7802(context: Context, lines: object) -> LoadCell:
    from hal.drivers.lines import Contact
    from hal.drivers.nau7802 import Nau7802LoadCells
    from hal.linux.clock import pause

    amplifier = context.config.amplifier
    mux = amplifier.mux_address or None
    bus: I2c
    ready: Contact | None = None
    if amplifier.kind == "sim":
        from hal.sim.nau7802 import SimI2c

        bus = SimI2c(context.world(), amplifier.cells, mux, context.clock)
    else:
        from hal.linux.i2c import LinuxI2c

        bus = LinuxI2c(amplifier.bus, NAME)
        if amplifier.ready_pin >= 0:
            ready = Contact(lines, amplifier.ready_pin, NAME)
    return Nau7802LoadCells(
        bus,
        amplifier.address,
        mux,
        amplifier.cells,
        amplifier.rate_sps,
        amplifier.gain,
        context.clock,
        NAME,
        pause=pause,
        ready=ready,
    )


def _hx711(context: Context, lines: object) -> LoadCell:
    from hal.drivers.clocked_pair import open_pairs
    from hal.drivers.hx711 import Hx711LoadCells
    from hal.linux.clock import pause

    amplifier, clock = context.config.amplifier, context.clock
    pins = zip(amplifier.clock_pins, amplifier.data_pins, strict=False)
    pairs = open_pairs(lines, tuple(pins)[: amplifier.cells], clock, NAME)
    return Hx711LoadCells(pairs, amplifier.rate_sps, amplifier.gain, clock, NAME, pause=pause)


def _ads1232(context: Context, lines: object) -> LoadCell:
    from hal.drivers.ads1232 import Ads1232LoadCells
    from hal.drivers.clocked_pair import open_pairs
    from hal.drivers.lines import Coil
    from hal.linux.clock import pause

    amplifier, clock = context.config.amplifier, context.clock
    pins = zip(amplifier.clock_pins, amplifier.data_pins, strict=False)
    pairs = open_pairs(lines, tuple(pins)[: amplifier.cells], clock, NAME)
    power = None
    if amplifier.power_pin >= 0:
        power = Coil(lines, amplifier.power_pin, NAME, active_high=True)
    return Ads1232LoadCells(
        pairs, amplifier.rate_sps, amplifier.gain, clock, NAME, pause=pause, power=power
    )


def _iio(context: Context, lines: object) -> LoadCell:
    del lines
    from hal.drivers.iio_cells import IioLoadCells
    from hal.linux.iio import LinuxIio

    amplifier = context.config.amplifier
    channels = [LinuxIio(which, NAME) for which in amplifier.iio_devices[: amplifier.cells]]
    return IioLoadCells(channels, amplifier.rate_sps, amplifier.gain, context.clock, NAME)


def _mcu(context: Context, lines: object) -> LoadCell:
    del lines
    from terminal.wiring.bridge import mcu_load_cells

    return mcu_load_cells(context)


def _plugin(context: Context, lines: object) -> LoadCell:
    del lines
    from terminal.wiring.plugins import open_plugin

    amplifier = context.config.amplifier
    found = open_plugin(LoadCell, amplifier.plugin, amplifier.options, context.clock, NAME)
    return cast(LoadCell, found)


OPENERS: dict[str, Callable[[Context, object], LoadCell]] = {
    "sim": _nau7802,
    "nau7802": _nau7802,
    "hx711": _hx711,
    "ads1232": _ads1232,
    "iio": _iio,
    "mcu": _mcu,
    "plugin": _plugin,
}
"""Converter kinds by their name in terminal.toml."""
