"""The DTLS rung towards libcoap's own server; without the package it says what is missing."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import time
from collections.abc import Iterator

import pytest

from terminal.messages import ItemClass
from terminal.uplink import coap
from terminal.uplink.coap import DTLS_ABSENT, CoapTransport, DtlsKey, dtls_installed
from terminal.uplink.exchange import Request, WireReply, WireRequest
from tests.ports import free_port

pytestmark = pytest.mark.process

PSK = b"sixteen byte key"
BODY = b"x" * 700
START_S_MAX = 10.0


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
