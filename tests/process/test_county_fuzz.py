"""A receiver under mutated datagrams: it goes on serving and stores nothing as good."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from pathlib import Path

import pytest

from terminal.county.conformance import load_vectors
from terminal.county.hardening import RECENT_MAX, RecentMessages
from terminal.county.report import read_report
from terminal.county.server import running_county
from tests.link.fuzzer import BATCH, fuzz
from tests.process.test_uplink_loopback import options

COUNT = 3_000


@pytest.mark.process
def test_mutated_datagrams_leave_the_receiver_serving(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)
    opts = replace(options(tmp_path), accept_simulated=True)
    (opts.keys / "conformance.pub").write_text(load_vectors()[0] + "\n")

    async def scenario() -> tuple[int, int]:
        async with running_county(opts):
            return await asyncio.to_thread(fuzz, opts.host, opts.port, COUNT, 7)

    assert asyncio.run(scenario()) == (COUNT, COUNT // BATCH)
    assert [record.getMessage() for record in caplog.records] == []
    known = {v.path.rsplit("/", 1)[-1] for v in load_vectors()[1] if v.receipt}
    assert read_report(opts.store).records <= len(known)


def test_past_messages_are_forgotten_beyond_the_bound() -> None:
    table = RecentMessages()
    for mid in range(RECENT_MAX + 10):
        table["peer", mid] = None
    assert len(table) == RECENT_MAX
    assert ("peer", 9) not in table
    assert table.pop(("peer", 9)) is None
