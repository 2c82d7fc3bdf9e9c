"""Words of the keypad's pages, by the page names of terminal.core.menu.

title and line: the sign's two lines, at most 8 full-width cells each; what was typed takes the
place of line. help: one sentence for manual and console. A page without an entry shows its
name, so that a new page is never a blank sign.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class MenuText(NamedTuple):
    """The words of one keypad page in one language."""

    title: str
    line: str
    help: str


_M = MenuText
MENU: Mapping[str, tuple[MenuText, MenuText]] = {
    "pin": (
        _M("密码 #确认", "请输入密码", "输入操作员密码，按 # 确认，* 退出，A 随时重新开始。"),
        _M(
            "PIN, # = enter",
            "type your PIN",
            "Type the operator PIN: # enters, * leaves, A begins anew.",
        ),
    ),
    "locked": (
        _M("密码已锁定", "请5分钟后再试", "密码多次错误，键盘锁定五分钟。"),
        _M("PIN locked", "wait 5 minutes", "Too many wrong PINs; wait five minutes."),
    ),
    "menu": (
        _M("1车牌 2拒收", "3退车 *退出", "1 确认或输入车牌，2 本次无效，3 让车辆退回。"),
        _M("1Plate 2Refuse", "3Back out *quit", "1 plate, 2 refuse, 3 back out, * leaves."),
    ),
    "choose": (
        _M("按数字选 0输入", "没有候选车牌", "按序号选择识别结果，0 人工输入。"),
        _M("1-4 pick, 0 type", "no candidate", "Pick a reading by number, 0 types one."),
    ),
    "plate": (
        _M("车牌 {mode} #确认", "请输入", "B 换省份，C 换字母数字，D 删除，# 确认。"),
        _M("Plate {mode} #=ok", "type it", "B province, C letters or digits, D delete, # ok."),
    ),
    "invalid": (
        _M("车牌无效 *重改", "格式不对", "车牌不符合编码规则，按 * 修改。"),
        _M("Bad plate, *=fix", "wrong format", "Not a valid plate; * goes back to it."),
    ),
    "refuse": (
        _M("本次称重作废?", "#是 *否", "确认后本次称重无效，车辆须退出。"),
        _M("Refuse weighing?", "#yes *no", "Confirming makes this weighing invalid."),
    ),
    "egress": (
        _M("让车辆退回?", "#是 *否", "确认后打开入口让车辆退回，出口保持关闭。"),
        _M("Let it back out?", "#yes *no", "Opens the entry only; the exit stays shut."),
    ),
}

MODES: Mapping[str, tuple[str, str]] = {"letters": ("字母", "ABC"), "digits": ("数字", "123")}
"""The plate page's typing mode, the last of its lines."""
