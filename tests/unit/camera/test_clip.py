from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from terminal.camera import video
from terminal.camera.footage import Footage
from terminal.camera.pictures import jpeg, within
from terminal.camera.recording import Recording
from terminal.camera.spool import path_of
from terminal.footage.index import FootageReader
from terminal.messages import Capture, DeviceFault, Look, PhotosTaken
from tests.unit.camera.rig import FakeReader, Rig, candidate

needs_video = pytest.mark.skipif(
    not video.available(), reason="the package av is not installed: no video on this machine"
)


def recording_rig(folder: Path, footage: Footage | None = None) -> Rig:
    rig = Rig(folder, FakeReader([candidate("晋L52188")]))
    rig.node._recording = Recording(footage, clip_ms=5_000, clip_role="front", clock=rig.clock)
    return rig


@needs_video
def test_the_last_seconds_are_kept_with_the_photos_and_play(tmp_path: Path) -> None:
    rig = recording_rig(tmp_path)
    for _ in range(40):
        rig.tick(250)
    sends = rig.hear(Capture(7, 48_960, "晋L52188"))
    assert isinstance(sends[-1].message, PhotosTaken)
    photos = {photo.role: photo for photo in sends[-1].message.captured.photos}
    assert list(photos) == ["front", "rear", "clip"]
    film = path_of(tmp_path / "spool", photos["clip"].sha256)
    assert film.read_bytes()[4:8] == b"ftyp"
    shots = video.frames_of(film)
    assert len(shots) >= 5
    assert 4_000 <= shots[-1][0] <= 5_000


@needs_video
def test_frames_read_for_the_plate_are_in_the_clip_too(tmp_path: Path) -> None:
    rig = recording_rig(tmp_path)
    rig.node._reader = FakeReader([])
    rig.hear(Look(7))
    for _ in range(8):
        rig.tick(200)
    (sent,) = rig.hear(Capture(7, 1, ""))
    clip = next(p for p in sent.message.captured.photos if p.role == "clip")  # type: ignore[union-attr]
    assert len(video.frames_of(path_of(tmp_path / "spool", clip.sha256))) == 8


@needs_video
def test_the_footage_knows_the_plate_of_the_record(tmp_path: Path) -> None:
    rig = recording_rig(tmp_path, Footage(tmp_path / "f", days=7, quota_bytes=10**9))
    rig.tick(250)
    rig.hear(Capture(7, 48_960, "晋L52188"))
    rig.node.close()
    reader = FootageReader(tmp_path / "f")
    assert [seen.visit_id for seen in reader.sightings("晋L52188")] == [7]
    reader.close()


@needs_video
def test_a_disk_that_fails_ends_the_recording_and_not_the_reading(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    footage = Footage(tmp_path / "f", days=7, quota_bytes=10**9)

    def full(*_: object, **__: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(footage, "add", full)
    rig = recording_rig(tmp_path, footage)
    faults = [s.message.fault for s in rig.tick(250) if isinstance(s.message, DeviceFault)]
    assert [fault.device for fault in faults] == ["footage"]
    assert any(isinstance(s.message, PhotosTaken) for s in rig.hear(Capture(7, 1, "")))


def test_without_video_support_there_is_no_clip(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(video, "available", lambda: False)
    rig = recording_rig(tmp_path)
    for _ in range(10):
        rig.tick(250)
    (sent,) = rig.hear(Capture(7, 1, ""))
    assert [p.role for p in sent.message.captured.photos] == ["front", "rear"]  # type: ignore[union-attr]


@pytest.mark.parametrize("bytes_max", [100_000, 20_000, 3_000])
def test_a_picture_is_brought_within_a_byte_budget(bytes_max: int) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (360, 640, 3), np.uint8)
    encoded = within(noise, bytes_max)
    assert 0 < len(encoded) <= bytes_max
    assert len(encoded) < len(jpeg(noise, 70)) or bytes_max == 100_000


def test_an_impossible_budget_gives_nothing() -> None:
    assert within(np.zeros((20, 20, 3), np.uint8), 10) == b""
