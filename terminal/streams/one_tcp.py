"""TCP and TLS ways of aiocoap that keep one connection and close it.

The library's own opens one connection for each request that comes before the first is up, keeps
the last of them, and on shutdown says farewell and waits for the other end to close. A county
that has gone away never does: every way thrown away left its socket open, and so did every
connection that came up after its way was closed.
"""

from __future__ import annotations

import asyncio
from typing import Any

from aiocoap.error import NetworkError
from aiocoap.transports.tcp import TCPClient
from aiocoap.transports.tls import TLSClient


class _OneConnection:
    """Mixed in before the library's class."""

    _tokenmanager: Any
    _pool: dict[tuple[str, int], Any]

    def __init__(self) -> None:
        super().__init__()
        self._connecting = asyncio.Lock()

    async def _spawn_protocol(self, message: Any) -> Any:
        """The connection for a message. Raises NetworkError when this way was closed meanwhile."""
        async with self._connecting:
            connection = await super()._spawn_protocol(message)  # type: ignore[misc]
            if self._tokenmanager is None:
                _close(connection)
                raise NetworkError("closed while connecting")
        return connection

    async def shutdown(self) -> None:
        """Say farewell and close, whatever the other end does."""
        connections = list(self._pool.values())
        await super().shutdown()  # type: ignore[misc]
        for connection in connections:
            _close(connection)


def _close(connection: Any) -> None:
    transport = connection._transport  # noqa: SLF001  # the library offers no public way
    if transport is None:
        return
    if transport.get_write_buffer_size():
        transport.abort()  # nobody reads there: what is left would keep the socket for ever
    else:
        transport.close()


class OneTcp(_OneConnection, TCPClient):  # type: ignore[misc]  # the library has no types
    """coap+tcp."""


class OneTls(_OneConnection, TLSClient):  # type: ignore[misc]  # the library has no types
    """coaps+tcp."""
