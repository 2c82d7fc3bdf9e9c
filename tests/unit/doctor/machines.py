"""Machines of the doctor's tests: dictionaries in the place of files and buses."""

from __future__ import annotations

from fnmatch import fnmatch

from terminal.config import Config
from terminal.config_load import parse

PI4 = "Raspberry Pi 4 Model B Rev 1.5"
CONFIG_TXT = """
# dtparam=spi=on
dtparam=i2c_arm=on,i2c_arm_baudrate=400000
[pi5]
dtparam=spi=on
[all]
dtparam=spi=on  # the sign
dtparam=strict_gpiod
"""
GATE = """
[amplifier]
kind = "nau7802"
cells = 4
[field]
kind = "gpio"
[sign]
kind = "max7219"
spi_device = 1
[keypad]
kind = "matrix"
"""
FILES = {
    "/proc/device-tree/model": PI4,
    "/boot/firmware/config.txt": CONFIG_TXT,
    "/sys/module/pinctrl_bcm2835/parameters/persist_gpio_outputs": "N",
    "/sys/class/video4linux/video0/name": "unicam-image",
}
NODES = (
    *("/dev/gpiochip0", "/dev/i2c-1", "/dev/spidev0.1"),
    *("/dev/serial/by-id/usb-FTDI-port0", "/dev/input/by-id/usb-pad-event-kbd"),
)


class FakeMachine:
    def __init__(self, files=None, nodes=NODES, bus=(0x20, 0x68, 0x70), cells=4):
        self.files = FILES if files is None else files
        self.nodes, self.bus, self.cells = nodes, bus, cells
        self.refused: set[str] = set()

    def read(self, path):
        return self.files.get(path)

    def paths(self, pattern):
        return tuple(p for p in sorted((*self.files, *self.nodes)) if fnmatch(p, pattern))

    def may_open(self, path):
        return path not in self.refused

    def scan(self, bus, mux=0, channel=0):
        if self.bus is None or bus != 1:
            return None
        behind = (0x2A,) if mux in self.bus and channel < self.cells else ()
        return (*self.bus, *(behind if mux else ()))


def config(text: str = GATE) -> Config:
    found, problems = parse(text.encode())
    assert found is not None
    assert not problems
    return found
