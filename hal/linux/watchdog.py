"""The hardware watchdog, /dev/watchdog: the board resets when nobody pets it in time.

Opening starts it. Closing with disarm() stops it where the driver allows; just dying leaves it
running, which is the point. pet() never raises: a failed pet ends in the reset it stands for.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from fcntl import ioctl
from typing import Final

from hal.contract.types import MonotonicNs
from hal.linux.absent import absent

WDIOC_SETTIMEOUT: Final = 0xC0045706
TIMEOUT_S: Final = 10
"""The BCM2835's counter ends at 15 s."""
CHECK: Final = (
    "Check that config.txt has dtparam=watchdog=on, that systemd's RuntimeWatchdogSec is off "
    "when the terminal is to own it, and that this process may open the node"
)


class LinuxWatchdog:
    """Watchdog on a device node. failures: pets that the kernel refused."""

    def __init__(
        self,
        name: str,
        path: str = "/dev/watchdog",
        timeout_s: int = TIMEOUT_S,
        set_timeout: Callable[[int, int, bytes], bytes] = ioctl,
    ) -> None:
        assert 1 <= timeout_s <= 15
        self.failures = 0
        try:
            self._fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
        except OSError as error:
            raise absent(name, path, error, CHECK) from error
        try:
            set_timeout(self._fd, WDIOC_SETTIMEOUT, timeout_s.to_bytes(4, "little"))
        except OSError as error:
            os.close(self._fd)
            raise absent(name, path, error, CHECK) from error

    def pet(self, now_ns: MonotonicNs) -> None:
        """We are healthy."""
        try:
            os.write(self._fd, b"\0")
        except OSError:
            self.failures += 1

    def disarm(self) -> None:
        """Stop it for a wanted exit: the magic character, then close."""
        try:
            os.write(self._fd, b"V")
        except OSError:
            self.failures += 1
        os.close(self._fd)
