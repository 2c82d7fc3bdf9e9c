"""A receiver under mutated datagrams: it goes on serving and stores nothing as good."""

from __future__ import annotations

import asyncio
import logging
import socket
from dataclasses import replace
from pathlib import Path

import pytest

from terminal.county import hardening
from terminal.county.conformance import load_vectors
from terminal.county.gate import Gate
from terminal.county.hardening import RECENT_MAX, RECENT_S, RecentMessages
from terminal.county.notes import KEY_UNKNOWN
from terminal.county.oscore import readable
from terminal.county.report import read_report
from terminal.county.server import running_county
from terminal.messages import ItemClass
from terminal.uplink.adapters.coap_v1 import CoapV1
from terminal.uplink.exchange import Outcome, Request, WireReply
from tests.link.fuzzer import BATCH, datagram, fuzz, option
from tests.link.sealed import Sealer, share_secrets
from tests.process.test_uplink_loopback import TIMES, options
from tests.unit.county.samples import Chain, kept_tracebacks

COUNT, WARM_UP = 3_000, 300
KEPT_MAX = 100
"""Tracebacks that stay after COUNT refusals; leaking them left a hundred a thousand."""


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """No empty acknowledgement goes ahead of an answer, however busy the machine is."""
    monkeypatch.setattr(hardening._PatientTuning, "EMPTY_ACK_DELAY", 30.0)


