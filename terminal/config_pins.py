"""Rules of the 40-pin header: who uses which line, and which lines the buses keep for themselves.

Two users of one line are found before anything is energised. The tables are the Raspberry Pi's
own (BCM2711 datasheet 5.3 and the overlays' README); nothing here opens a device.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from terminal.config import Config, Problem

EXPANDER_FIRST: Final = 100
HEADER_LAST: Final = 27
MODULE_LAST: Final = 53
"""28 to 53 exist on compute modules only, whose carrier decides where they lead."""
OUTPUT_ONLY: Final = (107, 115)
RELAYS: Final = (
    *("exit_open", "exit_close", "entry_open", "entry_close"),
    *("lamp_entry", "lamp_exit", "siren"),
)
FIELD_LINES: Final = (
    *("beam_entry", "beam_exit", "loop_entry", "loop_exit", "estop", "wired_release"),
    *("seal", "door", "exit_is_open", "exit_is_closed", "exit_contact"),
    *("entry_is_open", "entry_is_closed", "entry_contact"),
)
BARRIER_LINES: Final = tuple(
    f"{side}_{part}"
    for side in ("exit", "entry")
    for part in ("open", "close", "is_open", "is_closed", "contact")
)
"""Not the header's with field.barriers = "mcu"."""
SPI_LINES: Final = {0: (7, 8, 9, 10, 11), 1: (16, 17, 18, 19, 20, 21)}
"""Chip selects included: the overlay claims both, used or not."""
I2C_LINES: Final = {0: (0, 1), 1: (2, 3), 3: (4, 5), 4: (6, 7), 5: (12, 13), 6: (22, 23)}
UART_LINES: Final = (14, 15)
UART_PORTS: Final = ("/dev/serial0", "/dev/ttyAMA0", "/dev/ttyS0")
HAT_LINES: Final = (0, 1)
CLOCKED: Final = ("hx711", "ads1232")


def pin_problems(config: Config) -> Iterator[Problem]:
    """Every line used twice, taken from a bus, or unfit for what hangs on it."""
    used = dict(reserved_lines(config))
    for key, line in used_lines(config):
        if line <= MODULE_LAST:
            if line in used:
                yield Problem(key, f"pin {line}", f"a pin not used by {used[line]}")
            used.setdefault(line, key)
        elif line < EXPANDER_FIRST:
            allowed = f"a BCM number up to {HEADER_LAST}, or 100 to 115 for an expander's line"
            yield Problem(key, f"pin {line}", allowed)
    yield from _expanders(config)


def reserved_lines(config: Config) -> Iterator[tuple[int, str]]:
    """Header lines that a bus of this configuration keeps, with what keeps them."""
    if config.sign.kind == "max7219":
        for line in SPI_LINES.get(config.sign.spi_port, ()):
            yield line, f"SPI{config.sign.spi_port} (sign.kind = 'max7219')"
    for bus, why in i2c_users(config):
        for line in I2C_LINES.get(bus, ()):
            yield line, f"I2C-{bus} ({why})"
    for port, why in _serial_ports(config):
        if port in UART_PORTS:
            for line in UART_LINES:
                yield line, f"the serial port {port} ({why})"
    for line in HAT_LINES:
        yield line, "the HAT's EEPROM, which the firmware reads at every boot"


def i2c_users(config: Config) -> Iterator[tuple[int, str]]:
    """Buses in use, with the key that wants each."""
    if config.weighing.source == "amplifier" and config.amplifier.kind == "nau7802":
        yield config.amplifier.bus, "amplifier.kind = 'nau7802'"
    if config.field.kind == "gpio" and config.field.expander_address:
        yield config.field.expander_bus, "field.expander_address"
    if config.keypad.kind == "matrix" and config.keypad.expander_address:
        yield config.keypad.expander_bus, "keypad.expander_address"
    if config.health.ups_address:
        yield config.health.ups_bus, "health.ups_address"


