"""Makes aiocoap client contexts whose stream is one of ours."""

from __future__ import annotations

import asyncio
from typing import Any

import aiocoap

from terminal.streams.one_tcp import OneTcp, OneTls

STREAMS = ("coap+tcp", "coaps+tcp", "coap+ws", "coaps+ws")


async def stream_context(scheme: str, transports: list[str], log_name: str) -> Any:
    """A client context for one of STREAMS; transports: of the library, which come before it."""
    if transports:
        context = await aiocoap.Context.create_client_context(
            loggername=log_name, transports=transports
        )
    else:  # given none, the library would take all it knows
        context = aiocoap.Context(loop=asyncio.get_running_loop(), loggername=log_name)
    log, loop, given = context.log, context.loop, context.client_credentials

    async def made(manager: Any) -> Any:
        if scheme == "coap+tcp":
            return await OneTcp.create_client_transport(manager, log, loop)
        if scheme == "coaps+tcp":
            return await OneTls.create_client_transport(manager, log, loop, given)
        from terminal.streams.one_ws import OneWs  # a library that others do without

        return await OneWs.create_transport(manager, log, loop, client_credentials=given)

    await context._append_tokenmanaged_transport(made)  # noqa: SLF001
    return context
