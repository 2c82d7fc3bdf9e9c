"""Serves the status page in the receiver's own event loop; imported only when asked for.

Signals stay the receiver's business, and a taken port is an OSError like any other.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import uvicorn

from terminal.county.page import page_app
from terminal.county.photos import PhotoStore
from terminal.county.reading import StorePlace


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals alone."""
        yield


@contextlib.asynccontextmanager
async def serve_page(
    store: StorePlace, photos: PhotoStore, host: str, port: int, contexts: Path | None = None
) -> AsyncIterator[None]:
    """Serve while the block runs. Raises OSError when the port is taken. contexts: of OSCORE."""
    sock = socket.create_server((host, port))
    config = uvicorn.Config(
        page_app(store, photos, contexts), log_level="warning", lifespan="off", access_log=False
    )
    server = _Server(config)
    task = asyncio.create_task(server.serve([sock]))
    try:
        yield
    finally:
        server.should_exit = True
        await task
        sock.close()
