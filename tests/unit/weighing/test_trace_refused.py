"""Malformed traces: one line naming the array and the defect, exit 65, the others still done."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import numpy as np
import pytest

from hal.sim import passage
from terminal import cli, exits
from terminal.commands import weigh_trace as command
from terminal.weighing import tracefile, weigh_trace
from terminal.weighing.tracefile import load_trace
from terminal.weighing.tracemeta import TraceError
from tests.unit.weighing.traces import write

Changes = dict[str, object]
MADE = passage.make("normal", 108)
N, CELLS = MADE.counts.shape
WIDE = MADE.counts.astype(np.int64)
WIDE[100, 1] = 2**31
ENDLESS = MADE.counts.astype(float)
ENDLESS[7, 0] = np.inf


def _first(rows: int) -> Changes:
    return {name: getattr(MADE, name)[:rows] for name in ("t", "counts", "beam_entry", "beam_exit")}


def _meta(**changes: object) -> Changes:
    """The meta block with some values changed, None: taken out."""
    meta = {key: value for key, value in {**MADE.meta, **changes}.items() if value is not None}
    return {"meta": json.dumps(meta)}


def _said(text: str) -> Changes:
    """The meta block with one more value, as it is written: JSON takes what Python would not."""
    return {"meta": json.dumps(MADE.meta)[:-1] + ", " + text + "}"}


DEFECTS: dict[str, tuple[Changes, str]] = {
    "t missing": ({"t": None}, "t: is missing"),
    "t of text": ({"t": np.array(["a"] * N)}, "t: holds"),
    "t in two columns": ({"t": np.zeros((N, 2))}, "t: has 2 dimensions"),
    "t all NaN": ({"t": np.full(N, np.nan)}, "t: fewer than 2"),
    "t endless": ({"t": np.full(N, 1e300)}, "t: stamps must be seconds"),
    "t reversed": ({"t": MADE.t[::-1]}, "t: goes back in"),
    "t constant": ({"t": np.full(N, 3.0)}, "t: all stamps are the same"),
    "t in ms": ({"t": MADE.t * 1e3}, "t: goes on by"),
    "t in us": ({"t": MADE.t * 1e6}, "t: goes on by"),
    "t in hours": ({"t": MADE.t / 3600}, "t: goes on by"),
    "one row": (_first(1), "t: has 1 rows"),
    "no row": (_first(0), "t: has 0 rows"),
    "counts missing": ({"counts": None}, "counts: is missing"),
    "counts flat": ({"counts": MADE.counts[:, 0]}, "counts: has 1 dimensions"),
    "counts short": ({"counts": MADE.counts[:-1]}, f"counts: has {N - 1} rows"),
    "counts beyond 32 bits": ({"counts": WIDE}, "counts: has values beyond 32 bits"),
    "counts endless": ({"counts": ENDLESS}, "counts: has values beyond 32 bits"),
    "counts all NaN": ({"counts": np.full((N, CELLS), np.nan)}, "counts: holds not one number"),
    "counts complex": ({"counts": MADE.counts + 1j}, "counts: holds complex"),
    "a cell too few": ({"counts": MADE.counts[:, 1:]}, "columns, but meta describes"),
    "a cell too many": ({"counts": MADE.counts[:, [0, *range(CELLS)]]}, f"describes {CELLS} cells"),
    "no cell": ({"counts": MADE.counts[:, :0]}, "counts: "),
    "beam missing": ({"beam_entry": None}, "beam_entry: is missing"),
    "beam short": ({"beam_exit": np.zeros(5, bool)}, "beam_exit: has 5 rows"),
    "beam of 7": ({"beam_exit": np.full(N, 7)}, "beam_exit: is 7 in row 0"),
    "beam all NaN": ({"beam_entry": np.full(N, np.nan)}, "beam_entry: is nan in row 0"),
    "beam of text": ({"beam_entry": np.array(["no"] * N)}, "beam_entry: holds"),
    "meta missing": ({"meta": None}, "meta: is missing"),
    "meta no JSON": ({"meta": "{"}, "meta: is not JSON"),
    "meta a list": ({"meta": "[]"}, "meta: is not one JSON object"),
    "meta two strings": ({"meta": ["{}", "{}"]}, "meta: is not one JSON object"),
    "meta an object": ({"meta": np.array([None], dtype=object)}, "meta: cannot be read"),
    "meta nested": ({"meta": "[" * 100_000}, "meta: is nested too deep"),
    "meta nested inside": (_said('"x": ' + '{"a":' * 100_000), "meta: is nested too deep"),
    "meta with NaN": (_said('"note": NaN'), "meta: is not JSON (NaN"),
    "meta endless": (_said('"max_kg": Infinity'), "meta: is not JSON (Infinity"),
    "no UTF-8": ({"meta": np.array(b"\xff{}")}, "meta: is not JSON"),
    "kind": (_meta(kind="boat"), "meta: kind"),
    "fs_nominal 0": (_meta(fs_nominal=0), "meta: fs_nominal"),
    "fs_nominal missing": (_meta(fs_nominal=None), "meta: fs_nominal"),
    "fs_nominal of a long text": (_meta(fs_nominal="80" * 9_999), "meta: fs_nominal"),
    "fs_nominal of another trace": (_meta(fs_nominal=0.5), "t: goes on by"),
    "span of one cell": (_meta(kg_per_count=[0.01]), "meta: kg_per_count has 1 entries"),
    "span 0": (_meta(kg_per_count=[0.0] * CELLS), "meta: kg_per_count"),
    "span 1e30": (_meta(kg_per_count=1e30), "meta: kg_per_count"),
    "span 1e-30": (_meta(kg_per_count=1e-30), "meta: kg_per_count"),
    "span without bound": (_meta(kg_per_count=10**400), "meta: kg_per_count"),
    "zero of text": (_meta(zero_counts="many"), "meta: zero_counts"),
    "zero in force of one cell": (
        _meta(zero_set_s=1, zero_initial_kg=0, zero_in_force_counts=[1.0]),
        "meta: zero_in_force_counts has 1 entries",
    ),
    "zero in force without its start": (
        _meta(zero_set_s=1, zero_in_force_counts=0.0),
        "meta: zero_initial_kg is None",
    ),
    "zero in force at no time": (_meta(zero_set_s="now"), "meta: zero_"),
    "calm of text": (_meta(calm_kg=["still"]), "meta: calm_kg"),
    "calm without end": (_meta(calm_kg=[0.0] * 999), "meta: calm_kg"),
    "glitch_blocks a number": (_meta(glitch_blocks=1), "meta: glitch_blocks"),
    "occupied by nothing": (_meta(occupied_kg=0), "meta: occupied_kg"),
    "flags of another shape": ({"flags": np.zeros(3, int)}, "flags: must be whole numbers"),
    "flags of text": ({"flags": np.full(MADE.counts.shape, "x")}, "flags: must be whole"),
    "flags nobody sets": ({"flags": np.full(MADE.counts.shape, 64)}, "flags: has bits"),
    "zero beyond 32 bits": (_meta(zero_counts=1e12), "meta: zero_counts"),
    "a cell far away": (_meta(cell_x_m=[1e9] * CELLS), "meta: cell_x_m"),
    "e_kg -1": (_meta(e_kg=-1), "meta: e_kg"),
    "e_kg 1.5": (_meta(e_kg=1.5), "meta: e_kg is 1.5, whole kg"),
    "e_kg without bound": (_meta(e_kg=[10**400]), "meta: e_kg"),
    "max_kg true": (_meta(max_kg=True), "meta: max_kg"),
    "max_kg without bound": (_meta(max_kg=10**400), "meta: max_kg"),
    "beams yes": (_meta(beams="yes"), "meta: beams"),
}  # fmt: skip


def _nothing(path: Path) -> None:
    """A file that is not there."""


def _single(path: Path) -> None:
    with path.open("wb") as file:
        np.save(file, MADE.t)


def _no_array(path: Path) -> None:
    """A member that is no array: numpy gives its bytes as they are."""
    write(path, MADE, t=None)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("t.npy", b"0.0 0.1 0.2")


FILES: dict[str, tuple[Callable[[Path], object], str]] = {
    "empty": (Path.touch, "file: is not a readable NPZ"),
    "text": (lambda path: path.write_bytes(b"not a zip"), "file: is not a readable NPZ"),
    "cut": (lambda path: path.write_bytes(b"PK\x03\x04 cut"), "file: is not a readable NPZ"),
    "folder": (Path.mkdir, "file: cannot be read (Is a directory)"),
    "single": (_single, "file: is not a readable NPZ"),
    "pipe": (os.mkfifo, "file: is no regular file"),
    "no array": (_no_array, "t: cannot be read"),
    "missing": (_nothing, "file: cannot be read (No such file"),
}


@pytest.mark.parametrize(("changes", "words"), DEFECTS.values(), ids=DEFECTS)
def test_a_malformed_trace_is_named_by_array_and_defect(
    tmp_path: Path, changes: Changes, words: str
) -> None:
    path = write(tmp_path / "bad.npz", MADE, **changes)
    with pytest.raises(TraceError) as caught:
        load_trace(path)
    line = str(caught.value)
    assert line.startswith(f"{path}: ")
    assert words in line
    assert len(line) < len(str(path)) + 200


def test_each_bad_file_costs_one_line_and_the_others_are_done(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = [write(tmp_path / f"good{n}.npz", MADE) for n in range(2)]
    words = {}
    for n, (changes, word) in enumerate(DEFECTS.values()):
        words[str(write(tmp_path / f"bad{n:02}.npz", MADE, **changes))] = word
    for name, (make, word) in FILES.items():
        path = tmp_path / f"{name}.npz"
        make(path)
        words[str(path)] = word
    out = tmp_path / "out.json"
    files = [str(good[0]), *words, str(good[1])]
    assert cli.main(["weigh-trace", *files, "--json", str(out)]) == exits.BAD_INPUT
    done = json.loads(out.read_text())
    assert list(done) == [str(path) for path in good]
    assert all(len(result["releases"]) == 1 for result in done.values())
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == len(words)
    for line, (path, word) in zip(lines, words.items(), strict=True):
        assert line.startswith(f"{path}: ")
        assert word in line


def test_an_array_too_long_for_a_trace_is_not_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "a.npz", MADE)
    monkeypatch.setattr(tracefile, "ARRAY_BYTES_MAX", MADE.t.nbytes)
    with pytest.raises(TraceError, match=r"t: is \d+ bytes, at most \d+ are allowed"):
        load_trace(path)


@pytest.mark.parametrize("link", [False, True])
def test_a_trace_is_never_replaced_by_the_results(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], link: bool
) -> None:
    path = write(tmp_path / "a.npz", MADE)
    before = path.read_bytes()
    out = path
    if link:
        out = tmp_path / "out.json"
        out.symlink_to(path)
    assert cli.main(["weigh-trace", str(path), "--json", str(out)]) == 73
    assert path.read_bytes() == before
    assert capsys.readouterr().err == f"{out}: is one of the traces; give another path.\n"


def test_a_place_that_cannot_be_written_is_named_before_the_work(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "_outcomes", lambda files: pytest.fail("worked for nothing"))
    out = tmp_path / "nowhere" / "out.json"
    assert cli.main(["weigh-trace", "a.npz", "--json", str(out)]) == 73
    assert capsys.readouterr().err.startswith(f"{out}: cannot be written (its folder")


def test_a_worker_that_was_ended_costs_a_line_a_file() -> None:
    job: Future[object] = Future()
    job.set_exception(BrokenProcessPool())
    line = command._outcome("a.npz", job)  # type: ignore[arg-type]
    assert line == (
        "a.npz: file: not weighed, a worker process was ended (no memory?); try it alone"
    )


def test_a_trace_beyond_the_memory_costs_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(name: str) -> None:
        raise MemoryError

    monkeypatch.setattr(command, "weigh_trace", full)
    assert command._one("a.npz") == "a.npz: file: is too long for the memory of this machine"


@pytest.mark.parametrize("kg_per_count", [1e6, -1e6, 1e-6])
@pytest.mark.parametrize("ends", [(-(2**31) + 1, 2**31 - 1), (2**30, 2**31 - 1), (-5, 5)])
def test_counts_that_no_scale_gives_are_never_a_mass(
    tmp_path: Path, kg_per_count: float, ends: tuple[int, int]
) -> None:
    counts = np.random.default_rng(3).integers(*ends, MADE.counts.shape)
    changes = _meta(kg_per_count=kg_per_count, full_scale=2**31)
    assert weigh_trace(write(tmp_path / "a.npz", MADE, counts=counts, **changes))["releases"] == []
