"""A real ledger towards a real receiver: a backup put back, a ledger that signs with SM2."""

from __future__ import annotations

import asyncio
import random
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from terminal.cli import main
from terminal.config import Config, LedgerSection, Loaded, Target
from terminal.county.report import read_report
from terminal.county.server import CountyOptions, running_county
from terminal.ledger import build
from terminal.ledger.node import LedgerNode
from terminal.link import PeerUp
from terminal.messages import CommitDraft
from terminal.records import Sm2Signer
from terminal.records.sm2 import Sm2UnavailableError
from terminal.uplink.coap import CoapTransport
from terminal.uplink.node import UplinkNode
from terminal.uplink.shell import Carrier
from tests.link.pump import turn
from tests.link.terminal_end import BOOT_ID, Joined, SystemClock
from tests.ports import free_port
from tests.unit.ledger.builders import draft

pytestmark = pytest.mark.process

WAIT_S_MAX = 30.0


async def deliver_all(
    base: Path, opts: CountyOptions, visits: range, ledger_section: LedgerSection | None = None
) -> None:
    """One life of a terminal: commits these visits, ends when the county has everything."""
    uri = f"coap+tcp://{opts.host}:{opts.port}"
    section = ledger_section or LedgerSection()
    loaded = Loaded(Config(targets=(Target(uri=uri),), ledger=section), base, b"c" * 32)
    clock = SystemClock()
    ledger: LedgerNode = build(loaded, clock, simulated=False, software_id="0.1.0", boot_id=BOOT_ID)
    joined = Joined(ledger, clock)
    node = UplinkNode(loaded.config.targets, random.Random(1), loaded.config.site.terminal_id)
    carrier = Carrier(node, {"county": CoapTransport(uri)}, joined, clock)
    carrier.send(node.on_event(PeerUp("ledger", False), clock.monotonic_ns()))
    for visit in visits:
        joined.control(CommitDraft(draft(visit)))
    try:
        async with asyncio.timeout(WAIT_S_MAX):
            while read_report(opts.store).records < ledger.store.head().seq:
                turn(node, carrier, joined, clock)
                await asyncio.sleep(0.02)
    finally:
        await carrier.close()
        ledger.close()


def test_records_lost_with_a_restored_backup_come_again(tmp_path: Path) -> None:
    opts = CountyOptions(
        "127.0.0.1", free_port(), tmp_path / "county.sqlite", tmp_path / "t" / "ledger"
    )
    (tmp_path / "t").mkdir()
    backup = replace(opts, store=tmp_path / "backup.sqlite")

    async def scenario() -> None:
        async with running_county(opts):
            await deliver_all(tmp_path / "t", opts, range(1, 6))
        shutil.copy(opts.store, backup.store)
        async with running_county(opts):
            await deliver_all(tmp_path / "t", opts, range(6, 12))
        assert read_report(opts.store).records == 11
        async with running_county(backup):
            assert read_report(backup.store).records == 5
            await deliver_all(tmp_path / "t", backup, range(12, 13))

    asyncio.run(scenario())
    assert read_report(backup.store).records == 12
    assert [row.missing for row in read_report(backup.store).chains] == [0]


def test_a_ledger_that_signs_with_sm2_is_believed_by_the_county_and_by_verify(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        Sm2Signer(bytes(range(1, 33)))
    except Sm2UnavailableError as error:
        pytest.skip(str(error))
    opts = CountyOptions(
        "127.0.0.1", free_port(), tmp_path / "county.sqlite", tmp_path / "t" / "ledger"
    )
    (tmp_path / "t").mkdir()

    async def scenario() -> None:
        async with running_county(opts):
            section = LedgerSection(signature="sm2")
            await deliver_all(tmp_path / "t", opts, range(1, 6), section)

    asyncio.run(scenario())
    assert read_report(opts.store).records == 5
    assert read_report(opts.store).refusals == ()
    assert main(["verify", str(opts.keys)]) == 0
    assert "good: 5 good records" in capsys.readouterr().out
    assert (opts.keys / "terminal.pub").read_text().startswith("sm2 04")
