"""Continuous recording: one-minute films a camera, an index by time and plate, and retention.

Age and space bound it; the oldest minute goes first. Films grow in pieces that play up to the
last two seconds even after a power cut. What cannot be written ends the recording with a fault
and never the reading of plates.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import apsw

from terminal.anpr.types import Pixels
from terminal.camera.video import Film
from terminal.footage.index import INDEX, SEGMENT_MS

DAY_MS: Final = 86_400_000
SIGHTINGS_MAX: Final = 200_000
SCHEMA: Final = """
create table if not exists segment(
  path text primary key, role text not null, start_ms integer not null,
  end_ms integer, octets integer not null default 0);
create index if not exists segment_by_time on segment(start_ms);
create table if not exists sighting(
  at_ms integer not null, visit_id integer not null, plate text not null);
create index if not exists sighting_by_plate on sighting(plate, at_ms);
create index if not exists sighting_by_time on sighting(at_ms);
"""


@dataclass(slots=True)
class _Open:
    film: Film
    path: Path
    start_ms: int
    end_ms: int


class Footage:
    """The recording of one lane; the camera process alone writes it."""

    def __init__(self, folder: Path, *, days: int, quota_bytes: int) -> None:
        """Open or make the folder and its index; close what a power cut left open.

        Raises OSError when the folder cannot be used.
        """
        self._folder = folder
        self._days_ms = days * DAY_MS
        self._quota_bytes = quota_bytes
        self._open: dict[str, _Open] = {}
        folder.mkdir(parents=True, exist_ok=True)
        try:
            self._index = apsw.Connection(str(folder / INDEX))
            self._index.set_busy_timeout(2_000)
            self._index.execute("pragma journal_mode = wal; pragma synchronous = normal")
            self._index.execute(SCHEMA)
        except apsw.Error as error:
            raise OSError(f"the index in {folder} cannot be used: {error}") from error
        self._close_left_open()

    def add(self, role: str, at_ms: int, picture: Pixels, *, clock_known: bool) -> None:
        """Append one picture of a camera. at_ms: wall clock. Raises OSError (disk full).

        clock_known: whether the wall clock can be trusted; while not, nothing is deleted by
        age, since a clock that leaps would delete everything.
        """
        current = self._open.get(role)
        if current is not None and not 0 <= at_ms - current.start_ms < SEGMENT_MS:
            self._finish(role)
            self.retain(at_ms, by_age=clock_known)
            current = None
        if current is None:
            current = self._start(role, at_ms, (picture.shape[1], picture.shape[0]))
        current.film.add_pixels(at_ms - current.start_ms, picture)
        current.end_ms = at_ms

    def note(self, at_ms: int, visit_id: int, plate: str) -> None:
        """Remember that this plate stood here then. Raises OSError."""
        try:
            self._index.execute("insert into sighting values (?, ?, ?)", (at_ms, visit_id, plate))
            self._index.execute(
                "delete from sighting where rowid <= (select max(rowid) from sighting) - ?",
                (SIGHTINGS_MAX,),
            )
        except apsw.Error as error:
            raise OSError(f"the footage index cannot be written: {error}") from error

    def retain(self, now_ms: int, *, by_age: bool = True) -> int:
        """Delete films beyond age and space, oldest first; how many went. Raises OSError."""
        gone = 0
        oldest_ms = now_ms - self._days_ms if by_age else 0
        try:
            rows = list(
                self._index.execute(
                    "select path, start_ms, octets from segment where end_ms is not null "
                    "order by start_ms desc"
                )
            )
            kept_bytes = 0
            for name, start_ms, octets in rows:
                kept_bytes += octets
                if start_ms >= oldest_ms and kept_bytes <= self._quota_bytes:
                    continue
                (self._folder / name).unlink(missing_ok=True)
                self._index.execute("delete from segment where path = ?", (name,))
                gone += 1
            self._index.execute("delete from sighting where at_ms < ?", (oldest_ms,))
        except apsw.Error as error:
            raise OSError(f"the footage index cannot be written: {error}") from error
        return gone

    def close(self) -> None:
        """Finish every open film."""
        for role in list(self._open):
            self._finish(role)
        self._index.close()

    def _start(self, role: str, at_ms: int, size: tuple[int, int]) -> _Open:
        name = f"{role}-{at_ms}.mp4"
        started = _Open(Film(self._folder / name, size, growing=True), Path(name), at_ms, at_ms)
        try:
            self._index.execute(
                "insert or replace into segment(path, role, start_ms) values (?, ?, ?)",
                (name, role, at_ms),
            )
        except apsw.Error as error:
            raise OSError(f"the footage index cannot be written: {error}") from error
        self._open[role] = started
        return started

    def _finish(self, role: str) -> None:
        done = self._open.pop(role)
        done.film.close()
        self._settle(done.path.name, done.end_ms)

    def _settle(self, name: str, end_ms: int) -> None:
        try:
            octets = (self._folder / name).stat().st_size
            self._index.execute(
                "update segment set end_ms = ?, octets = ? where path = ?", (end_ms, octets, name)
            )
        except apsw.Error as error:
            raise OSError(f"the footage index cannot be written: {error}") from error

    def _close_left_open(self) -> None:
        rows = list(self._index.execute("select path, start_ms from segment where end_ms is null"))
        for name, start_ms in rows:
            path = self._folder / name
            if path.exists() and path.stat().st_size > 0:
                self._settle(name, start_ms + SEGMENT_MS)
            else:
                path.unlink(missing_ok=True)
                self._index.execute("delete from segment where path = ?", (name,))
