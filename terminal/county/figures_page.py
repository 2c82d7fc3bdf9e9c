"""The monthly figures as a page and as CSV, for the county's return to the city.

Server-rendered like the status page and with its table; read-only. A cell that a spreadsheet
could take for a formula never leaves as one.
"""

from __future__ import annotations

import asyncio
import time
from html import escape

from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from terminal.county.figures import (
    KG_PER_T,
    ONLINE_DAYS,
    ONLINE_T,
    ONLINE_TRUCKS,
    Figures,
    UnitRow,
    month_of,
    parse_month,
    read_figures,
)
from terminal.county.page_parts import OVER_HEADINGS, STYLE, over_cells, table, to_csv
from terminal.county.reading import READ_ERRORS, StorePlace, shown_place

UNIT_HEADINGS = (
    "源头单位 source unit",
    "称重车次 trucks",
    "总质量 mass t",
    "超限车次 over limit",
    "有数据天数 days with records",
    "数据在线率 days online %",
    "达标在线 online",
    "迟到 arrived late",
    "模拟 simulated",
)
GAP_HEADINGS = ("源头单位 source unit", "终端 terminal", "首个缺号 first", "末个缺号 last")


def figures_routes(store: StorePlace) -> list[Route]:
    """/figures, /figures.csv and /figures-over.csv, each with ?month=YYYY-MM (default: now)."""

    async def answer(request: Request) -> Response:
        asked = request.query_params.get("month") or month_of(time.time_ns()).text
        try:
            month = parse_month(asked)
            figures = await asyncio.to_thread(read_figures, store, month)
        except ValueError as error:
            return PlainTextResponse(str(error), 400)
        except READ_ERRORS as error:
            return PlainTextResponse(f"The store {shown_place(store)} cannot be read: {error}", 503)
        if request.url.path == "/figures":
            return HTMLResponse(_page(figures))
        rows = [_unit_cells(row, figures.month.days) for row in figures.units]
        headings: tuple[str, ...] = UNIT_HEADINGS
        if request.url.path == "/figures-over.csv":
            headings, rows = OVER_HEADINGS, [over_cells(row) for row in figures.over]
        return Response(to_csv(headings, rows), media_type="text/csv; charset=utf-8")

    return [Route(path, answer) for path in ("/figures", "/figures.csv", "/figures-over.csv")]


def _percent(permille: int | None) -> str:
    return "" if permille is None else f"{permille // 10}.{permille % 10}"


def _unit_cells(row: UnitRow, days: int) -> tuple[str, ...]:
    return (
        row.unit,
        str(row.trucks),
        f"{row.mass_kg // KG_PER_T}.{row.mass_kg % KG_PER_T:03d}",
        str(row.over),
        str(row.days),
        _percent(row.days * 1000 // days),
        "是 yes" if row.online else "否 no",
        str(row.late),
        str(row.simulated),
    )


def _page(figures: Figures) -> str:
    month = figures.month
    online = sum(row.online for row in figures.units)
    gaps = [(row.unit, row.terminal, str(row.first_seq), str(row.last_seq)) for row in figures.gaps]
    return (
        "<!doctype html><html lang=zh-CN><meta charset=utf-8>"
        f"<title>月报 {escape(month.text)}</title><style>{STYLE}</style>"
        f"<h1>月报 {escape(month.text)} <small>monthly figures</small></h1>"
        "<form><label>月份 month <input name=month pattern='[0-9]{4}-[0-9]{2}'"
        f" value='{escape(month.text)}'></label> <button>查询 show</button></form>"
        + table(
            ("源头单位 units", "达标在线 online", "在线率 online rate %"),
            [(str(len(figures.units)), str(online), _percent(figures.online_permille))],
        )
        + f"<p>达标在线：当月超过 {ONLINE_DAYS} 天有数据，或超过 {ONLINE_T} t，或超过"
        f" {ONLINE_TRUCKS} 车次。 Online: more than {ONLINE_DAYS} days with records, {ONLINE_T} t"
        f" or {ONLINE_TRUCKS} trucks. 分母为已有数据上报的单位 of the units heard of so far.</p>"
        f"<p><a href=figures.csv?month={escape(month.text)}>CSV</a></p>"
        + table(UNIT_HEADINGS, [_unit_cells(row, month.days) for row in figures.units])
        + f"<h2>超限 over limit</h2><p><a href=figures-over.csv?month={escape(month.text)}>CSV</a>"
        "</p>"
        + table(OVER_HEADINGS, [over_cells(row) for row in figures.over])
        + "<h2>缺号 gaps</h2>"
        + table(GAP_HEADINGS, gaps)
    )
