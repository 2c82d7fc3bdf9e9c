"""systemd's readiness and watchdog datagram. Silent when not run under systemd."""

from __future__ import annotations

import os
import socket


class Notifier:
    """Sends READY=1 and WATCHDOG=1 to NOTIFY_SOCKET; never blocks, never raises."""

    def __init__(self) -> None:
        """Open the datagram socket once, before the loop starts."""
        address = os.environ.get("NOTIFY_SOCKET", "")
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)

    def send(self, state: str) -> bool:
        """Send one state line, for example "READY=1". False when nobody listens."""
        if not self._address:
            return False
        try:
            self._sock.sendto(state.encode(), self._address)
        except OSError:
            return False
        return True

    def close(self) -> None:
        """Free the socket."""
        self._sock.close()
