"""A console under test: a node fed by hand, a real ledger folder, and a client without sockets."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from starlette.applications import Starlette

from hal.contract.types import NS_PER_S, MonotonicNs
from terminal.console.app import Console, make_app
from terminal.console.state import ConsoleNode
from terminal.link import PeerUp, Received
from terminal.messages import Message
from tests.unit.ledger.lane import Lane


class Client:
    """A browser with cookies that talks to the application without a socket."""

    def __init__(self, app: Starlette) -> None:
        self._app = app
        self._cookies = httpx.Cookies()

    def request(self, method: str, path: str, **more: object) -> httpx.Response:
        return asyncio.run(self._request(method, path, **more))

    def get(self, path: str) -> httpx.Response:
        return self.request("GET", path)

    async def _request(self, method: str, path: str, **more: object) -> httpx.Response:
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(self._app),
            base_url="http://127.0.0.1:8080",
            cookies=self._cookies,
        ) as client:
            answer = await client.request(method, path, **more)  # type: ignore[arg-type]
            self._cookies = client.cookies
            return answer


@dataclass
class Site:
    """One console; say() is a message of a peer, client asks as a browser would."""

    base: Path
    simulated: bool = True
    now_ns: int = 200 * NS_PER_S
    node: ConsoleNode = field(init=False)
    console: Console = field(init=False)
    client: Client = field(init=False)

    def __post_init__(self) -> None:
        self.node = ConsoleNode(self.simulated)
        self.console = Console(Lane(self.base).loaded, self.node)
        self.client = Client(make_app(self.console))

    def say(self, peer: str, message: Message) -> None:
        self.node.on_event(Received(peer, message), MonotonicNs(self.now_ns))

    def up(self, peer: str) -> None:
        self.node.on_event(PeerUp(peer, self.simulated), MonotonicNs(self.now_ns))
