"""python -m tests.tools.r76_table writes terminal/weighing/R76.md from the rows that are tested."""

from __future__ import annotations

from pathlib import Path

from tests.unit.weighing.r76_load import E_KG, MAX_KG
from tests.unit.weighing.r76_rows import HARDWARE, ROWS

PAGE = Path(__file__).resolve().parents[2] / "terminal/weighing/R76.md"
HEAD = f"""# R 76 clause by clause

Every row is run by tests/unit/weighing/test_r76.py on a deck of 8 cells, class III,
Max {MAX_KG // 1_000} t, e = d = {E_KG} kg. This page is printed from the rows
(`python -m tests.tools.r76_table`); a test keeps it true. Clauses: OIML R 76-1:2006.
"""
BETWEEN = """
## What the weighing cannot show by itself

"""


def rendered() -> str:
    """The page as the rows have it now."""
    lines = ["", "| clause | what | case | expected |", "|---|---|---|---|"]
    lines += [f"| {r.clause} | {r.what} | {r.case} | {_said(r.expected)} |" for r in ROWS]
    more = ["| clause | what | what the software does about it |", "|---|---|---|"]
    more += [f"| {' | '.join(row)} |" for row in HARDWARE]
    return HEAD + "\n".join(lines) + "\n" + BETWEEN + "\n".join(more) + "\n"


def _said(expected: object) -> str:
    words = {None: "nothing", True: "yes", False: "no"}
    if isinstance(expected, tuple):
        return ", ".join(_said(part) for part in expected)
    if isinstance(expected, list):
        return "none" if not expected else ", ".join(map(str, expected))
    return words[expected] if expected is None or isinstance(expected, bool) else str(expected)


if __name__ == "__main__":
    PAGE.write_text(rendered(), encoding="utf-8")
