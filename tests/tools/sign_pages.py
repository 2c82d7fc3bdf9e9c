"""Draw every page of the sign into PNG files: python -m tests.tools.sign_pages FOLDER."""

from __future__ import annotations

import sys

from PIL import Image, ImageDraw

from terminal.core.types import Display, HoldReason, Prompt
from terminal.panel.layout import Style, pages, render
from terminal.texts.prompts import LANGS, Lang

SCALE = 3
GAP_PX = 8


def sample(prompt: Prompt) -> Display:
    over = prompt in (Prompt.OVER, Prompt.BACK_OUT)
    return Display(
        prompt=prompt,
        reason=HoldReason.SENSOR_STALE if prompt is Prompt.FAULT else HoldReason.NONE,
        plate="晋LD12345" if prompt is Prompt.PASS else "晋L12345",
        axles=6,
        gross_kg=50_200 if over else 48_960,
        limit_kg=49_000,
        over_kg=1_200 if over else 0,
    )


def strip(rows: bytes, size_px: tuple[int, int]) -> Image.Image:
    one = Image.frombytes("1", size_px, rows).convert("L")
    big = one.resize((size_px[0] * SCALE, size_px[1] * SCALE), Image.Resampling.NEAREST)
    return Image.merge("RGB", (big, big.point(lambda v: v * 2 // 5), big.point(lambda v: 0)))


def draw(size_px: tuple[int, int], lang: Lang) -> Image.Image:
    style = Style(lang, True, "0357-8320000")
    table = [(p, pages(sample(p), size_px, style)) for p in Prompt]
    columns = max(len(found) for _, found in table)
    step_x, step_y = size_px[0] * SCALE + GAP_PX, size_px[1] * SCALE + GAP_PX
    sheet = Image.new("RGB", (130 + columns * step_x, len(table) * step_y), (60, 60, 60))
    pen = ImageDraw.Draw(sheet)
    for y, (prompt, found) in enumerate(table):
        pen.text((4, y * step_y + 30), prompt.value, fill=(255, 255, 255))
        for x, page in enumerate(found):
            sheet.paste(strip(render(page, size_px), size_px), (130 + x * step_x, y * step_y))
    return sheet


if __name__ == "__main__":
    for language in LANGS:
        draw((128, 32), language).save(f"{sys.argv[1]}/sign-{language}.png")
        draw((96, 16), language).save(f"{sys.argv[1]}/sign16-{language}.png")
