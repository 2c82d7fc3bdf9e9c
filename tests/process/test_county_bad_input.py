"""The same bad input over every way to the receiver: UDP with OSCORE, TCP, WebSocket.

Each is answered with its code and problem details, counted, on the page, and never stored as good;
the way itself stays usable for the next request.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiocoap
import cbor2
import pytest

from terminal.county.page import _page
from terminal.county.problems import REFUSALS
from terminal.county.report import read_report
from terminal.county.server import running_county
from terminal.county.service import CLOCK_AHEAD
from terminal.records import Happening
from terminal.uplink.oscore import make_pair, open_context
from tests.process.test_county_refusals import COSE, GIGABYTE, chain_id, tries
from tests.process.test_uplink_loopback import TIMES, options, until
from tests.unit.county.samples import WALL_NS, Chain, photo, weigh

pytestmark = pytest.mark.process

ANSWER_S_MAX = 30
RECEIPT_ID, RECEIPT_AHEAD_S = 1, 5
YEAR_NS = 365 * 24 * 3600 * 10**9
WAYS = ["coap+oscore", "coap+tcp", "coap+tcp+oscore", "coap+ws", "coap+ws+oscore"]


class Way:
    """Requests over one transport, one after the other."""

    def __init__(self, client: aiocoap.Context, base: str) -> None:
        self._client, self._base = client, base

    async def ask(
        self, path: str, body: bytes, *, block: int | None = None, size: int = 0
    ) -> tuple[str, dict[Any, Any]]:
        """(code, CBOR) of the answer to a PUT; block, size: as Asker.ask has them."""
        message = aiocoap.Message(code=aiocoap.PUT, uri=f"{self._base}/{path}", payload=body)
        message.opt.content_format = COSE
        if block is not None:
            message.opt.block1 = (block >> 4, bool(block & 8), block & 7)
        if size:
            message.opt.size1 = size
        asked = self._client.request(message, handle_blockwise=False).response
        answer = await asyncio.wait_for(asked, ANSWER_S_MAX)
        return str(answer.code.dotted), cbor2.loads(answer.payload)


def more_tries(chain: Chain) -> list[tuple[str, str, dict[str, Any]]]:
    """What only a body over a stream can be, and what a follow-up can get wrong."""
    itself = Chain(ledger_id=b"follows0")
    name, body = itself.add(Happening(event="follow_up", detail="", at_ns=1, about_seq=1))
    ref, _ = photo(b"of no record")
    at = f"v1/photos/{ref.sha256.hex()}"
    return [
        ("malformed", f"v1/records/{name}", {"body": body}),
        ("malformed", f"v1/records/{chain_id(chain)}", {"body": b""}),
        ("format", at, {"body": b"x", "size": GIGABYTE}),
        ("no-resource", "v1/" + "x" * 161, {"body": b""}),
        ("no-resource", "/".join("v" * 9), {"body": b""}),
    ]


@pytest.mark.parametrize("way", WAYS)
def test_bad_input_is_refused_counted_and_shown_whatever_way_it_comes(
    tmp_path: Path, way: str
) -> None:
    scheme = way.removesuffix("+oscore")
    chain, other = Chain(), Chain()
    stranger = Chain("T-stranger", seed=b"x" * 32)
    make_pair(tmp_path / "oscore", tmp_path / "contexts" / "T-1")
    opts = replace(options(tmp_path, chain), oscore=tmp_path / "contexts", websocket=True)
    rows = tries(chain, other, stranger) + more_tries(chain)
    future = Chain(ledger_id=b"tomorrow", wall_ns=WALL_NS + YEAR_NS)
    codes = {kind.name: kind.code for kind in REFUSALS}
    expected: dict[str, int] = {}

    async def ask_all(asker: Way) -> None:
        code, receipt = await asker.ask(f"v1/records/{chain_id(chain)}", chain.signed[0])
        assert (code, receipt[RECEIPT_ID]) == ("2.01", chain_id(chain))
        for kind, path, words in rows:
            code, problem = await asker.ask(path, **words)
            assert code == codes[kind], (kind, path, problem)
            assert problem[-1], kind
            assert problem[-2], kind
            expected[kind] = expected.get(kind, 0) + 1
        code, receipt = await asker.ask(f"v1/records/{chain_id(chain)}", chain.signed[0])
        assert (code, receipt[RECEIPT_ID]) == ("2.04", chain_id(chain)), "a repeat"
        name, body = future.add()
        code, receipt = await asker.ask(f"v1/records/{name}", body)
        assert code == "2.01"
        assert receipt[RECEIPT_AHEAD_S] >= YEAR_NS // 10**9 - 600
        expected[CLOCK_AHEAD] = 1
        name, body = future.add(weigh(visit_id=2))  # a number left out: taken, and told as a gap
        name, body = future.add(weigh(visit_id=3))
        assert (await asker.ask(f"v1/records/{name}", body))[0] == "2.01"
        expected[CLOCK_AHEAD] = 2

    async def scenario() -> None:
        port = opts.port + (3_000 if scheme == "coap+ws" else 0)
        base = f"{scheme}://127.0.0.1:{port}"
        async with running_county(opts, TIMES):
            client = await aiocoap.Context.create_client_context()
            if way != scheme:
                client.client_credentials[f"{base}/*"] = open_context(tmp_path / "oscore")
            await ask_all(Way(client, base))
            await client.shutdown()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        await until(lambda: all(task.done() for task in tasks))

    asyncio.run(scenario())
    report = read_report(opts.store)
    assert report.records == 3
    assert {name: count for name, count, _ns, _last in report.refusals} == expected
    assert [
        (row.highest, row.missing) for row in report.chains if row.ledger == future.ledger_id.hex()
    ] == [(3, 1)]
    page = _page(opts.store, time.time_ns())
    assert all(name in page for name in expected)
