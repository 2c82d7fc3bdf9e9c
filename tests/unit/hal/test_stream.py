"""Network cameras through PyAV: the newest picture, absence and return, no password in a text."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import av
import numpy as np
import pytest

from hal.contract.types import NS_PER_S, DeviceAbsentError, Fault, FaultCode, Frame, MonotonicNs
from hal.linux import stream
from hal.linux.stream import StreamCamera

WAIT_S_MAX = 10.0


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three seconds that go from dark to bright."""
    path = tmp_path_factory.mktemp("video") / "yard.ts"
    with av.open(str(path), "w", format="mpegts") as container:
        out = container.add_stream("libx264", rate=10)
        out.width, out.height, out.pix_fmt = 320, 240, "yuv420p"
        out.gop_size = 10
        for at in range(30):
            picture = np.full((240, 320, 3), 8 * at, np.uint8)
            container.mux(out.encode(av.VideoFrame.from_ndarray(picture, format="bgr24")))
        container.mux(out.encode(None))
    return path


def now() -> MonotonicNs:
    return MonotonicNs(time.monotonic_ns())


def until_seen(camera: StreamCamera, kind: type) -> Frame | Fault:
    deadline_s = time.monotonic() + WAIT_S_MAX
    while time.monotonic() < deadline_s:
        seen = camera.capture(now())
        if isinstance(seen, kind):
            return seen
    raise AssertionError(f"no {kind.__name__} within {WAIT_S_MAX} s")


def until_ended(camera: StreamCamera) -> None:
    """The file is read to its end at once; its last picture stays the newest."""
    with camera._news:
        assert camera._news.wait_for(lambda: camera._newest is not None, WAIT_S_MAX)
    deadline_s = time.monotonic() + WAIT_S_MAX
    while camera._why != "the stream ended" and time.monotonic() < deadline_s:
        time.sleep(0.01)


def test_the_newest_picture_comes_scaled_and_nothing_queues(video: Path) -> None:
    camera = StreamCamera(str(video), "camera-front", (160, 120))
    try:
        until_ended(camera)
        seen = camera.capture(MonotonicNs(camera._at_ns))
        assert isinstance(seen, Frame)
        assert (seen.width_px, seen.height_px, len(seen.bgr)) == (160, 120, 160 * 120 * 3)
        assert max(seen.bgr) > 200, "a queue would still be at a dark picture"
        assert camera.describe().simulated is False
    finally:
        camera.close()


def test_a_picture_that_grew_old_is_a_fault(video: Path) -> None:
    camera = StreamCamera(str(video), "camera-front", (160, 120))
    try:
        until_seen(camera, Frame)
        seen = camera.capture(MonotonicNs(now() + 60 * NS_PER_S))
        assert isinstance(seen, Fault)
        assert seen.code is FaultCode.TIMEOUT
    finally:
        camera.close()


def test_an_absent_camera_is_a_fault_and_its_address_stays_secret(tmp_path: Path) -> None:
    source = str(tmp_path / "user:secret@camera")
    camera = StreamCamera(source, "camera-front", (160, 120))
    try:
        deadline_s = time.monotonic() + WAIT_S_MAX
        while camera._why == "no picture yet" and time.monotonic() < deadline_s:
            time.sleep(0.01)
        seen = camera.capture(now())
        assert isinstance(seen, Fault)
        assert seen.code is FaultCode.ABSENT
        assert "secret" not in seen.detail
        assert "network camera" in seen.detail
    finally:
        camera.close()


def test_a_camera_that_comes_back_is_seen_again_without_a_restart(
    video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "RETRY_S_MIN", 0.01)
    monkeypatch.setattr(stream, "RETRY_S_MAX", 0.02)
    plugged = threading.Event()

    def open_(source: str, **options: object):
        if not plugged.is_set():
            raise OSError(19, "No such device")
        return av.open(str(video))

    camera = StreamCamera("/dev/video0", "camera-rear", (160, 120), open_=open_)
    try:
        assert isinstance(camera.capture(now()), Fault)
        plugged.set()
        assert isinstance(until_seen(camera, Frame), Frame)
    finally:
        camera.close()


def test_a_clip_of_a_stream_holds_its_own_packets(video: Path, tmp_path: Path) -> None:
    camera = StreamCamera(str(video), "camera-front", (160, 120), before_s=1, after_s=30)
    try:
        assert camera.begin_clip(tmp_path / "clip.ts")
        until_ended(camera)
    finally:
        camera.close()
    with av.open(str(tmp_path / "clip.ts")) as clip:
        frames = list(clip.decode(video=0))
    assert len(frames) >= 10
    assert (frames[0].width, frames[0].height) == (320, 240)


def test_a_machine_without_pyav_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "av", None)
    with pytest.raises(DeviceAbsentError, match=r"pip install .*video"):
        StreamCamera("rtsp://x", "camera-front", (160, 120))
