"""What the status page says of keys: who was refused, why and how often, and rotations under way.

Texts in Chinese and English side by side, as on the rest of the page. Read-only.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from terminal.county.accept import NS_PER_S
from terminal.county.page_parts import Cell, number, table
from terminal.county.problems import IN_CHINESE
from terminal.county.report import RefusedRow
from terminal.enrol.county_contexts import Stage, stages
from terminal.records.site_time import shown_time

SHOWN_MAX = 200
FETCHED_LONG_S = 2 * 3_600
"""A terminal goes over within a minute of fetching, or says on its console why it does not."""
DONE_SHOWN_S = 30 * 86_400

TO_DO: dict[str, str] = {
    "unknown-terminal": "核实后登记 enrol it if it is yours: enrol grant",
    "revoked": "已被吊销 it was put out: enrol it anew if that was a mistake",
    "signature": "核对现场设备与存储 is it the same machine and storage? Else revoke it",
    "clock-ahead": "请现场校时 have its clock set",
    "simulated": "演示设备 a demonstration: not for this receiver",
    "chain": "账本被换过或被改 its ledger was replaced or altered: ask there",
    "key-unknown": "未登记或被删除的密钥 one of ours without a key? Enrol it anew",
    "key-retired": "旧密钥又出现，是否被复制 a copy of the old key? If it goes on, revoke it",
    "key-wrong": "密钥不符，可能是冒充 held by somebody else, or a damaged file: enrol it anew",
    "key-replay": "重放 a message sent again; if it goes on, a restored disk: enrol it anew",
    "key-broken": "本机文件夹损坏 the folder here is damaged: enrol it anew",
    "not-yours": "核对设备 one terminal asks for another's keys: look at it",
}


def what(kind: str) -> str:
    """A kind of refusal in both languages."""
    return f"{IN_CHINESE.get(kind, '')} {kind}".strip()


def refused_table(rows: Iterable[RefusedRow]) -> str:
    """Who was refused, why, when and how often; the latest first."""
    headings = ("终端 terminal", "原因 why", "次数 count", "首次 first", "最近 last",
                "详情 detail", "处理 what to do")  # fmt: skip
    cells = [
        (
            Cell(row.terminal or "（不明 unknown）", "w"),
            Cell(what(row.kind), "bad"),
            number(row.count),
            Cell(shown_time(row.first_ns), "w"),
            Cell(shown_time(row.last_ns), "w"),
            Cell(row.last),
            Cell(TO_DO.get(row.kind, ""), "dim"),
        )
        for row in rows
    ]
    return table(headings, cells) if cells else "<p class=dim>无 none</p>"


def rotations(contexts: Path | None, now_s: int) -> list[Stage]:
    """Rotations under way and those done of late, the newest first. now_s: UTC."""
    if contexts is None:
        return []
    try:
        found = [one for one in stages(contexts) if one.offered_s]
    except OSError:
        return []
    shown = [one for one in found if one.waits or now_s - one.used_s < DONE_SHOWN_S]
    return sorted(shown, key=lambda one: (not one.waits, -one.label.number))[:SHOWN_MAX]


def rotation_table(rows: Iterable[Stage], now_s: int) -> str:
    """How far each is."""
    headings = ("终端 terminal", "编号 number", "进度 state", "下达 offered", "取走 fetched",
                "启用 in use")  # fmt: skip
    cells = [
        (
            Cell(row.label.terminal_id, "w"),
            Cell(str(row.label.number), "n"),
            _state(row, now_s),
            *(_moment(at_s) for at_s in (row.offered_s, row.fetched_s, row.used_s)),
        )
        for row in rows
    ]
    return table(headings, cells) if cells else "<p class=dim>无 none</p>"


def rotation_troubles(rows: Iterable[Stage], now_s: int) -> list[str]:
    """Rotations that want a person, as sentences."""
    found = []
    for row in rows:
        name = f"{row.label.terminal_id}：换钥 rotation {row.label.number}"
        if not row.waits:
            continue
        if row.expired(now_s):
            found.append(f"{name} 已过期 is over seven days old and worth nothing: enrol rotate")
        elif row.fetched_s and now_s - row.fetched_s > FETCHED_LONG_S:
            found.append(f"{name} 取走后未启用 was fetched and is not in use: see its console")
    return found


def _state(row: Stage, now_s: int) -> Cell:
    if row.retired_s:
        return Cell("已被更新的密钥取代 replaced since", "dim")
    if row.used_s:
        return Cell("已启用，旧密钥已作废 in use, the old key is gone", "good")
    if row.expired(now_s):
        return Cell("已过期，请重新下达 expired: make a new one", "bad")
    if row.fetched_s:
        return Cell("已取走，待启用 fetched, not in use yet")
    return Cell("等待终端来取 waits to be fetched (within the hour)")


def _moment(at_s: int) -> Cell:
    return Cell(shown_time(at_s * NS_PER_S) if at_s else "", "w")
