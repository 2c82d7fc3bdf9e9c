"""The camera driver on real picamera2 and real libcamera (its virtual camera), frames to clip.

Runs inside the file tree of the camera rung. libcamera's virtual camera has no raw stream and wants
two planes in a buffer; two overrides supply that, everything else is picamera2 as it ships.
"""

from __future__ import annotations

import time
from pathlib import Path

import av
import cv2
import libcamera
import numpy as np
import pytest
from picamera2 import Picamera2
from picamera2.allocators import DmaAllocator

from hal.contract.types import DeviceAbsentError, Fault, FaultCode, Frame, MonotonicNs
from hal.linux.camera import PicameraCamera, libav_encoder

SIZE = (1280, 720)
WAIT_S_MAX = 40.0


class TwoPlanes(DmaAllocator):
    """NV12 as the virtual camera takes it: luma and chroma as two planes of one buffer."""

    def allocate(self, libcamera_config, use_case):
        super().allocate(libcamera_config, use_case)
        for stream_config in libcamera_config:
            stream, size = stream_config.stream, stream_config.size
            luma = stream_config.stride * size.height
            buffers = []
            for old in self.frame_buffers[stream]:
                planes = [libcamera.FrameBuffer.Plane(), libcamera.FrameBuffer.Plane()]
                for plane, offset, length in zip(planes, (0, luma), (luma, luma // 2), strict=True):
                    plane.fd, plane.offset, plane.length = old.planes[0].fd, offset, length
                new = libcamera.FrameBuffer(planes)
                # libcamera duplicates descriptors: the allocator must know the new buffer's own.
                self.libcamera_fds.append(new.planes[0].fd)
                self.mapped_buffers_used[new.planes[0].fd] = False
                self.mapped_buffers[new] = self.mapped_buffers.pop(old)
                buffers.append(new)
            self.frame_buffers[stream] = buffers


class VirtualPicamera2(Picamera2):
    """Picamera2 on a camera without a raw stream."""

    def _get_raw_modes(self):
        found = self.camera.generate_configuration([libcamera.StreamRole.VideoRecording])
        formats = found.at(0).formats
        return [
            {"format": str(pixel), "size": (size.width, size.height)}
            for pixel in formats.pixel_formats
            for size in formats.sizes(pixel)
        ]


def virtual(number: int) -> Picamera2:
    return VirtualPicamera2(number, allocator=TwoPlanes())


def now() -> MonotonicNs:
    return MonotonicNs(time.monotonic_ns())


@pytest.fixture
def camera():
    opened = PicameraCamera(
        0,
        "camera-front",
        SIZE,
        before_s=2,
        after_s=2,
        pixel_format="NV12",
        encoder=libav_encoder,
        make=virtual,
    )
    yield opened
    opened.close()


def test_frames_are_bgr_in_the_asked_size_with_the_patterns_colours(camera) -> None:
    assert camera.describe().simulated is False
    assert camera.describe().model == "Virtual Video Device"
    seen = camera.capture(now())
    assert isinstance(seen, Frame)
    assert (seen.width_px, seen.height_px) == SIZE
    picture = np.frombuffer(seen.bgr, np.uint8).reshape(SIZE[1], SIZE[0], 3)
    colours = {tuple(int(value) // 100 for value in pixel) for pixel in picture[360, ::40]}
    assert len(colours) >= 4, "colour bars have many colours"


def test_a_still_becomes_a_jpeg_that_decodes(camera) -> None:
    seen = camera.still(now())
    assert isinstance(seen, Frame)
    picture = np.frombuffer(seen.bgr, np.uint8).reshape(SIZE[1], SIZE[0], 3)
    done, encoded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 85])
    assert done
    assert cv2.imdecode(encoded, cv2.IMREAD_COLOR).shape == (SIZE[1], SIZE[0], 3)


def test_pictures_keep_coming_and_each_is_newer_than_its_question(camera) -> None:
    begun_s = time.monotonic()
    assert all(isinstance(camera.capture(now()), Frame) for _ in range(30))
    print(f"{30 / (time.monotonic() - begun_s):.0f} pictures/s of {SIZE[0]}x{SIZE[1]}")


def test_a_clip_has_seconds_before_and_after_and_pyav_decodes_it(camera, tmp_path: Path) -> None:
    path = tmp_path / "clip.ts"
    time.sleep(2.5)
    assert camera.begin_clip(path)
    deadline_s = time.monotonic() + WAIT_S_MAX
    while not path.exists() and time.monotonic() < deadline_s:
        assert isinstance(camera.capture(now()), Frame)
    with av.open(str(path)) as clip:
        frames = list(clip.decode(video=0))
    assert (frames[0].width, frames[0].height) == SIZE
    length_s = frames[-1].time - frames[0].time
    assert length_s >= 3.5, "two seconds before and two after"
    print(f"{len(frames)} pictures, {length_s:.1f} s, {path.stat().st_size} bytes")


def test_a_camera_that_stops_delivering_is_a_fault_and_comes_back(camera) -> None:
    assert isinstance(camera.capture(now()), Frame)
    camera._camera.stop_encoder()
    camera._camera.stop()  # as if the ribbon were pulled: nothing completes any more
    at = now()
    seen = camera.capture(at)
    assert isinstance(seen, Fault)
    assert seen.code is FaultCode.TIMEOUT
    assert isinstance(camera.capture(at), Fault), "it pauses before it tries again"
    assert isinstance(camera.capture(MonotonicNs(at + 6_000_000_000)), Frame)


def test_a_camera_that_is_not_there_is_refused_with_what_to_check() -> None:
    with pytest.raises(DeviceAbsentError, match=r"camera 5 .*rpicam-hello"):
        PicameraCamera(5, "camera-rear", SIZE, pixel_format="NV12", make=virtual)
