"""A time range of one camera as one MP4, its pictures taken over as they are, piece by piece.

Nothing is decoded, so it costs little more than reading the files, and it is made while it is
sent: neither memory nor disk holds the whole. Masking needs decoding: terminal.camera.export.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any, Final

from terminal.footage.index import Segment

MS: Final = Fraction(1, 1_000)
GROWING: Final = {"movflags": "frag_keyframe+empty_moov+default_base_moof"}
"""No index at the end, so that the beginning can be sent before the end is known."""


def available() -> bool:
    """Whether this machine can handle video at all."""
    return importlib.util.find_spec("av") is not None


class _Sink:
    """Takes what the muxer writes until it is fetched. Not seekable."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def write(self, piece: bytes) -> int:
        self._pieces.append(bytes(piece))
        return len(piece)

    def fetch(self) -> bytes:
        pieces, self._pieces = self._pieces, []
        return b"".join(pieces)


def join(segments: Sequence[Segment], from_ms: int, to_ms: int) -> Iterator[bytes]:
    """Pieces of an MP4 of these films of one camera, oldest first, cut to the range.

    It begins with the last whole picture before from_ms (up to 2 s earlier). Films that cannot be
    read, and those of another picture size, are left out. Nothing is yielded when none is left.
    """
    import av

    sink = _Sink()
    out: Any = None
    target: Any = None
    last = -1
    for segment in segments:
        try:
            with av.open(str(segment.path)) as film:
                source = film.streams.video[0]
                if out is None:
                    out = av.open(sink, mode="w", format="mp4", options=GROWING)
                    target = out.add_stream_from_template(source)
                    size = (source.width, source.height)
                elif (source.width, source.height) != size:
                    continue
                for packet in _wanted(film, source, from_ms - segment.start_ms, to_ms):
                    at_ms = segment.start_ms + round(packet.pts * source.time_base * 1_000)
                    if at_ms > to_ms:
                        break
                    if last >= 0 and at_ms - from_ms <= last:
                        continue
                    last = at_ms - from_ms
                    packet.pts = packet.dts = max(0, last)
                    packet.time_base = MS
                    packet.stream = target
                    out.mux(packet)
        except (av.error.FFmpegError, IndexError, OSError):
            continue
        piece = sink.fetch()
        if piece:
            yield piece
    if out is not None:
        out.close()
        yield sink.fetch()


def _wanted(film: Any, source: Any, since_ms: int, to_ms: int) -> Iterator[Any]:
    """Packets from the last key picture before since_ms on."""
    waiting: list[Any] = []
    for packet in film.demux(source):
        if packet.pts is None:
            continue
        if packet.pts * source.time_base * 1_000 < since_ms:
            waiting = [packet] if packet.is_keyframe else [*waiting, packet]
            continue
        yield from waiting
        waiting = []
        yield packet
