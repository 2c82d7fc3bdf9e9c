"""The bench's points as values and the report they make: what was measured, what a person saw."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import Enum
from pathlib import Path


class Verdict(Enum):
    """NOT_DONE is never a pass: the report says so and the exit code too."""

    PASS = "pass"
    FAIL = "FAIL"
    NOT_DONE = "not done"


@dataclass(frozen=True, slots=True)
class Point:
    """One point of the checklist. found: figures with their unit, or what the person said."""

    name: str
    wanted: str
    verdict: Verdict
    found: str


def judged(name: str, wanted: str, good: bool, found: str) -> Point:
    return Point(name, wanted, Verdict.PASS if good else Verdict.FAIL, found)


def not_done(name: str, wanted: str, why: str) -> Point:
    return Point(name, wanted, Verdict.NOT_DONE, why)


def passed(points: Sequence[Point]) -> bool:
    return bool(points) and all(point.verdict is Verdict.PASS for point in points)


def write(path: Path, board: str, stamp: str, points: Sequence[Point]) -> None:
    """A Markdown table for people and, beside it, the same as JSON."""
    lines = [f"# Bench of {board}", "", f"{stamp}", "", "| point | wanted | found | verdict |"]
    lines.append("|---|---|---|---|")
    for point in points:
        cells = (point.name, point.wanted, point.found, point.verdict.value)
        lines.append("| " + " | ".join(cell.replace("|", "/") for cell in cells) + " |")
    undone = sum(point.verdict is Verdict.NOT_DONE for point in points)
    failed = sum(point.verdict is Verdict.FAIL for point in points)
    lines += ["", f"{len(points)} points: {failed} failed, {undone} not done.", ""]
    path.write_text("\n".join(lines), encoding="utf-8")
    rows = [{**asdict(point), "verdict": point.verdict.value} for point in points]
    document = {"board": board, "stamp": stamp, "points": rows}
    path.with_suffix(".json").write_text(
        json.dumps(document, ensure_ascii=False, indent=1) + "\n", encoding="utf-8"
    )
