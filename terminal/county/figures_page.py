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
    beside,
    month_of,
    parse_month,
    read_figures,
)
from terminal.county.page_parts import (
    OVER_HEADINGS,
    Cell,
    cards,
    heading,
    number,
    over_cells,
    over_table,
    page,
    percent,
    table,
    to_csv,
    unit_name,
)
from terminal.county.reading import READ_ERRORS, StorePlace, shown_place

UNIT_HEADINGS = (
    "源头单位 source unit",
    "单位名称 name",
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
        rows = [_unit_cells(row, figures) for row in figures.units]
        headings: tuple[str, ...] = UNIT_HEADINGS
        if request.url.path == "/figures-over.csv":
            headings, rows = OVER_HEADINGS, [over_cells(row, figures.names) for row in figures.over]
        return Response(to_csv(headings, rows), media_type="text/csv; charset=utf-8")

    return [Route(path, answer) for path in ("/figures", "/figures.csv", "/figures-over.csv")]


def _unit_cells(row: UnitRow, figures: Figures) -> tuple[str, ...]:
    return (
        row.unit,
        figures.names.get(row.unit, ""),
        str(row.trucks),
        f"{row.mass_kg // KG_PER_T}.{row.mass_kg % KG_PER_T:03d}",
        str(row.over),
        str(row.days),
        percent(row.days * 1000 // figures.month.days),
        "是 yes" if row.online else "否 no",
        str(row.late),
        str(row.simulated),
    )


def _unit_row(row: UnitRow, figures: Figures) -> list[Cell]:
    """The same cells for the page: numbers to the right, what is wrong in red."""
    cells = _unit_cells(row, figures)
    styles = ("", "", "n", "n", "n bad" if row.over else "n", "n", "n",
              "good" if row.online else "bad", "n", "n")  # fmt: skip
    return [Cell(text, style) for text, style in zip(cells, styles, strict=True)]


def _page(figures: Figures) -> str:
    month = figures.month
    online = sum(row.online for row in figures.units)
    gaps = [
        (Cell(unit_name(row.unit, figures.names)), Cell(row.terminal), number(row.first_seq),
         number(row.last_seq))
        for row in figures.gaps
    ]  # fmt: skip
    at = f"?month={escape(month.text)}"
    steps = " ".join(
        f"<a href='figures?month={beside(month, step)}'>{beside(month, step)}</a>"
        for step in (-1, 1)
    )
    return page(
        f"月报 {escape(month.text)}",
        "monthly figures",
        "<form><label>月份 month <input type=month name=month pattern='[0-9]{4}-[0-9]{2}'"
        f" value='{escape(month.text)}'></label> <button>查询 show</button> {steps}</form>"
        + cards(
            [
                (str(len(figures.units)), "源头单位", "units heard of so far", ""),
                (str(online), "达标在线", "online", ""),
                (percent(figures.online_permille), "在线率 %", "online rate", ""),
                (f"{sum(row.trucks for row in figures.units):,}", "称重车次", "trucks", ""),
                (f"{sum(row.over for row in figures.units):,}", "超限车次", "over limit", ""),
            ]
        )
        + heading("源头单位", "source units", f"figures.csv{at}")
        + table(UNIT_HEADINGS, [_unit_row(row, figures) for row in figures.units])
        + f"<p class=dim>达标在线：当月超过 {ONLINE_DAYS} 天有数据，或超过 {ONLINE_T} t，或超过"
        f" {ONLINE_TRUCKS} 车次。 Online: more than {ONLINE_DAYS} days with records, {ONLINE_T} t"
        f" or {ONLINE_TRUCKS} trucks. 分母为已有数据上报的单位 of the units heard of so far.</p>"
        + heading("缺号", "gaps")
        + (table(GAP_HEADINGS, gaps) if gaps else "<p class=dim>无 none</p>")
        + heading("超限", "over limit", f"figures-over.csv{at}")
        + over_table(figures.over, figures.names),
    )
