"""The mutator makes the changes it promises, and a planted hole in the tests is seen."""

from __future__ import annotations

import ast

from terminal.core import table
from tests.mutants.cover import ROOT
from tests.mutants.mutate import mutants_of

SOURCE = """
LIMIT_KG: int = 5
def heavy(kg: int, known: bool) -> bool:
    if known:
        return kg * 2 >= LIMIT_KG and not kg == 3
    return False
"""


def test_every_place_is_changed_once_and_annotations_never() -> None:
    found = [(m.change, ast.unparse(m.build())) for m in mutants_of("x", SOURCE)]
    told = [change for change, _ in found]
    assert sorted(told) == sorted([
        "GtE to Gt", "GtE to Lt", "Eq to NotEq", "to Or", "not removed", "Mult to FloorDiv",
        "flipped", "plus one", "plus one", "plus one", "condition negated",
    ])  # fmt: skip
    texts = {text for _, text in found}
    assert len(texts) == len(found)
    assert all("kg: int, known: bool" in text for text in texts)
    assert ast.unparse(ast.parse(SOURCE)) not in texts
    assert any("if not known" in text for text in texts)
    assert any("LIMIT_KG: int = 6" in text for text in texts)


def test_every_row_loses_itself_its_guards_and_its_effects() -> None:
    source = (ROOT / "terminal/core/table.py").read_text(encoding="utf-8")
    rows = [m for m in mutants_of("terminal.core.table", source) if m.row is not None]
    everything = table.DISABLE + table.ROWS
    assert {m.row for m in rows} == set(range(len(everything)))
    for number, row in enumerate(everything):
        changes = [m.change for m in rows if m.row == number]
        assert changes.count("row dropped") == 1
        assert sum("negated" in change for change in changes) == len(row.when)
        removed = [change for change in changes if change.startswith("effect")]
        assert len(removed) == (0 if number < len(table.DISABLE) else len(row.do))
    for mutant in rows[::20]:
        compile(mutant.build(), "table.py", "exec")
