"""The recording in the console: search by plate and time, play a minute, export a range.

Reads what the camera process writes and never writes itself. Faces and other vehicles are masked
by `weigh-terminal footage --export --mask`, which decodes and so is not for this process.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import FileResponse, Response, StreamingResponse

from terminal.config import CameraSection
from terminal.core.plate import PLACES_MAX, normalise
from terminal.footage.index import FootageReader, Kept, Segment, Sighting
from terminal.footage.join import available, join
from terminal.records.site_time import BEIJING

SHOWN_MAX: Final = 120
SIGHTINGS_SHOWN_MAX: Final = 60
AROUND_MS: Final = 60_000
"""How far around a sighting its films are looked for."""
EXPORT_MS_MAX: Final = 3_600_000
LAST_MS: Final = 900_000
"""Shown when nothing was asked: the newest quarter of an hour."""
FORM_TIME: Final = "%Y-%m-%dT%H:%M"


@dataclass(frozen=True, slots=True)
class Found:
    """What one search gives. kept None: there is no recording; bad: a time nobody can read."""

    kept: Kept | None
    plate: str
    since: str
    until: str
    role: str
    bad: bool
    segments: tuple[Segment, ...] = ()
    sightings: tuple[Sighting, ...] = ()
    playing: str = ""
    export: str = ""


class FootagePage:
    """The routes' work for one recording: in threads of their own, one export at a time."""

    def __init__(self, folder: Path, section: CameraSection) -> None:
        """folder: of the recording; it need not exist."""
        self._folder = folder
        self.section = section
        self._exporting = False

    def search(self, request: Request) -> Found:
        """By the query: plate, from, to, role, play."""
        asked = request.query_params
        plate = normalise(asked.get("plate", "")[: 4 * PLACES_MAX])
        role = asked.get("role", "")
        role = role if role in self.section.roles else ""
        since_ms, until_ms = _ms(asked.get("from", "")), _ms(asked.get("to", ""))
        bad = since_ms is None or until_ms is None
        try:
            reader = FootageReader(self._folder)
        except OSError:
            return Found(None, plate, "", "", role, bad)
        try:
            kept = reader.kept()
            until = until_ms or kept.last_ms + 1_000
            since = since_ms or max(kept.first_ms, until - LAST_MS)
            segments = reader.segments(since, until, role)[:SHOWN_MAX]
            sightings = reader.sightings(plate)[:SIGHTINGS_SHOWN_MAX] if plate else []
        finally:
            reader.close()
        names = {segment.path.name for segment in segments}
        playing = asked.get("play", "")
        wanted = {"role": role or self.section.roles[0], "from_ms": since, "to_ms": until}
        short = segments and until - since <= EXPORT_MS_MAX and available()
        return Found(
            kept,
            plate,
            form_time(since),
            form_time(until),
            role,
            bad,
            tuple(segments),
            tuple(sightings),
            playing if playing in names else "",
            f"/footage/export?{urlencode(wanted)}" if short else "",
        )

    def film(self, request: Request) -> Response:
        """One film of the index; ranges are answered, so a browser can seek in it."""
        name = request.path_params["name"]
        path = self._folder / name
        if Path(name).name != name or path.suffix != ".mp4" or not path.is_file():
            return Response(status_code=404)
        return FileResponse(path, media_type="video/mp4")

    def export(self, request: Request) -> Response:
        """A range of one camera as one MP4, made while it is sent. 400: no such range."""
        asked = request.query_params
        role, since, until = (asked.get(name, "") for name in ("role", "from_ms", "to_ms"))
        if not all(text.isdecimal() and len(text) < 16 for text in (since, until)):
            return Response(status_code=400)
        from_ms, to_ms = int(since), int(until)
        if not 0 < to_ms - from_ms <= EXPORT_MS_MAX:
            return Response(status_code=400)
        segments = self._segments(role, from_ms, to_ms)
        if not segments:
            return Response(status_code=404)
        if self._exporting:
            return Response(status_code=503, headers={"retry-after": "10"})
        name = f"{role}-{form_time(from_ms).replace(':', '')}.mp4"
        headers = {"content-disposition": f'attachment; filename="{name}"'}
        pieces = self._counted(join(segments, from_ms, to_ms))
        return StreamingResponse(pieces, media_type="video/mp4", headers=headers)

    def _segments(self, role: str, from_ms: int, to_ms: int) -> list[Segment]:
        """Films of one camera in this range; none for an unknown camera or without video."""
        if role not in self.section.roles or not available():
            return []
        try:
            reader = FootageReader(self._folder)
        except OSError:
            return []
        try:
            return reader.segments(from_ms, to_ms, role)
        finally:
            reader.close()

    def _counted(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        self._exporting = True
        try:
            yield from pieces
        finally:
            self._exporting = False


def around(at_ms: int) -> str:
    """The query that shows the films around a moment."""
    return urlencode({"from": form_time(at_ms - AROUND_MS), "to": form_time(at_ms + AROUND_MS)})


def form_time(at_ms: int) -> str:
    """Wall-clock ms as the site's clock shows it, in the form's own writing."""
    try:
        return datetime.fromtimestamp(at_ms / 1_000, BEIJING).strftime(FORM_TIME)
    except (ValueError, OverflowError, OSError):
        return ""


def _ms(text: str) -> int | None:
    """Milliseconds of a time of the form; 0 for an empty one, None for one nobody can read."""
    if not text:
        return 0
    try:
        return round(datetime.fromisoformat(text).replace(tzinfo=BEIJING).timestamp() * 1_000)
    except (ValueError, OverflowError):
        return None
