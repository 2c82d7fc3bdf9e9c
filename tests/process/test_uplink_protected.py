"""What leaves over a way with an OSCORE key is protected; nothing else leaves."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import pytest

from terminal.messages import ItemClass
from terminal.uplink.coap import CoapTransport
from terminal.uplink.exchange import Request, WireRequest
from terminal.uplink.oscore import make_pair, open_context

pytestmark = pytest.mark.process

WORDS = b"in plain words " * 20
RECORD = Request("county", 1, ItemClass.RECORD, "T-1", b"", WORDS, "")
WIRE = WireRequest("PUT", ("v1", "records", "T-1"), 18, WORDS, True)
HEARD_BYTES_MIN = 300


@pytest.mark.parametrize("secure", [True, False])
def test_nothing_is_readable_on_the_way(tmp_path: Path, secure: bool) -> None:
    """A listener in the receiver's place; without a key it can read, so the test can."""
    make_pair(tmp_path / "t", tmp_path / "c")
    heard = bytearray()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.settimeout(10)
        uri = f"coap://127.0.0.1:{listener.getsockname()[1]}"

        def listen() -> None:
            while len(heard) < HEARD_BYTES_MIN:
                heard.extend(listener.recv(2_048))

        async def scenario() -> None:
            context = open_context(tmp_path / "t") if secure else None
            way = CoapTransport(uri, None, context)
            ears = asyncio.create_task(asyncio.to_thread(listen))
            asking = [
                asyncio.create_task(way.send(RECORD, WIRE)),
                asyncio.create_task(way.ask(WIRE)),
            ]
            await asyncio.wait_for(ears, 15)
            for task in asking:
                task.cancel()
            await asyncio.gather(*asking, return_exceptions=True)
            await way.close()
            if context is not None:
                context.release()

        asyncio.run(scenario())
    readable = b"plain words" in heard or b"records" in heard
    assert readable != secure
