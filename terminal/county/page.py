"""The receiver's status page: counts, gaps, refusals, the over-limit list; also as CSV.

Server-rendered, no scripts, no network resources. Texts in Chinese and English side by side,
because this page has one reader and no settings. Read-only.
"""

from __future__ import annotations

import asyncio
import csv
import io
import sqlite3
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta, timezone
from html import escape
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from terminal.county.report import ChainRow, OverRow, Report, gaps, over_permille, read_report

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


def page_app(store: Path) -> Starlette:
    """The application; `store` is the SQLite file."""

    async def status(_request: Request) -> Response:
        try:
            body = await asyncio.to_thread(_page, store)
        except sqlite3.Error as error:
            return PlainTextResponse(f"The store {store} cannot be read: {error}", 503)
        return HTMLResponse(body)

    async def over_csv(_request: Request) -> Response:
        report = await asyncio.to_thread(read_report, store)
        return Response(_csv(report.over), media_type="text/csv; charset=utf-8")

    return Starlette(routes=[Route("/", status), Route("/over.csv", over_csv)])


def local_time(ns: int) -> str:
    """China standard time to the second."""
    moment = datetime.fromtimestamp(ns / 1e9, UTC).astimezone(BEIJING)
    return moment.strftime("%Y-%m-%d %H:%M:%S")


def _page(store: Path) -> str:
    report = read_report(store)
    lists = {
        (chain.terminal, chain.ledger): gaps(store, chain.terminal, chain.ledger)
        for chain in report.chains
        if chain.missing
    }
    return (
        "<!doctype html><html lang=zh-CN><meta charset=utf-8>"
        "<meta http-equiv=refresh content=5><title>治超接收端 county receiver</title>"
        f"<style>{STYLE}</style><h1>治超接收端 <small>county receiver</small></h1>"
        + _table(
            ("记录 records", "照片 photos", "待到照片 photos to come"),
            [(str(report.records), str(report.photos), str(report.photos_missing))],
        )
        + _chains(report, lists)
        + _refusals(report)
        + "<h2>超限 over limit</h2><p><a href=over.csv>CSV</a></p>"
        + _table(OVER_HEADINGS, [_over_cells(row) for row in report.over])
    )


def _chains(report: Report, lists: dict[tuple[str, str], list[tuple[int, int]]]) -> str:
    headings = (
        "终端 terminal",
        "账本 ledger",
        "已收 stored",
        "连续至 contiguous to",
        "最高 highest",
        "缺号 missing",
        "最近 last seen",
    )
    rows = [
        (
            row.terminal,
            row.ledger.lower(),
            str(row.stored),
            str(row.high),
            str(row.highest),
            _missing(row, lists.get((row.terminal, row.ledger), [])),
            local_time(row.seen_ns),
        )
        for row in report.chains
    ]
    return "<h2>终端 terminals</h2>" + _table(headings, rows)


def _missing(row: ChainRow, runs: list[tuple[int, int]]) -> str:
    if not row.missing:
        return "0"
    shown = ", ".join(f"{low}" if low == high else f"{low}-{high}" for low, high in runs)
    return f"{row.missing}: {shown}"


def _refusals(report: Report) -> str:
    rows = [(name, str(count), local_time(ns), last) for name, count, ns, last in report.refusals]
    headings = ("拒收 refused", "次数 count", "最近 last", "原因 reason")
    return "<h2>拒收 refusals</h2>" + _table(headings, rows)


def _over_cells(row: OverRow) -> tuple[str, ...]:
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


def _table(headings: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    head = "".join(f"<th>{escape(text)}</th>" for text in headings)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    return f"<table><tr>{head}</tr>{body}</table>"


def _csv(rows: Iterable[OverRow]) -> str:
    out = io.StringIO()
    out.write("\ufeff")  # spreadsheets take the file for UTF-8 only with this mark
    writer = csv.writer(out)
    writer.writerow(OVER_HEADINGS)
    writer.writerows([_guard(cell) for cell in _over_cells(row)] for row in rows)
    return out.getvalue()


def _guard(cell: str) -> str:
    """A cell a spreadsheet cannot take for a formula."""
    return f"'{cell}" if cell[:1] in ("=", "+", "-", "@") else cell
