"""This machine as the doctor looks at it: files, device nodes, who answers on an I2C bus.

Looking changes nothing but a multiplexer's channel, which is put back to none; it must not be
used beside a running terminal, whose converters sit behind that multiplexer.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

from smbus2 import SMBus

FIRST, LAST = 0x08, 0x77
READ_PROBED: Final = (*range(0x30, 0x38), *range(0x50, 0x60))
"""Probed by reading, as i2cdetect does: a quick write could change an EEPROM or lock a chip."""
TEXT_BYTES_MAX: Final = 65_536


class LinuxMachine:
    """The machine below `root`."""

    def __init__(self, root: Path = Path("/")) -> None:
        self._root = root

    def read(self, path: str) -> str | None:
        """A small text file, None when it is not there."""
        try:
            with (self._root / path.lstrip("/")).open("rb") as file:
                return file.read(TEXT_BYTES_MAX).decode("utf-8", "replace").strip("\0\n ")
        except OSError:
            return None

    def paths(self, pattern: str) -> tuple[str, ...]:
        """Existing paths, sorted, as seen from the root."""
        found = sorted(self._root.glob(pattern.lstrip("/")))
        return tuple("/" + str(path.relative_to(self._root)) for path in found)

    def may_open(self, path: str) -> bool:
        """Whether this user may read and write the node."""
        return os.access(self._root / path.lstrip("/"), os.R_OK | os.W_OK)

    def scan(self, bus: int, mux: int = 0, channel: int = 0) -> tuple[int, ...] | None:
        """Addresses that answer, behind one channel of a multiplexer if one is named.

        None when the bus cannot be opened.
        """
        try:
            opened = SMBus(str(self._root / f"dev/i2c-{bus}"))
        except OSError:
            return None
        try:
            if mux:
                opened.write_byte(mux, 1 << channel)
            return tuple(at for at in range(FIRST, LAST + 1) if _answers(opened, at))
        except OSError:
            return ()
        finally:
            if mux:
                with suppress(OSError):  # a multiplexer that is gone has no channel open
                    opened.write_byte(mux, 0)
            opened.close()


def _answers(bus: SMBus, address: int) -> bool:
    try:
        if address in READ_PROBED:
            bus.read_byte(address)
        else:
            bus.write_quick(address)
    except OSError:
        return False
    return True
