"""Widths and numbers as the sign shows them: half-width cells, tonnes and per cent.

Integers only: a mass on the sign must never differ from the mass in the record because of a
rounding, so a kilogram digit that two decimals would hide is shown as a third one.
"""

from __future__ import annotations

import unicodedata

KG_PER_T = 1_000


def half_cells(line: str) -> int:
    """Width of a line in half-width cells (8 px each on a 16 px sign)."""
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in line)


def tonnes(kg: int) -> str:
    """Mass in tonnes with two decimals, e.g. 48960 -> "48.96"; exact, negative allowed."""
    sign = "-" if kg < 0 else ""
    whole, rest = divmod(abs(kg), KG_PER_T)
    if rest % 10:
        return f"{sign}{whole}.{rest:03d}"
    return f"{sign}{whole}.{rest // 10:02d}"


def limit_tonnes(kg: int) -> str:
    """A limit in tonnes; whole tonnes without decimals, as the law prints them."""
    if kg % KG_PER_T == 0:
        return str(kg // KG_PER_T)
    return tonnes(kg)


def over_per_cent(over_kg: int, limit_kg: int) -> str:
    """Excess over the limit in per cent, one decimal, cut off but never shown as 0.0."""
    assert limit_kg > 0, "a limit of no kilograms limits nothing"
    tenths = max(1, over_kg * 1_000 // limit_kg) if over_kg > 0 else 0
    return f"{tenths // 10}.{tenths % 10}"
