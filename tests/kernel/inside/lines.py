"""The far end of the kernel's GPIO lines: what the wiring of a gate would do to them."""

from __future__ import annotations

import os
from pathlib import Path

PLATFORM = Path("/sys/devices/platform")


class SimLines:
    """gpio-sim's own files: pull an input, look at an output. Each file is opened once."""

    def __init__(self) -> None:
        (found,) = PLATFORM.glob("*/gpiochip*/sim_gpio0")
        self._chip = found.parent
        self._open: dict[tuple[int, str], int] = {}
        self._pulled: set[int] = set()

    def pull(self, gpio: int, high: bool) -> None:
        os.pwrite(self._file(gpio, "pull", os.O_WRONLY), b"pull-up" if high else b"pull-down", 0)
        self._pulled.add(gpio)

    def level(self, gpio: int) -> bool:
        return os.pread(self._file(gpio, "value", os.O_RDONLY), 1, 0) == b"1"

    def _file(self, gpio: int, name: str, how: int) -> int:
        if (gpio, name) not in self._open:
            path = self._chip / f"sim_gpio{gpio}" / name
            self._open[gpio, name] = os.open(path, how | os.O_CLOEXEC)
        return self._open[gpio, name]

    def release(self) -> None:
        for gpio in tuple(self._pulled):
            self.pull(gpio, False)
        for fd in self._open.values():
            os.close(fd)
        self._open.clear()
