"""Files of raw samples: before the record, by its digest, bounded, and found when they change."""

from __future__ import annotations

import hashlib
import io
import json
from pathlib import Path

import numpy as np
import pytest

from hal.contract.types import (
    NS_PER_S,
    ClockQuality,
    Counts,
    IndicatorReading,
    MonotonicNs,
    RawSample,
    Tri,
)
from terminal.cli import main
from terminal.core.types import WeightSource
from terminal.ledger import LedgerNode, samples
from terminal.ledger.node import SPOOL_SWEEP_S
from terminal.ledger.sample_file import npz
from terminal.messages import CommitDone, CommitRefused
from terminal.raw_samples import (
    NO_FRAME,
    PARTS_MAX,
    SAID,
    SamplesEnd,
    SamplesPart,
    pack,
    pack_frames,
    unpack,
)
from terminal.records import Weigh, decode_signed
from tests.disk.pictures_disk import PicturesDisk
from tests.unit.ledger.builders import draft
from tests.unit.ledger.lane import Lane

CELLS = 4
META = json.dumps({"kind": "cells", "zero_counts": [0] * CELLS})
DAY_NS = 86_400 * NS_PER_S
OPERATIONS_MAX = 60


@pytest.fixture
def lane(tmp_path: Path) -> Lane:
    return Lane(tmp_path)


def second(start: int) -> bytes:
    """Ten ticks of all cells, counts that name them."""
    ticks = range(start, start + 10)
    return b"".join(
        pack(
            [RawSample(MonotonicNs(t * 10**8), c, Counts(1_000 * t + c)) for c in range(CELLS)],
            Tri.YES if t % 2 else Tri.NO,
            Tri.UNKNOWN,
        )
        for t in ticks
    )


def give(lane: Lane, node: LedgerNode, visit_id: int, *, without: int = -1) -> None:
    """Three parts and the end, as control sends them."""
    for number in range(3):
        if number != without:
            lane.tell(node, SamplesPart(visit_id, number, second(1 + 10 * number)))
    lane.tell(node, SamplesEnd(visit_id, visit_id, ((0, 2),), 5, META))


def weighings(node: LedgerNode) -> list[Weigh]:
    records = (decode_signed(signed) for signed in node.store.signed_records())
    return [record.weigh for record in records if record.weigh is not None]


def journalled(node: LedgerNode) -> list[str]:
    rows = node.store.execute("select detail from journal where kind = 'samples_missing'")
    return [str(detail) for (detail,) in rows]


def files(lane: Lane) -> list[Path]:
    return sorted((lane.folder / "samples").iterdir())


def test_the_record_names_the_file_and_the_file_holds_what_was_fed(lane: Lane) -> None:
    node = lane.open()
    give(lane, node, 7)
    answer = lane.commit(node, draft(7))
    assert isinstance(answer, CommitDone)
    (weigh,), (file,) = weighings(node), files(lane)
    assert weigh.samples_sha256 == hashlib.sha256(file.read_bytes()).digest()
    with np.load(file) as archive:
        assert archive["counts"].shape == (30, CELLS)
        assert archive["counts"][4].tolist() == [5_000.0, 5_001.0, 5_002.0, 5_003.0]
        assert archive["t"][4] == 0.5
        assert archive["beam_entry"][:2].tolist() == [True, False]
        assert not archive["beam_exit"].any()
        assert not archive["flags"].any()
        meta = json.loads(archive["meta"].item())
    assert (meta["visit_id"], meta["dropped"]) == (7, 5)
    assert lane.commit(node, draft(7)) == answer
    node.close()
    assert main(["verify", str(lane.folder)]) == 0


def test_a_cell_without_a_conversion_is_no_number_and_one_twice_has_two_rows() -> None:
    first = RawSample(MonotonicNs(10), 1, Counts(5))
    packed = pack([first, first._replace(counts=Counts(6))], Tri.NO, Tri.NO)
    wire = npz(unpack(packed), 2, "{}")
    with np.load(io.BytesIO(wire)) as archive:
        np.testing.assert_array_equal(archive["counts"], [[np.nan, 5], [np.nan, 6]])
    assert wire == npz(unpack(packed), 2, "{}"), "the same octets each time"


