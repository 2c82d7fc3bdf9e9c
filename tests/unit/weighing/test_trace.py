"""Traces: the live masses, strictly causal, bad stamps mended, bad files named."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from hal.contract.types import NS_PER_S, Counts, MonotonicNs, RawSample, Tri
from hal.sim import passage
from terminal import cli
from terminal.weighing import Pipeline, weigh_trace
from terminal.weighing.trace import START_NS, Trace, TraceError, load_trace, replay
from tests.bench.weigh_score import as_trace


def write(path: Path, made: passage.Passage, **changes: object) -> Path:
    arrays: dict[str, object] = {
        "t": made.t,
        "counts": made.counts,
        "beam_entry": made.beam_entry,
        "beam_exit": made.beam_exit,
        "meta": json.dumps(made.meta),
    }
    arrays.update(changes)
    kept = {name: np.asarray(value) for name, value in arrays.items() if value is not None}
    np.savez(path, **kept)
    return path


@pytest.fixture(scope="module")
def made() -> passage.Passage:
    return passage.make("normal", 108)


@pytest.fixture(scope="module")
def trace(made: passage.Passage) -> Trace:
    return as_trace(made)


def rows(trace: Trace, index: np.ndarray) -> Trace:
    return dataclasses.replace(
        trace,
        t=trace.t[index],
        counts=trace.counts[index],
        beam_entry=trace.beam_entry[index],
        beam_exit=trace.beam_exit[index],
    )


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


def _bursts(trace: Trace, rng: np.random.Generator) -> Trace:
    return dataclasses.replace(trace, t=np.ceil(trace.t / 0.2) * 0.2)


def _repeated_stamps(trace: Trace, rng: np.random.Generator) -> Trace:
    t = trace.t.copy()
    index = rng.choice(len(t) - 1, len(t) // 50) + 1
    t[index] = t[index - 1]
    return dataclasses.replace(trace, t=t)


def _repeated_rows(trace: Trace, rng: np.random.Generator) -> Trace:
    extra = rng.choice(len(trace.t), len(trace.t) // 50)
    return rows(trace, np.sort(np.concatenate([np.arange(len(trace.t)), extra])))


def _swapped_rows(trace: Trace, rng: np.random.Generator) -> Trace:
    index = np.arange(len(trace.t))
    for k in rng.choice(len(index) - 2, len(index) // 50):
        index[[k, k + 1]] = index[[k + 1, k]]
    return rows(trace, index)


def _lost_rows(trace: Trace, rng: np.random.Generator) -> Trace:
    return rows(trace, np.nonzero(rng.random(len(trace.t)) > 0.03)[0])


def _nan_counts(trace: Trace, rng: np.random.Generator) -> Trace:
    counts = trace.counts.copy()
    at = rng.choice(len(counts), len(counts) // 50)
    counts[at, rng.integers(0, counts.shape[1], len(at))] = np.nan
    return dataclasses.replace(trace, counts=counts)


def _epoch(trace: Trace, rng: np.random.Generator) -> Trace:
    return dataclasses.replace(trace, t=trace.t + 1.7e9)


@pytest.mark.parametrize(
    ("spoil", "counter"),
    [
        (_bursts, "duplicated"),
        (_repeated_stamps, "duplicated"),
        (_repeated_rows, "duplicated"),
        (_swapped_rows, "late"),
        (_lost_rows, "missing"),
        (_nan_counts, "missing"),
        (_epoch, ""),
    ],
)
def test_bad_stamps_are_counted_and_leave_the_mass_within_a_kilogram(
    trace: Trace, spoil: Callable[[Trace, np.random.Generator], Trace], counter: str
) -> None:
    clean = replay(trace)
    spoilt = replay(spoil(trace, np.random.default_rng(7)))
    assert len(spoilt["releases"]) == len(clean["releases"])
    assert abs(spoilt["releases"][0]["mass_kg"] - clean["releases"][0]["mass_kg"]) <= 1.0
    assert not spoilt["flags"]
    if counter:
        assert spoilt["counters"][counter] > clean["counters"][counter]


def test_nan_stamps_are_left_out_and_counted(tmp_path: Path, made: passage.Passage) -> None:
    t = made.t.copy()
    t[100:3000:200] = np.nan
    result = weigh_trace(write(tmp_path / "nan.npz", made, t=t))
    assert result["counters"]["bad_stamp"] == len(range(100, 3000, 200))
    assert abs(result["releases"][0]["mass_kg"] - made.mass_kg) < 20


DEFECTS: list[tuple[str, dict[str, object], str]] = [
    ("counts missing", {"counts": None}, "counts: is missing"),
    ("beam too short", {"beam_exit": np.zeros(5, bool)}, "beam_exit: has 5 rows"),
    ("flat counts", {"counts": np.zeros(5, np.int32)}, "counts: has 1 dimensions"),
    ("text stamps", {"t": np.array(["a"] * 5)}, "t: holds"),
    ("meta no json", {"meta": "{"}, "meta: is not JSON"),
    ("meta a list", {"meta": "[]"}, "meta: is not one JSON object"),
    ("meta object", {"meta": np.array([None], dtype=object)}, "meta: cannot be read"),
    ("no stamp", {"t": None}, "t: is missing"),
]


@pytest.mark.parametrize(("name", "changes", "words"), DEFECTS, ids=[d[0] for d in DEFECTS])
def test_a_malformed_trace_is_named_by_array_and_defect(
    tmp_path: Path, made: passage.Passage, name: str, changes: dict[str, object], words: str
) -> None:
    path = write(tmp_path / "bad.npz", made, **changes)
    with pytest.raises(TraceError) as caught:
        load_trace(path)
    assert words in str(caught.value)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("kind", "boat"),
        ("fs_nominal", 0),
        ("fs_nominal", None),
        ("kg_per_count", [0.01]),
        ("kg_per_count", [0.0] * 8),
        ("zero_counts", "many"),
        ("cell_x_m", [1e9] * 8),
        ("e_kg", -1),
        ("max_kg", True),
        ("beams", "yes"),
    ],
)
def test_a_wrong_meta_value_is_named(
    tmp_path: Path, made: passage.Passage, key: str, value: object
) -> None:
    path = write(tmp_path / "bad.npz", made, meta=json.dumps({**made.meta, key: value}))
    with pytest.raises(TraceError, match=f"meta: {key}"):
        load_trace(path)


@pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\x03\x04 cut"])
def test_a_file_that_is_no_archive_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.npz"
    path.write_bytes(content)
    with pytest.raises(TraceError, match="file: is not a readable NPZ"):
        load_trace(path)


def test_other_files_are_still_done_and_the_exit_code_is_65(
    tmp_path: Path, made: passage.Passage, capsys: pytest.CaptureFixture[str]
) -> None:
    good = write(tmp_path / "good.npz", made)
    bad = write(tmp_path / "bad.npz", made, t=made.t[:10])
    out = tmp_path / "out.json"
    assert cli.main(["weigh-trace", str(bad), str(good), "--json", str(out)]) == 65
    assert list(json.loads(out.read_text())) == [str(good)]
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    assert "bad.npz" in lines[0]


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
