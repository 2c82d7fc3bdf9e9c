"""What is there, what is missing, and the line or the plug that mends it: pure but for a Machine.

Each finding says what was found and what to do. Nothing is repaired and nothing is guessed: what
cannot be seen from here is said to be unseen.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal, Protocol

from hal.contract.types import Fault
from terminal.config import Config
from terminal.config_pins import UART_PORTS, i2c_users
from terminal.texts.catalogue import text
from terminal.texts.prompts import Lang

CONFIG_TXT: Final = ("/boot/firmware/config.txt", "/boot/config.txt")
MODEL: Final = "/proc/device-tree/model"
FREES_GPIO: Final = (
    ("/sys/module/pinctrl_*/parameters/persist_gpio_outputs", ("N", "0")),
    ("/sys/module/pinctrl_*/parameters/strict_gpiod", ("Y", "1")),
)
"""Where the kernel says it, and its good words; the second is of 2024's first kernels
(raspberrypi/linux pull requests 6117 and 6150)."""
CHIPS: Final = (
    (0x20, 0x27, "MCP23017"),
    (0x2A, 0x2A, "NAU7802"),
    (0x36, 0x36, "MAX17040 (UPS)"),
    (0x50, 0x57, "EEPROM"),
    (0x68, 0x68, "DS3231 (RTC)"),
    (0x70, 0x77, "TCA9548A"),
)
NAU7802: Final = 0x2A
STRICT: Final = "dtparam=strict_gpiod"
CELLS_MAX: Final = 8
Grade = Literal["ok", "note", "wrong"]


class Machine(Protocol):
    """What the doctor asks of a machine (hal.linux.machine.LinuxMachine)."""

    def read(self, path: str) -> str | None:
        """A small text file, None when it is not there."""

    def paths(self, pattern: str) -> tuple[str, ...]:
        """Existing paths of a pattern."""

    def may_open(self, path: str) -> bool:
        """Whether this user may use the node."""

    def scan(self, bus: int, mux: int = 0, channel: int = 0) -> tuple[int, ...] | None:
        """Addresses that answer; None when the bus cannot be opened."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report: how good, what, and what to do about it."""

    grade: Grade
    what: str
    do: str = ""


