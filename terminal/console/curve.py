"""The weight curve of the last minute as SVG points: pure integers, gaps where nothing is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from terminal.console.state import CURVE_NS, Weight

WIDTH_PX = 400
HEIGHT_PX = 150
TOP_KG_STEP = 10_000
GAP_NS = 1_000_000_000
"""Silence longer than this is drawn as a gap, never bridged by a line."""


@dataclass(frozen=True, slots=True)
class Curve:
    """Polylines as point strings, the top of the scale, and the limit's height in pixels."""

    lines: tuple[str, ...]
    top_kg: int
    limit_px: int | None


def curve(points: Sequence[Weight], now_ns: int, limit_kg: int | None) -> Curve:
    """Draw points not older than a minute. limit_kg: drawn as a line when it is known."""
    highest_kg = max([p.gross_kg or 0 for p in points] + [limit_kg or 0])
    top_kg = (highest_kg * 9 // 8 // TOP_KG_STEP + 1) * TOP_KG_STEP
    lines: list[str] = []
    line: list[str] = []
    last_x, last_ns = -1, 0
    for point in points:
        if line and (point.gross_kg is None or point.at_ns - last_ns > GAP_NS):
            lines.append(" ".join(line))
            line = []
        if point.gross_kg is None:
            continue
        last_ns = point.at_ns
        x = WIDTH_PX - (now_ns - point.at_ns) * WIDTH_PX // CURVE_NS
        if x == last_x or x < 0:
            continue
        last_x = x
        line.append(f"{x},{_y(point.gross_kg, top_kg)}")
    if line:
        lines.append(" ".join(line))
    return Curve(tuple(lines), top_kg, _y(limit_kg, top_kg) if limit_kg else None)


def _y(kg: int, top_kg: int) -> int:
    """Pixel row of a mass; nothing below the axis is drawn lower than it."""
    return HEIGHT_PX - max(0, kg) * HEIGHT_PX // top_kg


def sign_path(width_px: int, height_px: int, rows: bytes) -> str:
    """The lit pixels of the sign as one SVG path of horizontal runs, one unit a pixel."""
    row_bytes = width_px // 8
    runs: list[str] = []
    for y in range(min(height_px, len(rows) // row_bytes if row_bytes else 0)):
        bits = int.from_bytes(rows[y * row_bytes : (y + 1) * row_bytes], "big")
        x = 0
        while x < width_px:
            lit = bits >> (width_px - 1 - x) & 1
            start = x
            while x < width_px and bits >> (width_px - 1 - x) & 1 == lit:
                x += 1
            if lit:
                runs.append(f"M{start} {y}h{x - start}v1h-{x - start}z")
    return "".join(runs)