def test_frames_of_an_indicator_make_a_file_of_one_column(lane: Lane) -> None:
    said = (Tri.YES, Tri.NO, Tri.UNKNOWN, Tri.NO)
    frames = [IndicatorReading(MonotonicNs(NS_PER_S), kg, *said, b"") for kg in (None, 7_020)]
    node = lane.open()
    packed = pack_frames(frames, Tri.UNKNOWN, Tri.NO, MonotonicNs(NS_PER_S))
    lane.tell(node, SamplesPart(7, 0, packed))
    lane.tell(node, SamplesEnd(7, 7, ((0, 0),), 0, json.dumps({"kind": "indicator"})))
    lane.commit(node, draft(7, source=WeightSource.INDICATOR))
    (file,) = files(lane)
    with np.load(file) as archive:
        np.testing.assert_array_equal(archive["counts"], [[np.nan], [np.nan], [7_020]])
        flags = archive["flags"][:, 0].tolist()
        assert flags[0] == NO_FRAME
        assert [SAID[octet] for octet in flags[1:]] == [said, said]
        assert archive["beam_entry"].all(), "not known to be clear"
    lane.commit(node, draft(8, source=WeightSource.INDICATOR))
    assert "Visit 8" in journalled(node)[0], "an indicator's frames may be missing too"
    node.close()


@pytest.mark.parametrize("gone", [0, 1, 2])
def test_what_did_not_all_come_is_left_out_and_the_record_shows_it(lane: Lane, gone: int) -> None:
    node = lane.open()
    give(lane, node, 7, without=gone)
    assert isinstance(lane.commit(node, draft(7)), CommitDone)
    assert isinstance(lane.commit(node, draft(8)), CommitDone), "another visit's are not taken"
    assert [weigh.samples_sha256 for weigh in weighings(node)] == [None, None]
    assert files(lane) == []
    first, second = journalled(node)
    for text in (
        f"of 3 parts 1 never came, the first is part {gone + 1}.",
        "3 段中缺 1 段",
        "Visit 7",
    ):
        assert text in first
    assert "Visit 8 has no raw samples on file: the record came before" in second
    assert isinstance(lane.commit(node, draft(8)), CommitDone)
    assert len(journalled(node)) == 2, "a repeated draft says nothing new"
    node.close()


def test_the_file_says_where_its_hole_is_and_the_ledger_forgets_what_has_gone(lane: Lane) -> None:
    node = lane.open()
    for number in range(PARTS_MAX):
        lane.tell(node, SamplesPart(7, number, second(1 + 10 * number)))
    for number in range(PARTS_MAX, PARTS_MAX + 3):
        lane.tell(node, SamplesPart(7, number, second(1 + 10 * number), number - PARTS_MAX + 1))
    lane.tell(node, SamplesPart(7, 1, second(1)))
    lane.tell(node, SamplesEnd(7, 7, ((0, 0), (4, PARTS_MAX + 2)), 120, META))
    assert isinstance(lane.commit(node, draft(7)), CommitDone)
    (file,) = files(lane)
    with np.load(file) as archive:
        meta, t = json.loads(archive["meta"].item()), archive["t"]
    assert meta["holes_s"] == [[1.0, 4.1]]
    assert t[9:11].tolist() == [1.0, 4.1]
    assert len(t) == 10 * PARTS_MAX, "no more than the bound, and nothing in the hole"
    lane.tell(node, SamplesEnd(8, 7, ((0, 3),), 120, META))
    lane.commit(node, draft(8))
    assert "of 4 parts 3 never came, the first is part 2." in journalled(node)[0]
    node.close()


def test_samples_that_came_say_nothing_and_none_at_all_say_so(lane: Lane) -> None:
    node = lane.open()
    give(lane, node, 7)
    lane.commit(node, draft(7))
    assert journalled(node) == []
    lane.tell(node, SamplesEnd(8, 8, (), 0, META))
    lane.commit(node, draft(8))
    assert ["not one was taken" in why for why in journalled(node)] == [True]
    node.close()


