"""Every question the console asks the ledger's database: opened read-only, never written.

The database belongs to the ledger process; here it may be absent, locked or newer than we know,
and then the answer is None ("cannot be read now"), never an error and never a guess.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from terminal.anpr.site_accuracy import Accuracy, Confirmed, measure, visit_of
from terminal.records import Record, RecordError, Weigh, decode_signed

DB_FILE = "ledger.db"
EVIDENCE = "evidence"
BUSY_S_MAX = 0.05
"""A page never waits longer for the writer; the next one asks again."""
PAGE_ROWS = 12
WEEKS_MAX = 8
WEEK_NS = 7 * 86_400 * 1_000_000_000
JUDGED_MAX = 20_000
"""Newest records looked at for the weekly figures: eight weeks of 350 lorries a day."""

_LIST = """
    select i.seq, i.sha256, i.body, i.wall_ns,
           group_concat(d.target || ':' || d.state, ' ')
    from item i left join delivery d on d.item = i.item
    where i.seq is not null and i.seq {which} ?
    group by i.item order by i.seq desc limit ?
"""


_ABOUT = """
    select i.seq, i.sha256, i.body, i.wall_ns,
           group_concat(d.target || ':' || d.state, ' ')
    from item i left join delivery d on d.item = i.item
    where i.seq between ?1 + 1 and ?1 + ?2
       or i.seq = (select seq from follow_up where about_seq = ?1)
    group by i.item order by i.seq
"""
SAME_COMMIT_MAX = 3
"""What one commit adds about a weighing stands right behind it."""

_JUDGED = """
    select body from item where seq is not null
    and wall_ns > (select max(wall_ns) from item where seq is not null) - ?
    order by seq desc limit ?
"""


@dataclass(frozen=True, slots=True)
class Row:
    """One record as shown. deliveries: (target, "waiting" | "delivered" | "quarantined")."""

    seq: int
    sha256: str
    wall_ns: int
    record: Record | None
    deliveries: tuple[tuple[str, str], ...]

    @property
    def weigh(self) -> Weigh | None:
        """The weighing in it; None for events and for bytes that cannot be read."""
        return self.record.weigh if self.record is not None else None

    @property
    def delivered(self) -> str:
        """The worst state over all targets; waiting when nothing is known."""
        states = {state for _, state in self.deliveries}
        for state in ("quarantined", "waiting", "delivered"):
            if state in states:
                return state
        return "waiting"


@dataclass(frozen=True, slots=True)
class Week:
    """How plates were read in one ISO week, by day and by night."""

    name: str
    day: Accuracy
    night: Accuracy


STATES = {"0": "waiting", "1": "delivered", "2": "quarantined"}


class Queries:
    """Read-only questions to one ledger folder. Opens and closes the file for each question."""

    def __init__(self, folder: Path) -> None:
        """folder: as [ledger] folder in the configuration, resolved; it need not exist."""
        self._folder = folder

    def last(self, limit: int = PAGE_ROWS, below_seq: int | None = None) -> list[Row] | None:
        """The newest records, newest first, all with seq below below_seq. None: unreadable."""
        top = below_seq if below_seq is not None else 1 << 62
        return self._rows(_LIST.format(which="<"), (top, limit))

    def one(self, seq: int) -> Row | None:
        """One record, None when there is none or the file cannot be read."""
        if not 0 < seq < 1 << 62:
            return None
        rows = self._rows(_LIST.format(which="="), (seq, 1))
        return rows[0] if rows else None

    def about(self, seq: int) -> list[Row]:
        """Records that say something about this one: its follow-up, another trailer."""
        rows = self._rows(_ABOUT, (seq, SAME_COMMIT_MAX)) or []
        return [
            row
            for row in rows
            if row.record is not None
            and row.record.happening is not None
            and row.record.happening.about_seq == seq
        ]

    def photo(self, sha256_hex: str) -> Path | None:
        """File of a stored photo, None for anything that is not the digest of one."""
        if len(sha256_hex) != 64 or not all(c in "0123456789abcdef" for c in sha256_hex):
            return None
        path = self._folder / EVIDENCE / sha256_hex[:2] / f"{sha256_hex}.jpg"
        return path if path.is_file() else None

    def plate_weeks(self) -> list[Week] | None:
        """Share of plates read without a person, newest week first. None: unreadable.

        Weeks count back from the newest record, so a wrong clock now hides nothing. Decodes up to
        JUDGED_MAX records: seconds on a small board, so not for the thread of the live pages.
        """
        found = self._ask(_JUDGED, (WEEKS_MAX * WEEK_NS, JUDGED_MAX))
        if found is None:
            return None
        weeks: dict[str, list[Confirmed]] = {}
        for (body,) in found:
            try:
                visit = visit_of(decode_signed(body))
            except RecordError:
                continue
            if visit is not None:
                weeks.setdefault(visit[0], []).append(visit[1])
        return [
            Week(name, measure(weeks[name], night=False), measure(weeks[name], night=True))
            for name in sorted(weeks, reverse=True)
        ]

    def _rows(self, sql: str, values: tuple[int, int]) -> list[Row] | None:
        found = self._ask(sql, values)
        return None if found is None else [_row(one) for one in found]

    def _ask(self, sql: str, values: tuple[int, int]) -> list[Any] | None:
        uri = (self._folder / DB_FILE).as_uri() + "?mode=ro"
        try:
            with closing(sqlite3.connect(uri, uri=True, timeout=BUSY_S_MAX)) as db:
                return db.execute(sql, values).fetchall()
        except sqlite3.Error:
            return None


def _row(found: tuple[int, bytes, bytes, int, str | None]) -> Row:
    """A row of the query with its record decoded; a record of a newer format is shown bare."""
    seq, sha256, body, wall_ns, pairs = found
    try:
        record = decode_signed(body)
    except RecordError:
        record = None
    deliveries = tuple(
        (pair.rpartition(":")[0], STATES.get(pair.rpartition(":")[2], "waiting"))
        for pair in (pairs or "").split()
    )
    return Row(seq, sha256.hex(), wall_ns, record, deliveries)
