"""What the receiver's pages share: table, CSV, local time, the cells of an over-limit row.

One look and one set of headings for the status page and the monthly figures. Texts only: it
reads no store.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from html import escape
from itertools import zip_longest
from typing import NamedTuple
from urllib.parse import quote

from terminal.county.report import OverRow, SwapRow, over_permille
from terminal.records.site_time import shown_time

STYLE = """
body{font:15px/1.45 system-ui,"Noto Sans CJK SC",sans-serif;margin:0}
body{color:#1d2733;background:#f4f6f8}
header{background:#1c3d5a;color:#fff;padding:.7rem 1.5rem}
header{display:flex;gap:1.5rem;align-items:baseline}
header b{font-size:1.25rem}header a{color:#cfe3f5}header small{margin-left:auto;color:#cfe3f5}
main{max-width:76rem;margin:0 auto;padding:1rem 1.5rem}
h2{font-size:1.1rem;margin:1.6rem 0 .5rem}h2 small,th small{font-weight:400;color:#5b6b7a}
table{border-collapse:collapse;background:#fff;width:100%}
td,th{border-bottom:1px solid #dde3e8;padding:.35rem .6rem;text-align:left;vertical-align:top}
th{background:#eaeff3;font-weight:600}th small{display:block}
.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}.w{white-space:nowrap}
.bad{color:#a31515;font-weight:600}.good{color:#1a6b35}.dim{color:#5b6b7a}
.cards{display:flex;flex-wrap:wrap;gap:.8rem;margin:1rem 0}
.card{background:#fff;border:1px solid #dde3e8;border-radius:6px;padding:.5rem .9rem;min-width:8rem}
.card b{display:block;font-size:1.6rem;font-variant-numeric:tabular-nums}
.todo{background:#fff6e0;border:1px solid #e8c36a;border-radius:6px;padding:.6rem 1rem}
.todo.none{background:#e9f6ec;border-color:#9bcfa8}.todo ul{margin:.3rem 0;padding-left:1.2rem}
.evidence{max-width:100%;max-height:26rem;border:1px solid #dde3e8}
"""
OVER_HEADINGS = (
    "编号 record",
    "称重时间 weighed",
    "到达 arrived",
    "源头单位 source",
    "单位名称 name",
    "车牌 plate",
    "轴数 axles",
    "总重 gross kg",
    "限重 limit kg",
    "超限 over kg",
    "超限率 over %",
)


def over_cells(row: OverRow, units: dict[str, str]) -> tuple[str, ...]:
    """One line of the CSV under OVER_HEADINGS."""
    return (
        row.record_id,
        shown_time(row.wall_ns),
        shown_time(row.arrived_ns),
        row.source_unit,
        units.get(row.source_unit, ""),
        row.plate,
        "" if row.axles is None else str(row.axles),
        str(row.gross_kg),
        "" if row.limit_kg is None else str(row.limit_kg),
        str(row.over_kg),
        percent(over_permille(row)),
    )


def percent(permille: int | None) -> str:
    """One decimal, without the sign; empty for None."""
    return "" if permille is None else f"{permille // 10}.{permille % 10}"


class Cell(NamedTuple):
    """A cell of a page. style: classes of STYLE; href: where it leads."""

    text: str
    style: str = ""
    href: str = ""


def number(value: int | None) -> Cell:
    """A number as people read it: in thousands, to the right."""
    return Cell("" if value is None else f"{value:,}", "n")


def unit_name(code: str, units: dict[str, str]) -> str:
    """Name and code of a source unit."""
    return f"{units[code]} {code}" if units.get(code) else code


def over_table(rows: Iterable[OverRow], units: dict[str, str]) -> str:
    """The over-limit list as a table, each line with the way to its evidence."""
    headings = ("称重时间 weighed", "源头单位 source unit", "车牌 plate", "轴数 axles",
                "总重 kg gross", "限重 kg limit", "超限 kg over", "超限率 % over",
                "证据 evidence")  # fmt: skip
    return table(
        headings,
        [
            (
                Cell(shown_time(row.wall_ns), "w"),
                Cell(unit_name(row.source_unit, units)),
                Cell(row.plate or "未识别 unread", "w"),
                number(row.axles),
                number(row.gross_kg),
                number(row.limit_kg),
                Cell(f"{row.over_kg:,}", "n bad"),
                Cell(percent(over_permille(row)), "n"),
                Cell("查看 view", "w", f"record?id={quote(row.record_id)}"),
            )
            for row in rows
        ],
    )


def swap_table(rows: Iterable[SwapRow], units: dict[str, str]) -> str:
    """Vehicles that left with another plate, each line with the way to its evidence."""
    headings = ("到达 arrived", "终端 terminal", "源头单位 source unit", "说明 what was seen",
                "证据 evidence")  # fmt: skip
    cells = [
        (
            Cell(shown_time(row.arrived_ns), "w"),
            Cell(row.terminal),
            Cell(unit_name(row.source_unit, units)),
            Cell(row.detail, "bad"),
            Cell("查看 view", "w", f"record?id={quote(row.record_id)}"),
        )
        for row in rows
    ]
    return table(headings, cells) if cells else "<p class=dim>无 none</p>"


def page(title_zh: str, title_en: str, body: str, *, refresh_s: int = 0) -> str:
    """A whole page. Texts come escaped."""
    again = f"<meta http-equiv=refresh content={refresh_s}>" if refresh_s else ""
    return (
        "<!doctype html><html lang=zh-CN><meta charset=utf-8>"
        f"<meta name=viewport content='width=device-width'>{again}"
        f"<title>{title_zh} {title_en}</title><style>{STYLE}</style>"
        f"<header><b>{title_zh}</b> {title_en} <a href=./>现况 now</a>"
        " <a href=figures>月报 monthly figures</a>"
        "<small>治超接收端 county receiver</small></header>"
        f"<main>{body}</main>"
    )


def heading(zh: str, en: str, file_at: str = "", file: str = "CSV") -> str:
    """A heading, with the way to the same as a file."""
    link = f" <small><a href='{file_at}'>{file}</a></small>" if file_at else ""
    return f"<h2>{zh} <small>{en}</small>{link}</h2>"


def cards(rows: Iterable[tuple[str, str, str, str]]) -> str:
    """Large figures: (value, what in Chinese, what in English, style)."""
    return "<div class=cards>" + "".join(
        f"<div class=card><b class='{style}'>{escape(value)}</b>{escape(zh)}"
        f"<br><span class=dim>{escape(en)}</span></div>"
        for value, zh, en, style in rows
    ) + "</div>"  # fmt: skip


def table(headings: Iterable[str], rows: Iterable[Iterable[Cell]]) -> str:
    """An HTML table; every text is escaped. A heading is `中文 English`."""
    lines = [list(row) for row in rows]
    styles = ["n" if "n" in cell.style.split() else "" for cell in lines[0]] if lines else []
    head = "".join(
        f"<th class='{style}'>{_two_lines(text)}</th>"
        for text, style in zip_longest(headings, styles, fillvalue="")
    )
    body = "".join("<tr>" + "".join(_td(cell) for cell in row) + "</tr>" for row in lines)
    return f"<table><tr>{head}</tr>{body}</table>"


def _two_lines(text: str) -> str:
    zh, _, en = text.partition(" ")
    return f"{escape(zh)}<small>{escape(en)}</small>"


def _td(cell: Cell) -> str:
    text = escape(cell.text)
    if cell.href:
        text = f"<a href='{escape(cell.href)}'>{text}</a>"
    return f"<td class='{cell.style}'>{text}</td>" if cell.style else f"<td>{text}</td>"


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
