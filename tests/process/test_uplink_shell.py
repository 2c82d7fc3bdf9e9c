"""The uplink's main loop whole: real links to a ledger, real CoAP to a receiver, a real stop."""

from __future__ import annotations

import asyncio
import threading
import time
from pathlib import Path

import pytest

from terminal.config import Config, Loaded, Target
from terminal.county.report import read_report
from terminal.county.server import running_county
from terminal.link import Hub, Received
from terminal.messages import ItemClass
from terminal.uplink.shell import PHOTO_BYTES_MAX, main_loop
from tests.process.test_uplink_loopback import (
    TIMES,
    FakeLedger,
    RealClock,
    options,
    until,
)
from tests.unit.county.samples import Chain, photo, weigh

pytestmark = pytest.mark.process


class LedgerSide(threading.Thread):
    """Answers the uplink over a real Hub until told to stop."""

    def __init__(self, folder: Path, ledger: FakeLedger) -> None:
        super().__init__()
        self._hub = Hub("ledger", folder, simulated=False)
        self._ledger = ledger
        self.stop = threading.Event()

    def run(self) -> None:
        while not self.stop.is_set():
            for event in self._hub.poll(time.monotonic_ns(), 0.02):
                if isinstance(event, Received):
                    self._ledger.send("ledger", event.message)
            answers, self._ledger.answers = self._ledger.answers, []
            for answer in answers:
                self._hub.send("uplink", answer)
        self._hub.close()


def test_the_main_loop_delivers_over_real_links_and_stops(tmp_path: Path) -> None:
    chain, ledger = Chain(), FakeLedger()
    opts = options(tmp_path, chain)
    ref, picture = photo()
    good, huge = tmp_path / "good.jpg", tmp_path / "huge.jpg"
    good.write_bytes(picture)
    huge.write_bytes(bytes(PHOTO_BYTES_MAX + 1))
    ledger.put(1, ItemClass.RECORD, *chain.add(weigh(photos=(ref,))))
    ledger.put_photo(2, ref.sha256, good)
    ledger.put_photo(3, bytes(32), tmp_path / "absent.jpg")
    ledger.put_photo(4, bytes(31) + b"h", huge)
    plug = {"up": True}
    stop = threading.Event()
    config = Config(targets=(Target(uri=f"coap+tcp://{opts.host}:{opts.port}"),))
    run = tmp_path / "run"
    run.mkdir()
    side = LedgerSide(run, ledger)

    async def scenario() -> None:
        hub = Hub("uplink", run, simulated=False)
        loop = main_loop(
            Loaded(config, tmp_path, b"c" * 32), hub, RealClock(), stop, lambda: plug["up"]
        )
        async with running_county(opts, TIMES):
            task = asyncio.create_task(loop)
            await until(lambda: not ledger.pending)
            plug["up"] = False
            ledger.put(5, ItemClass.RECORD, *chain.add())
            await until(lambda: ledger.status is not None and not ledger.status.up)
            plug["up"] = True
            await until(lambda: not ledger.pending)
            stop.set()
            await asyncio.wait_for(task, 10)

    side.start()
    try:
        asyncio.run(scenario())
    finally:
        side.stop.set()
        side.join()
    assert sorted(ledger.receipts) == [1, 2, 5]
    assert {number: message.code for number, message in ledger.quarantined.items()} == {
        3: "file",
        4: "file",
    }
    report = read_report(opts.store)
    assert (report.records, report.photos) == (2, 1)
