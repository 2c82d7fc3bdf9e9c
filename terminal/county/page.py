"""The receiver's status page: what needs attention first, then terminals, refusals, over-limit.

Server-rendered, no scripts, no network resources. Texts in Chinese and English side by side,
because this page has one reader and no settings. Read-only.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import time
from html import escape
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from terminal.county.accept import NS_PER_S
from terminal.county.figures import DAY_NS, day_begin_ns
from terminal.county.figures_page import figures_routes
from terminal.county.keys_page import (
    refused_table,
    rotation_table,
    rotation_troubles,
    rotations,
    what,
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
    swap_table,
    table,
    to_csv,
    unit_name,
)
from terminal.county.photos import PhotoStore
from terminal.county.reading import READ_ERRORS, StorePlace, shown_place
from terminal.county.record_page import record_routes
from terminal.county.report import ChainRow, Report, gaps, read_report
from terminal.records.site_time import shown_time

REFRESH_S = 30
SILENT_NS = DAY_NS
"""A terminal without a record for so long is named; a night without trucks is not a fault."""
OWED_MANY = 1_000
"""Records waiting for NATS that are no longer a matter of moments."""
REFUSED_NAMED_MAX, SWAPS_NAMED_MAX = 20, 10
"""Refusals of the last day named above; the table has them all."""
MEGABYTE = 1_000_000
FREE_BYTES_MIN = 1_000 * MEGABYTE
"""Less than this beside the store is named: some days of records and photos of one county."""
Lists = dict[tuple[str, str], list[tuple[int, int]]]


def page_app(store: StorePlace, photos: PhotoStore, contexts: Path | None = None) -> Starlette:
    """The application. photos: where the pictures of a record are read from.

    contexts: the folder of OSCORE contexts, for the rotations under way.
    """

    async def status(_request: Request) -> Response:
        try:
            body = await asyncio.to_thread(_page, store, time.time_ns(), contexts)
        except READ_ERRORS as error:
            return PlainTextResponse(f"The store {shown_place(store)} cannot be read: {error}", 503)
        return HTMLResponse(body)

    async def over_csv(_request: Request) -> Response:
        report = await asyncio.to_thread(read_report, store)
        return Response(
            to_csv(OVER_HEADINGS, [over_cells(row, report.units) for row in report.over]),
            media_type="text/csv; charset=utf-8",
        )

    return Starlette(
        routes=[
            Route("/", status),
            Route("/over.csv", over_csv),
            *figures_routes(store),
            *record_routes(store, photos),
        ]
    )


def _page(store: StorePlace, now_ns: int, contexts: Path | None = None) -> str:
    report = read_report(store, day_begin_ns(now_ns))
    now_s = now_ns // NS_PER_S
    rotating = rotations(contexts, now_s)
    lists = {
        (chain.terminal, chain.ledger): gaps(store, chain.terminal, chain.ledger)
        for chain in report.chains
        if chain.missing
    }
    troubles = rotation_troubles(rotating, now_s) + disk_troubles(store)
    return page(
        "治超接收端",
        "county receiver",
        _cards(report)
        + _attention(report, lists, now_ns, troubles)
        + heading("终端", "terminals, by their latest record")
        + _chains(report, lists, now_ns)
        + heading("拒收与存疑：终端", "who was refused, or doubted, and why")
        + refused_table(report.refused)
        + heading("拒收与存疑：类别", "refused or doubtful, by kind")
        + _refusals(report)
        + (
            heading("换钥", "rotation of transport keys") + rotation_table(rotating, now_s)
            if contexts is not None
            else ""
        )
        + heading("离场车牌不符", "another plate left than was weighed, newest first")
        + swap_table(report.swaps, report.units)
        + heading("超限", "over limit, newest first", "over.csv")
        + over_table(report.over, report.units),
        refresh_s=REFRESH_S,
    )


def _cards(report: Report) -> str:
    rows = [
        (f"{report.today:,}", "今日过磅", "weighed today", ""),
        (f"{report.today_over:,}", "今日超限", "over limit today", "bad" * bool(report.today_over)),
        (f"{len(report.chains):,}", "终端", "terminals", ""),
        (f"{report.records:,}", "记录", "records in all", ""),
        (f"{report.photos:,}", "照片", "photos", ""),
        (f"{report.photos_missing:,}", "待到照片", "photos to come", ""),
    ]
    if report.unpublished is not None:
        rows.append((f"{report.unpublished:,}", "待发布", "not yet published", ""))
    return cards(rows)


def _attention(report: Report, lists: Lists, now_ns: int, more: list[str]) -> str:
    """What a person should look at, as sentences; or that there is nothing."""
    found = []
    for row in report.chains:
        name = f"{row.terminal}（{unit_name(row.unit, report.units)}）"
        if now_ns - row.seen_ns > SILENT_NS:
            found.append(f"{name}：{age(now_ns - row.seen_ns)}没有记录 has sent no record since"
                         f" {shown_time(row.seen_ns)}")  # fmt: skip
        if row.missing:
            runs = _runs(lists.get((row.terminal, row.ledger), []))
            found.append(f"{name}：缺 {row.missing} 条 records missing: {runs}")
    for swap in [row for row in report.swaps if now_ns - row.arrived_ns < DAY_NS][:SWAPS_NAMED_MAX]:
        name = f"{swap.terminal}（{unit_name(swap.source_unit, report.units)}）"
        found.append(f"{name}：离场车牌不符 another plate left: {swap.detail}")
    lately = [row for row in report.refused if now_ns - row.last_ns < DAY_NS]
    for one in lately[:REFUSED_NAMED_MAX]:
        name = f"{one.terminal}：" if one.terminal else ""
        ago = age(now_ns - one.last_ns)
        found.append(f"{name}{what(one.kind)} ×{one.count}，{ago}前 ago: {one.last}")
    if len(lately) > REFUSED_NAMED_MAX:
        found.append(f"另有 {len(lately) - REFUSED_NAMED_MAX} 项见下表 more in the table below")
    found += more
    if report.unpublished is not None and report.unpublished > OWED_MANY:
        found.append(f"待发布 {report.unpublished} 条：NATS 是否可达？ Is NATS reachable?")
    if not found:
        return "<p class='todo none'>没有需要处理的事项 nothing needs attention</p>"
    items = "".join(f"<li>{escape(text)}" for text in found)
    return f"<div class=todo><b>需处理</b> needs attention<ul>{items}</ul></div>"


def disk_troubles(store: StorePlace) -> list[str]:
    """A disk that is nearly full under a store of ours; a database server watches its own."""
    if not isinstance(store, Path):
        return []
    with contextlib.suppress(OSError):
        free_bytes = shutil.disk_usage(store.parent).free
        if free_bytes < FREE_BYTES_MIN:
            left = f"{free_bytes // MEGABYTE} MB"
            return [f"磁盘将满，剩 {left} disk nearly full: {left} left beside {store}"]
    return []


def age(ns: int) -> str:
    """How long, roughly."""
    minutes = max(0, ns) // 60_000_000_000
    if minutes < 60:
        return f" {minutes} 分钟 min "
    return f" {minutes // 60} 小时 h " if minutes < 48 * 60 else f" {minutes // 1440} 天 days "


def _chains(report: Report, lists: Lists, now_ns: int) -> str:
    headings = (
        "终端 terminal",
        "源头单位 source unit",
        "最近 last record",
        "多久以前 ago",
        "已收 stored",
        "连续至 contiguous to",
        "最高 highest",
        "缺号 missing",
        "账本 ledger",
    )
    rows = [
        (
            Cell(row.terminal),
            Cell(unit_name(row.unit, report.units)),
            Cell(shown_time(row.seen_ns), "w"),
            Cell(age(now_ns - row.seen_ns), "w bad" if now_ns - row.seen_ns > SILENT_NS else "w"),
            number(row.stored),
            number(row.high),
            number(row.highest),
            _missing(row, lists.get((row.terminal, row.ledger), [])),
            Cell(row.ledger, "dim"),
        )
        for row in report.chains
    ]
    return table(headings, rows)


def _missing(row: ChainRow, runs: list[tuple[int, int]]) -> Cell:
    return Cell(f"{row.missing}: {_runs(runs)}", "bad") if row.missing else Cell("0", "good")


def _runs(runs: list[tuple[int, int]]) -> str:
    return ", ".join(f"{low}" if low == high else f"{low}-{high}" for low, high in runs)


def _refusals(report: Report) -> str:
    rows = [
        (Cell(what(name)), number(count), Cell(shown_time(ns), "w"),
         Cell(last))
        for name, count, ns, last in report.refusals
    ]  # fmt: skip
    headings = ("类别 kind", "次数 count", "最近 last", "原因 reason")
    return table(headings, rows) if rows else "<p class=dim>无 none</p>"