@dataclass(frozen=True, slots=True)
class Doctor:
    """Examines one machine for one configuration, in one language."""

    machine: Machine
    config: Config
    lang: Lang

    def examine(self) -> tuple[Finding, ...]:
        """Everything that can be seen without touching a line."""
        return (
            *self._board(),
            *self._config_lines(),
            *self._strict(),
            *self._i2c(),
            *self._nodes(),
            *self._seen(),
        )

    def _say(self, grade: Grade, key: str, do: str = "", **values: object) -> Finding:
        remedy = text(f"doctor.{do}", self.lang, **values) if do else ""
        return Finding(grade, text(f"doctor.{key}", self.lang, **values), remedy)

    def _board(self) -> Iterator[Finding]:
        model = self.machine.read(MODEL) or "?"
        if "Raspberry Pi" in model:
            yield self._say("ok", "model", found=model)
        else:
            yield self._say("wrong", "model.none", "model.do", found=model)
        chips = self.machine.paths("/dev/gpiochip*")
        if chips:
            yield self._say("ok", "gpio", found=", ".join(chips))
        else:
            yield self._say("wrong", "gpio.none", "gpio.do")

    def _config_lines(self) -> Iterator[Finding]:
        path = next((p for p in CONFIG_TXT if self.machine.read(p) is not None), CONFIG_TXT[0])
        model = self.machine.read(MODEL) or ""
        there = active_lines(self.machine.read(path) or "", model)
        for line, why in self._needed():
            reason = text(f"doctor.{why}", self.lang)
            if all(part in there for part in split_line(line)):
                yield self._say("ok", "line", line=line)
            else:
                yield self._say("wrong", "line.none", "line.do", line=line, why=reason, path=path)

    def _needed(self) -> Iterator[tuple[str, str]]:
        """Lines that this configuration needs in config.txt, each with a text key for its why."""
        for bus in sorted({bus for bus, _key in i2c_users(self.config)}):
            if bus == 1:
                yield "dtparam=i2c_arm=on,i2c_arm_baudrate=400000", "why.i2c"
            elif bus > 1:
                yield f"dtoverlay=i2c{bus}", "why.i2c"
        if self.config.sign.kind == "max7219":
            port = self.config.sign.spi_port
            yield ("dtparam=spi=on" if port == 0 else f"dtoverlay=spi{port}-3cs"), "why.spi"
        if self.config.field.kind == "gpio":
            yield STRICT, "why.strict"
        if self.config.health.watchdog:
            yield "dtparam=watchdog=on", "why.watchdog"
        if self._serial() in UART_PORTS:
            yield "enable_uart=1", "why.uart"

    def _serial(self) -> str:
        if self.config.weighing.source == "indicator":
            return self.config.indicator.port
        return self.config.amplifier.port if self.config.amplifier.kind == "mcu" else ""

    def _strict(self) -> Iterator[Finding]:
        """The kernel's own word on who keeps a relay energised after a crash."""
        if self.config.field.kind != "gpio":
            return
        words = [
            self.machine.read(path) in good
            for pattern, good in FREES_GPIO
            for path in self.machine.paths(pattern)
        ]
        if not words:
            yield self._say("note", "strict.unknown", "strict.do")
        elif all(words):
            yield self._say("ok", "strict")
        else:
            yield self._say("wrong", "strict.none", "strict.do")

    def _i2c(self) -> Iterator[Finding]:
        wanted = expected_chips(self.config)
        buses = {bus for bus, _key in i2c_users(self.config)} | _buses_of(self.machine)
        for bus in sorted(buses):
            seen = self.machine.scan(bus)
            if seen is None:
                yield self._say("wrong", "bus.none", "bus.do", bus=bus)
                continue
            for address in seen:
                yield self._say("ok", "chip", bus=bus, address=address, name=chip_name(address))
            listed = ", ".join(f"0x{address:02x}" for address in seen) or "-"
            for at, address, key in wanted:
                if at == bus and address not in seen:
                    values = {"bus": bus, "address": address, "setting": key, "seen": listed}
                    yield self._say("wrong", "chip.none", "chip.do", **values)
            yield from self._cells(bus, seen)

    def _cells(self, bus: int, seen: tuple[int, ...]) -> Iterator[Finding]:
        """Converters behind the multiplexer, channel by channel."""
        amplifier = self.config.amplifier
        mux = amplifier.mux_address
        if amplifier.kind != "nau7802" or amplifier.bus != bus or mux not in seen:
            return
        behind = [self.machine.scan(bus, mux, cell) or () for cell in range(amplifier.cells)]
        missing = [cell for cell, seen_ in enumerate(behind) if amplifier.address not in seen_]
        if not missing:
            yield self._say("ok", "cells", count=amplifier.cells, address=amplifier.address)
        for cell in missing:
            yield self._say("wrong", "cell.none", "cell.do", cell=cell)

    def _nodes(self) -> Iterator[Finding]:
        for path, key in expected_nodes(self.config):
            if path not in self.machine.paths(path):
                yield self._say("wrong", "node.none", "node.do", path=path, setting=key)
            elif not self.machine.may_open(path):
                yield self._say("wrong", "node.refused", "node.do", path=path, setting=key)
            else:
                yield self._say("ok", "node", path=path)

    def _seen(self) -> Iterator[Finding]:
        """What is plugged in, whether it is configured or not."""
        for what, found in seen_devices(self.machine).items():
            names = ", ".join(found) or text("doctor.seen.none", self.lang)
            kind = text(f"doctor.seen.{what}", self.lang)
            yield self._say("note", "seen", what=kind, found=names)


def of_the_board(faults: Sequence[Fault], lang: Lang) -> tuple[Finding, ...]:
    """What the board says of its own heat, supply, storage and clock."""
    if not faults:
        return (Finding("ok", text("doctor.board", lang)),)
    return tuple(
        Finding(
            "wrong",
            f"{text(f'fault.{fault.code.value}.operator', lang)}: {fault.detail}",
            text(f"fault.{fault.code.value}.first_aid", lang),
        )
        for fault in faults
    )


