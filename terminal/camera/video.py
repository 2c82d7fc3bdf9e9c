"""Pictures to H.264 in MP4, through PyAV where it is installed; without it there is no video.

The one file that imports `av`. One encoder thread, small pictures: video is evidence beside the
photos and must never cost the reading of plates its time.
"""

from __future__ import annotations

import importlib.util
import io
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import IO, Final

import cv2
import numpy as np

from terminal.anpr.types import Pixels

CODEC: Final = "libx264"
RATE_FPS: Final = 25
"""Nominal; every picture keeps its own time."""
TIME_BASE: Final = Fraction(1, 1_000)
OPTIONS: Final = {"preset": "veryfast", "tune": "zerolatency", "crf": "28", "threads": "1"}
WHOLE: Final[dict[str, str]] = {}
GROWING: Final = {
    "movflags": "frag_keyframe+empty_moov+default_base_moof",
    "flush_packets": "1",
}
"""Playable up to the last whole second even when the writer was killed."""
KEYFRAME_MS: Final = 2_000

Timed = tuple[int, bytes]
"""Milliseconds, JPEG."""


def available() -> bool:
    """Whether video can be made on this machine."""
    return importlib.util.find_spec("av") is not None


def load() -> bool:
    """Have what makes video read from the disk now and not at the first film; whether it is there.

    Amid a visit, with no descriptor left, its import would end the process.
    """
    if available():
        importlib.import_module("av")
    return available()


class Film:
    """One MP4 being written, to a file or to memory."""

    def __init__(self, target: Path | IO[bytes], size: tuple[int, int], *, growing: bool) -> None:
        """size: width and height in pixels, cut to even ones. Raises OSError."""
        import av

        self._av = av
        self._size = (size[0] // 2 * 2, size[1] // 2 * 2)
        opened: Path | IO[bytes] | str = str(target) if isinstance(target, Path) else target
        options = GROWING if growing else WHOLE
        try:
            self._container = av.open(opened, mode="w", format="mp4", options=options)
        except av.error.FFmpegError as error:
            raise OSError(f"{target} cannot be written: {error}") from error
        self._stream = self._container.add_stream(CODEC, rate=RATE_FPS, options=dict(OPTIONS))
        self._stream.width, self._stream.height = self._size
        self._stream.pix_fmt = "yuv420p"
        self._stream.time_base = TIME_BASE
        self._stream.codec_context.time_base = TIME_BASE
        self._first_ms: int | None = None
        self._last_ms = -1
        self._key_ms = -KEYFRAME_MS

    def add(self, at_ms: int, jpeg: bytes) -> None:
        """Append one picture; one that is not later than the last is left out."""
        picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
        if picture is None:
            return
        self.add_pixels(at_ms, np.asarray(picture, dtype=np.uint8))

    def add_pixels(self, at_ms: int, picture: Pixels) -> None:
        """Append one picture given as BGR."""
        if self._first_ms is None:
            self._first_ms = at_ms
        shown_ms = at_ms - self._first_ms
        if shown_ms <= self._last_ms:
            return
        self._last_ms = shown_ms
        if (picture.shape[1], picture.shape[0]) != self._size:
            picture = np.asarray(cv2.resize(picture, self._size), dtype=np.uint8)
        frame = self._av.VideoFrame.from_ndarray(picture, format="bgr24")
        frame.pts = shown_ms
        frame.time_base = TIME_BASE
        if shown_ms - self._key_ms >= KEYFRAME_MS:
            frame.pict_type = self._av.video.frame.PictureType.I
            self._key_ms = shown_ms
        self._mux(frame)

    def close(self) -> None:
        """Finish the file. Raises OSError (disk full)."""
        try:
            self._mux(None)
            self._container.close()
        except self._av.error.FFmpegError as error:
            raise OSError(f"the video cannot be finished: {error}") from error

    def _mux(self, frame: object) -> None:
        try:
            for packet in self._stream.encode(frame):
                self._container.mux(packet)
        except self._av.error.FFmpegError as error:
            raise OSError(f"the video cannot be written: {error}") from error


def clip(pictures: Sequence[Timed], size: tuple[int, int]) -> bytes:
    """A whole MP4 of these pictures in memory; empty for fewer than two. Raises OSError."""
    if len(pictures) < 2:
        return b""
    memory = io.BytesIO()
    film = Film(memory, size, growing=False)
    for at_ms, jpeg in pictures:
        film.add(at_ms, jpeg)
    film.close()
    return memory.getvalue()


def frames_of(path: Path) -> list[tuple[int, Pixels]]:
    """Every picture of an MP4 with its milliseconds. Raises OSError for what cannot be read."""
    import av

    try:
        with av.open(str(path)) as container:
            return [
                (round(float(frame.time) * 1_000), frame.to_ndarray(format="bgr24"))
                for frame in container.decode(video=0)
            ]
    except av.error.FFmpegError as error:
        raise OSError(f"{path} cannot be played: {error}") from error
