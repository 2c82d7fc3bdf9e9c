"""The index of a recording, read-only: films by time, sightings by plate, how much there is.

Anybody may read it while the camera process goes on writing; nothing here writes.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import apsw

INDEX: Final = "index.sqlite"
SEGMENT_MS: Final = 60_000
FOUND_MAX: Final = 10_000
BUSY_MS_MAX: Final = 50


@dataclass(frozen=True, slots=True)
class Kept:
    """How much is recorded: films, their octets, wall-clock ms of the first and last picture."""

    films: int
    octets: int
    first_ms: int
    last_ms: int


@dataclass(frozen=True, slots=True)
class Segment:
    """One film: camera role, wall-clock milliseconds of its first and last picture."""

    path: Path
    role: str
    start_ms: int
    end_ms: int
    octets: int


@dataclass(frozen=True, slots=True)
class Sighting:
    """A plate that was read or entered for a visit, at wall-clock milliseconds."""

    at_ms: int
    visit_id: int
    plate: str


class FootageReader:
    """Search in a recording, read-only, while the camera process goes on writing it."""

    def __init__(self, folder: Path) -> None:
        """Open the index in this folder. Raises OSError when there is no recording."""
        self._folder = folder
        try:
            self._index = apsw.Connection(str(folder / INDEX), flags=apsw.SQLITE_OPEN_READONLY)
            self._index.set_busy_timeout(BUSY_MS_MAX)
            self._index.execute("select 1 from segment limit 1").fetchone()
        except apsw.Error as error:
            raise OSError(f"there is no recording in {folder}") from error

    def segments(self, from_ms: int, to_ms: int, role: str = "") -> list[Segment]:
        """Films that touch this time, oldest first; one still growing ends at its limit."""
        rows = self._index.execute(
            "select path, role, start_ms, ifnull(end_ms, start_ms + ?), octets from segment "
            "where start_ms <= ? and ifnull(end_ms, start_ms + ?) >= ? and (? = '' or role = ?) "
            "order by start_ms, path limit ?",
            (SEGMENT_MS, to_ms, SEGMENT_MS, from_ms, role, role, FOUND_MAX),
        )
        return [Segment(self._folder / name, *rest) for name, *rest in rows]

    def sightings(self, plate: str) -> list[Sighting]:
        """Visits of a plate, newest first; "?" stands for any symbol."""
        pattern = plate.replace("%", "").replace("_", "").replace("?", "_")
        rows = self._index.execute(
            "select distinct at_ms, visit_id, plate from sighting where plate like ? "
            "order by at_ms desc limit ?",
            (pattern, FOUND_MAX),
        )
        return [Sighting(*row) for row in rows]

    def kept(self) -> Kept:
        """How much there is now; zeros for nothing."""
        row = self._index.execute(
            "select count(*), ifnull(sum(octets), 0), ifnull(min(start_ms), 0), "
            "ifnull(max(ifnull(end_ms, start_ms + ?)), 0) from segment",
            (SEGMENT_MS,),
        ).fetchone()
        assert row is not None
        return Kept(*row)

    def close(self) -> None:
        """Let go of the index."""
        self._index.close()
