"""What leaves over a way with an OSCORE key is protected; nothing else leaves."""

from __future__ import annotations

import asyncio
import gc
import socket
from pathlib import Path

import pytest
from websockets.frames import Frame
from websockets.http11 import Request as WsRequest
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol

from terminal.messages import ItemClass
from terminal.uplink.coap import CoapTransport
from terminal.uplink.exchange import Request, WireReply, WireRequest
from terminal.uplink.oscore import make_pair, open_context

pytestmark = pytest.mark.process

WORDS = b"in plain words " * 20
RECORD = Request("county", 1, ItemClass.RECORD, "T-1", b"", WORDS, "")
WIRE = WireRequest("PUT", ("v1", "records", "T-1"), 18, WORDS, True)
HEARD_BYTES_MIN = 300
STREAMS = ["coap+tcp", "coap+ws"]
CALLERS = 2
"""Over TCP the two lanes that ask come over two connections."""
WAIT_S_MAX = 15.0


class Listener:
    """In the receiver's place: keeps what it hears, answers nothing and never hangs up."""

    def __init__(self, scheme: str) -> None:
        """scheme: coap, coap+tcp or coap+ws, whose frames are unmasked before they are kept."""
        self.heard = bytearray()
        self._frames: dict[socket.socket, ServerProtocol] = {}
        self._upgrades = scheme == "coap+ws"
        self._datagrams = scheme == "coap"
        kind = socket.SOCK_DGRAM if self._datagrams else socket.SOCK_STREAM
        self._socket = socket.socket(socket.AF_INET, kind)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.settimeout(WAIT_S_MAX)
        self.callers: list[socket.socket] = []
        if not self._datagrams:
            self._socket.listen()
        self.uri = f"{scheme}://127.0.0.1:{self._socket.getsockname()[1]}"

    def listen(self, callers: int = CALLERS) -> None:
        """Until everybody has said as much as a whole body."""
        if self._datagrams:
            self._hear(self._socket)
            return
        for _ in range(callers):
            self.callers.append(self._socket.accept()[0])
            self.callers[-1].settimeout(WAIT_S_MAX)
            if self._upgrades:
                self._upgrade(self.callers[-1])
        for caller in self.callers[-callers:]:
            self._hear(caller)

    def _upgrade(self, caller: socket.socket) -> None:
        frames = self._frames[caller] = ServerProtocol(subprotocols=[Subprotocol("coap")])
        events: list[object] = []
        while not events:
            said = caller.recv(2_048)
            self.heard.extend(said)
            frames.receive_data(said)
            events = list(frames.events_received())
        (asked,) = events
        assert isinstance(asked, WsRequest)
        frames.send_response(frames.accept(asked))
        caller.sendall(b"".join(frames.data_to_send()))

    def _hear(self, caller: socket.socket) -> None:
        enough = len(self.heard) + HEARD_BYTES_MIN
        while len(self.heard) < enough:
            said = caller.recv(2_048)
            assert said, "hung up before anything was sent"
            if caller not in self._frames:
                self.heard.extend(said)
                continue
            self._frames[caller].receive_data(said)
            for frame in self._frames[caller].events_received():
                assert isinstance(frame, Frame)
                self.heard.extend(frame.data)

    def close(self) -> None:
        """Hang up."""
        for one in (self._socket, *self.callers):
            one.close()


@pytest.mark.parametrize("scheme", ["coap", *STREAMS])
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


@pytest.mark.parametrize("scheme", STREAMS)
def test_a_closed_way_leaves_no_connection_behind(scheme: str) -> None:
    """Many ask before the first connection is up: it is one; closed, though nobody hangs up."""
    listener = Listener(scheme)

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


@pytest.mark.parametrize("scheme", STREAMS)
def test_a_way_closed_while_connecting_leaves_no_connection_behind(scheme: str) -> None:
    """The connection comes up after the way was closed; warnings are errors here."""
    listener = Listener(scheme)

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


@pytest.mark.parametrize("scheme", STREAMS)
def test_what_was_hung_up_on_is_connected_anew(scheme: str) -> None:
    """Without a farewell, as a receiver that was killed: the next to ask does not ask the dead."""
    listener = Listener(scheme)

    async def scenario() -> WireReply:
        way = CoapTransport(listener.uri)
        asking = asyncio.create_task(way.ask(WIRE))
        await asyncio.to_thread(listener.listen, 1)
        listener.callers[0].close()
        cut_off = await asking
        asking = asyncio.create_task(way.ask(WIRE))
        await asyncio.to_thread(listener.listen, 1)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        await way.close()
        return cut_off

    reply = asyncio.run(scenario())
    listener.close()
    assert reply.code == ""
    assert reply.why.startswith("NetworkError: "), "at once, no deadline"


def test_what_is_no_websocket_is_an_answer_with_its_reason() -> None:
    """A captive portal, a proxy whose receiver is away: no more than a way that does not work."""
    server = socket.create_server(("127.0.0.1", 0))

    def portal() -> None:
        caller = server.accept()[0]
        caller.recv(2_048)
        caller.sendall(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
        caller.close()

    async def scenario() -> WireReply:
        way = CoapTransport(f"coap+ws://127.0.0.1:{server.getsockname()[1]}")
        away = asyncio.create_task(asyncio.to_thread(portal))
        reply = await way.send(RECORD, WIRE)
        await away
        await way.close()
        return reply

    reply = asyncio.run(scenario())
    server.close()
    assert reply.code == ""
    assert reply.why.startswith("NetworkError: ")
    assert "502" in reply.why
