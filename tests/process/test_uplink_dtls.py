"""The DTLS rung towards libcoap's own server; without the package it says what is missing."""

from __future__ import annotations

import asyncio
import random
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import aiocoap
import pytest
from aiocoap import credentials

from terminal.county.gate import Gate
from terminal.county.server import running_county
from terminal.county.service import Answer
from terminal.messages import ItemClass
from terminal.uplink import coap
from terminal.uplink.adapters.coap_v1 import CoapV1
from terminal.uplink.coap import DTLS_ABSENT, CoapTransport, DtlsKey, dtls_installed
from terminal.uplink.exchange import Outcome, Request, WireReply, WireRequest
from tests.ports import free_port
from tests.process.test_uplink_loopback import TIMES, options
from tests.unit.county.samples import Chain, photo, weigh

pytestmark = pytest.mark.process

PSK = b"sixteen byte key"
BODY = b"x" * 700
START_S_MAX = 10.0
PHOTO_BYTES = 80 * 1_024
REBIND_AFTER = 60
"""Datagrams from the terminal after which it has another address: handshake and some 40 chunks."""


def record(number: int) -> tuple[Request, WireRequest]:
    request = Request("county", number, ItemClass.RECORD, f"T-{number}", b"", BODY, "")
    return request, WireRequest("PUT", ("v1", "records", f"T-{number}"), 18, BODY, False)


@pytest.fixture
def server() -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    program = shutil.which("coap-server-openssl")
    if program is None:
        pytest.skip("libcoap's server is not installed: apt install libcoap3-bin")
    if not dtls_installed():
        pytest.skip(DTLS_ABSENT)
    port = free_port()
    command = [program, "-A", "127.0.0.1", "-p", str(port - 1), "-d", "50", "-k", PSK.decode()]
    process = subprocess.Popen(command)
    yield f"coaps://127.0.0.1:{port}", process
    process.kill()
    process.wait()


