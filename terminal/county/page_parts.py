"""What the receiver's pages share: table, CSV, local time, the cells of an over-limit row.

One look and one set of headings for the status page and the monthly figures. Texts only: it
reads no store.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta, timezone
from html import escape

from terminal.county.report import OverRow, over_permille

BEIJING = timezone(timedelta(hours=8))
STYLE = (
    "body{font:15px system-ui,sans-serif;margin:1.5rem;max-width:70rem}"
    "table{border-collapse:collapse;margin:.5rem 0 1.5rem}"
    "td,th{border:1px solid #bbb;padding:.25rem .6rem;text-align:left}"
    "td.n{text-align:right}.bad{background:#fdd}.good{background:#dfd}"
)
OVER_HEADINGS = (
    "编号 record",
    "称重时间 weighed",
    "到达 arrived",
    "源头单位 source",
    "车牌 plate",
    "轴数 axles",
    "总重 gross kg",
    "限重 limit kg",
    "超限 over kg",
    "超限率 over %",
)


def local_time(ns: int) -> str:
    """China standard time to the second."""
    moment = datetime.fromtimestamp(ns / 1e9, UTC).astimezone(BEIJING)
    return moment.strftime("%Y-%m-%d %H:%M:%S")


def over_cells(row: OverRow) -> tuple[str, ...]:
    """One line under OVER_HEADINGS."""
    permille = over_permille(row)
    return (
        row.record_id,
        local_time(row.wall_ns),
        local_time(row.arrived_ns),
        row.source_unit,
        row.plate,
        "" if row.axles is None else str(row.axles),
        str(row.gross_kg),
        "" if row.limit_kg is None else str(row.limit_kg),
        str(row.over_kg),
        "" if permille is None else f"{permille // 10}.{permille % 10}",
    )


def table(headings: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """An HTML table; every cell is escaped."""
    head = "".join(f"<th>{escape(text)}</th>" for text in headings)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    return f"<table><tr>{head}</tr>{body}</table>"


def to_csv(headings: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A file spreadsheets open as it is."""
    out = io.StringIO()
    out.write("\ufeff")  # spreadsheets take the file for UTF-8 only with this mark
    writer = csv.writer(out)
    writer.writerow(headings)
    writer.writerows([_guard(cell) for cell in row] for row in rows)
    return out.getvalue()


def _guard(cell: str) -> str:
    """A cell a spreadsheet cannot take for a formula."""
    return f"'{cell}" if cell[:1] in ("=", "+", "-", "@") else cell
