"""weigh-terminal watch coap://TERMINAL:5685/weight: what it shows, line by line as it changes."""

from __future__ import annotations

import argparse
import asyncio
from contextlib import aclosing

from terminal import exits

NAME = "watch"
HELP = "observe a terminal's own /weight or /status, also across a NAT's rebinding"


def configure(parser: argparse.ArgumentParser) -> None:
    """Address and how many lines."""
    parser.add_argument("uri", help="such as coap://192.0.2.7:5685/weight")
    parser.add_argument("--lines", type=int, default=0, help="end after so many (default: never)")


def run(args: argparse.Namespace) -> int:
    """Until interrupted, or the wanted number of lines."""
    try:
        return asyncio.run(_watch(args.uri, args.lines))
    except KeyboardInterrupt:
        return exits.OK


async def _watch(uri: str, lines: int) -> int:
    import aiocoap

    from terminal.uplink.watch import watch

    context = await aiocoap.Context.create_client_context()
    try:
        async with aclosing(watch(context, aiocoap.Message(code=aiocoap.GET, uri=uri))) as heard:
            count = 0
            async for payload in heard:
                print(payload.decode("utf-8", "replace"), flush=True)
                count += 1
                if count == lines:
                    break
    finally:
        await context.shutdown()
    return exits.OK
