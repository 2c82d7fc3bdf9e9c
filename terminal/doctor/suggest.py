"""A terminal.toml for what was found on this machine: a start to edit, checked like any other.

It names only what answered; what nobody can see from here (where the cells lie, which contacts
are wired) keeps the default and a comment.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from terminal.doctor.findings import CELLS_MAX, MODEL, NAU7802, Machine, seen_devices

BUS = 1
RIBBON = ("unicam", "rp1-cfe", "rpi")
"""Words in the names of the kernel's cameras on the ribbon cable."""


@dataclass(frozen=True, slots=True)
class _Bus:
    """What answered on the header's I2C bus."""

    mux: int
    cells: int
    expanders: tuple[int, ...]


def suggest(machine: Machine) -> str:
    """The text of a configuration file for the devices that were found."""
    bus = _look(machine)
    seen = seen_devices(machine)
    parts = [
        "# Suggested by `weigh-terminal doctor` from what answered on this machine.",
        "# Set [site], the places of the cells and the wired contacts; then run",
        "# `weigh-terminal check` and `weigh-terminal calibrate`.",
        *_weighing(bus, seen["serial"]),
        *_field("Raspberry Pi" in (machine.read(MODEL) or "")),
        *_sign(machine.paths("/dev/spidev*")),
        *_keypad(bus, seen["keypads"]),
        "",
        "[camera]",
        f'kind = "{"picamera2" if _ribbon(seen["cameras"]) else "none"}"',
    ]
    if machine.paths("/dev/usb/lp*"):
        parts += ["", "[printer]", f'device = "{machine.paths("/dev/usb/lp*")[0]}"']
    return "\n".join(parts) + "\n"


def _look(machine: Machine) -> _Bus:
    seen = machine.scan(BUS) or ()
    muxes = [address for address in seen if 0x70 <= address <= 0x77]
    expanders = tuple(address for address in seen if 0x20 <= address <= 0x27)
    if not muxes:
        return _Bus(0, int(NAU7802 in seen), expanders)
    cells = 0
    for channel in range(CELLS_MAX):
        if NAU7802 not in (machine.scan(BUS, muxes[0], channel) or ()):
            break
        cells += 1
    return _Bus(muxes[0], cells, expanders)


def _weighing(bus: _Bus, serial: tuple[str, ...]) -> list[str]:
    if bus.cells:
        mux = f"mux_address = 0x{bus.mux:02X}" if bus.mux else "mux_address = 0"
        head = ["", "[amplifier]", 'kind = "nau7802"', f"bus = {BUS}", "address = 0x2A"]
        return [*head, mux, f"cells = {bus.cells}"]
    missing = "# No load-cell front end answered: check supply and wires, then ask again."
    simulated = "# Until then a simulated one stands in, and every record says so."
    if serial:
        which = f"# For an indicator on {serial[0]} run `weigh-terminal listen {serial[0]}` and"
        put = "# put what it prints here: only a person at its display can confirm the scaling."
        return ["", missing, which, put, simulated]
    return ["", missing, simulated]


def _field(on_a_pi: bool) -> list[str]:
    if not on_a_pi:
        return []
    return ["", "[field]", 'kind = "gpio"', "# BCM numbers as wired; see `doctor --wiring`"]


def _sign(nodes: tuple[str, ...]) -> list[str]:
    found = [re.search(r"spidev([012])\.([012])$", node) for node in nodes]
    ports = [(match[1], match[2]) for match in found if match]
    if not ports:
        return ["", "[sign]", 'kind = "none"']
    port, device = ports[0]
    head = ["", "[sign]", 'kind = "max7219"', f"spi_port = {port}", f"spi_device = {device}"]
    return [*head, "# This chip never answers: look whether it lights in `doctor --test sign`"]


def _keypad(bus: _Bus, keypads: tuple[str, ...]) -> list[str]:
    if keypads:
        return ["", "[keypad]", 'kind = "usb"', f'device = "{keypads[0]}"']
    if bus.expanders:
        head = ["", "[keypad]", 'kind = "matrix"', f"expander_bus = {BUS}"]
        return [*head, f"expander_address = 0x{bus.expanders[0]:02X}"]
    return ["", "[keypad]", 'kind = "none"']


def _ribbon(names: tuple[str, ...]) -> bool:
    return any(word in name.lower() for name in names for word in RIBBON)
