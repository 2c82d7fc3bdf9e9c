"""Wiring of what the panel process owns: the sign and the keypad, real or on chip models."""

from __future__ import annotations

from typing import cast

from hal.contract.devices import Keypad, Sign
from hal.contract.types import NS_PER_MS
from terminal.config import KeypadSection
from terminal.wiring.context import Context
from terminal.wiring.plugins import open_plugin

EXPANDER_FIRST = 100


def sign(context: Context) -> Sign | None:
    """The sign, or None where the site has none. Raises DeviceAbsentError."""
    config = context.config.sign
    if config.kind == "none":
        return None
    if config.kind == "plugin":
        found = open_plugin(Sign, config.plugin, config.options, context.clock, "sign")
        return cast(Sign, found)
    from hal.contract.bus import Spi
    from hal.drivers.sign_max7219 import Max7219Sign

    spi: Spi
    if config.kind == "sim":
        from hal.sim.sign import SimSpi

        spi = SimSpi(
            context.world(),
            config.width_px,
            config.height_px,
            context.clock,
            block_orientation=config.block_orientation,
        )
    else:
        from hal.linux.spi import LinuxSpi

        spi = LinuxSpi("sign")
    return Max7219Sign(
        spi,
        config.width_px,
        config.height_px,
        context.clock,
        "sign",
        block_orientation=config.block_orientation,
        chip_select=(config.spi_port, config.spi_device),
    )


def keypad(context: Context) -> Keypad | None:
    """The keypad, or None where the site has none. Raises DeviceAbsentError."""
    config = context.config.keypad
    if config.kind == "none":
        return None
    if config.kind == "plugin":
        found = open_plugin(Keypad, config.plugin, config.options, context.clock, "keypad")
        return cast(Keypad, found)
    if config.kind == "usb":
        from hal.linux.usb_keypad import UsbKeypad

        return UsbKeypad(config.device, "keypad")
    from hal.drivers.keypad_matrix import MatrixKeypad

    lines = _simulated_lines(context, config) if config.kind == "sim" else _lines(context, config)
    return MatrixKeypad(
        lines,
        config.rows,
        config.columns,
        name="keypad",
        debounce_ns=config.debounce_ms * NS_PER_MS,
    )


def _on_expander(config: KeypadSection) -> bool:
    return any(line >= EXPANDER_FIRST for line in (*config.rows, *config.columns))


def _lines(context: Context, config: KeypadSection) -> object:
    """Pins of the header, of the keypad's expander, or of both; opens only what is used."""
    from hal.drivers.lines import Lines

    header: object = None
    expander: object = None
    if any(line < EXPANDER_FIRST for line in (*config.rows, *config.columns)):
        from hal.linux.gpio import pin_factory

        header = pin_factory("keypad")
    if _on_expander(config):
        from hal.drivers.mcp23017 import Mcp23017Gpio
        from hal.linux.i2c import LinuxI2c

        bus = LinuxI2c(config.expander_bus, "keypad expander")
        address = config.expander_address
        expander = Mcp23017Gpio(bus, address, context.clock, "keypad expander")
    return Lines(header, expander)


def _simulated_lines(context: Context, config: KeypadSection) -> object:
    """The world's keypad on a model of the board that carries its lines."""
    from hal.drivers.lines import Lines
    from hal.drivers.mcp23017 import Mcp23017Gpio
    from hal.sim.gpio import SimGpio
    from hal.sim.keypad import SimKeypad
    from hal.sim.mcp23017 import SimExpander

    if not _on_expander(config):
        gpio = SimGpio()
        SimKeypad(gpio, context.world(), config.rows, config.columns)
        return gpio
    address = config.expander_address
    bus = SimExpander(context.world(), address, context.clock)
    rows = [line - EXPANDER_FIRST for line in config.rows]
    columns = [line - EXPANDER_FIRST for line in config.columns]
    SimKeypad(bus, context.world(), rows, columns)
    return Lines(None, Mcp23017Gpio(bus, address, context.clock, "keypad expander"))
