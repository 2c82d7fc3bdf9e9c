"""What leaves over a way with an OSCORE key is protected; nothing else leaves."""

from __future__ import annotations

import asyncio
import gc
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
CALLERS = 2
"""Over TCP the two lanes that ask come over two connections."""
WAIT_S_MAX = 15.0


class Listener:
    """In the receiver's place: keeps what it hears, answers nothing and never hangs up."""

    def __init__(self, scheme: str) -> None:
        """scheme: coap or coap+tcp."""
        self.heard = bytearray()
        self._datagrams = scheme == "coap"
        kind = socket.SOCK_DGRAM if self._datagrams else socket.SOCK_STREAM
        self._socket = socket.socket(socket.AF_INET, kind)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.settimeout(WAIT_S_MAX)
        self.callers: list[socket.socket] = []
        if not self._datagrams:
            self._socket.listen()
        self.uri = f"{scheme}://127.0.0.1:{self._socket.getsockname()[1]}"

    def listen(self) -> None:
        """Until everybody has said as much as a whole body."""
        if self._datagrams:
            self._hear(self._socket)
            return
        for _ in range(CALLERS):
            self.callers.append(self._socket.accept()[0])
            self.callers[-1].settimeout(WAIT_S_MAX)
        for caller in self.callers:
            self._hear(caller)

    def _hear(self, caller: socket.socket) -> None:
        enough = len(self.heard) + HEARD_BYTES_MIN
        while len(self.heard) < enough:
            said = caller.recv(2_048)
            assert said, "hung up before anything was sent"
            self.heard.extend(said)

    def close(self) -> None:
        """Hang up."""
        for one in (self._socket, *self.callers):
            one.close()


@pytest.mark.parametrize("scheme", ["coap", "coap+tcp"])
@pytest.mark.parametrize("secure", [True, False])
def test_nothing_is_readable_on_the_way(tmp_path: Path, secure: bool, scheme: str) -> None:
    """A listener in the receiver's place; without a key it can read, so the test can."""
    make_pair(tmp_path / "t", tmp_path / "c")
    listener = Listener(scheme)

    async def scenario() -> None:
        context = open_context(tmp_path / "t") if secure else None
        way = CoapTransport(listener.uri, None, context)
        ears = asyncio.create_task(asyncio.to_thread(listener.listen))
        asking = [
            asyncio.create_task(way.send(RECORD, WIRE)),
            asyncio.create_task(way.ask(WIRE)),
        ]
        await asyncio.wait_for(ears, WAIT_S_MAX)
        for task in asking:
            task.cancel()
        await asyncio.gather(*asking, return_exceptions=True)
        await way.close()
        if context is not None:
            context.release()

    asyncio.run(scenario())
    readable = b"plain words" in listener.heard or b"records" in listener.heard
    listener.close()
    assert readable != secure


def test_a_closed_tcp_way_leaves_no_connection_behind() -> None:
    """Many ask before the first connection is up: it is one; closed, though nobody hangs up."""
    listener = Listener("coap+tcp")

    async def scenario() -> list[bytes]:
        way = CoapTransport(listener.uri)
        asking = [asyncio.create_task(way.send(RECORD, WIRE)) for _ in range(8)]
        asking.append(asyncio.create_task(way.ask(WIRE)))
        await asyncio.wait_for(asyncio.to_thread(listener.listen), WAIT_S_MAX)
        for task in asking:
            task.cancel()
        await asyncio.gather(*asking, return_exceptions=True)
        await way.close()
        return await asyncio.to_thread(rest)

    def rest() -> list[bytes]:
        """Until the end of each: only a connection that the other side closed has one."""
        ends = []
        for caller in listener.callers:
            while said := caller.recv(65_536):
                listener.heard.extend(said)
            ends.append(said)
        return ends

    assert asyncio.run(scenario()) == [b""] * CALLERS
    listener.close()


def test_a_tcp_way_closed_while_connecting_leaves_no_connection_behind() -> None:
    """The connection comes up after the way was closed; warnings are errors here."""
    listener = Listener("coap+tcp")

    async def scenario() -> None:
        way = CoapTransport(listener.uri)
        asking = asyncio.create_task(way.ask(WIRE))
        for _ in range(4):  # turns of the loop: the request is on its way to connect
            await asyncio.sleep(0)
        await way.close()
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)

    asyncio.run(scenario())
    listener.close()
    gc.collect()
