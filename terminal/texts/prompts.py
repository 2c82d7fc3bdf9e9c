"""What the sign tells the driver: one entry a Prompt, as pages of at most two lines.

A line is a template; after a bar comes the next choice, taken when a value of the first is not
known; an empty last choice lets the line vanish. A page with a line that has no usable choice is
left out. Every page fits 128 x 32 px: 16 half-width cells a line, 12 beside an icon. GB 2312 only.
"""

from __future__ import annotations

import string
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Literal

from terminal.core.types import Display, HoldReason, Prompt
from terminal.texts.cells import limit_tonnes, over_per_cent, tonnes
from terminal.texts.holds import HOLDS

Lang = Literal["zh-CN", "en"]
LANGS: tuple[Lang, Lang] = ("zh-CN", "en")

CELLS_MAX = 16
CELLS_BESIDE_ICON_MAX = 12


class Icon(Enum):
    """Picture left of the lines, for drivers who do not read them."""

    NONE = "none"
    GO = "go"
    BACK = "back"
    STOP = "stop"
    WAIT = "wait"
    WARN = "warn"


@dataclass(frozen=True, slots=True)
class Page:
    """One page of the sign: icon and at most two lines."""

    icon: Icon
    lines: tuple[str, ...]


def _p(icon: Icon, *lines: str) -> Page:
    return Page(icon, lines)


_PHONE_ZH = _p(Icon.NONE, "值班电话", "{phone}")
_PHONE_EN = _p(Icon.NONE, "Phone", "{phone}")

_ZH: dict[Prompt, tuple[Page, ...]] = {
    Prompt.STARTING: (_p(Icon.WAIT, "系统启动", "请稍候"),),
    Prompt.IDLE: (_p(Icon.NONE, "地衡空闲", "一车一磅 请减速"),),
    Prompt.WAIT: (_p(Icon.WAIT, "请停车", "请稍候"),),
    Prompt.BOARD: (
        _p(Icon.GO, "{plate}|车辆", "请上磅"),
        _p(Icon.GO, "慢速上磅", "停稳后熄火"),
    ),
    Prompt.GO_FORWARD: (_p(Icon.GO, "未停到位", "请向前移动"),),
    Prompt.GO_BACK: (_p(Icon.BACK, "未停到位", "请向后移动"),),
    Prompt.WEIGHING: (_p(Icon.WAIT, "正在称重", "请勿移动"),),
    Prompt.READING_PLATE: (_p(Icon.WAIT, "正在识别车牌", "请稍候"),),
    Prompt.SAVING: (_p(Icon.WAIT, "{gross}t|正在保存", "请稍候"),),
    Prompt.PASS: (
        _p(Icon.NONE, "{plate} {axles}轴|{plate}|", "{gross}t 合格|合格"),
        _p(Icon.GO, "请通行", "限{limit}t|"),
    ),
    Prompt.LEAVE: (_p(Icon.GO, "称重完成", "请下磅"),),
    Prompt.OVER: (
        _p(Icon.NONE, "{plate} {axles}轴|{plate}|", "{gross}t 限{limit}t|{gross}t|"),
        _p(Icon.STOP, "超限{over}t|超限", "禁止出场"),
        _p(Icon.BACK, "超限{pct}%|超限", "请退回卸载"),
    ),
    Prompt.REFUSED: (
        _p(Icon.STOP, "本次称重无效", "请倒车退回"),
        _p(Icon.NONE, "{reason}|", "请联系管理员"),
    ),
    Prompt.BACK_OUT: (
        _p(Icon.BACK, "请倒车退回", "注意后方"),
        _p(Icon.NONE, "超限{over}t", "请卸载后重新称重"),
    ),
    Prompt.OFF_ENTRY: (
        _p(Icon.BACK, "入口勿停", "请倒车让开"),
        _p(Icon.STOP, "请勿上磅", "等栏杆落下"),
    ),
    Prompt.PLATE_UNREAD: (_p(Icon.WAIT, "未识别车牌", "请停车等候"),),
    Prompt.AXLES_UNKNOWN: (_p(Icon.WAIT, "轴数未确认", "请停车等候"),),
    Prompt.NOT_EMPTY: (_p(Icon.STOP, "地衡未清空", "请勿上磅"),),
    Prompt.SECOND_VEHICLE: (_p(Icon.BACK, "一车一磅", "后车请退出"),),
    Prompt.UNSTEADY: (_p(Icon.WAIT, "重量不稳定", "请停稳熄火"),),
    Prompt.SAVE_FAILED: (_p(Icon.WARN, "过磅保存失败", "请等候管理员"), _PHONE_ZH),
    Prompt.ATTENDANT: (
        _p(Icon.WARN, "请停车等候", "管理员处理"),
        _p(Icon.NONE, "{reason}"),
        _PHONE_ZH,
    ),
    Prompt.FAULT: (
        _p(Icon.WARN, "设备故障", "请等候管理员"),
        _p(Icon.NONE, "{reason}"),
        _PHONE_ZH,
    ),
    Prompt.LOCKOUT: (
        _p(Icon.STOP, "通道已锁定", "请等候管理员"),
        _p(Icon.NONE, "{reason}"),
        _PHONE_ZH,
    ),
    Prompt.ESTOP: (_p(Icon.STOP, "紧急停止", "禁止通行"),),
}

