"""Calibrating a simulated deck over the text dialogue: result, refusals, seal."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from terminal.commands import calibrate
from terminal.commands.calibrate import Walk, finish
from terminal.config_load import load
from terminal.weighing import calibrating
from terminal.weighing.calibrating import Outcome, RefusedError
from terminal.weighing.calibration import read_any, to_text

SPANS = np.array([0.00700, 0.00704, 0.00698, 0.00701, 0.00695, 0.00706, 0.00700, 0.00699])
ZERO = np.linspace(20_000, 60_000, 8)
FULL = 8_388_607


class Site:
    """A person with test masses: the answers, and what the cells then say."""

    def __init__(self, loads: list[str], skip: bool = False, seal: str = "SEAL") -> None:
        self.rng = np.random.default_rng(3)
        self.loads = loads
        self.skip = skip
        self.seal = seal
        self.shares = np.full(8, 1 / 8)
        self.mass = 0.0
        self.spoil = ""
        self.said: list[str] = []

    def ask(self, prompt: str) -> str:
        self.shares = np.full(8, 1 / 8)
        if "Empty" in prompt:
            self.mass = 0.0
            return ""
        if "Corner" in prompt:
            return "skip" if self.skip else ""
        if "close to cell" in prompt:
            cell = int(prompt.split("cell ")[1].split(",")[0])
            self.shares = np.full(8, 0.04)
            self.shares[cell] = 0.72
            self.mass = 5_000.0
            return ""
        if "Type" in prompt:
            return self.seal
        answer = self.loads.pop(0) if self.loads else ""
        words = answer.split()
        self.spoil = words[1] if len(words) > 1 else ""
        self.mass = float(words[0]) if words and words[0].isdigit() else 0.0
        return words[0] if words else ""

    def block(self) -> np.ndarray:
        force = self.mass * self.shares
        if self.spoil == "light":
            force = force * 0.4
        counts = ZERO + force / SPANS + self.rng.normal(0, 60, (240, 8))
        if self.spoil == "rail":
            counts[10, 3] = FULL
        if self.spoil == "moving":
            counts[:, 2] += np.linspace(0, 40_000, 240)
        if self.spoil == "stuck":
            counts[:, 5] = 1_000.0
        if self.spoil == "few":
            return np.round(counts[:10])
        return np.round(counts)

    def walk(self) -> Walk:
        return Walk(self.ask, self.said.append, self.block, "SN-7", FULL, 30_000, 100_000, 20, 4)


LOADS = ["10000", "20000", "40000", "60000", "80000"]


def test_the_spans_come_out_and_every_load_is_within_the_mpe() -> None:
    site = Site([*LOADS, ""])
    outcome = site.walk().run()
    found = np.asarray(outcome.calibration.kg_per_count)
    assert np.abs(found / SPANS - 1).max() < 3e-4
    assert np.abs(np.asarray(outcome.calibration.zero_counts) - ZERO).max() < 30
    assert outcome.within
    assert [row.mpe_e for row in outcome.errors] == [0.5, 1.0, 1.0, 1.5, 1.5]
    assert outcome.calibration.sealed_count == 4
    assert outcome.nonlinearity_kg < 5
    assert read_any(to_text(outcome.calibration)) == outcome.calibration


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ("30000 rail", "Cell 3 is saturated"),
        ("30000 moving", "Cell 2 does not stand still"),
        ("30000 stuck", "Cell 5 repeats one value"),
        ("30000 few", "Too few samples"),
        ("900", "below 1 % of Max"),
        ("120000", "above Max"),
        ("10000", "was taken already"),
        ("30000 light", "does not lie on a line"),
        ("11000 light", "gave less signal than"),
        ("ten", "not a whole number"),
        ("", "more loads are needed"),
    ],
)
def test_a_bad_load_is_refused_with_its_reason_and_asked_again(answer: str, words: str) -> None:
    site = Site(["10000", answer, *LOADS[1:], ""])
    outcome = site.walk().run()
    assert any(words in line for line in site.said)
    assert len(outcome.errors) == 5


def test_a_skipped_corner_test_leaves_all_cells_alike() -> None:
    outcome = Site([*LOADS, ""], skip=True).walk().run()
    assert set(outcome.corner_shares) == {1.0}


def test_a_grossly_different_cell_is_a_fault_not_a_corner_error() -> None:
    zero = np.zeros(4)
    placed = [np.where(np.arange(4) == cell, 7_000.0, 1_000.0) for cell in range(4)]
    for reading in placed:
        reading[2] *= 0.8
    with pytest.raises(RefusedError, match=r"Cell 2 differs by"):
        calibrating.corner_gains(zero, placed)


def test_the_report_names_errors_in_e_against_the_mpe_and_is_sealed_once() -> None:
    site = Site([*LOADS, ""])
    sealed: list[tuple[Outcome, str]] = []
    code = finish(site.walk(), "Li", "2025-01-01", lambda o, text: sealed.append((o, text)))
    assert code == 0
    assert len(sealed) == 1
    assert "error e" in sealed[0][1]
    assert "MPE e" in sealed[0][1]
    assert "within the MPE" in sealed[0][1]
    assert "calibration no. 4" in sealed[0][1]


def test_without_the_seal_word_nothing_is_written() -> None:
    site = Site([*LOADS, ""], seal="yes")
    assert finish(site.walk(), "Li", "now", lambda o, text: pytest.fail("sealed")) == 65


def test_too_many_refusals_give_up() -> None:
    site = Site(["900"] * 100)
    assert finish(site.walk(), "Li", "now", lambda o, text: pytest.fail("sealed")) == 65
    assert "Nothing was changed" in site.said[-1]


def test_sealing_writes_calibration_and_signed_report_and_keeps_the_old_one(
    tmp_path: Path,
) -> None:
    (tmp_path / "terminal.toml").write_text("")
    loaded = load(tmp_path / "terminal.toml")
    path = loaded.path(loaded.config.amplifier.calibration)
    outcome = Site([*LOADS, ""]).walk().run()
    path.write_text("old")
    report = tmp_path / "report.txt"
    calibrate._seal(loaded, path, report, outcome, "REPORT\n")
    assert read_any(path.read_text()) == outcome.calibration
    assert path.with_name(path.name + ".3").read_text() == "old"
    from terminal.ledger.identity import load_signer
    from terminal.records.signing import CHECKS

    public = load_signer(loaded.path(loaded.config.ledger.folder)).public_key
    text = report.read_text()
    body, tail = text[: text.index("key ed25519")], text[text.index("signature ") + 10 :]
    assert CHECKS[public.alg](public.raw, bytes.fromhex(tail.strip()), body.encode())