def _serial_ports(config: Config) -> Iterator[tuple[str, str]]:
    if config.weighing.source == "indicator":
        yield config.indicator.port, "indicator.port"
    elif config.amplifier.kind == "mcu":
        yield config.amplifier.port, "amplifier.port"


def used_lines(config: Config) -> Iterator[tuple[str, int]]:
    """(key, line) of everything wired to a real line, in the order of the file."""
    field, amplifier = config.field, config.amplifier
    if config.weighing.source == "amplifier" and amplifier.kind in CLOCKED:
        for key in ("clock_pins", "data_pins"):
            pins = getattr(amplifier, key)[: amplifier.cells]
            yield from ((f"amplifier.{key}[{at}]", pin) for at, pin in enumerate(pins))
        if amplifier.kind == "ads1232" and amplifier.power_pin >= 0:
            yield "amplifier.power_pin", amplifier.power_pin
    nau7802 = config.weighing.source == "amplifier" and amplifier.kind == "nau7802"
    if nau7802 and amplifier.ready_pin >= 0:
        yield "amplifier.ready_pin", amplifier.ready_pin
    if field.kind == "gpio":
        for key in FIELD_LINES + RELAYS:
            entry = key.startswith("entry_") and config.lane.kind != "double"
            close = key.endswith("_close") and config.lane.barrier != "pulse"
            board = field.barriers == "mcu" and key in BARRIER_LINES
            line = int(getattr(field, key))
            if line >= 0 and not entry and not close and not board:
                yield f"field.{key}", line
    if config.keypad.kind == "matrix":
        for key in ("rows", "columns"):
            lines = getattr(config.keypad, key)
            yield from ((f"keypad.{key}[{at}]", line) for at, line in enumerate(lines))


def _expanders(config: Config) -> Iterator[Problem]:
    """Lines from 100 on need a chip of their section, and no relay may hang on one."""
    owners: dict[tuple[str, int], str] = {}
    for key, line in used_lines(config):
        if line < EXPANDER_FIRST:
            continue
        section = key.split(".")[0]
        allowed = ""
        if section == "amplifier":
            allowed = "a BCM number: a converter is clocked by the header's own lines"
        elif key.removeprefix("field.") in RELAYS:
            allowed = "a BCM number: an expander keeps a relay energised when its owner dies"
        elif line in OUTPUT_ONLY:
            allowed = "another line: GPA7 and GPB7 of an MCP23017 must not be inputs"
        elif not getattr(config, section).expander_address:
            allowed = f"a BCM number, or {section}.expander_address"
        elif (section, line) in owners:
            allowed = f"a line not used by {owners[section, line]}"
        if allowed:
            yield Problem(key, f"expander line {line}", allowed)
        owners.setdefault((section, line), key)
    yield from _addresses(config)


def _addresses(config: Config) -> Iterator[Problem]:
    """Two chips on one bus need two addresses; each expander has one owning process."""
    taken: dict[tuple[int, int], str] = {}
    chips: list[tuple[str, int, int]] = []
    if config.weighing.source == "amplifier" and config.amplifier.kind == "nau7802":
        amplifier = config.amplifier
        chips.append(("amplifier.mux_address", amplifier.bus, amplifier.mux_address))
        chips.append(("amplifier.address", amplifier.bus, amplifier.address))
    if config.field.kind == "gpio":
        field = config.field
        chips.append(("field.expander_address", field.expander_bus, field.expander_address))
    if config.keypad.kind == "matrix":
        keypad = config.keypad
        chips.append(("keypad.expander_address", keypad.expander_bus, keypad.expander_address))
    chips.append(("health.ups_address", config.health.ups_bus, config.health.ups_address))
    for key, bus, address in chips:
        if not address:
            continue
        if (bus, address) in taken:
            yield Problem(key, f"0x{address:02x}", f"an address not used by {taken[bus, address]}")
        taken.setdefault((bus, address), key)