@pytest.mark.process
def test_mutated_datagrams_leave_the_receiver_serving(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)
    opts = replace(options(tmp_path), accept_simulated=True)
    (opts.keys / "conformance.pub").write_text(load_vectors()[0] + "\n")

    async def served(count: int, seed: int) -> tuple[int, int, int]:
        """What was sent, answered, and is held when nothing is under way any more."""
        async with running_county(opts):
            sent, alive = await asyncio.to_thread(fuzz, opts.host, opts.port, count, seed)
        return sent, alive, kept_tracebacks()

    async def scenario() -> tuple[int, int, int]:
        _, _, before = await served(WARM_UP, 6)
        sent, alive, after = await served(COUNT, 7)
        return sent, alive, after - before

    sent, alive, kept = asyncio.run(scenario())
    assert (sent, alive) == (COUNT, COUNT // BATCH)
    assert kept < KEPT_MAX, "what was refused is still held by somebody"
    assert [record.getMessage() for record in caplog.records] == []
    known = {v.path.rsplit("/", 1)[-1] for v in load_vectors()[1] if v.receipt}
    assert read_report(opts.store).records <= len(known)


@pytest.mark.process
def test_mutated_protected_datagrams_are_refused_without_an_exception(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)
    share_secrets(["T-1"], tmp_path / "terminal", tmp_path / "contexts")
    opts = replace(options(tmp_path), oscore=tmp_path / "contexts")
    sealer = Sealer(tmp_path / "terminal" / "T-1")
    pool = [sealer.seal(1, number, "v1/time", b"", None, None) for number in range(20)]
    heads = [b"", b"\x09\x00", b"\x29\x00t", b"\x49\x00", b"\x10", b"\x18\x05a", b"\x07", b"\x03a"]
    pool += [b"\x40\x02\0\0" + option(9, 0, head) + b"\xff" + b"s" * 12 for head in heads]
    edhoc = [option(11, 0, b".well-known"), option(11, 11, b"edhoc")]
    pool.append(b"\x40\x02\0\0" + b"".join(edhoc) + b"\xff\xf5\0")

    async def scenario() -> tuple[int, int]:
        async with running_county(opts):
            return await asyncio.to_thread(fuzz, opts.host, opts.port, COUNT, 8, pool)

    assert asyncio.run(scenario()) == (COUNT, COUNT // BATCH)
    sealer.close()
    assert [record.getMessage() for record in caplog.records] == []
    unknown = [row for row in read_report(opts.store).refused if row.kind == KEY_UNKNOWN]
    assert unknown, "they are counted"


@pytest.mark.parametrize(
    ("head", "whole"),
    [
        ("", True), ("00", True), ("0900", True), ("0900aa", True), ("1802aabb74", True),
        ("1800", True), ("05aabbccddee", True), ("0600", False), ("06aabbccddeeff", False),
        ("03aa", False), ("10", False), ("1802aa", False), ("1900", False), ("29aa", False),
        ("4900", False), ("8900", False),
    ],
)  # fmt: skip
def test_an_oscore_option_is_whole_or_refused(head: str, whole: bool) -> None:
    assert readable(bytes.fromhex(head)) is whole


def test_past_messages_are_forgotten_beyond_the_bound_and_after_their_time() -> None:
    clock = [0.0]
    table = RecentMessages(lambda: clock[0])
    for mid in range(RECENT_MAX + 10):
        assert table.first_time(("peer", mid))
    assert len(table) == RECENT_MAX
    assert not table.first_time(("peer", RECENT_MAX))
    assert table.first_time(("peer", 9)), "forgotten early: idempotent keys make that harmless"
    clock[0] = RECENT_S
    assert table.first_time(("peer", RECENT_MAX))
    assert len(table) == 1


@pytest.mark.process
@pytest.mark.usefixtures("patient")
def test_a_repeated_message_gets_the_same_answer_and_is_not_done_again(tmp_path: Path) -> None:
    opts = options(tmp_path)
    question = datagram(1, 77, "v1/nowhere", b"", None)

    def ask_twice() -> tuple[bytes, bytes]:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
            asker.settimeout(10)
            answers = []
            for _ in range(2):
                asker.sendto(question, (opts.host, opts.port))
                answers.append(asker.recv(1_500))
            return answers[0], answers[1]

    async def scenario() -> tuple[bytes, bytes, list[int]]:
        async with running_county(opts) as county:
            first, second = await asyncio.to_thread(ask_twice)
            return first, second, county.tally.counts()

    first, second, counts = asyncio.run(scenario())
    assert first == second
    assert counts == [0, 0, 1]


@pytest.mark.process
@pytest.mark.usefixtures("patient")
def test_no_timer_outlives_the_socket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A receiver that is stopped with a question open: its acknowledgement is no longer due."""
    opts = options(tmp_path)

    async def scenario() -> list[asyncio.TimerHandle]:
        asked = asyncio.Event()

        async def never(_gate: Gate, _request: object) -> None:
            asked.set()
            await asyncio.Event().wait()

        monkeypatch.setattr(Gate, "render", never)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
            async with running_county(opts):
                asker.sendto(datagram(1, 1, "v1/time", b"", None), (opts.host, opts.port))
                await asked.wait()
        timers: list[asyncio.TimerHandle] = getattr(asyncio.get_running_loop(), "_scheduled")  # noqa: B009
        return [timer for timer in timers if not timer.cancelled()]

    assert asyncio.run(scenario()) == []


@pytest.mark.process
@pytest.mark.usefixtures("patient")
def test_a_wrapped_message_id_brings_an_old_answer_that_proves_nothing(tmp_path: Path) -> None:
    """Message IDs wrap after 65,536: the new request is taken for the old one and not done."""
    chain = Chain()
    opts = options(tmp_path, chain)
    items = [chain.add(), chain.add()]

    def put_both() -> list[bytes]:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.settimeout(10)
            answers = []
            for name, signed in items:
                sender.sendto(datagram(3, 7, f"v1/records/{name}", signed, 18), opts_address)
                answers.append(sender.recv(1_500))
            return answers

    opts_address = (opts.host, opts.port)

    async def scenario() -> list[bytes]:
        async with running_county(opts, TIMES):
            return await asyncio.to_thread(put_both)

    first, second = asyncio.run(scenario())
    assert second == first, "a success by its code"
    assert read_report(opts.store).records == 1, "and yet nothing was stored"
    payload = second[8:].partition(b"\xff")[2]
    judged = [
        CoapV1()
        .judge(
            Request("county", n, ItemClass.RECORD, name, b"", signed, ""),
            WireReply("2.01", payload, "", "UDP"),
        )
        .outcome
        for n, (name, signed) in enumerate(items)
    ]
    assert judged == [Outcome.DELIVERED, Outcome.LATER]
