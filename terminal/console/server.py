"""The console process: links on one side, HTTP on the other, one asyncio loop, no threads.

The imperative shell around ConsoleNode and the web application. It must never keep the lane
waiting: it dials the others, reads what comes and may die at any time.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator

import uvicorn

from hal.contract.devices import Clock
from hal.contract.types import NS_PER_S, DeviceAbsentError
from terminal.config import Loaded
from terminal.console.app import Console, make_app
from terminal.console.quiet import Quiet
from terminal.console.state import ConsoleNode
from terminal.link import Hub
from terminal.node import StopFlag, Tick, deliver
from terminal.notify import Notifier
from terminal.texts.catalogue import text

POLL_S = 0.05
SHUTDOWN_S_MAX = 2
PET_NS = 1 * NS_PER_S
BACKLOG = 32


class PortTakenError(DeviceAbsentError):
    """The console's port cannot be had. Ends the process with exit 69."""

    def __init__(self, host: str, port: int, sentence: str) -> None:
        """sentence: what is wrong and which option to change, in the site's language."""
        super().__init__("console.port", f"{host}:{port}", sentence)
        self.sentence = sentence

    def __str__(self) -> str:
        """One line."""
        return self.sentence


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers: stopping is the StopFlag's business."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the process's signal handlers alone."""
        yield


async def serve(loaded: Loaded, hub: Hub, clock: Clock, stop: StopFlag, *, simulated: bool) -> None:
    """Serve the page until told to stop. Raises PortTakenError when the port cannot be had."""
    sock = bind(loaded)
    node = ConsoleNode(simulated)
    console = Console(loaded, node)
    config = uvicorn.Config(
        make_app(console),
        log_config=None,
        access_log=False,
        server_header=False,
        lifespan="off",
        http="h11",
        ws="none",
        loop="asyncio",
        limit_concurrency=64,
        timeout_graceful_shutdown=SHUTDOWN_S_MAX,
    )
    server, quiet = _Server(config), Quiet(clock)
    quiet.attach()
    web = asyncio.create_task(server.serve(sockets=[sock]))
    notifier = Notifier()
    notifier.send("READY=1")
    petted_ns = clock.monotonic_ns()
    try:
        while not stop.is_set() and not web.done():
            now_ns = clock.monotonic_ns()
            deliver(node, hub, [*hub.poll(now_ns), Tick()], now_ns)
            console.turn()
            if now_ns - petted_ns >= PET_NS:
                notifier.send("WATCHDOG=1")
                quiet.turn()
                petted_ns = now_ns
            await asyncio.sleep(POLL_S)
    finally:
        console.closing = True
        server.should_exit = True
        await web
        quiet.detach()
        notifier.close()
        node.close()
        hub.close()


def bind(loaded: Loaded) -> socket.socket:
    """The listening socket of [console]. Raises PortTakenError."""
    host, port = loaded.config.console.host, loaded.config.console.port
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((host, port))
        sock.listen(BACKLOG)
    except OSError as error:
        sock.close()
        sentence = text("console.port.taken", loaded.config.site.language, host=host, port=port)
        raise PortTakenError(host, port, sentence) from error
    sock.setblocking(False)
    return sock
