"""Pages become the right pixels: golden pictures, every sign size, every character covered."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from terminal.core.types import Display, HoldReason, Prompt
from terminal.panel.font import GLYPH_PX, glyph, glyphs
from terminal.panel.layout import CELL_PX, Style, line_px, pages, render
from terminal.texts.catalogue import PROVINCES, all_sign_characters
from terminal.texts.cells import half_cells
from terminal.texts.prompts import LANGS, Icon, Lang, Page

GOLDEN = Path(__file__).with_name("golden")
PASSING = Display(Prompt.PASS, HoldReason.NONE, "晋L12345", 6, 48_960, 49_000, 0)
OVER = Display(Prompt.OVER, HoldReason.OVER_LIMIT, "晋L12345", 6, 50_200, 49_000, 1_200)
SIZES = [(128, 32), (256, 32), (96, 16), (64, 32), (64, 16), (32, 16), (32, 32), (64, 8)]


def picture(rows: bytes, width_px: int) -> str:
    row_bytes = width_px // 8
    lines = [rows[i : i + row_bytes] for i in range(0, len(rows), row_bytes)]
    bits = ["".join(f"{byte:08b}" for byte in line) for line in lines]
    return "".join(line.replace("0", ".").replace("1", "#") + "\n" for line in bits)


@pytest.mark.parametrize(
    ("name", "display", "size_px", "number"),
    [
        ("pass", PASSING, (128, 32), 0),
        ("over", OVER, (128, 32), 1),
        ("board16", Display(prompt=Prompt.BOARD), (96, 16), 0),
        ("stop8", Display(prompt=Prompt.ESTOP), (32, 8), 0),
    ],
)
def test_golden(name: str, display: Display, size_px: tuple[int, int], number: int) -> None:
    found = picture(render(pages(display, size_px, Style())[number], size_px), size_px[0])
    path = GOLDEN / f"{name}.txt"
    if os.environ.get("GOLDEN_UPDATE"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(found, "ascii")
    assert found == path.read_text("ascii")


@pytest.mark.parametrize("size_px", SIZES)
@pytest.mark.parametrize("lang", LANGS)
@pytest.mark.parametrize("prompt", list(Prompt))
def test_every_page_fits_every_sign(prompt: Prompt, lang: Lang, size_px: tuple[int, int]) -> None:
    display = Display(prompt, HoldReason.SAVE_REFUSED, "粤Z1234澳", 6, 150_000, 49_000, 101_000)
    for page in pages(display, size_px, Style(lang, True, "0357-8320000")):
        rows = render(page, size_px)
        assert len(rows) == size_px[0] // 8 * size_px[1]
        assert any(rows), f"{prompt} shows nothing"
        beside_px = size_px[0] - (size_px[1] if page.icon is not Icon.NONE and page.lines else 0)
        assert all(line_px(line) <= beside_px for line in page.lines)
        assert len(page.lines) * GLYPH_PX <= max(size_px[1], GLYPH_PX)


def test_cutting_loses_no_character() -> None:
    cut = pages(OVER, (32, 16), Style())
    said = "".join("".join(page.lines) for page in cut).replace(" ", "")
    whole = pages(OVER, (128, 32), Style())
    assert said == "".join("".join(page.lines) for page in whole).replace(" ", "")


def test_the_font_covers_the_catalogue_and_gb2312_level_1() -> None:
    have = glyphs().keys()
    assert all_sign_characters() <= have
    assert set(PROVINCES) <= have
    assert len(PROVINCES) == 31
    level_1 = {
        bytes((row, cell)).decode("gb2312")
        for row in range(0xB0, 0xD8)
        for cell in range(0xA1, 0xFA if row == 0xD7 else 0xFF)
    }
    assert len(level_1) == 3_755
    assert level_1 <= have


def test_cells_of_the_catalogue_are_cells_of_the_font() -> None:
    for char in all_sign_characters():
        assert len(glyph(char)) // GLYPH_PX == half_cells(char), char


def test_an_unknown_character_is_a_box() -> None:
    assert glyph("\U0001f69b") == glyph("□")
    assert line_px("\U0001f69b") == CELL_PX


def test_a_menu_shows_its_title_over_each_line() -> None:
    shown = pages(Display(menu_page="no_such_page", menu_lines=("1", "", "2")), (128, 32), Style())
    assert shown == (
        Page(Icon.NONE, ("no_such_page", "1")),
        Page(Icon.NONE, ("no_such_page", "2")),
    )


@pytest.mark.parametrize(
    ("page", "typed", "shown"),
    [
        ("plate", ("晋L12", "digits"), [("车牌 数字 #确认", "晋L12")]),
        ("plate", ("", "letters"), [("车牌 字母 #确认", "请输入")]),
        ("pin", ("",), [("密码 #确认", "请输入密码")]),
        ("pin", ("***",), [("密码 #确认", "***")]),
        ("menu", (), [("1车牌 2拒收", "3退车 *退出")]),
        (
            "choose",
            ("晋L12345", "晋L12346"),
            [("按数字选 0输入", "1 晋L12345"), ("按数字选 0输入", "2 晋L12346")],
        ),
    ],
)
def test_keypad_pages(page: str, typed: tuple[str, ...], shown: list[tuple[str, str]]) -> None:
    found = pages(Display(menu_page=page, menu_lines=typed), (128, 32), Style())
    assert [each.lines for each in found] == shown


@pytest.mark.parametrize("page", ["choose", "plate"])
def test_the_keypad_shows_what_is_legible_with_its_places_open(page: str) -> None:
    shown = Display(menu_page=page, menu_lines=("晋L12345",), partly="晋L1?345")
    lines = [line for part in pages(shown, (128, 32), Style()) for line in part.lines]
    assert "晋L1?345" in lines
    other = Display(menu_page="pin", menu_lines=("***",), partly="晋L1?345")
    assert not any("?" in line for part in pages(other, (128, 32), Style()) for line in part.lines)
