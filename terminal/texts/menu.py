"""Titles and help of the keypad's pages, by the page names of terminal.core.menu.

title: the sign's first line, at most 8 full-width cells. help: one sentence for the console.
A page without an entry shows its name, so that a new page is never a blank sign.
"""

from __future__ import annotations

from collections.abc import Mapping

MENU: Mapping[str, tuple[tuple[str, str], tuple[str, str]]] = {
    "menu": (("菜单", "按数字选择，* 返回。"), ("Menu", "Choose by digit, * goes back.")),
}