def test_a_wrong_key_is_not_believed_and_the_right_one_delivers(
    server: tuple[str, subprocess.Popen[bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    uri, _process = server
    monkeypatch.setattr(coap, "DTLS_PATIENCE_S", 1.0)

    async def send(psk: bytes) -> WireReply:
        way = CoapTransport(uri, dtls=DtlsKey(b"T-1", psk))
        try:
            return await way.send(*record(1))
        finally:
            await way.close()

    async def scenario() -> tuple[WireReply, WireReply]:
        end_s = time.monotonic() + START_S_MAX
        good = await send(PSK)
        while not good.code and time.monotonic() < end_s:  # the server may not be up yet
            good = await send(PSK)
        return good, await send(b"another 16 bytes")

    good, bad = asyncio.run(scenario())
    assert (good.code, good.rung) == ("2.01", "DTLS")
    assert bad.code == ""
    assert bad.why


def test_without_the_package_the_rung_says_what_is_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(coap, "dtls_installed", lambda: False)

    async def scenario() -> WireReply:
        way = CoapTransport("coaps://127.0.0.1:1", dtls=DtlsKey(b"T-1", PSK))
        try:
            return await way.send(*record(1))
        finally:
            await way.close()

    reply = asyncio.run(scenario())
    assert (reply.code, reply.why) == ("", DTLS_ABSENT)


class Nat:
    """Between one terminal and its county; after REBIND_AFTER datagrams with another address."""

    def __init__(self, county_port: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._county = ("127.0.0.1", county_port)
        self._near = self._socket(self._outward)
        self._far: dict[tuple[str, int], socket.socket] = {}
        self._count = self.rebinds = 0
        self.port: int = self._near.getsockname()[1]

    def _socket(self, ready: Callable[[], None]) -> socket.socket:
        made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        made.bind(("127.0.0.1", 0))
        made.setblocking(False)
        self._loop.add_reader(made, ready)
        return made

    def _outward(self) -> None:
        said, terminal = self._near.recvfrom(2_048)
        self._count += 1
        if self._count == REBIND_AFTER:
            self.rebinds += 1
            self._forget()
        if terminal not in self._far:
            self._far[terminal] = self._socket(lambda: self._back(terminal))
        self._far[terminal].sendto(said, self._county)

    def _back(self, terminal: tuple[str, int]) -> None:
        self._near.sendto(self._far[terminal].recv(2_048), terminal)

    def _forget(self) -> None:
        for one in self._far.values():
            self._loop.remove_reader(one)
            one.close()
        self._far.clear()

    def close(self) -> None:
        """Neither side gets through any more."""
        self._forget()
        self._loop.remove_reader(self._near)
        self._near.close()


def test_a_photo_to_nobody_is_given_up_after_its_associations(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whatever the package: each is made anew, none is waited for longer than the patience."""
    monkeypatch.setattr(coap, "DTLS_PATIENCE_S", 0.1)
    monkeypatch.setattr(coap, "dtls_installed", lambda: True)
    made: list[SimpleNamespace] = []

    async def create(**_words: object) -> SimpleNamespace:
        async def shutdown() -> None:
            pass

        silent = asyncio.get_running_loop().create_future
        made.append(
            SimpleNamespace(
                client_credentials={},
                request=lambda _message: SimpleNamespace(response=silent()),
                shutdown=shutdown,
            )
        )
        return made[-1]

    monkeypatch.setattr(aiocoap.Context, "create_client_context", create)
    request = Request("county", 1, ItemClass.PHOTO, "", bytes(32), b"", "photo.jpg")

    async def scenario() -> WireReply:
        way = CoapTransport("coaps://127.0.0.1:1", dtls=DtlsKey(b"T-1", PSK))
        return await way.send(request, CoapV1().to_wire(request, bytes(PHOTO_BYTES)))

    reply = asyncio.run(scenario())
    assert reply.code == ""
    assert reply.why.startswith("no answer within"), reply.why
    assert "180 s" not in reply.why, "long before the photo's deadline"
    assert len(made) == coap.DTLS_FRESH_MAX


@pytest.mark.skipif(not dtls_installed(), reason=DTLS_ABSENT)
def test_a_photo_goes_on_over_a_fresh_association_when_the_address_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(coap, "DTLS_PATIENCE_S", 1.0)
    chain = Chain()
    ref, picture = photo(random.Random(4).randbytes(PHOTO_BYTES))
    name, body = chain.add(weigh(photos=(ref,)))
    opts = options(tmp_path, chain)
    taken: list[str] = []

    async def scenario() -> tuple[WireReply, int]:
        async with running_county(opts, TIMES) as county:
            await county.put_record(name, body)
            real = county.put_chunk

            async def put_chunk(digest: str, offset: str, chunk: bytes) -> Answer:
                taken.append(offset)
                return await real(digest, offset, chunk)

            monkeypatch.setattr(county, "put_chunk", put_chunk)
            keys = credentials.CredentialsMap({":terminal": credentials.DTLS(PSK, b"T-1")})
            port = free_port()
            server = await aiocoap.Context.create_server_context(
                Gate(county),
                bind=("127.0.0.1", port),
                transports=["tinydtls_server"],
                server_credentials=keys,
            )
            nat = Nat(port + 1)  # the library serves coaps one above coap
            way = CoapTransport(f"coaps://127.0.0.1:{nat.port}", dtls=DtlsKey(b"T-1", PSK))
            reply = await way.send(request, CoapV1().to_wire(request, picture))
            await way.close()
            nat.close()
            await server.shutdown()
            return reply, nat.rebinds

    request = Request("county", 1, ItemClass.PHOTO, "", ref.sha256, b"", "photo.jpg")
    reply, rebinds = asyncio.run(scenario())
    assert CoapV1().judge(request, reply).outcome is Outcome.DELIVERED, reply
    assert rebinds == 1
    assert len(taken) < PHOTO_BYTES // 1_024 + 20, "what had arrived was not sent again"
