"""Which wire goes where: every line of a configuration with its header pin, colour and level.

One table for the doctor's trials and for the drawing in hal/README.md. Colours are the house's
own convention for the cores of the field cable; the terminal does not depend on them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from terminal.config import Config
from terminal.config_pins import EXPANDER_FIRST, I2C_LINES, RELAYS, SPI_LINES, i2c_users, used_lines

HEADER: Final = {
    **{2: 3, 3: 5, 4: 7, 14: 8, 15: 10, 17: 11, 18: 12, 27: 13, 22: 15, 23: 16, 24: 18},
    **{10: 19, 9: 21, 25: 22, 11: 23, 8: 24, 7: 26, 0: 27, 1: 28, 5: 29, 6: 31, 12: 32},
    **{13: 33, 19: 35, 16: 36, 26: 37, 20: 38, 21: 40},
}
"""BCM number to pin of the 40-pin header."""
POWER: Final = {
    **{1: "3V3", 2: "5V", 4: "5V", 17: "3V3"},
    **dict.fromkeys((6, 9, 14, 20, 25, 30, 34, 39), "GND"),
}
COLOURS: Final = (
    ("beam", "black"),
    ("loop", "black"),
    ("estop", "red"),
    ("wired_release", "red"),
    ("seal", "violet"),
    ("door", "violet"),
    ("contact", "white"),
    ("is_open", "grey"),
    ("is_closed", "grey"),
    ("_open", "orange"),
    ("_close", "orange"),
    ("lamp", "green"),
    ("siren", "yellow"),
    ("rows", "brown"),
    ("columns", "pink"),
    ("clock_pins", "yellow"),
    ("data_pins", "white"),
    ("power_pin", "brown"),
    ("ready_pin", "white"),
)
BUS_COLOURS: Final = {"SDA": "blue", "SCL": "yellow"}
SPI_SIGNALS: Final = {
    0: {10: "MOSI", 9: "MISO", 11: "SCLK", 8: "CE0", 7: "CE1"},
    1: {20: "MOSI", 19: "MISO", 21: "SCLK", 18: "CE0", 17: "CE1", 16: "CE2"},
}


@dataclass(frozen=True, slots=True)
class Wire:
    """One wire. place: "pin 29" of the header or a line of an expander. level: a text key."""

    key: str
    bcm: str
    place: str
    colour: str
    level: str


def wires(config: Config) -> tuple[Wire, ...]:
    """Every signal wire of the configuration, buses first, in the order of the file."""
    lines = (_wire(config, key, line) for key, line in used_lines(config))
    return (*_buses(config), *lines, *_board(config))


def _wire(config: Config, key: str, line: int) -> Wire:
    name = key.partition(".")[2]
    colour = next((colour for part, colour in COLOURS if part in name), "white")
    return Wire(key, *_where(key, line), colour, _level(config, key, name))


def _where(key: str, line: int) -> tuple[str, str]:
    if line >= EXPANDER_FIRST:
        at = line - EXPANDER_FIRST
        return f"GP{'AB'[at // 8]}{at % 8}", f"{key.partition('.')[0]} MCP23017"
    pin = HEADER.get(line)
    return f"GPIO{line}", f"pin {pin}" if pin is not None else "no header pin"


def _level(config: Config, key: str, name: str) -> str:
    if key.startswith("keypad."):
        return "level.row" if name.startswith("rows") else "level.no"
    if key.startswith("amplifier."):
        return "level.clock"
    if name in RELAYS:
        return "level.high" if config.field.relay_active_high else "level.low"
    if name.endswith(("is_open", "is_closed", "contact")):
        return "level.no"
    return "level.nc" if config.field.normally_closed else "level.no"


def _board(config: Config) -> list[Wire]:
    """Arms on the microcontroller: its outputs and inputs, by its own numbers."""
    if config.field.barriers != "mcu" or config.field.kind != "gpio":
        return []
    sides = ("exit", "entry") if config.lane.kind == "double" else ("exit",)
    found = []
    for side in sides:
        for part, what in (("open", "output"), ("is_open", "input"), ("is_closed", "input")):
            key = f"field.{side}_{part}"
            number = getattr(config.field, f"{side}_{part}")
            colour = next(colour for word, colour in COLOURS if word in f"{side}_{part}")
            level = "level.lease" if what == "output" else "level.no"
            found.append(Wire(key, f"{what} {number}", "microcontroller", colour, level))
    return found


def _buses(config: Config) -> list[Wire]:
    found: list[Wire] = []
    for bus in sorted({bus for bus, _why in i2c_users(config)}):
        for signal, line in zip(("SDA", "SCL"), I2C_LINES.get(bus, ()), strict=False):
            where = _where("", line)
            found.append(Wire(f"I2C-{bus} {signal}", *where, BUS_COLOURS[signal], "level.bus"))
    if config.sign.kind == "max7219" and config.sign.spi_port in SPI_LINES:
        signals = SPI_SIGNALS[config.sign.spi_port]
        wanted = ("MOSI", "SCLK", f"CE{config.sign.spi_device}")
        for line, signal in signals.items():
            if signal in wanted:
                name = f"SPI{config.sign.spi_port} {signal}"
                found.append(Wire(name, *_where("", line), "violet", "level.bus"))
    return found
