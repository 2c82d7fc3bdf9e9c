"""Clips cut from encoded video: seconds before and after, bounds, restarts, full disks."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest

from hal.linux.clip import CLIP_S_MAX, US_PER_S, ClipRing

FPS = 10
WIDTH, HEIGHT = 320, 240


def h264(container):
    return container.add_stream("h264", rate=FPS)


@pytest.fixture(scope="module")
def pictures() -> list[tuple[bytes, bool]]:
    """Thirty seconds of encoded video, a key picture every second."""
    codec = av.CodecContext.create("libx264", "w")
    codec.width, codec.height, codec.pix_fmt = WIDTH, HEIGHT, "yuv420p"
    codec.framerate, codec.gop_size = FPS, FPS
    codec.options = {"preset": "ultrafast", "tune": "zerolatency"}
    noise = np.random.default_rng(1)
    out = []
    for at in range(30 * FPS):
        picture = noise.integers(0, 255, (HEIGHT, WIDTH, 3), np.uint8)
        frame = av.VideoFrame.from_ndarray(picture, format="bgr24")
        frame.pts = at
        out += [(bytes(packet), packet.is_keyframe) for packet in codec.encode(frame)]
    assert sum(key for _, key in out) == 30
    return out


def timed(pictures: list[tuple[bytes, bool]]) -> Iterator[tuple[bytes, bool, int]]:
    for at, (payload, key) in enumerate(pictures):
        yield payload, key, at * US_PER_S // FPS


def seconds(path: Path) -> float:
    """Length of a clip as a player sees it."""
    with av.open(str(path)) as clip:
        times = [frame.time for frame in clip.decode(video=0)]
    return times[-1] - times[0]


def test_a_clip_has_the_seconds_before_and_after(tmp_path: Path, pictures) -> None:
    ring = ClipRing(h264, before_s=4, after_s=6)
    for payload, key, at_us in timed(pictures):
        if at_us == 10 * US_PER_S:
            assert ring.begin(tmp_path / "clip.ts")
        ring.feed(payload, key, at_us)
    assert (tmp_path / "clip.ts").exists()
    assert not ring.writing
    assert 10.0 <= seconds(tmp_path / "clip.ts") <= 11.2
    assert ring.failures == 0


def test_a_second_event_lengthens_the_clip_up_to_its_bound(tmp_path: Path, pictures) -> None:
    ring = ClipRing(h264, before_s=1, after_s=3)
    endless = itertools.cycle(pictures)
    for at in range((CLIP_S_MAX + 30) * FPS):
        if at % FPS == 0 and at >= 20:
            begun = ring.begin(tmp_path / ("first.ts" if at == 20 else f"other-{at}.ts"))
            if at == 20:
                assert begun
        ring.feed(*next(endless), at * US_PER_S // FPS)
    assert CLIP_S_MAX - 1 <= seconds(tmp_path / "first.ts") <= CLIP_S_MAX + 5


def test_closing_early_keeps_what_there_is(tmp_path: Path, pictures) -> None:
    ring = ClipRing(h264, before_s=2, after_s=30)
    for payload, key, at_us in timed(pictures[: 8 * FPS]):
        if at_us == 5 * US_PER_S:
            ring.begin(tmp_path / "clip.ts")
        ring.feed(payload, key, at_us)
    assert ring.writing
    ring.close()
    assert seconds(tmp_path / "clip.ts") >= 4.5


def test_memory_is_bounded_however_rare_key_pictures_are(tmp_path: Path, pictures) -> None:
    size = len(pictures[1][0])
    ring = ClipRing(h264, before_s=20, after_s=1, bytes_max=10 * size)
    for at in range(200):
        ring.feed(pictures[1][0], at == 0, at * US_PER_S // FPS)
        assert ring._ring_bytes <= 11 * size


def test_an_encoder_that_starts_again_does_not_mix_two_timelines(tmp_path: Path, pictures) -> None:
    ring = ClipRing(h264, before_s=5, after_s=2)
    for payload, key, at_us in timed(pictures[: 6 * FPS]):
        ring.feed(payload, key, at_us)
    for payload, key, at_us in timed(pictures[: 6 * FPS]):
        if at_us == 2 * US_PER_S:
            ring.begin(tmp_path / "clip.ts")
        ring.feed(payload, key, at_us)
    assert seconds(tmp_path / "clip.ts") <= 4.2


def test_a_disk_that_refuses_costs_the_clip_and_not_the_camera(tmp_path: Path, pictures) -> None:
    (tmp_path / "file").write_text("")
    ring = ClipRing(h264, before_s=1, after_s=1)
    for payload, key, at_us in timed(pictures[: 5 * FPS]):
        if at_us == US_PER_S:
            assert ring.begin(tmp_path / "file" / "clip.ts")
        if at_us == 3 * US_PER_S:
            assert ring.begin(tmp_path / "good.ts")
        ring.feed(payload, key, at_us)
    assert ring.failures == 1
    assert ring.failure
    ring.close()
    assert (tmp_path / "good.ts").exists()
    assert not list(tmp_path.glob("*.part"))


def test_pictures_within_one_tick_of_the_container_are_all_kept(tmp_path: Path, pictures) -> None:
    ring = ClipRing(h264, before_s=0, after_s=1)
    ring.begin(tmp_path / "clip.ts")
    for at, (payload, key) in enumerate(pictures[: 4 * FPS]):
        ring.feed(payload, key, at // 2 * US_PER_S // FPS + at % 2 * 4)
    assert ring.failures == 0
    with av.open(str(tmp_path / "clip.ts")) as clip:
        assert len(list(clip.decode(video=0))) == 2 * FPS + 1
