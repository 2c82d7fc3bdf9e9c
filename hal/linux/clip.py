"""The last seconds of encoded video, and clips cut from them: so long before, so long after.

Takes packets from whoever encodes (the Pi's encoder, libav, a network camera) and never decodes
or encodes one. A clip is MPEG-TS, which stays readable when power fails in the middle. Bounded
in seconds and in bytes; a full disk ends the clip, never the camera.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any, Final, NamedTuple

US_PER_S: Final = 1_000_000
TICKS_PER_S: Final = 90_000
"""The clock of MPEG-TS."""
BYTES_MAX: Final = 64 * 1024 * 1024
CLIP_S_MAX: Final = 120
"""A clip that is extended again and again still ends here."""


class EncodedPicture(NamedTuple):
    """One encoded picture. at_us, shown_us: decoding and showing time on the encoder's clock."""

    payload: bytes
    keyframe: bool
    at_us: int
    shown_us: int


class ClipRing:
    """Ring of encoded pictures with at most one clip being written.

    add_stream: adds the one video stream of this codec to an output container of PyAV. failures
    counts clips that could not be finished; failure is the last reason, a sentence's end.
    Feed it from one thread; begin() and close() may come from another.
    """

    def __init__(
        self,
        add_stream: Callable[[Any], Any],
        before_s: int,
        after_s: int,
        *,
        bytes_max: int = BYTES_MAX,
    ) -> None:
        assert before_s >= 0
        assert after_s >= 1
        self._add_stream = add_stream
        self._before_us, self._after_us = before_s * US_PER_S, after_s * US_PER_S
        self._bytes_max = bytes_max
        self._ring: deque[EncodedPicture] = deque()
        self._ring_bytes = 0
        self._lock = threading.Lock()
        self._wanted: Path | None = None
        self._partial: Path | None = None
        self._final: Path | None = None
        self._container: Any = None
        self._stream: Any = None
        self._origin_us = self._until_us = 0
        self._last_tick = -1
        self.failures = 0
        self.failure = ""

    @property
    def writing(self) -> bool:
        """Whether a clip has been asked for and is not finished."""
        return self._wanted is not None or self._container is not None

    def begin(self, path: Path) -> bool:
        """Cut a clip to `path`, or lengthen the one being written (False: `path` is not made)."""
        with self._lock:
            if not self.writing:
                self._wanted = path
                return True
            if self._container is not None and self._ring:
                longest_us = self._origin_us + CLIP_S_MAX * US_PER_S
                self._until_us = min(self._ring[-1].at_us + self._after_us, longest_us)
            return False

    def feed(self, payload: bytes, keyframe: bool, at_us: int, shown_us: int | None = None) -> None:
        """One encoded picture, in decoding order. Never raises for a disk's or a codec's fault."""
        shown_us = at_us if shown_us is None else shown_us
        picture = EncodedPicture(payload, keyframe, at_us, shown_us)
        with self._lock:
            if self._ring and at_us <= self._ring[-1].at_us:
                self._forget()  # the encoder was restarted: nothing before belongs together
            self._ring.append(picture)
            self._ring_bytes += len(payload)
            self._trim(at_us)
            try:
                self._write(picture)
            except Exception as error:  # PyAV raises its own classes besides OSError
                self._fail(str(error))

    def close(self) -> None:
        """Finish the clip being written with what is there."""
        with self._lock:
            try:
                self._finish()
            except Exception as error:
                self._fail(str(error))
            self._wanted = None
            self._forget()

    def _trim(self, now_us: int) -> None:
        """Drop what is too old, but keep the key picture that the oldest wanted one needs."""
        while len(self._ring) > 1:
            starts = [at for at, picture in enumerate(self._ring) if picture.keyframe][:2]
            spare = starts[1] if len(starts) > 1 else 0
            old = spare and self._ring[spare].at_us <= now_us - self._before_us
            if not old and self._ring_bytes <= self._bytes_max:
                return
            for _ in range(spare or 1):
                self._ring_bytes -= len(self._ring.popleft().payload)

    def _write(self, newest: EncodedPicture) -> None:
        if self._wanted is not None:
            first = next((at for at, p in enumerate(self._ring) if p.keyframe), None)
            if first is None:
                return  # a clip begins with a key picture; the next one is not far
            self._open(self._wanted, newest.at_us)
            self._wanted = None
            for picture in list(self._ring)[first:]:
                self._mux(picture)
        elif self._container is not None:
            self._mux(newest)
        if self._container is not None and newest.at_us >= self._until_us:
            self._finish()

    def _open(self, path: Path, now_us: int) -> None:
        import av

        path.parent.mkdir(parents=True, exist_ok=True)
        self._final, self._partial = path, path.with_name(path.name + ".part")
        self._container = av.open(str(self._partial), "w", format="mpegts")
        self._stream = self._add_stream(self._container)
        self._last_tick = -1
        self._origin_us = next(p.at_us for p in self._ring if p.keyframe)
        self._until_us = now_us + self._after_us

    def _mux(self, picture: EncodedPicture) -> None:
        import av

        packet = av.Packet(picture.payload)
        packet.stream = self._stream
        packet.time_base = Fraction(1, TICKS_PER_S)
        # Two pictures within one tick would be refused, and neither may be left out.
        dts = max(_ticks(picture.at_us - self._origin_us), self._last_tick + 1)
        packet.dts, self._last_tick = dts, dts
        packet.pts = max(_ticks(picture.shown_us - self._origin_us), dts)
        packet.is_keyframe = picture.keyframe
        self._container.mux(packet)

    def _finish(self) -> None:
        if self._container is None:
            return
        container, self._container, self._stream = self._container, None, None
        container.close()
        assert self._partial is not None
        assert self._final is not None
        self._partial.replace(self._final)

    def _fail(self, why: str) -> None:
        self.failures += 1
        self.failure = why
        container, self._container, self._stream, self._wanted = self._container, None, None, None
        try:
            if container is not None:
                container.close()
            if self._partial is not None:
                self._partial.unlink(missing_ok=True)
        except Exception as error:  # the disk that failed may fail again; the clip is lost
            self.failure = f"{why}; {error}"

    def _forget(self) -> None:
        self._ring.clear()
        self._ring_bytes = 0


def _ticks(span_us: int) -> int:
    return span_us * TICKS_PER_S // US_PER_S
