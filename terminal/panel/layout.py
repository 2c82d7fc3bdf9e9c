"""From what is to be said to the sign's pixels: pure, for every width and 8, 16 or 32 px height.

Pages that do not fit the sign at hand lose their icon first and are then cut into more pages;
no character is ever left out. A sign of 8 px cannot carry Chinese and shows the icon alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from terminal.core.types import Display
from terminal.panel.font import GLYPH_PX, glyph
from terminal.panel.icons import doubled, icon_bits
from terminal.texts.catalogue import catalogue
from terminal.texts.prompts import Icon, Lang, Page, prompt_pages

CELL_PX = 8
PAGES_MAX = 24
"""Bound of the pages of one display, reached on the smallest sign (32 x 16) only."""


PICK_PAGE = "choose"
PLATE_PAGE = "plate"
"""Where an operator looks for what the camera made out, places it could not read as "?"."""
"""The keypad page whose lines are numbered plates."""


@dataclass(frozen=True, slots=True)
class Style:
    """What the configuration says of texts: language, whether plates are shown, the phone."""

    lang: Lang = "zh-CN"
    show_plate: bool = True
    phone: str = ""


def pages(display: Display, size_px: tuple[int, int], style: Style) -> tuple[Page, ...]:
    """The pages of a display, each fitting a sign of size_px (width, height)."""
    wanted = (
        _menu_pages(display, style.lang)
        if display.menu_page
        else prompt_pages(display, style.lang, show_plate=style.show_plate, phone=style.phone)
    )
    fitted = tuple(page for page in wanted for page in _fit(page, size_px))
    assert 0 < len(fitted) <= PAGES_MAX, f"{display.prompt} makes {len(fitted)} pages"
    return fitted


def render(page: Page, size_px: tuple[int, int]) -> bytes:
    """Bitmap of a page that fits: height rows of width/8 bytes, most significant bit left."""
    width_px, height_px = size_px
    rows = [0] * height_px
    left_px = 0
    if page.icon is not Icon.NONE:
        left_px = min(_icon_px(height_px), width_px)
        picture = _picture(page.icon, height_px)
        for y, bits in enumerate(picture):
            rows[y] |= bits << (width_px - left_px)
    if height_px >= GLYPH_PX:
        top_px = (height_px - GLYPH_PX * len(page.lines)) // 2
        for number, line in enumerate(page.lines):
            free_px = width_px - left_px - line_px(line)
            x_px = left_px + max(0, free_px // 2)
            _draw(rows, line, x_px, top_px + number * GLYPH_PX, width_px)
    return b"".join(row.to_bytes(width_px // 8, "big") for row in rows)


def line_px(line: str) -> int:
    """Width of a line in pixels, from its glyphs."""
    return sum(len(glyph(char)) // GLYPH_PX * CELL_PX for char in line)


def _menu_pages(display: Display, lang: Lang) -> tuple[Page, ...]:
    """A keypad page: its title over what was typed, or over each of the plates to pick from."""
    texts = catalogue(lang)
    page, lines = display.menu_page, list(display.menu_lines)
    mode = texts.get(f"mode.{lines[-1]}", "") if lines else ""
    title = texts.get(f"menu.{page}.title", page).replace("{mode}", mode)
    if mode:
        lines.pop()
    if page == PICK_PAGE:
        lines = [f"{number} {line}" for number, line in enumerate(lines, 1)]
    if display.partly and page in (PICK_PAGE, PLATE_PAGE):
        lines.append(display.partly)
    typed = [line for line in lines if line] or [texts.get(f"menu.{page}.line", "")]
    return tuple(Page(Icon.NONE, (title, line) if line else (title,)) for line in typed)


def _fit(page: Page, size_px: tuple[int, int]) -> Iterator[Page]:
    """The page itself, or as many smaller ones as the sign needs."""
    width_px, height_px = size_px
    if height_px < GLYPH_PX:
        yield Page(page.icon if page.icon is not Icon.NONE else Icon.WAIT, ())
        return
    lines_max = height_px // GLYPH_PX
    icon = page.icon
    beside_px = width_px - (_icon_px(height_px) if icon is not Icon.NONE else 0)
    if icon is not Icon.NONE and any(line_px(line) > beside_px for line in page.lines):
        icon, beside_px = Icon.NONE, width_px
        if any(line_px(line) > width_px for line in page.lines):
            yield Page(page.icon, ())
    lines = [part for line in page.lines for part in _cut(line, beside_px)]
    for start in range(0, len(lines), lines_max):
        yield Page(icon, tuple(lines[start : start + lines_max]))


def _cut(line: str, width_px: int) -> Iterator[str]:
    """The line in parts no wider than width_px, cut at spaces where there are some."""
    part = ""
    for word in _words(line, width_px):
        longer = f"{part} {word}" if part else word
        if part and line_px(longer) > width_px:
            yield part
            part = word
        else:
            part = longer
    yield part


def _words(line: str, width_px: int) -> Iterator[str]:
    """Words, the ones wider than the sign cut anywhere."""
    for word in line.split(" "):
        piece = ""
        for char in word:
            if line_px(piece + char) > width_px:
                yield piece
                piece = ""
            piece += char
        if piece:
            yield piece


def _icon_px(height_px: int) -> int:
    """Edge of the icon: the sign's whole height."""
    return height_px


def _picture(icon: Icon, height_px: int) -> tuple[int, ...]:
    """The icon at the sign's height: halved for 8 px, doubled for 32 px."""
    rows = icon_bits(icon)
    if height_px >= 2 * GLYPH_PX:
        return doubled(rows)
    if height_px >= GLYPH_PX:
        return rows
    return tuple(
        int("".join("1" if row >> (14 - 2 * x) & 3 else "0" for x in range(8)), 2)
        for row in (rows[2 * y] | rows[2 * y + 1] for y in range(8))
    )


def _draw(rows: list[int], line: str, x_px: int, y_px: int, width_px: int) -> None:
    """Put one line of text into the rows, its left edge at x_px."""
    for char in line:
        pixels = glyph(char)
        bytes_a_row = len(pixels) // GLYPH_PX
        glyph_px = bytes_a_row * CELL_PX
        shift = width_px - x_px - glyph_px
        for y in range(GLYPH_PX):
            bits = int.from_bytes(pixels[y * bytes_a_row : (y + 1) * bytes_a_row], "big")
            rows[y_px + y] |= bits << shift
        x_px += glyph_px
