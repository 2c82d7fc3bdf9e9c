"""The wall time of a record as the site's clock shows it: kept in UTC, and China has one zone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

BEIJING = timezone(timedelta(hours=8))


def shown_time(wall_ns: int) -> str:
    """China standard time to the second, e.g. 2025-11-13 10:25:20."""
    moment = datetime.fromtimestamp(wall_ns // 1_000_000_000, UTC).astimezone(BEIJING)
    return moment.strftime("%Y-%m-%d %H:%M:%S")
