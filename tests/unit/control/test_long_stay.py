"""A stay longer than what is kept of it: the file has a hole, and still gives the record's mass."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hal.contract.types import NS_PER_S, Counts, MonotonicNs, RawSample, Tri
from hal.sim import passage
from terminal.control import sample_ring
from terminal.control.sample_ring import SampleRing
from terminal.core.types import NEVER_NS, Weighed
from terminal.ledger.samples import Kept, Samples, place
from terminal.raw_samples import pack
from terminal.weighing import Pipeline
from terminal.weighing.trace import START_NS, replay, weigh_trace
from terminal.weighing.tracefile import Trace, load_trace
from terminal.weighing.tracemeta import meta_text
from tests.bench.weigh_score import as_trace

SEED = 304
"""Ten samples a second: a long stay costs little."""
VISIT = 7
CUT_UNTIL_S = 90.0
NEAR_KG = 2.0
"""After a hole the mass is settled anew, and its turn of windows is another."""


def stay() -> Trace:
    """It stands with its nose in the exit beam for over a minute, and draws back."""
    made = passage.make("normal", SEED)
    trace = as_trace(made)
    first, last = np.searchsorted(trace.t, [made.stop_s + 0.3, made.leave_s - 0.7])
    standing = np.arange(first, last)
    times = int(CUT_UNTIL_S / float(trace.t[last] - trace.t[first])) + 1
    rows = np.concatenate([np.arange(last), *[standing[::-1], standing] * (times // 2 + 1)])
    t = trace.t[0] + np.arange(len(rows)) * float(np.median(np.diff(trace.t)))
    return replace(
        trace,
        t=t,
        counts=trace.counts[rows],
        beam_entry=trace.beam_entry[rows],
        beam_exit=(t > made.stop_s - 0.5) & (t < CUT_UNTIL_S),
    )


def fed(trace: Trace) -> Iterator[tuple[list[RawSample], tuple[Tri, Tri], MonotonicNs]]:
    for row, beams in enumerate(zip(trace.beam_entry, trace.beam_exit, strict=True)):
        at_ns = MonotonicNs(START_NS + round(float(trace.t[row]) * NS_PER_S))
        samples = [RawSample(at_ns, c, Counts(int(v))) for c, v in enumerate(trace.counts[row])]
        entry, leave = (Tri.YES if blocked else Tri.NO for blocked in beams)
        yield samples, (entry, leave), at_ns


class Hub:
    """Gives the ledger's store of samples everything at once."""

    def __init__(self, folder: Path) -> None:
        self.samples = Samples(folder)

    def send(self, _peer: str, message: Any) -> bool:
        self.samples.take(message)
        return True


def weighed_and_kept(folder: Path, trace: Trace) -> tuple[float, Path]:
    """The live mass of that stay, and the file that was kept of it."""
    pipe, ring, hub = Pipeline(trace.params), SampleRing(), Hub(folder)
    link: Any = hub
    newest: Weighed | None = None
    on = False
    for samples, beams, now_ns in fed(trace):
        on = on or Tri.YES in beams
        newest = pipe.feed(samples, *beams, not on, now_ns) or newest
        held_since_ns = NEVER_NS if newest is None else newest.held_since_ns
        ring.take(pack(samples, *beams), on, now_ns, held_since_ns)
        ring.give(link, 1)
        if newest is not None and newest.held_kg is not None:
            break
    mass_kg, _ = pipe.held_fine_kg()
    meta = meta_text(pipe.params, pipe.zero_state(), pipe.hold.calm_kg())
    assert ring.ended(link, VISIT, lambda: meta, now_ns)
    kept = hub.samples.keep(VISIT)
    assert isinstance(kept, Kept)
    return mass_kg, place(folder, kept.sha256)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[float, Path]:
    return weighed_and_kept(tmp_path_factory.mktemp("samples"), stay())


def test_a_mass_held_after_the_hole_comes_out_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sample_ring, "PARTS_MAX", 60)
    monkeypatch.setattr(sample_ring, "FIRST_PARTS", 30)
    monkeypatch.setattr(sample_ring, "MASS_PARTS", 15)
    mass_kg, file = weighed_and_kept(tmp_path, stay())
    with np.load(file) as archive:
        meta, t = json.loads(archive["meta"].item()), archive["t"]
    ((before_s, after_s),) = meta["holes_s"]
    assert after_s - before_s > 10
    assert (t > before_s).sum() + (t < after_s).sum() == len(t)
    assert "settled anew" in meta["holes_note"]
    (release,) = weigh_trace(file)["releases"]
    assert release["t"] > CUT_UNTIL_S
    assert abs(release["mass_kg"] - mass_kg) <= NEAR_KG


def test_a_stay_without_a_hole_gives_the_mass_to_the_last_digit(
    whole: tuple[float, Path],
) -> None:
    mass_kg, file = whole
    with np.load(file) as archive:
        meta = json.loads(archive["meta"].item())
    assert (meta["dropped"], meta["holes_s"]) == (0, [])
    (release,) = weigh_trace(file)["releases"]
    assert release["mass_kg"] == round(mass_kg, 1)


@pytest.mark.parametrize("hole_s", [10.0, 300.0])
def test_a_hole_of_any_length_is_bridged(whole: tuple[float, Path], hole_s: float) -> None:
    mass_kg, file = whole
    trace = load_trace(file)
    t = trace.t + hole_s * (trace.t > CUT_UNTIL_S - 20)
    (release,) = replay(replace(trace, t=t))["releases"]
    assert release["t"] - hole_s == pytest.approx(trace.t[-1], abs=0.5)
    assert abs(release["mass_kg"] - mass_kg) <= NEAR_KG
