"""The wiring of one configuration as an SVG: the 40-pin header, its expanders, every wire named.

Drawn from the same table as the doctor's trials, so the drawing on the cabinet door and the
trial that fails speak of the same pin. Pure: a configuration in, a text out.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final
from xml.sax.saxutils import escape

from terminal.config import Config
from terminal.doctor.wires import HEADER, POWER, Wire, wires
from terminal.texts.catalogue import text
from terminal.texts.prompts import Lang

ROW_PX, WIDTH_PX, TOP_PX = 28, 1_180, 90
MIDDLE_PX, PIN_PX, WIRE_PX = WIDTH_PX // 2, 34, 70
ROWS: Final = 20
LINES: Final = 8
POWER_SHADES: Final = {"3V3": "#d9480f", "5V": "#c92a2a", "GND": "#212529"}
SHADES: Final = {
    **{"black": "#212529", "red": "#e03131", "violet": "#7048e8", "white": "#ced4da"},
    **{"grey": "#868e96", "orange": "#f76707", "green": "#2f9e44", "yellow": "#f2c200"},
    **{"brown": "#8d5524", "pink": "#e64980", "blue": "#1971c2"},
}
FONT: Final = 'font-family="Noto Sans CJK SC, Noto Sans, sans-serif"'


def svg(config: Config, lang: Lang) -> str:
    """The whole drawing."""
    table = wires(config)
    chips = sorted({wire.place for wire in table if wire.place.endswith("MCP23017")})
    below_px = TOP_PX + ROWS * ROW_PX + 70
    height_px = below_px + len(chips) * (LINES * ROW_PX + 80)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH_PX}" height="{height_px}" '
        f'viewBox="0 0 {WIDTH_PX} {height_px}" {FONT} font-size="13">',
        f'<rect width="{WIDTH_PX}" height="{height_px}" fill="#ffffff"/>',
        _text(MIDDLE_PX, 40, text("doctor.drawing", lang), size=20),
        _text(MIDDLE_PX, 64, f"{config.lane.kind}, {config.lane.barrier}", shade="#495057"),
        *_header(table, lang),
    ]
    for at, chip in enumerate(chips):
        top_px = below_px + at * (LINES * ROW_PX + 80)
        parts += _expander(config, chip, table, top_px, lang)
    return "\n".join([*parts, "</svg>"]) + "\n"


def _header(table: tuple[Wire, ...], lang: Lang) -> Iterator[str]:
    by_pin = {wire.place: wire for wire in table}
    bcm = {pin: f"GPIO{line}" for line, pin in HEADER.items()}
    height_px = ROWS * ROW_PX
    yield _box(MIDDLE_PX - 2 * PIN_PX - 4, TOP_PX - 6, 4 * PIN_PX + 8, height_px + 8)
    for pin in range(1, 2 * ROWS + 1):
        left, y_px = pin % 2 == 1, TOP_PX + (pin - 1) // 2 * ROW_PX + ROW_PX // 2
        side = -1 if left else 1
        x_px = MIDDLE_PX + side * PIN_PX // 2
        shade = POWER_SHADES.get(POWER.get(pin, ""), "#f1f3f5")
        ink = "#ffffff" if pin in POWER else "#212529"
        yield f'<circle cx="{x_px}" cy="{y_px}" r="10" fill="{shade}" stroke="#495057"/>'
        yield _text(x_px, y_px + 4, str(pin), size=10, shade=ink)
        name = POWER.get(pin, bcm.get(pin, ""))
        yield _text(MIDDLE_PX + side * (PIN_PX + 18), y_px + 4, name, size=9, shade="#495057")
        wire = by_pin.get(f"pin {pin}")
        if wire is not None:
            yield from _lead(wire, MIDDLE_PX + side * (2 * PIN_PX + 4), y_px, side, lang)


def _expander(
    config: Config, chip: str, table: tuple[Wire, ...], top_px: int, lang: Lang
) -> Iterator[str]:
    """One MCP23017: port A on the left, port B on the right, lines 0 to 7 downwards."""
    section = getattr(config, chip.partition(" ")[0])
    title = f"{chip}, I2C-{section.expander_bus} 0x{section.expander_address:02x}"
    by_line = {wire.bcm: wire for wire in table if wire.place == chip}
    yield _text(MIDDLE_PX, top_px, title, size=15)
    yield _box(MIDDLE_PX - 2 * PIN_PX - 4, top_px + 10, 4 * PIN_PX + 8, LINES * ROW_PX + 8)
    for port, side in (("A", -1), ("B", 1)):
        for line in range(LINES):
            y_px = top_px + 14 + line * ROW_PX + ROW_PX // 2
            name = f"GP{port}{line}"
            yield _text(MIDDLE_PX + side * PIN_PX, y_px + 4, name, size=11)
            wire = by_line.get(name)
            if wire is not None:
                yield from _lead(wire, MIDDLE_PX + side * (2 * PIN_PX + 4), y_px, side, lang)


def _lead(wire: Wire, x_px: int, y_px: int, side: int, lang: Lang) -> Iterator[str]:
    """A coloured wire away from its pin, with what it is and what level it carries."""
    end_px = x_px + side * WIRE_PX
    shade = SHADES[wire.colour]
    yield (
        f'<line x1="{x_px}" y1="{y_px}" x2="{end_px}" y2="{y_px}" stroke="#868e96" '
        'stroke-width="6"/>'
    )
    yield (
        f'<line x1="{x_px}" y1="{y_px}" x2="{end_px}" y2="{y_px}" stroke="{shade}" '
        'stroke-width="4"/>'
    )
    anchor = "end" if side < 0 else "start"
    yield _text(end_px + side * 8, y_px - 2, wire.key, anchor=anchor)
    colour = text(f"doctor.colour.{wire.colour}", lang)
    level = f"{colour}; {text(f'doctor.{wire.level}', lang)}"
    yield _text(end_px + side * 8, y_px + 12, level, size=9, shade="#868e96", anchor=anchor)


def _box(x_px: int, y_px: int, width_px: int, height_px: int) -> str:
    return (
        f'<rect x="{x_px}" y="{y_px}" width="{width_px}" height="{height_px}" rx="6" '
        'fill="#e9f5ec" stroke="#2b8a3e"/>'
    )


def _text(
    x_px: int,
    y_px: int,
    words: str,
    *,
    size: int = 13,
    shade: str = "#212529",
    anchor: str = "middle",
) -> str:
    return (
        f'<text x="{x_px}" y="{y_px}" font-size="{size}" fill="{shade}" '
        f'text-anchor="{anchor}">{escape(words)}</text>'
    )
