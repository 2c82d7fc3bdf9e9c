"""A bare aiocoap server that answers every PUT with 2.04: the yardstick of the receiver."""

from __future__ import annotations

import asyncio
import sys

import aiocoap
from aiocoap import resource


class Anything(resource.Resource, resource.PathCapable):  # type: ignore[misc]
    async def render_put(self, request: aiocoap.Message) -> aiocoap.Message:
        return aiocoap.Message(code=aiocoap.CHANGED)


async def main(port: int) -> None:
    site = resource.Site()
    site.add_resource(["v1"], Anything())
    await aiocoap.Context.create_server_context(site, bind=("127.0.0.1", port), transports=["udp6"])
    print("receiver ready", flush=True)
    await asyncio.get_running_loop().create_future()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
