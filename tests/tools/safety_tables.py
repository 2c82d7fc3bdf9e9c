"""Writes the generated parts of SAFETY.md and ARCHITECTURE-states.md from the running code.

python -m tests.tools.safety_tables writes both files anew; a test compares them with the code, so
the pages an inspector reads cannot drift from what decides. It never touches the prose.
"""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path

from terminal.core.invariants import INVARIANTS
from terminal.core.table import DISABLE, ROWS, Row
from terminal.core.types import HoldReason
from terminal.core.visit import Phase

ROOT = Path(__file__).resolve().parents[2]
SAFETY = ROOT / "SAFETY.md"
STATES = ROOT / "ARCHITECTURE-states.md"
MUST_FAIL = ROOT / "tests/scenarios/test_must_fail.py"
ELSEWHERE = "Elsewhere: "
PART = re.compile(r"(<!-- generated: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def _words(names: tuple[str, ...]) -> str:
    return ", ".join(name.replace("_", " ") for name in names)


def disable_table() -> str:
    lines = ["| when | reason shown | why |", "|---|---|---|"]
    lines += [f"| {_words(row.when)} | {row.reason.value} | {row.why} |" for row in DISABLE]
    return "\n".join(lines)


def invariant_table() -> str:
    lines = ["| name | what holds on every tick |", "|---|---|"]
    for name, check in INVARIANTS:
        says = inspect.getdoc(check)
        assert says, name
        lines.append(f"| {name} | {says} |")
    return "\n".join(lines)


def row_table() -> str:
    lines = ["| from | when all of | to | for | effects | why |", "|---|---|---|---|---|---|"]
    for row in ROWS:
        assert row.phase is not None
        reason = "" if row.reason is HoldReason.NONE else row.reason.value
        cells = (
            row.phase.value,
            _words(row.when),
            row.then.value,
            reason,
            _words(row.do).lower(),
            row.why,
        )
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def elsewhere() -> list[tuple[str, str]]:
    """Name of each must-fail scenario and what went wrong where it was met, as it says itself."""
    tree = ast.parse(MUST_FAIL.read_text(encoding="utf-8"))
    told = [(node.name, ast.get_docstring(node) or "") for node in tree.body
            if isinstance(node, ast.FunctionDef)]  # fmt: skip
    return [
        (name, " ".join(said.removeprefix(ELSEWHERE).split()))
        for name, said in told
        if said.startswith(ELSEWHERE)
    ]


def elsewhere_table() -> str:
    lines = ["| what went wrong elsewhere | played to this lane by |", "|---|---|"]
    path = MUST_FAIL.relative_to(ROOT)
    lines += [f"| {said} | {path}::{name} |" for name, said in elsewhere()]
    return "\n".join(lines)


def diagram() -> str:
    """Mermaid; one arrow for each pair of states, with the number of rows behind it."""
    lines = ["```mermaid", "stateDiagram-v2", "  [*] --> lockout: every start"]
    pairs: dict[tuple[Phase, Phase], list[Row]] = {}
    for row in ROWS:
        assert row.phase is not None
        pairs.setdefault((row.phase, row.then), []).append(row)
    for (start, end), rows in pairs.items():
        told = _words(rows[0].when)
        if len(rows) > 1:
            told = f"{len(rows)} rows"
        lines.append(f"  {start.value} --> {end.value}: {told}")
    lines += [
        "  note right of lockout",
        "    entered from every state by the disable rows",
        "  end note",
    ]
    return "\n".join([*lines, "```"])


PARTS = {
    "disable": disable_table,
    "invariants": invariant_table,
    "rows": row_table,
    "diagram": diagram,
    "elsewhere": elsewhere_table,
}


def rendered(text: str) -> str:
    """The page with its generated parts as the code has them now."""
    return PART.sub(lambda m: m[1] + PARTS[m[2]]() + "\n" + m[3], text)


if __name__ == "__main__":
    for page in (SAFETY, STATES):
        page.write_text(rendered(page.read_text(encoding="utf-8")), encoding="utf-8")
