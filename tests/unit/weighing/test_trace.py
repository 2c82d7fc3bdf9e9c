"""Traces: the live masses, strictly causal, an indicator's display passed on."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

from hal.contract.types import NS_PER_S, Counts, MonotonicNs, RawSample, Tri
from hal.sim import passage
from terminal import cli
from terminal.commands.weigh_trace import ONE_THREAD, POOL_FILES_MIN, pool
from terminal.weighing import Pipeline, weigh_trace
from terminal.weighing.trace import START_NS, replay
from terminal.weighing.tracefile import Trace
from tests.bench.weigh_score import as_trace
from tests.unit.weighing.traces import rows, write


@pytest.fixture(scope="module")
def made() -> passage.Passage:
    return passage.make("normal", 108)


@pytest.fixture(scope="module")
def trace(made: passage.Passage) -> Trace:
    return as_trace(made)


def test_file_trace_and_live_path_give_the_same_mass(
    tmp_path: Path, made: passage.Passage, trace: Trace
) -> None:
    path = write(tmp_path / "a.npz", made)
    out = tmp_path / "out.json"
    assert cli.main(["weigh-trace", str(path), "--json", str(out)]) == 0
    command = json.loads(out.read_text())[str(path)]["releases"]
    direct = weigh_trace(path)["releases"]
    assert command == direct
    pipe = Pipeline(trace.params)
    live, holding, next_row = [], False, 0
    now_ns = START_NS
    stamps = [START_NS + round(t * NS_PER_S) for t in trace.t]
    while next_row < len(stamps):
        now_ns += 10_000_000
        samples = []
        last = max(next_row - 1, 0)
        while next_row < len(stamps) and stamps[next_row] <= now_ns:
            for cell, counts in enumerate(trace.counts[next_row]):
                at = MonotonicNs(stamps[next_row])
                samples.append(RawSample(at, cell, Counts(int(counts))))
            last = next_row
            next_row += 1
        weighed = pipe.feed(
            samples,
            Tri.YES if trace.beam_entry[last] else Tri.NO,
            Tri.YES if trace.beam_exit[last] else Tri.NO,
            True,
            MonotonicNs(now_ns),
        )
        if weighed is not None:
            if weighed.held_kg is not None and not holding:
                live.append(weighed.held_kg)
            holding = weighed.held_kg is not None
    assert live == [release["displayed_kg"] for release in direct]
    assert abs(direct[0]["mass_kg"] - made.mass_kg) < 20


def test_a_release_rests_on_nothing_later_than_itself(trace: Trace) -> None:
    release = replay(trace)["releases"][0]
    cut = replay(rows(trace, np.nonzero(trace.t <= release["t"])[0]))["releases"][0]
    assert (cut["t"], cut["mass_kg"]) == (release["t"], release["mass_kg"])


def test_nan_stamps_are_left_out_and_counted(tmp_path: Path, made: passage.Passage) -> None:
    t = made.t.copy()
    t[100:3000:200] = np.nan
    result = weigh_trace(write(tmp_path / "nan.npz", made, t=t))
    assert result["counters"]["bad_stamp"] == len(range(100, 3000, 200))
    assert abs(result["releases"][0]["mass_kg"] - made.mass_kg) < 20


def test_an_indicator_trace_passes_its_display_on(tmp_path: Path) -> None:
    t = np.arange(0, 30, 0.1)
    shown = np.where(t < 8, 0, np.where(t < 10, (t - 8) * 15_000, 30_020)).astype(np.int32)
    meta = {"kind": "indicator", "fs_nominal": 10, "max_kg": 100_000, "division_kg": 20}
    beam = (t > 7) & (t < 12)
    path = tmp_path / "i.npz"
    np.savez(
        path,
        t=t,
        counts=shown[:, None],
        beam_entry=beam,
        beam_exit=np.zeros(len(t), bool),
        meta=json.dumps(meta),
    )
    releases = weigh_trace(path)["releases"]
    assert [r["mass_kg"] for r in releases] == [30_020]
    assert releases[0]["t"] >= 12.9


def test_many_files_are_shared_by_workers_that_give_the_same_results(
    tmp_path: Path, made: passage.Passage
) -> None:
    paths = [str(write(tmp_path / f"{k}.npz", made)) for k in range(POOL_FILES_MIN)]
    out = tmp_path / "out.json"
    assert cli.main(["weigh-trace", *paths, "--json", str(out)]) == 0
    results = json.loads(out.read_text())
    assert list(results) == paths
    alone = weigh_trace(paths[0])
    for result in results.values():
        assert {**result, "cpu_s": 0.0} == {**json.loads(json.dumps(alone)), "cpu_s": 0.0}


def _threads_after_sums() -> int:
    np.ones((400, 400)) @ np.ones((400, 400))
    return len(list(Path("/proc/self/task").iterdir()))


@pytest.mark.skipif(os.cpu_count() == 1, reason="numpy starts no threads on one core")
def test_a_worker_has_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ONE_THREAD:
        monkeypatch.setenv(name, "2")
    with pool(1) as workers:
        assert workers.submit(_threads_after_sums).result(60) == 1
