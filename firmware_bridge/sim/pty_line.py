"""The peer's end of a pty, with a name that stays while the pty behind it changes."""

from __future__ import annotations

import os
import tty
from contextlib import suppress
from pathlib import Path

READ_MAX = 4_096


class PtyLine:
    """Bytes of a simulated peer. link: a symbolic link to the side that the bridge opens."""

    def __init__(self, link: Path) -> None:
        self._link = link
        self.lost_octets = 0
        self._master = self._slave = -1
        self.plug()

    def plug(self) -> None:
        """Make the pty and its name."""
        self._master, self._slave = os.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        self._link.parent.mkdir(parents=True, exist_ok=True)
        fresh = self._link.with_suffix(".new")
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(os.ttyname(self._slave))
        fresh.replace(self._link)

    def unplug(self) -> None:
        """The converter is pulled out: the bridge's next read fails."""
        self._link.unlink(missing_ok=True)
        for descriptor in (self._slave, self._master):
            if descriptor >= 0:
                os.close(descriptor)
        self._master = self._slave = -1

    def send(self, octets: bytes) -> None:
        """Give bytes to the bridge; what a full buffer does not take is lost and counted."""
        if self._master < 0:
            return
        written = 0
        with suppress(BlockingIOError):
            written = os.write(self._master, octets)
        self.lost_octets += len(octets) - written

    def receive(self) -> bytes:
        """What the bridge sent."""
        if self._master < 0:
            return b""
        with suppress(BlockingIOError, OSError):
            return os.read(self._master, READ_MAX)
        return b""

    def close(self) -> None:
        """Free the pty and its name."""
        if self._master >= 0:
            self.unplug()
