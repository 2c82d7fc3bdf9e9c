"""The far end of the kernel's GPIO lines: what the wiring of a gate would do to them."""

from __future__ import annotations

from pathlib import Path

PLATFORM = Path("/sys/devices/platform")


class SimLines:
    """gpio-sim's own files: pull an input, look at an output."""

    def __init__(self) -> None:
        (found,) = PLATFORM.glob("*/gpiochip*/sim_gpio0")
        self._chip = found.parent
        self._pulled: set[int] = set()

    def pull(self, gpio: int, high: bool) -> None:
        (self._chip / f"sim_gpio{gpio}" / "pull").write_text("pull-up" if high else "pull-down")
        self._pulled.add(gpio)

    def level(self, gpio: int) -> bool:
        return (self._chip / f"sim_gpio{gpio}" / "value").read_text().strip() == "1"

    def release(self) -> None:
        for gpio in tuple(self._pulled):
            self.pull(gpio, False)
