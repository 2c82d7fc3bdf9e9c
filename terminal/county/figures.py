"""Monthly figures a source unit answers for: trucks, mass, over-limit, days with records, gaps.

Months are China's. A weighing counts in the month in which it was weighed; one whose terminal
knew no time counts when it arrived. Read-only, one transaction a question.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime

from terminal.county.accept import AHEAD_NS_MAX
from terminal.county.reading import StorePlace, open_reader
from terminal.county.report import GAPS_MAX, LIST_MAX, UNITS_MAX, OverRow, read_units
from terminal.records.site_time import BEIJING

BEIJING_NS = 8 * 3_600 * 1_000_000_000
DAY_NS = 86_400 * 1_000_000_000
CLOCK_NS_MIN = 1_577_836_800 * 1_000_000_000
"""2020-01-01: an earlier wall time is a clock that was never set."""
YEARS = range(2020, 2200)
ONLINE_DAYS, ONLINE_T, ONLINE_TRUCKS = 20, 20_000, 410
"""More than one of these in a month makes a source station "online" (Zhejiang's counting)."""
KG_PER_T = 1_000
TIMELESS = f"(wall_ns < {CLOCK_NS_MIN} OR wall_ns > arrived_ns + {AHEAD_NS_MAX})"
"""No clock, or one that is ahead: such a record counts by its arrival."""
COUNTED_NS = f"CASE WHEN {TIMELESS} THEN arrived_ns ELSE wall_ns END"
IN_MONTH = (
    f"((wall_ns >= ? AND wall_ns < ? AND NOT {TIMELESS})"
    f" OR (arrived_ns >= ? AND arrived_ns < ? AND {TIMELESS}))"
)

UNITS = f"""
SELECT source_unit, count(*), sum(gross_kg), sum(CASE WHEN verdict='over' THEN 1 ELSE 0 END),
  count(DISTINCT ({COUNTED_NS} + {BEIJING_NS}) / {DAY_NS}),
  sum(CASE WHEN arrived_ns >= ? THEN 1 ELSE 0 END), sum(simulated)
FROM record WHERE kind='weigh' AND {IN_MONTH} GROUP BY source_unit
"""  # noqa: S608  # constants of this module
HEARD = "SELECT DISTINCT source_unit FROM record WHERE arrived_ns < ? ORDER BY 1 LIMIT ?"
OVER = f"""
SELECT id, wall_ns, arrived_ns, source_unit, plate, axles, gross_kg, limit_kg, over_kg, reason
FROM record WHERE verdict='over' AND {IN_MONTH} ORDER BY source_unit, wall_ns, id LIMIT ?
"""  # noqa: S608  # constants of this module
GAPS = f"""
SELECT source_unit, terminal, (SELECT coalesce(max(p.seq), 0) FROM record p
  WHERE p.terminal=r.terminal AND p.ledger=r.ledger AND p.seq < r.seq) + 1, seq - 1
FROM record r WHERE {IN_MONTH} AND seq > 1 AND NOT EXISTS (SELECT 1 FROM record p
  WHERE p.terminal=r.terminal AND p.ledger=r.ledger AND p.seq = r.seq - 1)
ORDER BY source_unit, terminal, seq LIMIT ?
"""  # noqa: S608  # constants of this module


@dataclass(frozen=True, slots=True)
class Month:
    """One month of China standard time. begin_ns <= t < end_ns, UTC since 1970."""

    text: str
    begin_ns: int
    end_ns: int

    @property
    def days(self) -> int:
        """Days in it."""
        return (self.end_ns - self.begin_ns) // DAY_NS


@dataclass(frozen=True, slots=True)
class UnitRow:
    """One source unit in one month. late: weighings that arrived after the month had ended."""

    unit: str
    trucks: int
    mass_kg: int
    over: int
    days: int
    late: int
    simulated: int

    @property
    def online(self) -> bool:
        """Whether the month counts as online."""
        enough = self.trucks > ONLINE_TRUCKS or self.mass_kg > ONLINE_T * KG_PER_T
        return enough or self.days > ONLINE_DAYS


@dataclass(frozen=True, slots=True)
class GapRow:
    """Records that have not come, before one of this month."""

    unit: str
    terminal: str
    first_seq: int
    last_seq: int


@dataclass(frozen=True, slots=True)
class Figures:
    """All figures of one month; units heard of earlier and silent in it have zeros."""

    month: Month
    units: tuple[UnitRow, ...]
    over: tuple[OverRow, ...]
    gaps: tuple[GapRow, ...]
    names: dict[str, str]

    @property
    def online_permille(self) -> int | None:
        """Online units in 1/1000 of those heard of so far; None when there is none."""
        online = sum(row.online for row in self.units)
        return online * 1000 // len(self.units) if self.units else None


def parse_month(text: str) -> Month:
    """YYYY-MM. Raises ValueError with a sentence."""
    year, dash, number = text.partition("-")
    good = len(text) == 7 and dash and (year + number).isascii() and (year + number).isdecimal()
    if not good or int(year) not in YEARS or not 1 <= int(number) <= 12:
        raise ValueError(
            f"{text[:20]!r} is not a month: write YYYY-MM from {YEARS[0]} to {YEARS[-1]},"
            " such as 2026-03."
        )
    begin = datetime(int(year), int(number), 1, tzinfo=BEIJING)
    end = datetime(int(year) + int(number) // 12, int(number) % 12 + 1, 1, tzinfo=BEIJING)
    return Month(text, *(round(moment.timestamp()) * 1_000_000_000 for moment in (begin, end)))


def day_begin_ns(wall_ns: int) -> int:
    """When this day of China began."""
    return (wall_ns + BEIJING_NS) // DAY_NS * DAY_NS - BEIJING_NS


def beside(month: Month, step: int) -> str:
    """YYYY-MM of the month before (-1) or after (1)."""
    year, number = (int(part) for part in month.text.split("-"))
    place = year * 12 + number - 1 + step
    return f"{place // 12:04d}-{place % 12 + 1:02d}"


def month_of(wall_ns: int) -> Month:
    """The month that holds this UTC time."""
    moment = datetime.fromtimestamp(wall_ns // 1_000_000_000, UTC).astimezone(BEIJING)
    return parse_month(f"{moment.year:04d}-{moment.month:02d}")


def read_figures(store: StorePlace, month: Month) -> Figures:
    """Everything of one month. Raises READ_ERRORS."""
    span = (month.begin_ns, month.end_ns) * 2
    with closing(open_reader(store)) as db:
        db.execute("BEGIN")
        rows = db.execute(UNITS, (month.end_ns, *span)).fetchall()
        heard = db.execute(HEARD, (month.end_ns, UNITS_MAX)).fetchall()
        over = db.execute(OVER, (*span, LIST_MAX)).fetchall()
        gaps = db.execute(GAPS, (*span, GAPS_MAX)).fetchall()
        names = read_units(db)
    units = {row[0]: UnitRow(row[0], *(int(cell or 0) for cell in row[1:])) for row in rows}
    for (unit,) in heard:
        units.setdefault(unit, UnitRow(unit, 0, 0, 0, 0, 0, 0))
    return Figures(
        month,
        tuple(units[unit] for unit in sorted(units)),
        tuple(OverRow(*row) for row in over),
        tuple(GapRow(*row) for row in gaps),
        names,
    )
