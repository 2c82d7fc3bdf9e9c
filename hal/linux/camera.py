"""Raspberry Pi cameras through picamera2: pictures to read, full-size stills, video clips.

picamera2 comes with the distribution (libcamera has no wheel), so it is imported when the first
camera is opened. It runs threads of its own; this file belongs to the camera process only.
capture() is bounded and never raises: an unplugged ribbon is a Fault, again and again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from hal.contract.types import (
    NS_PER_S,
    DeviceAbsentError,
    DeviceInfo,
    Fault,
    FaultCode,
    Frame,
    MonotonicNs,
)
from hal.linux.clip import ClipRing

FRAME_S_MAX: Final = 1.0
"""Longest wait for a picture; the slowest sensor mode in use gives 10 a second."""
STOP_S_MAX: Final = 3.0
RESTART_NS: Final = 5 * NS_PER_S
BUFFERS: Final = 4
VIDEO_FPS: Final = 15
VIDEO_BITRATE: Final = 2_000_000
KEY_EVERY: Final = VIDEO_FPS
CHECK: Final = (
    "Check the ribbon cable, that `rpicam-hello --list-cameras` shows the camera, that no other "
    "program has it open and that this user is in the group video"
)


class PicameraCamera:
    """One camera of the board.

    number: place in libcamera's list. size_px: the low-latency stream that plates are read in.
    still_px: the full-size stream, None for the same. before_s, after_s: video kept for clips, 0
    and 0 for none. pixel_format: of both streams, as libcamera names it. encoder: makes a
    picamera2 encoder, by default the board's own (hardware up to Pi 4, libav on a Pi 5).
    make: makes the Picamera2. Raises DeviceAbsentError at construction, nothing later.
    """

    def __init__(  # noqa: PLR0913  # one camera's streams and the two seams of its tests
        self,
        number: int,
        name: str,
        size_px: tuple[int, int],
        *,
        still_px: tuple[int, int] | None = None,
        before_s: int = 0,
        after_s: int = 0,
        pixel_format: str = "YUV420",
        encoder: Callable[[], Any] | None = None,
        make: Callable[[int], Any] | None = None,
    ) -> None:
        assert pixel_format in ("YUV420", "NV12", "RGB888")
        self._name, self._size_px, self._format = name, size_px, pixel_format
        self._still_px = size_px if still_px is None else still_px
        self._two = self._still_px != size_px
        self._clips = ClipRing(_h264, before_s, after_s) if after_s else None
        self._encoder = encoder or _board_encoder
        self._make = make or _open_number(name)
        self._number = number
        self._camera: Any = None
        self._model = "camera"
        self._restart_ns = 0
        try:
            self._start()
        except DeviceAbsentError:
            raise
        except (
            Exception
        ) as error:  # libcamera and picamera2 raise RuntimeError, IndexError, OSError
            self._stop()
            raise DeviceAbsentError(
                name, f"camera {number} does not start ({error})", CHECK
            ) from error

    def capture(self, now_ns: MonotonicNs) -> Frame | Fault:
        """The next picture of the low-latency stream. Blocks FRAME_S_MAX at most."""
        return self._take("lores" if self._two else "main", self._size_px, now_ns)

    def still(self, now_ns: MonotonicNs) -> Frame | Fault:
        """The next picture at full size, without interrupting the stream."""
        return self._take("main", self._still_px, now_ns)

    def begin_clip(self, path: Path) -> bool:
        """Keep a clip around this moment. False when none is kept or one is being written."""
        return self._clips is not None and self._clips.begin(path)

    def describe(self) -> DeviceInfo:
        """Who it is."""
        return DeviceInfo(self._name, self._model, simulated=False)

    def close(self) -> None:
        """Finish the clip and stop streaming."""
        if self._clips is not None:
            self._clips.close()
        self._stop()

    def _start(self) -> None:
        camera = self._camera = self._make(self._number)
        main = {"size": self._still_px, "format": self._format}
        lores = {"size": self._size_px, "format": self._format} if self._two else None
        stream = "lores" if self._two else "main"
        # queue=False: a picture taken after the question, not one that waited in a buffer.
        config = camera.create_video_configuration(
            main=main, lores=lores, raw=None, buffer_count=BUFFERS, queue=False, encode=stream
        )
        camera.configure(config)
        self._model = str(camera.camera_properties.get("Model", "camera"))
        camera.start()
        if self._clips is not None:
            camera.start_encoder(self._encoder(), _ring_output(self._clips), name=stream)

    def _stop(self) -> None:
        camera, self._camera = self._camera, None
        if camera is None:
            return
        # stop() waits for a picture that a pulled ribbon will never bring: not on our time.
        ending = threading.Thread(target=_end, args=(camera,), daemon=True)
        ending.start()
        ending.join(STOP_S_MAX)

    def _take(self, stream: str, size_px: tuple[int, int], now_ns: MonotonicNs) -> Frame | Fault:
        if self._camera is None and not self._restarted(now_ns):
            return Fault(FaultCode.ABSENT, self._name, now_ns, "the camera does not start")
        try:
            request = self._camera.capture_request(wait=False).get_result(timeout=FRAME_S_MAX)
            try:
                picture = request.make_array(stream)
            finally:
                request.release()
        except Exception as error:  # whatever fails below, a camera is only ever absent or late
            self._stop()
            self._restart_ns = now_ns + RESTART_NS
            late = isinstance(error, TimeoutError)
            code = FaultCode.TIMEOUT if late else FaultCode.BUS
            detail = f"no picture within {FRAME_S_MAX} s" if late else str(error)
            return Fault(code, self._name, now_ns, detail)
        width, height = size_px
        return Frame(now_ns, width, height, _bgr(picture, self._format, size_px))

    def _restarted(self, now_ns: MonotonicNs) -> bool:
        if now_ns < self._restart_ns:
            return False
        self._restart_ns = now_ns + RESTART_NS
        try:
            self._start()
        except Exception:  # as at construction; the caller reports it
            self._stop()
            return False
        return True


def _end(camera: Any) -> None:
    for step in ("cancel_all_and_flush", "stop_encoder", "stop", "close"):
        with suppress(Exception):  # a camera that is gone cannot be stopped any better
            getattr(camera, step)()


def _bgr(picture: Any, pixel_format: str, size_px: tuple[int, int]) -> bytes:
    """The stream's own layout, rows padded as the hardware likes, as plain BGR."""
    import cv2

    width, height = size_px
    if pixel_format == "NV12":
        picture = cv2.cvtColor(picture, cv2.COLOR_YUV2BGR_NV12)
    elif pixel_format == "YUV420":
        picture = cv2.cvtColor(picture, cv2.COLOR_YUV2BGR_I420)
    plain: bytes = picture[:height, :width, :3].tobytes()
    return plain


