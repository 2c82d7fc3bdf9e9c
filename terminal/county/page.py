"""The receiver's status page: counts, gaps, refusals, the over-limit list; also as CSV.

Server-rendered, no scripts, no network resources. Texts in Chinese and English side by side,
because this page has one reader and no settings. Read-only.
"""

from __future__ import annotations

import asyncio

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from terminal.county.figures_page import figures_routes
from terminal.county.page_parts import OVER_HEADINGS, STYLE, local_time, over_cells, table, to_csv
from terminal.county.reading import READ_ERRORS, StorePlace, shown_place
from terminal.county.report import ChainRow, Report, gaps, read_report


def page_app(store: StorePlace) -> Starlette:
    """The application; `store` is the SQLite file."""

    async def status(_request: Request) -> Response:
        try:
            body = await asyncio.to_thread(_page, store)
        except READ_ERRORS as error:
            return PlainTextResponse(f"The store {shown_place(store)} cannot be read: {error}", 503)
        return HTMLResponse(body)

    async def over_csv(_request: Request) -> Response:
        report = await asyncio.to_thread(read_report, store)
        return Response(
            to_csv(OVER_HEADINGS, [over_cells(row) for row in report.over]),
            media_type="text/csv; charset=utf-8",
        )

    return Starlette(
        routes=[Route("/", status), Route("/over.csv", over_csv), *figures_routes(store)]
    )


def _page(store: StorePlace) -> str:
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
        "<p><a href=figures>月报 monthly figures</a></p>"
        + table(
            ("记录 records", "照片 photos", "待到照片 photos to come"),
            [(str(report.records), str(report.photos), str(report.photos_missing))],
        )
        + _chains(report, lists)
        + _refusals(report)
        + "<h2>超限 over limit</h2><p><a href=over.csv>CSV</a></p>"
        + table(OVER_HEADINGS, [over_cells(row) for row in report.over])
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
    return "<h2>终端 terminals</h2>" + table(headings, rows)


def _missing(row: ChainRow, runs: list[tuple[int, int]]) -> str:
    if not row.missing:
        return "0"
    shown = ", ".join(f"{low}" if low == high else f"{low}-{high}" for low, high in runs)
    return f"{row.missing}: {shown}"


def _refusals(report: Report) -> str:
    rows = [(name, str(count), local_time(ns), last) for name, count, ns, last in report.refusals]
    headings = ("类别 kind", "次数 count", "最近 last", "原因 reason")
    return "<h2>拒收与存疑 refused or doubtful</h2>" + table(headings, rows)
