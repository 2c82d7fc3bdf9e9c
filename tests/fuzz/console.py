"""The console's reader of HTTP: whole connections of raw octets against the real server and pages.

The octets go to uvicorn's own protocol over a transport in memory, so request line, headers and
bodies are read as from a socket. No page may raise, answer 5xx that it does not mean, or give
away what it was not asked for; nothing but a demo's own page has the token.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import tempfile
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Final

import h11
import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from terminal.console.app import make_app
from terminal.messages import CommitDone
from tests.unit.console.site import Site
from tests.unit.ledger.builders import draft
from tests.unit.ledger.lane import Lane

TURNS_MAX = 400
"""Of the loop for one connection; a stream that never ends is hung up on then."""
TOKEN: Final = "fuzz-token"
PHOTO: Final = b"a picture"
MEANT: Final = (b"503",)
"""Statuses of the 5xx kind that pages mean: no words of control yet, too many streams."""
PATHS: Final = (
    "/", "/records", "/records?below=7&lang=en", "/records/1", "/records/99999999999999999999",
    "/plates", "/footage", "/footage?day=2026-03-01&from=10:00&to=11:00&camera=front",
    "/footage/films/front-1.mp4", "/footage/export?day=2026-03-01&from=10:00&to=10:05",
    "/photos/" + hashlib.sha256(PHOTO).hexdigest() + ".jpg", "/live/front",
    "/events?lang=zh", "/health",
    "/static/console.css", "/static/../app.py", "/static/%2e%2e/app.py",
)  # fmt: skip


def _get(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nhost: 127.0.0.1:8080\r\ncookie: lang=en\r\n\r\n".encode()


def _post(path: str, word: str) -> bytes:
    head = f"POST {path} HTTP/1.1\r\nhost: x\r\nx-demo-token: {TOKEN}\r\n"
    return f"{head}content-length: {len(word)}\r\n\r\n{word}".encode()


REQUESTS: Final = (
    *map(_get, PATHS),
    _post("/demo/key", "A"),
    _post("/demo/plant", "send_truck"),
    f"POST /demo/key HTTP/1.1\r\nx-demo-token: {TOKEN}\r\ntransfer-encoding: chunked\r\n"
    "host: x\r\n\r\n1\r\nB\r\n0\r\n\r\n".encode(),
    _get("/") + _get("/records"),
    b"HEAD / HTTP/1.0\r\n\r\n",
)


class _Wire(asyncio.Transport):
    """A connection in memory."""

    def __init__(self) -> None:
        super().__init__({"peername": ("127.0.0.1", 1), "sockname": ("127.0.0.1", 8080)})
        self.sent = bytearray()
        self.hung_up = False

    def write(self, data: Any) -> None:
        self.sent += data

    def is_closing(self) -> bool:
        return self.hung_up

    def close(self) -> None:
        self.hung_up = True

    def get_write_buffer_size(self) -> int:
        return 0

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None: ...


@dataclass
class _House:
    """A console with one record, kept for all inputs: nothing that comes in changes it."""

    folder: tempfile.TemporaryDirectory[str] = field(default_factory=tempfile.TemporaryDirectory)
    loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)
    raised: list[Exception] = field(default_factory=list)

    def __post_init__(self) -> None:
        base = Path(self.folder.name)
        lane = Lane(base)
        ledger = lane.open()
        assert isinstance(lane.commit(ledger, draft(photos=(lane.spool(PHOTO),))), CommitDone)
        ledger.close()
        site = Site(base)
        site.console.token = TOKEN
        self.config = uvicorn.Config(
            self._watched(make_app(site.console)), lifespan="off", ws="none", log_config=None
        )
        self.config.load()
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)

    def _watched(self, app: ASGIApp) -> ASGIApp:
        async def watched(scope: Scope, receive: Receive, send: Send) -> None:
            try:
                await app(scope, receive, send)
            except h11.LocalProtocolError:
                raise  # the server has itself refused a bad body before the page could answer
            except Exception as error:
                self.raised.append(error)
                raise

        return watched

    async def connection(self, octets: bytes) -> bytes:
        """What comes back when these octets come in two pieces and then nothing more."""
        state, wire = ServerState(), _Wire()
        protocol = H11Protocol(self.config, state, {}, self.loop)
        protocol.connection_made(wire)
        for piece in (octets[: len(octets) // 2], octets[len(octets) // 2 :]):
            if piece and not wire.hung_up:
                protocol.data_received(piece)
            await asyncio.sleep(0)
        for _ in range(TURNS_MAX):
            if not state.tasks:
                break
            await asyncio.sleep(0.0005)
        protocol.connection_lost(None)
        for _ in range(TURNS_MAX):
            if not state.tasks:
                return bytes(wire.sent)
            await asyncio.sleep(0.001)
        raise AssertionError("a request goes on after its connection is gone")


@cache
def _house() -> _House:
    return _House()


def connection(wire: bytes) -> None:
    """One connection to the console."""
    house = _house()
    house.raised.clear()
    answer = house.loop.run_until_complete(house.connection(wire))
    if house.raised:
        raise house.raised[0]
    if not answer:
        return
    status_line, _, rest = answer.partition(b"\r\n")
    version, status, *_ = status_line.split(b" ")
    assert version == b"HTTP/1.1", status_line
    assert not status.startswith(b"5") or status in MEANT, status_line
    refused_by_the_server = status == b"400" and b"Invalid HTTP request" in rest
    assert refused_by_the_server or b"nosniff" in rest, "a page without its headers"
