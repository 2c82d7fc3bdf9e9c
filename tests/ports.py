"""A port of loopback that a receiver or a page started by a test can take.

Below the range the kernel gives to outgoing connections, one of which would take a port between
the choice and the start; free for UDP and TCP, and for the WebSocket port that goes with it.
"""

from __future__ import annotations

import contextlib
import socket
from random import SystemRandom

LOWEST, HIGHEST = 15_000, 29_000
WEBSOCKET_STEP = 3_000
TRIES_MAX = 100


def free_port() -> int:
    for _ in range(TRIES_MAX):
        port = SystemRandom().randrange(LOWEST, HIGHEST)
        if _free(port):
            return port
    raise OSError(f"no free port between {LOWEST} and {HIGHEST} in {TRIES_MAX} tries")


def _free(port: int) -> bool:
    wanted = (
        (socket.SOCK_STREAM, port),
        (socket.SOCK_DGRAM, port),
        (socket.SOCK_STREAM, port + WEBSOCKET_STEP),
    )
    with contextlib.ExitStack() as held:
        for kind, number in wanted:
            sock = held.enter_context(socket.socket(socket.AF_INET, kind))
            try:
                sock.bind(("127.0.0.1", number))
            except OSError:
                return False
    return True
