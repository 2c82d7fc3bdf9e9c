"""Connections of the receiver that end: to its other workers, and from terminals."""

from __future__ import annotations

import asyncio
import socket
from dataclasses import replace
from itertools import count
from pathlib import Path
from types import SimpleNamespace

import aiocoap
import pytest
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from terminal.county import relay, server
from terminal.county.relay import RelaySite
from terminal.county.server import running_county
from terminal.county.sharding import Place
from tests.process.test_uplink_loopback import TIMES, options, until
from tests.unit.county.samples import Chain

pytestmark = pytest.mark.process

ASKED = 12
FLAGS_KEY_ID_AND_IV_OF_1 = 0b1001
WAIT_S_MAX = 10.0


def protected(place: Place, owner: int) -> aiocoap.Message:
    """Looks protected, under a key that this worker owns."""
    key_id = next(key for n in count() if place.owner_of(key := n.to_bytes(2, "big")) == owner)
    message = aiocoap.Message(code=aiocoap.POST, payload=bytes(20))
    message.opt.oscore = bytes([FLAGS_KEY_ID_AND_IV_OF_1, 0]) + key_id
    return message


def test_one_connection_to_a_worker_however_many_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes requests and answers none: each is told to come again, nothing stays behind."""
    monkeypatch.setattr(relay, "ANSWER_S_MAX", 0.2)
    worker = socket.create_server(("127.0.0.1", 0))
    place = Place(0, (1, worker.getsockname()[1]))
    answers: list[aiocoap.Message] = []

    def ask() -> SimpleNamespace:
        return SimpleNamespace(
            request=protected(place, 1),
            add_response=lambda answer, is_last: answers.append(answer),
        )

    async def scenario() -> None:
        site = RelaySite(None, place)
        await site.open("relay-test")
        await asyncio.gather(*(site.render_to_pipe(ask()) for _ in range(ASKED)))
        await site.close()

    asyncio.run(scenario())
    callers = []
    worker.setblocking(False)
    while True:
        try:
            callers.append(worker.accept()[0])
        except BlockingIOError:
            break
    assert len(callers) == 1
    callers[0].settimeout(WAIT_S_MAX)
    while callers[0].recv(65_536):
        pass  # to its end: closed, though the worker never hung up
    for one in (worker, *callers):
        one.close()
    assert {(str(answer.code.dotted), answer.opt.max_age) for answer in answers} == {("4.29", 5)}
    assert len(answers) == ASKED


def test_a_terminal_s_websocket_that_breaks_is_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one does whose link changes its address: no farewell. The receiver must not keep it."""
    kept: list[aiocoap.Context] = []
    monkeypatch.setattr(server, "bound_memory", lambda context: kept.append(context))
    opts = replace(options(tmp_path, Chain()), websocket=True)
    uri = f"ws://127.0.0.1:{opts.port + server.WEBSOCKET_STEP}/.well-known/coap"

    async def scenario() -> None:
        async with running_county(opts, TIMES):
            pools = [tokens.token_interface for tokens in kept[0].request_interfaces]
            (pool,) = [pool for pool in pools if getattr(pool, "_outgoing_starting", None) == {}]
            for _ in range(3):
                caller = await connect(uri, subprotocols=[Subprotocol("coap")])
                await until(lambda: len(pool._pool) == 1)
                caller.transport.abort()
                await until(lambda: not pool._pool)

    asyncio.run(scenario())
