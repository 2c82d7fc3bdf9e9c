"""Bad input over the wire: a code with problem details, counted, on the page, never stored."""

from __future__ import annotations

import asyncio
import socket
import time
from pathlib import Path

import cbor2
import pytest

from terminal.county import hardening
from terminal.county.page import _page
from terminal.county.problems import FIELD, REFUSALS
from terminal.county.report import read_report
from terminal.county.server import running_county
from terminal.records import decode_signed, sign_record
from tests.link.fuzzer import METHODS, datagram, option
from tests.process.test_uplink_loopback import TIMES, options
from tests.unit.county.samples import Chain, weigh

pytestmark = pytest.mark.process

PUT = METHODS["PUT"]
COSE = 18
GIGABYTE = 1_000_000_000
BLOCK1, SIZE1 = 27, 60
BLOCK_1024 = 6


class Asker:
    """Datagrams to the receiver, one after the other."""

    def __init__(self, address: tuple[str, int]) -> None:
        self._sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._sock.settimeout(10)
        self._sock.connect(address)
        self._mid = 0

    def ask(self, path: str, body: bytes, *, block: int | None = None, size: int = 0) -> bytes:
        """The answer to a PUT; block: the value of Block1; size: declared as Size1."""
        self._mid += 1
        head, _, _ = datagram(PUT, self._mid, path, b"", COSE).partition(b"\xff")
        last = 12
        if block is not None:
            head += option(BLOCK1, last, block.to_bytes(3, "big"))
            last = BLOCK1
        if size:
            head += option(SIZE1, last, size.to_bytes(4, "big"))
        self._sock.send(head + (b"\xff" + body if body else b""))
        return self._sock.recv(2_048)

    def close(self) -> None:
        self._sock.close()


def code_of(answer: bytes) -> str:
    return f"{answer[1] >> 5}.{answer[1] & 31:02d}"


def problem_of(answer: bytes) -> dict[object, object]:
    found = cbor2.loads(answer[8:].partition(b"\xff")[2])
    assert isinstance(found, dict)
    return found


def tries(chain: Chain, other: Chain, stranger: Chain) -> list[tuple[str, str, dict[str, object]]]:
    """(refusal expected, path, arguments of Asker.ask)."""
    name, good = chain.add()
    other.add(weigh(visit_id=99))
    forked_name, forked = other.add(weigh(visit_id=99))
    strange_name, strange = stranger.add()
    at = f"v1/records/{name}"
    loose = cbor2.dumps(cbor2.loads(good), canonical=False) + b"\x00"
    forged = sign_record(decode_signed(good), stranger.signer)
    return [
        ("too-large", at, {"body": good[:64], "block": 8 | BLOCK_1024, "size": GIGABYTE}),
        ("incomplete", at, {"body": bytes(1024), "block": 5 << 4 | 8 | BLOCK_1024}),
        ("malformed", at, {"body": good[:-5]}),
        ("malformed", at, {"body": loose}),
        ("malformed", at, {"body": b"\x00"}),
        ("wrong-id", f"{at}0", {"body": good}),
        ("signature", at, {"body": forged}),
        ("unknown-terminal", f"v1/records/{strange_name}", {"body": strange}),
        ("chain", f"v1/records/{forked_name}", {"body": forked}),
        ("format", f"v1/photos/{'0' * 64}", {"body": b"x"}),
        ("no-resource", "v1/nothing", {"body": b"x"}),
    ]


def test_each_is_refused_with_its_reason_counted_and_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hardening._PatientTuning, "EMPTY_ACK_DELAY", 30.0)
    chain, other = Chain(), Chain()
    stranger = Chain("T-stranger", seed=b"x" * 32)
    opts = options(tmp_path, chain)
    rows = tries(chain, other, stranger)
    expected: dict[str, int] = {}

    def ask_all() -> None:
        asker = Asker((opts.host, opts.port))
        first = asker.ask(f"v1/records/{chain_id(chain)}", chain.signed[0])
        assert code_of(first) in ("2.01", "2.04")
        codes = {kind.name: kind.code for kind in REFUSALS}
        for kind, path, words in rows:
            answer = asker.ask(path, **words)  # type: ignore[arg-type]
            assert code_of(answer) == codes[kind], (kind, answer)
            problem = problem_of(answer)
            assert problem[-1]
            assert problem[-2]
            assert FIELD in problem
            expected[kind] = expected.get(kind, 0) + 1
        replayed = asker.ask(f"v1/records/{chain_id(chain)}", chain.signed[0])
        assert code_of(replayed) == "2.04", "a replay is answered with what is stored"
        asker.close()

    async def scenario() -> None:
        async with running_county(opts, TIMES):
            await asyncio.to_thread(ask_all)

    asyncio.run(scenario())
    report = read_report(opts.store)
    assert report.records == 1
    assert {name: count for name, count, _ns, _last in report.refusals} == expected
    page = _page(opts.store, time.time_ns())
    assert all(name in page for name in expected)


def chain_id(chain: Chain) -> str:
    return f"{chain.terminal_id}-{chain.ledger_id.hex()}-1"
