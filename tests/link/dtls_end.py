"""One DTLS association to a libcoap server, a rebind told on stdin, and what comes after it.

Prints "up" after the first success; then reads a line, sends again, and prints one JSON list:
[success, seconds]. Stock: the library's client alone, until it fails.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time

import aiocoap
from aiocoap import credentials

from terminal.messages import ItemClass
from terminal.uplink.coap import CoapTransport, DtlsKey
from terminal.uplink.exchange import Request, WireRequest

PSK = b"sixteen byte key"
STOCK_S_MAX = 120.0
BODY = b"x" * 700


async def ours(uri: str) -> bool:
    transport = CoapTransport(uri, dtls=DtlsKey(b"T-1", PSK))

    async def put(number: int) -> bool:
        request = Request("county", number, ItemClass.RECORD, f"T-{number}", b"", BODY, "")
        wire = WireRequest("PUT", ("v1", "records", f"T-{number}"), 18, BODY, False)
        return (await transport.send(request, wire)).code.startswith("2.")

    try:
        return await story(put)
    finally:
        await transport.close()


async def stock(uri: str) -> bool:
    context = await aiocoap.Context.create_client_context(transports=["tinydtls"])
    context.client_credentials[f"{uri}/*"] = credentials.DTLS(PSK, b"T-1")

    kept: list[aiocoap.Message] = []

    async def put(number: int) -> bool:
        message = aiocoap.Message(code=aiocoap.PUT, uri=f"{uri}/records-{number}", payload=BODY)
        try:
            answer = await asyncio.wait_for(context.request(message).response, STOCK_S_MAX)
        except (aiocoap.error.Error, TimeoutError, OSError):
            return False
        kept.append(answer)  # the library forgets an association with its last reference
        return bool(answer.code.is_successful())

    return await story(put)


async def story(put: object) -> bool:
    assert callable(put)
    assert await put(1)
    print("up", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    began_s = time.monotonic()
    good = await put(2)
    print(json.dumps([good, time.monotonic() - began_s]), flush=True)
    return good


if __name__ == "__main__":
    asyncio.run({"ours": ours, "stock": stock}[sys.argv[1]](sys.argv[2]))
