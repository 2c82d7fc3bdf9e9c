"""Network and USB cameras through PyAV: RTSP and whatever else FFmpeg opens, and /dev/video*.

One reader thread per camera keeps only the newest picture, so nobody ever reads a plate from a
queue. A camera that is off, slow to start or pulled out is a Fault until it is back; the thread
tries again with a bounded pause. Addresses may carry passwords: they appear in no text.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from hal.contract.types import (
    NS_PER_MS,
    NS_PER_S,
    DeviceAbsentError,
    DeviceInfo,
    Fault,
    FaultCode,
    Frame,
    MonotonicNs,
)
from hal.linux.clip import US_PER_S, ClipRing

OPEN_S_MAX: Final = 5.0
READ_S_MAX: Final = 3.0
STALE_NS: Final = 1_500 * NS_PER_MS
"""A picture older than this is not the scene any more."""
FRESH_S_MAX: Final = 0.5
"""capture() waits this long for a picture newer than the question."""
RETRY_S_MIN: Final = 1.0
RETRY_S_MAX: Final = 10.0
STOP_S_MAX: Final = 5.0
CLIP_CODECS: Final = ("h264", "hevc", "mpeg2video")
"""What an MPEG-TS clip can hold as it comes; others (MJPEG, raw) are not recorded."""


class StreamCamera:
    """One camera behind an address or a device node.

    source: an address FFmpeg understands or /dev/videoN. size_px: pictures are scaled to it.
    before_s, after_s: video kept for clips, 0 and 0 for none. open_: PyAV's open.
    Raises DeviceAbsentError when PyAV is not installed; an absent camera is a Fault, not an error.
    """

    def __init__(  # one camera's stream and the seam of its tests
        self,
        source: str,
        name: str,
        size_px: tuple[int, int],
        *,
        before_s: int = 0,
        after_s: int = 0,
        open_: Callable[..., Any] | None = None,
    ) -> None:
        self._source, self._name, self._size_px = source, name, size_px
        self._open = open_ or _pyav(name)
        self._clips = ClipRing(self._add_stream, before_s, after_s) if after_s else None
        self._template: Any = None
        self._news = threading.Condition()
        self._newest: Any = None
        self._at_ns = 0
        self._why = "no picture yet"
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._read, name=name, daemon=True)
        self._thread.start()

    def capture(self, now_ns: MonotonicNs) -> Frame | Fault:
        """The newest picture, waiting FRESH_S_MAX at most for a fresh one. Never raises."""
        with self._news:
            self._news.wait_for(lambda: self._at_ns >= now_ns, FRESH_S_MAX)
            newest, at_ns, why = self._newest, self._at_ns, self._why
        if newest is None:
            return Fault(FaultCode.ABSENT, self._name, now_ns, why)
        if now_ns - at_ns > STALE_NS:
            age_s = (now_ns - at_ns) / NS_PER_S
            return Fault(FaultCode.TIMEOUT, self._name, now_ns, f"{why}; {age_s:.0f} s old")
        width, height = self._size_px
        try:
            picture = newest.to_ndarray(format="bgr24", width=width, height=height)
        except Exception as error:  # a frame of a format that cannot be converted
            return Fault(FaultCode.FRAME, self._name, now_ns, str(error))
        return Frame(MonotonicNs(at_ns), width, height, picture.tobytes())

    def begin_clip(self, path: Path) -> bool:
        """Keep a clip around this moment. False when none is kept or one is being written."""
        return self._clips is not None and self._clips.begin(path)

    def describe(self) -> DeviceInfo:
        """Who it is."""
        return DeviceInfo(self._name, _kind(self._source), simulated=False)

    def close(self) -> None:
        """Stop reading and finish the clip."""
        self._stop.set()
        self._thread.join(STOP_S_MAX)
        if self._clips is not None:
            self._clips.close()

    def _read(self) -> None:
        retry_s = RETRY_S_MIN
        while not self._stop.is_set():
            begun_s = time.monotonic()
            try:
                self._follow()
                why = "the stream ended"
            except Exception as error:  # PyAV raises one class an errno, and ValueError besides
                why = str(error).replace(self._source, _kind(self._source))
            with self._news:
                self._why = why
            steady = time.monotonic() - begun_s > RETRY_S_MAX
            retry_s = RETRY_S_MIN if steady else min(retry_s * 2, RETRY_S_MAX)
            self._stop.wait(retry_s)

    def _follow(self) -> None:
        """Read one connection until it ends, fails or the camera is closed."""
        kind, options = _options(self._source, self._size_px)
        with self._open(
            self._source, format=kind, options=options, timeout=(OPEN_S_MAX, READ_S_MAX)
        ) as container:
            stream = container.streams.video[0]
            self._template = stream
            recorded = stream.codec_context.name in CLIP_CODECS
            for packet in container.demux(stream):
                if self._stop.is_set():
                    return
                if recorded and self._clips is not None and packet.dts is not None:
                    self._record(packet)
                for picture in packet.decode():
                    self._show(picture)

    def _show(self, picture: Any) -> None:
        with self._news:
            self._newest, self._at_ns, self._why = picture, time.monotonic_ns(), "no newer picture"
            self._news.notify_all()

    def _record(self, packet: Any) -> None:
        assert self._clips is not None
        at_us = int(packet.dts * packet.time_base * US_PER_S)
        shown = packet.dts if packet.pts is None else packet.pts
        shown_us = int(shown * packet.time_base * US_PER_S)
        self._clips.feed(bytes(packet), bool(packet.is_keyframe), at_us, shown_us)

    def _add_stream(self, container: Any) -> Any:
        return container.add_stream_from_template(self._template)


def _kind(source: str) -> str:
    return "USB camera" if source.startswith("/dev/") else "network camera"


def _options(source: str, size_px: tuple[int, int]) -> tuple[str | None, dict[str, str]]:
    """FFmpeg's input format and options: newest picture first, nothing buffered."""
    if source.startswith("/dev/"):
        return "v4l2", {"video_size": f"{size_px[0]}x{size_px[1]}"}
    options = {"fflags": "nobuffer", "flags": "low_delay"}
    if source.startswith("rtsp"):
        options["rtsp_transport"] = "tcp"
    return None, options


def _pyav(name: str) -> Callable[..., Any]:
    try:
        import av
    except ImportError as error:
        raise DeviceAbsentError(
            name,
            "the Python package av is not installed",
            'Install it with pip install "weigh-terminal[video]"',
        ) from error
    found: Callable[..., Any] = av.open
    return found
