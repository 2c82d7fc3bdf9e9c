"""A terminal's own resources that change each second, and observers of them (stock, ours).

`serve` prints its Max-Age in seconds; an observer prints one line for every update it hears.
"""

from __future__ import annotations

import asyncio
import sys
import time

import aiocoap

from terminal.config import ResourcesSection
from terminal.uplink.resources import Resources, serving
from terminal.uplink.watch import watch
from tests.link.pair import FAR
from tests.process.test_uplink_resources import at, idle, over

AGE_S = 10
PORT = 5_685
CHANGE_S = 1.0


async def serve() -> None:
    site = Resources({}, AGE_S)
    async with serving(ResourcesSection(host=FAR, port=PORT), site) as why:
        assert not why, why
        print(AGE_S, flush=True)
        number = 0
        while True:
            number += 1
            now_ns = time.monotonic_ns()
            site.keep(at(over() if number % 2 else idle(), now_ns))
            site.tick(now_ns)
            await asyncio.sleep(CHANGE_S)


async def observe(kind: str) -> None:
    context = await aiocoap.Context.create_client_context()
    message = aiocoap.Message(code=aiocoap.GET, uri=f"coap://{FAR}:{PORT}/weight")
    if kind == "ours":
        async for payload in watch(context, message):
            print(len(payload), flush=True)
        return
    request = context.request(message.copy(observe=0), handle_blockwise=False)
    await request.response
    async for answer in request.observation:
        print(len(answer.payload), flush=True)


if __name__ == "__main__":
    asyncio.run(serve() if sys.argv[1] == "serve" else observe(sys.argv[1]))
