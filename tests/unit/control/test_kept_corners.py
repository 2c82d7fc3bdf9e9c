"""Corner evidence between control and ledger: kept after a passage, taken back after a restart."""

from __future__ import annotations

import numpy as np
import pytest

from hal.contract.types import MonotonicNs
from terminal.link import Received
from terminal.messages import CornersKept
from terminal.weighing.gains import GainEvidence
from tests.unit.control.test_bad_hardware import Rig


def passage(rig: Rig, cell: int = 2, share: float = 0.02) -> None:
    """One drive-on and one drive-off that speak for a wrong cell."""
    cells = rig.control.pipeline.params.cells
    gains = np.zeros(cells)
    gains[cell] = share
    evidence = GainEvidence(1e6 * np.eye(cells), 1e6 * gains)
    for _ in range(2):
        rig.control.pipeline.checks.corners.add(evidence, MonotonicNs(rig.clock.now_ns))


def kept(rig: Rig) -> list[str]:
    return [message.text for message in rig.hub.sent if isinstance(message, CornersKept)]


def says(rig: Rig, text: str) -> None:
    rig.hub.waiting.append(Received("ledger", CornersKept(text)))


def test_nothing_is_kept_before_the_ledger_has_said_what_it_has(monkeypatch) -> None:
    rig = Rig(monkeypatch)
    passage(rig)
    rig.run(1.0)
    assert kept(rig) == []
    says(rig, "")
    rig.run(1.0)
    assert len(kept(rig)) == 1
    rig.run(70.0)
    assert len(kept(rig)) == 1, "unchanged evidence costs no sync"
    passage(rig)
    rig.run(1.0)
    assert len(kept(rig)) == 2


def test_a_restart_goes_on_where_it_was(monkeypatch) -> None:
    rig = Rig(monkeypatch)
    says(rig, "")
    for _ in range(3):
        passage(rig)
    rig.run(1.0)
    (text,) = kept(rig)
    again = Rig(monkeypatch)
    assert again.snapshot().corners == (0, -1, -1, 0, 0)
    says(again, text)
    again.run(0.2)
    passages, cell, other, gain_ppm, refused = again.snapshot().corners
    assert (passages, cell, other, refused) == (6, 2, -1, 0)
    assert gain_ppm == pytest.approx(20_000, rel=0.1)
    says(again, text)
    again.run(0.2)
    assert again.snapshot().corners[0] == 6, "a ledger that restarts only echoes"
    assert kept(again) == []


def test_damaged_evidence_is_refused_once_and_not_in_the_way(monkeypatch) -> None:
    rig = Rig(monkeypatch)
    says(rig, '{"format": 1}')
    rig.run(0.2)
    assert rig.snapshot().corners == (0, -1, -1, 0, 1)
    passage(rig)
    rig.run(1.0)
    assert len(kept(rig)) == 1