def _open_number(name: str) -> Callable[[int], Any]:
    def make(number: int) -> Any:
        try:
            from picamera2 import Picamera2
        except ImportError as error:
            raise DeviceAbsentError(
                name,
                f"picamera2 cannot be imported ({error})",
                "Install it with apt-get install python3-picamera2, and make the virtual "
                "environment with --system-site-packages",
            ) from error
        return Picamera2(number)

    return make


def _board_encoder() -> Any:
    from picamera2.encoders import H264Encoder

    return H264Encoder(bitrate=VIDEO_BITRATE, repeat=True, iperiod=KEY_EVERY)


def libav_encoder() -> Any:
    """The software encoder: what a Pi 5 has, and any machine without the Pi's own."""
    from picamera2.encoders import LibavH264Encoder

    return LibavH264Encoder(
        bitrate=VIDEO_BITRATE, repeat=True, iperiod=KEY_EVERY, framerate=VIDEO_FPS
    )


def _h264(container: Any) -> Any:
    return container.add_stream("h264", rate=VIDEO_FPS)


def _ring_output(ring: ClipRing) -> Any:
    from picamera2.outputs import Output

    class RingOutput(Output):  # type: ignore[misc]  # picamera2 has no types
        """Hands every encoded picture to the ring."""

        def outputframe(  # picamera2's signature
            self,
            frame: Any,
            keyframe: bool = True,
            timestamp: int | None = None,
            packet: Any = None,
            audio: bool = False,
        ) -> None:
            if timestamp is not None and not audio:
                ring.feed(bytes(frame), bool(keyframe), int(timestamp))

    return RingOutput()
