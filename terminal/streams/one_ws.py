"""WebSockets of aiocoap, at either end, that end when they are closed or the other end is gone.

The library's own keeps a connection that the other end has dropped, and the next requests wait
for answers from nobody until their deadlines; waits on shutdown for the other end to close; and
lets a refused handshake out as an exception that is no error of the network.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

from aiocoap.error import NetworkError
from aiocoap.transports.ws import WSPool
from websockets.exceptions import WebSocketException

FAREWELL_S_MAX = 1.0
"""How long the other end may take to answer our goodbye."""


class OneWs(WSPool):  # type: ignore[misc]  # the library has no types
    """coap+ws and coaps+ws."""

    async def _connect_task(self, key: Any) -> Any:
        """The connection. Raises NetworkError: nobody, no WebSocket, or closed meanwhile."""
        try:
            remote = await super()._connect_task(key)
        except (WebSocketException, OSError) as error:
            raise NetworkError("no WebSocket") from error
        if self._in_shutdown:
            await _close(remote)
            raise NetworkError("closed while connecting")
        return remote

    async def _run_recv_loop(self, remote: Any) -> None:
        """Until the connection ends: then it is nobody's any more."""
        try:
            await super()._run_recv_loop(remote)
        finally:
            if self._pool.get(remote._poolkey) is remote:  # noqa: SLF001
                del self._pool[remote._poolkey]  # noqa: SLF001

    async def shutdown(self) -> None:
        """Say farewell and close, whatever the other end does."""
        self._in_shutdown = True
        await asyncio.gather(*map(_close, self._pool.values()))
        self._pool.clear()
        await super().shutdown()


async def _close(remote: Any) -> None:
    connection = remote._connection  # noqa: SLF001  # the library offers no public way
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(FAREWELL_S_MAX):
            await connection.close()
    connection.transport.abort()
    await connection.wait_closed()
