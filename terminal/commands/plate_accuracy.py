"""weigh-terminal plate-accuracy LEDGER: how many plates this gate read by itself, week by week.

Counts the judged visits of the ledger: read by the camera, or entered by a person. What a camera
read wrongly and nobody noticed is not seen here; a check by hand of 200 lorries finds that.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import apsw

from terminal import exits
from terminal.anpr.site_accuracy import LORRIES_MIN, Accuracy, Confirmed, measure, visit_of
from terminal.records import RecordError, decode_signed

NAME = "plate-accuracy"
HELP = "share of plates read without a person, by week, day and night"
LEDGER_FILE = "ledger.db"
ALARM = 1


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the ledger and how far back to look."""
    parser.add_argument(
        "ledger", type=Path, nargs="?", default=Path("ledger"), help="ledger folder or ledger.db"
    )
    parser.add_argument("--weeks", type=int, default=8, help="newest weeks to show (default: 8)")


def run(args: argparse.Namespace) -> int:
    """0: no alarm. 1: the newest week lies below a floor beyond doubt. 65: no ledger."""
    path = args.ledger / LEDGER_FILE if args.ledger.is_dir() else args.ledger
    weeks: dict[str, list[Confirmed]] = {}
    try:
        for week, visit in _visits(path):
            weeks.setdefault(week, []).append(visit)
    except (apsw.Error, RecordError) as error:
        print(f"{path} cannot be read: {error}. Name the ledger's folder.", file=sys.stderr)
        return exits.BAD_INPUT
    if not weeks:
        print(f"{path} holds no judged visit yet.")
        return exits.OK
    shown = sorted(weeks)[-max(1, args.weeks) :]
    alarm = False
    for week in shown:
        parts = [measure(weeks[week], night=night) for night in (False, True)]
        day, night_part = (_told(part) for part in parts)
        print(f"{week}  day {day}  night {night_part}")
        alarm = any(part.alarm for part in parts)
    print(f"Below {LORRIES_MIN} lorries a figure says little about a gate.")
    return ALARM if alarm else exits.OK


def _visits(path: Path) -> Iterator[tuple[str, Confirmed]]:
    """ISO week and outcome of every judged visit with a plate, by local time."""
    db = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        for (body,) in db.execute("select body from item where seq is not null order by seq"):
            found = visit_of(decode_signed(bytes(body)))
            if found is not None:
                yield found
    finally:
        db.close()


def _told(part: Accuracy) -> str:
    if part.lorries == 0:
        return "no lorries"
    span = f"{part.low_pct:.0f} to {part.high_pct:.0f}"
    mark = f", BELOW {part.floor_pct:.0f} %" if part.alarm else ""
    return f"{part.right} of {part.lorries} = {part.pct:.1f} % (95 %: {span}{mark})"
