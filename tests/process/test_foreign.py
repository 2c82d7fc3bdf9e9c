"""Foreign peers: receivers and clients on other CoAP stacks speak the same interface."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from pathlib import Path

import pytest

from terminal.county.conformance import Result, load_vectors, run_vectors
from terminal.county.report import read_report
from terminal.county.server import running_county
from tests.foreign.peers import foreign_receiver
from tests.process.test_uplink_loopback import TIMES, options
from tests.unit.county.samples import Chain

pytestmark = pytest.mark.process

CLIENTS = ("coap-client-openssl", "coap-client-gnutls", "coap-client-notls", "coap-client")


def wrong(results: list[Result]) -> list[str]:
    return [f"{r.vector.group}/{r.vector.name}: {r.why}" for r in results if r.why]


async def check(uri: str) -> list[Result]:
    return [result for _ in range(2) async for result in run_vectors(uri)]


@pytest.mark.parametrize("name", ["node", "libcoap"])
def test_a_small_receiver_on_another_stack_passes_every_vector(name: str, tmp_path: Path) -> None:
    with foreign_receiver(name, tmp_path) as uri:
        if not uri.startswith("coap:"):
            pytest.skip(uri)
        results = asyncio.run(check(uri))
    assert wrong(results) == []
    assert len(results) == 2 * len(load_vectors()[1])


def test_libcoap_s_client_is_served(tmp_path: Path) -> None:
    client = next((found for name in CLIENTS if (found := shutil.which(name))), None)
    if client is None:
        pytest.skip("libcoap's client is not installed: apt install libcoap3-bin")
    chain = Chain()
    record_id, signed = chain.add()
    body = tmp_path / "record.cose"
    body.write_bytes(signed)
    opts = options(tmp_path, chain)
    base = f"coap://{opts.host}:{opts.port}"

    def put(path: str) -> subprocess.CompletedProcess[bytes]:
        command = [client, "-m", "put", "-t", "18", "-f", str(body), "-B", "5", f"{base}/{path}"]
        return subprocess.run(command, capture_output=True, timeout=20, check=False)

    async def scenario() -> tuple[bytes, bytes]:
        async with running_county(opts, TIMES):
            good = await asyncio.to_thread(put, f"v1/records/{record_id}")
            bad = await asyncio.to_thread(put, "v1/records/other")
            return good.stdout + good.stderr, bad.stdout + bad.stderr

    good, bad = asyncio.run(scenario())
    assert record_id.encode() in good, "the receipt names the record"
    assert b"4.00" in bad
    assert read_report(opts.store).records == 1
