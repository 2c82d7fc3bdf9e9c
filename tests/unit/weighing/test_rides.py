"""Rolling off against rolling on: joined where both agree, named where they do not."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from hal.contract.types import NS_PER_S, Counts, MonotonicNs, RawSample, Tri
from hal.sim.passage import make
from terminal.core.types import Weighed
from terminal.weighing import Pipeline
from terminal.weighing.axles import AxleSet
from terminal.weighing.rides import joined
from terminal.weighing.trace import replay
from terminal.weighing.tracefile import Trace
from tests.bench.weigh_score import as_trace

ON = AxleSet((6_000.0, 10_000.0, 9_000.0), (0.0, 3.6, 4.9), 0.01)
"""Three axles, seen at the entry edge."""


def off(loads: tuple[float, ...], position_m: tuple[float, ...]) -> AxleSet:
    return AxleSet(loads, position_m, 0.01)


def fed(pipe: Pipeline, trace: Trace) -> Iterator[Weighed | None]:
    """What the pipeline says after each row."""
    for t, row in zip(trace.t.tolist(), trace.counts, strict=True):
        at = MonotonicNs(round(t * NS_PER_S))
        i = int(np.searchsorted(trace.t, t))
        beams = [Tri.YES if b[i] else Tri.NO for b in (trace.beam_entry, trace.beam_exit)]
        cells = [RawSample(at, c, Counts(int(v))) for c, v in enumerate(row)]
        yield pipe.feed(cells, beams[0], beams[1], True, at)


@pytest.mark.parametrize(
    ("name", "seen", "loads", "sentence"),
    [
        ("agree", off((9_200, 9_900, 5_900), (0, 1.3, 4.9)), (5_950, 9_950, 9_100), ""),
        ("one less", off((19_000, 6_000), (0, 4.9)), ON.loads_kg, "3 axles rolled on, 2 rolled"),
        ("heavier", off((9_000, 8_000, 8_000), (0, 1.3, 4.9)), ON.loads_kg, "weighs 2000 kg"),
    ],
)
def test_both_ways(name: str, seen: AxleSet, loads: tuple[float, ...], sentence: str) -> None:
    found, why_not = joined(ON, seen)
    assert found is not None
    assert found.loads_kg == pytest.approx(loads)
    assert (sentence in why_not) if sentence else (why_not == "")


def test_one_way_alone_is_taken_as_it_is() -> None:
    assert joined(ON, None) == (ON, "")
    found, why_not = joined(None, off((9_000, 10_000, 6_000), (0, 1.3, 4.9)))
    assert found is not None
    assert (found.loads_kg, why_not) == (ON.loads_kg, "")
    assert found.position_m == pytest.approx(ON.position_m)
    assert joined(None, None) == (None, "")


def test_a_drive_on_that_cannot_be_evaluated_reads_as_unsafe(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def unsolved(*_: object) -> Iterator[None]:
        yield
        raise np.linalg.LinAlgError("SVD did not converge")

    passage = make("normal", 8)
    assert replay(as_trace(passage))["releases"], "sound as it is"
    monkeypatch.setattr("terminal.weighing.rides.study_stages", unsolved)
    trace = as_trace(passage)
    pipe = Pipeline(trace.params)
    held = [weighed.held_kg for weighed in fed(pipe, trace) if weighed is not None]
    notes = [event.detail for event in pipe.drain_events() if event.kind == "drive_on_unread"]
    assert set(held) == {None}
    assert len(notes) == 1
    assert "drive on again" in notes[0]


def test_a_vehicle_is_looked_at_again_while_it_leaves() -> None:
    passage = make("normal", 8)
    trace = as_trace(passage)
    pipe = Pipeline(trace.params)
    once: list[tuple[float, ...]] = []
    for _ in fed(pipe, trace):
        axles = pipe.last_axles()
        if axles is not None and (not once or once[-1] != axles[0]):
            once.append(axles[0])
    assert pipe.checks.rides.off is not None
    assert pipe.checks.rides.off.axles is not None
    assert once[0] != once[-1]
    assert once[-1] == pytest.approx(passage.loads_kg, rel=0.05)
