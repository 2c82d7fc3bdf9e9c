"""What a whole lane kept of a passage: the record names the file, the file gives the mass.

An inspector's way: take the record, take the file, compare the digest, weigh it again.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from hal.contract.types import NS_PER_S
from terminal import cli
from terminal.core.types import WeightSource
from terminal.ledger.store import DB_FILE, Store
from terminal.raw_samples import NO_FRAME
from terminal.records import Record, decode_signed
from terminal.weighing.trace import weigh_trace
from tests.sim.run import Sim, simulate

SEEDS = (96, 127)
"""Seeds that draw the demo's lane: eight cells, the real tick, no indicator."""

INDICATOR_SEEDS = (10, 3)
"""Seeds that draw an indicator: one of each protocol, the first with a motion flag."""


def passage(seed: int, ledger: Path) -> tuple[Record, Path]:
    """One truck through a lane without faults; its record and the ledger's folder, put aside."""

    def put_aside(sim: Sim) -> None:
        close = sim.close

        def closing() -> None:
            close()
            shutil.copytree(sim.ledger_folder, ledger)

        sim.close = closing  # type: ignore[method-assign]

    outcome = simulate(seed, trucks=1, faults=False, prepare=put_aside)
    assert (outcome.violation, outcome.passages) == ("", 1)
    store = Store(ledger / DB_FILE, fresh_allowed=False)
    records = [decode_signed(signed) for signed in store.signed_records()]
    store.close()
    (record,) = [record for record in records if record.weigh is not None]
    (file,) = (ledger / "samples").iterdir()
    return record, file


@pytest.mark.parametrize("seed", INDICATOR_SEEDS)
def test_the_kept_frames_of_an_indicator_give_the_records_mass(seed: int, tmp_path: Path) -> None:
    record, file = passage(seed, tmp_path / "ledger")
    weigh = record.weigh
    assert weigh is not None
    assert weigh.source is WeightSource.INDICATOR
    assert weigh.samples_sha256 == hashlib.sha256(file.read_bytes()).digest()
    (release,) = weigh_trace(file)["releases"]
    assert release["displayed_kg"] == weigh.gross_kg
    assert round(release["t"] * NS_PER_S) <= weigh.weighed_ns
    assert release["voided_t"] is None
    with np.load(file) as archive:
        meta, flags = json.loads(archive["meta"].item()), archive["flags"]
    assert (meta["kind"], meta["visit_id"], meta["dropped"]) == ("indicator", weigh.visit_id, 0)
    assert NO_FRAME in flags, "the moment at which a beam came clear"
    assert file.stat().st_size < 20_000


@pytest.mark.parametrize("seed", SEEDS)
def test_the_kept_samples_give_the_records_mass(
    seed: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ledger = tmp_path / "ledger"
    record, file = passage(seed, ledger)
    weigh = record.weigh
    assert weigh is not None
    digest = hashlib.sha256(file.read_bytes()).digest()
    assert (weigh.samples_sha256, file.stem) == (digest, digest.hex())

    trace = weigh_trace(file)
    assert trace["releases"][-1]["displayed_kg"] == weigh.gross_kg
    assert trace["releases"][-1]["voided_t"] is None
    assert trace["axles"] is not None
    assert len(trace["axles"]["loads_kg"]) == weigh.axles
    assert set(trace["flags"]) == set()
    with np.load(file) as archive:
        meta = json.loads(archive["meta"].item())
        seconds = archive["t"]
    assert (meta["visit_id"], meta["dropped"]) == (weigh.visit_id, 0)
    assert seconds[0] * 1e9 < weigh.arrived_ns < weigh.weighed_ns <= seconds[-1] * 1e9
    assert file.stat().st_size < 400_000

    assert cli.main(["verify", str(ledger)]) == 0
    assert "1 files of raw samples" in capsys.readouterr().out
    handed = tmp_path / "handed"
    assert cli.main(["evidence", str(ledger), str(record.seq), str(handed)]) == 0
    copy = handed / f"{record.seq}-samples.npz"
    assert copy.read_bytes() == file.read_bytes()

    wire = bytearray(file.read_bytes())
    wire[len(wire) // 2] ^= 1
    file.write_bytes(wire)
    assert cli.main(["verify", str(ledger)]) == 1
    assert f"bad: record {record.seq}: the raw samples {file.name}" in capsys.readouterr().out
