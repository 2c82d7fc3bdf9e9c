"""The reference firmware compiled for this machine: its C code, our clock, our pins.

The same sources as on the board, in a shared object, driven step by step under virtual time, so
that link, leases and chip readers are tested to the microsecond. One instance a process.
"""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from pathlib import Path
from typing import Protocol

from firmware_bridge.sim.qemu import FIRMWARE
from hal.contract.types import DeviceAbsentError

HX711, ADS1232 = 1, 2
SANITIZE = "-fsanitize=undefined -fno-sanitize-recover=all"
"""Undefined behaviour ends the test run with the line's number."""


class Pins(Protocol):
    """The amplifier's two pins of one cell."""

    def clock(self, high: bool) -> None:
        """The firmware drives the clock pin."""

    def read(self) -> bool:
        """Level of the data pin."""


def build(out: Path) -> Path:
    """The shared object. Raises DeviceAbsentError when there is no compiler."""
    if shutil.which("gcc") is None or shutil.which("make") is None:
        raise DeviceAbsentError("firmware", "gcc or make is not installed", "Install both")
    subprocess.run(  # noqa: S603 - our own makefile
        [  # noqa: S607
            "make",
            "-s",
            "-C",
            str(FIRMWARE),
            f"OUT={out.resolve()}",
            f"SANITIZE={SANITIZE}",
            "host",
        ],
        check=True,
    )
    return out / "front_end.so"


class _Board(ctypes.Structure):
    _fields_ = (
        ("now_us", ctypes.CFUNCTYPE(ctypes.c_uint64)),
        ("uart_read", ctypes.CFUNCTYPE(ctypes.c_int)),
        ("uart_write", ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_uint8)),
        ("relay", ctypes.CFUNCTYPE(None, ctypes.c_uint8, ctypes.c_int)),
        ("clock_pin", ctypes.CFUNCTYPE(None, ctypes.c_uint8, ctypes.c_int)),
        ("data_pin", ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_uint8)),
        ("delay_us", ctypes.CFUNCTYPE(None, ctypes.c_uint32)),
        ("watchdog", ctypes.CFUNCTYPE(None)),
        ("inputs", ctypes.CFUNCTYPE(ctypes.c_int)),
    )


class HostFirmware:
    """now_us advances only by advance() and by the firmware's own delays."""

    def __init__(
        self, library: Path, pins: tuple[Pins, ...] = (), kind: int = HX711, boot: int = 1
    ) -> None:
        self.now_us = 0
        self.relays = 0
        self.watchdog_kicks = 0
        self.inputs = 0
        self._pins = pins
        self._received = bytearray()
        self._sent = bytearray()
        self._library = ctypes.CDLL(str(library))
        table = dict(_Board._fields_)
        self._board = _Board(
            table["now_us"](lambda: self.now_us),
            table["uart_read"](lambda: self._received.pop(0) if self._received else -1),
            table["uart_write"](self._write),
            table["relay"](self._relay),
            table["clock_pin"](self._clock),
            table["data_pin"](lambda cell: int(self._pins[cell].read())),
            table["delay_us"](self.advance),
            table["watchdog"](self._kick),
            table["inputs"](lambda: self.inputs),
        )
        self._library.host_start(ctypes.byref(self._board), kind, 128, len(pins), boot)

    def advance(self, microseconds: int) -> None:
        """Time passes."""
        self.now_us += microseconds

    def step(self, received: bytes = b"") -> bytes:
        """One pass of the main loop; what it sent."""
        self._received += received
        self._library.host_step()
        sent = bytes(self._sent)
        self._sent.clear()
        return sent

    def _write(self, octet: int) -> int:
        self._sent.append(octet)
        return 1

    def _relay(self, output: int, energised: int) -> None:
        bit = 1 << output
        self.relays = self.relays | bit if energised else self.relays & ~bit

    def _clock(self, cell: int, high: int) -> None:
        self._pins[cell].clock(bool(high))

    def _kick(self) -> None:
        self.watchdog_kicks += 1