_EN: dict[Prompt, tuple[Page, ...]] = {
    Prompt.STARTING: (_p(Icon.WAIT, "Starting", "please wait"),),
    Prompt.IDLE: (_p(Icon.NONE, "Scale is free", "one by one, slow"),),
    Prompt.WAIT: (_p(Icon.WAIT, "Stop here", "please wait"),),
    Prompt.BOARD: (
        _p(Icon.GO, "{plate}|Truck", "drive on"),
        _p(Icon.GO, "Drive slowly", "engine off"),
    ),
    Prompt.GO_FORWARD: (_p(Icon.GO, "Not in place", "go forward"),),
    Prompt.GO_BACK: (_p(Icon.BACK, "Not in place", "go back"),),
    Prompt.WEIGHING: (_p(Icon.WAIT, "Weighing", "do not move"),),
    Prompt.READING_PLATE: (_p(Icon.WAIT, "Reading", "number plate"),),
    Prompt.SAVING: (_p(Icon.WAIT, "{gross}t|Saving", "please wait"),),
    Prompt.PASS: (
        _p(Icon.NONE, "{plate} {axles}ax|{plate}|", "{gross}t OK|OK"),
        _p(Icon.GO, "You may go", "limit {limit}t|"),
    ),
    Prompt.LEAVE: (_p(Icon.GO, "Weighed", "drive off"),),
    Prompt.OVER: (
        _p(Icon.NONE, "{plate} {axles}ax|{plate}|", "{gross}t max {limit}|{gross}t|"),
        _p(Icon.STOP, "Over {over}t|Overloaded", "no exit"),
        _p(Icon.BACK, "Over {pct}%|Overloaded", "back, unload"),
    ),
    Prompt.REFUSED: (
        _p(Icon.STOP, "Not valid", "back out"),
        _p(Icon.NONE, "{reason}|", "see attendant"),
    ),
    Prompt.BACK_OUT: (
        _p(Icon.BACK, "Back out", "mind behind"),
        _p(Icon.NONE, "Over {over}t", "unload, reweigh"),
    ),
    Prompt.OFF_ENTRY: (
        _p(Icon.BACK, "Entry open", "back off"),
        _p(Icon.STOP, "Do not enter", "arm is up"),
    ),
    Prompt.PLATE_UNREAD: (_p(Icon.WAIT, "Plate unread", "please wait"),),
    Prompt.AXLES_UNKNOWN: (_p(Icon.WAIT, "Axles?", "please wait"),),
    Prompt.NOT_EMPTY: (_p(Icon.STOP, "Not empty", "do not enter"),),
    Prompt.SECOND_VEHICLE: (_p(Icon.BACK, "One truck!", "2nd: go back"),),
    Prompt.UNSTEADY: (_p(Icon.WAIT, "Unsteady", "engine off"),),
    Prompt.SAVE_FAILED: (_p(Icon.WARN, "Not saved", "please wait"), _PHONE_EN),
    Prompt.ATTENDANT: (
        _p(Icon.WARN, "Please wait", "attendant"),
        _p(Icon.NONE, "{reason}"),
        _PHONE_EN,
    ),
    Prompt.FAULT: (
        _p(Icon.WARN, "Fault", "please wait"),
        _p(Icon.NONE, "{reason}"),
        _PHONE_EN,
    ),
    Prompt.LOCKOUT: (
        _p(Icon.STOP, "Lane locked", "please wait"),
        _p(Icon.NONE, "{reason}"),
        _PHONE_EN,
    ),
    Prompt.ESTOP: (_p(Icon.STOP, "Emergency", "stop"),),
}

PROMPTS: Mapping[Lang, Mapping[Prompt, tuple[Page, ...]]] = {"zh-CN": _ZH, "en": _EN}


def prompt_values(
    display: Display, lang: Lang, *, show_plate: bool = True, phone: str = ""
) -> dict[str, str]:
    """The values known now, by template name; a missing name is a value nobody knows."""
    values: dict[str, str] = {}
    if display.plate and show_plate:
        values["plate"] = display.plate
    if display.axles is not None:
        values["axles"] = str(display.axles)
    if display.gross_kg is not None:
        values["gross"] = tonnes(display.gross_kg)
    if display.limit_kg:
        values["limit"] = limit_tonnes(display.limit_kg)
        if display.over_kg > 0:
            values["over"] = tonnes(display.over_kg)
            values["pct"] = over_per_cent(display.over_kg, display.limit_kg)
    if display.reason is not HoldReason.NONE:
        values["reason"] = HOLDS[lang][display.reason].sign
    if phone:
        values["phone"] = phone
    return values


def prompt_pages(
    display: Display, lang: Lang, *, show_plate: bool = True, phone: str = ""
) -> tuple[Page, ...]:
    """The pages of a prompt with its values put in; never empty."""
    values = prompt_values(display, lang, show_plate=show_plate, phone=phone)
    pages = [_filled(page, values) for page in PROMPTS[lang][display.prompt]]
    return tuple(page for page in pages if page is not None)


def _filled(page: Page, values: Mapping[str, str]) -> Page | None:
    """The page with values; None when a line has no usable choice or nothing is left of it."""
    chosen = [_choose(line, values) for line in page.lines]
    known = tuple(line for line in chosen if line)
    if None in chosen or not known:
        return None
    return Page(page.icon, known)


def _choose(line: str, values: Mapping[str, str]) -> str | None:
    """The first choice of a line whose values are all known, filled in; None without one."""
    for choice in line.split("|"):
        needed = {name for _, name, _, _ in string.Formatter().parse(choice) if name}
        if needed <= values.keys():
            return choice.format_map(values)
    return None