@pytest.mark.parametrize("what", ["changed", "missing"])
def test_verify_finds_a_file_that_is_not_the_records(
    lane: Lane, what: str, capsys: pytest.CaptureFixture[str]
) -> None:
    node = lane.open()
    give(lane, node, 7)
    lane.commit(node, draft(7))
    node.close()
    (file,) = files(lane)
    wire = bytearray(file.read_bytes())
    wire[100] ^= 1
    file.unlink()
    if what == "changed":
        file.write_bytes(wire)
    assert main(["verify", str(lane.folder)]) == 1
    assert f"bad: record 1: the raw samples {file.name}" in capsys.readouterr().out
    assert main(["verify", str(lane.folder), "--no-photos"]) == 0


def commit_many(lane: Lane, node: LedgerNode, first: int, last: int) -> None:
    for visit_id in range(first, last + 1):
        give(lane, node, visit_id)
        assert isinstance(lane.commit(node, draft(visit_id)), CommitDone)


def sweep(lane: Lane, node: LedgerNode) -> None:
    for _ in range(SPOOL_SWEEP_S):
        lane.tick(node)


def test_the_oldest_go_by_bytes_and_verify_knows_it(
    lane: Lane, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    node = lane.open()
    commit_many(lane, node, 1, 4)
    size = max(file.stat().st_size for file in files(lane))
    monkeypatch.setattr(samples, "SAMPLES_BYTES_MAX", 2 * size)
    sweep(lane, node)
    node.close()
    assert len(files(lane)) == 2
    assert main(["verify", str(lane.folder)]) == 0
    assert "2 files of raw samples, 2 no longer kept" in capsys.readouterr().out
    files(lane)[0].unlink()
    assert main(["verify", str(lane.folder)]) == 1


def test_the_oldest_go_by_age_but_not_by_a_clock_that_was_never_set(lane: Lane) -> None:
    node = lane.open()
    commit_many(lane, node, 1, 2)
    lane.clock.wall += (samples.SAMPLES_DAYS_MAX + 1) * DAY_NS
    lane.clock.known = ClockQuality.RTC
    commit_many(lane, node, 3, 3)
    sweep(lane, node)
    assert len(files(lane)) == 3
    lane.clock.known = ClockQuality.SYNCED
    sweep(lane, node)
    assert len(files(lane)) == 1
    node.close()


def test_a_file_without_a_record_goes_at_the_next_start(lane: Lane) -> None:
    node = lane.open()
    commit_many(lane, node, 1, 1)
    node.close()
    (kept,) = files(lane)
    (kept.parent / f"{'0' * 64}.npz").write_bytes(b"of a crash before the commit")
    (kept.parent / "torn.npz.part").write_bytes(b"torn")
    lane.open().close()
    assert files(lane) == [kept]


@pytest.mark.parametrize("how", ["fail", "tear", "lose"])
def test_on_a_dying_disk_a_committed_record_always_has_its_samples(
    tmp_path: Path, how: str
) -> None:
    for k in range(1, OPERATIONS_MAX):
        lane = Lane(tmp_path / f"{how}{k}")
        lane.base.mkdir()
        lane.open().close()
        node = lane.open()
        with PicturesDisk(lane.base, k, how, pattern="*.npz") as disk:
            give(lane, node, 7)
            answer = lane.commit(node, draft(7))
        node.close()
        if how == "lose":
            disk.power_cut()
        if isinstance(answer, CommitRefused):
            assert "raw samples cannot be stored" in answer.why
        node = lane.open()
        give(lane, node, 7)
        assert isinstance(lane.commit(node, draft(7)), CommitDone)
        assert weighings(node)[0].samples_sha256 is not None
        node.close()
        assert main(["verify", str(lane.folder)]) == 0
        if disk.operations < k:
            assert k > 3, "the file's own operations failed one by one"
            return
    raise AssertionError("the disk never stopped failing")
