"""A receiver that keeps ids only: every PUT is answered with its receipt; `GET /v1/count` says
how many different ones came. For runs that measure the sender or the protocol, not the store."""

from __future__ import annotations

import asyncio
import hashlib
import sys
from typing import Any

import aiocoap
import cbor2
from aiocoap import interfaces


class Receipts(interfaces.Resource):  # type: ignore[misc]
    """The whole site."""

    def __init__(self) -> None:
        self.seen: set[str] = set()

    async def needs_blockwise_assembly(self, _request: Any) -> bool:
        return False

    async def render(self, request: Any) -> Any:
        name = request.opt.uri_path[-1]
        if request.code == aiocoap.GET:
            return aiocoap.Message(code=aiocoap.CONTENT, payload=str(len(self.seen)).encode())
        self.seen.add(name)
        digest = hashlib.sha256(request.payload).digest()[:16]
        receipt = cbor2.dumps({1: name, 2: digest, 3: 0, 4: 0})
        return aiocoap.Message(code=aiocoap.CREATED, payload=receipt)

    async def render_to_pipe(self, pipe: Any) -> None:
        pipe.add_response(await self.render(pipe.request), is_last=True)


async def main(port: int) -> None:
    await aiocoap.Context.create_server_context(
        Receipts(), bind=("127.0.0.1", port), transports=["udp6"]
    )
    print("receiver ready", flush=True)
    await asyncio.get_running_loop().create_future()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