def expected_chips(config: Config) -> tuple[tuple[int, int, str], ...]:
    """(bus, address, key) of what must answer without a multiplexer's channel chosen."""
    found: list[tuple[int, int, str]] = []
    amplifier = config.amplifier
    if config.weighing.source == "amplifier" and amplifier.kind == "nau7802":
        if amplifier.mux_address:
            found.append((amplifier.bus, amplifier.mux_address, "amplifier.mux_address"))
        else:
            found.append((amplifier.bus, amplifier.address, "amplifier.address"))
    field, keypad = config.field, config.keypad
    if field.kind == "gpio" and field.expander_address:
        found.append((field.expander_bus, field.expander_address, "field.expander_address"))
    if keypad.kind == "matrix" and keypad.expander_address:
        found.append((keypad.expander_bus, keypad.expander_address, "keypad.expander_address"))
    health = config.health
    if health.ups_address:
        found.append((health.ups_bus, health.ups_address, "health.ups_address"))
    return tuple(found)


def expected_nodes(config: Config) -> tuple[tuple[str, str], ...]:
    """(path, key) of the device files that the configuration names."""
    found: list[tuple[str, str]] = []
    if config.sign.kind == "max7219":
        found.append((f"/dev/spidev{config.sign.spi_port}.{config.sign.spi_device}", "sign"))
    if config.weighing.source == "indicator":
        found.append((config.indicator.port, "indicator.port"))
    elif config.amplifier.kind == "mcu":
        found.append((config.amplifier.port, "amplifier.port"))
    named = (
        (config.printer.device, "printer.device"),
        (config.health.watchdog, "health.watchdog"),
        (config.keypad.device if config.keypad.kind == "usb" else "", "keypad.device"),
    )
    return (*found, *((path, key) for path, key in named if path))


def seen_devices(machine: Machine) -> dict[str, tuple[str, ...]]:
    """Cameras, serial ports and USB keypads that the kernel shows."""
    serial = (
        *machine.paths("/dev/serial/by-id/*"),
        *(path for path in UART_PORTS if path in machine.paths(path)),
    )
    names = (machine.read(path) for path in machine.paths("/sys/class/video4linux/*/name"))
    cameras = tuple(dict.fromkeys(name for name in names if name))
    keypads = machine.paths("/dev/input/by-id/*-event-kbd")
    return {"cameras": cameras, "serial": serial, "keypads": keypads}


def chip_name(address: int) -> str:
    """What usually answers at an address."""
    return next((name for first, last, name in CHIPS if first <= address <= last), "?")


def active_lines(config_txt: str, model: str) -> frozenset[str]:
    """Settings of config.txt that hold for this model; "dtparam=a,b" counts as two."""
    found: set[str] = set()
    active = True
    for raw in config_txt.splitlines():
        line = raw.split("#")[0].strip()
        section = re.fullmatch(r"\[(.+)\]", line)
        if section:
            active = _holds(section[1].lower(), model)
        elif line and active:
            found.update(split_line(line))
    return frozenset(found)


def split_line(line: str) -> tuple[str, ...]:
    """One dtparam line as its single settings, "on" left out: i2c_arm is i2c_arm=on."""
    key, _, value = line.replace(" ", "").partition("=")
    if key != "dtparam":
        return (f"{key}={value}",)
    parts = (part.removesuffix("=on").removesuffix("=true") for part in value.split(","))
    return tuple(f"dtparam={part}" for part in parts)


def _holds(section: str, model: str) -> bool:
    """Whether a filter of config.txt lets this board through; an unknown filter does not."""
    if section == "all":
        return True
    found = re.search(r"Raspberry Pi (Compute Module )?(\d+)", model)
    if found is None:
        return False
    return section == ("cm" if found[1] else "pi") + found[2]


def _buses_of(machine: Machine) -> set[int]:
    """Buses 0 to 9 that have a node; higher numbers are HDMI and firmware."""
    found = [re.search(r"i2c-(\d)$", path) for path in machine.paths("/dev/i2c-*")]
    return {int(match[1]) for match in found if match}
