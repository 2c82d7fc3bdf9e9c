"""The core stays pure: checked on its syntax tree, file by file, and on planted violations."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

CORE = Path(__file__).parents[2] / "terminal" / "core"
FILES = sorted(CORE.glob("*.py"))
ALLOWED = ("terminal.core", "hal.contract.types")
STDLIB = ("__future__", "collections.abc", "dataclasses", "enum", "typing", "hashlib")
HASHLIB_ONLY_IN = "menu.py"
GRANTS = ("Lease", "ClosePermit")
LINES_MAX = 400
FUNCTION_LINES_MAX = 60


def violations(name: str, source: str) -> Iterator[str]:
    tree = ast.parse(source)
    for node in ast.walk(tree):
        line = getattr(node, "lineno", 0)
        for module in imported(node):
            if not allowed(name, module):
                yield f"{name}:{line} imports {module}"
        if isinstance(node, ast.Constant) and isinstance(node.value, float):
            yield f"{name}:{line} has a float"
        if isinstance(node, ast.BinOp | ast.AugAssign) and isinstance(node.op, ast.Div):
            yield f"{name}:{line} divides to a float"
        if isinstance(node, ast.Set | ast.SetComp):
            yield f"{name}:{line} builds a set"
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            called = node.func.id
            if called in ("hash", "id", "set", "frozenset", "float", "round", "open", "print"):
                yield f"{name}:{line} calls {called}()"
            if called in GRANTS and name != "interlock.py":
                yield f"{name}:{line} makes a {called}"
        if isinstance(node, ast.Global | ast.Nonlocal | ast.AsyncFunctionDef):
            yield f"{name}:{line} has {type(node).__name__}"
        if isinstance(node, ast.FunctionDef):
            length = (node.end_lineno or 0) - node.lineno + 1
            if length > FUNCTION_LINES_MAX:
                yield f"{name}:{line} {node.name} has {length} lines"


def imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        return [node.module or "."]
    return []


def allowed(name: str, module: str) -> bool:
    if module == "hashlib":
        return name == HASHLIB_ONLY_IN
    return module in STDLIB or module in ALLOWED or module.startswith("terminal.core.")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_core_file_is_pure(path: Path) -> None:
    source = path.read_text("utf-8")
    assert list(violations(path.name, source)) == []
    assert len(source.splitlines()) <= LINES_MAX
    assert ast.get_docstring(ast.parse(source)), "a module says what it is for"


@pytest.mark.parametrize(
    ("planted", "found"),
    [
        ("import time", "imports time"),
        ("from os import path", "imports os"),
        ("from terminal.messages import decode", "imports terminal.messages"),
        ("import hashlib", "imports hashlib"),
        ("x = 1.5", "has a float"),
        ("x = 3 / 2", "divides to a float"),
        ("x = {1, 2}", "builds a set"),
        ("x = {i for i in y}", "builds a set"),
        ("x = hash(y)", "calls hash()"),
        ("x = Lease(1)", "makes a Lease"),
        ("x = ClosePermit(1)", "makes a ClosePermit"),
        ("async def f(): pass", "has AsyncFunctionDef"),
        ("def f():\n" + "    x = 1\n" * 60, "f has 61 lines"),
    ],
)
def test_the_check_finds_what_it_should(planted: str, found: str) -> None:
    assert any(found in text for text in violations("planted.py", planted))


def test_only_the_interlock_makes_leases() -> None:
    source = (CORE / "interlock.py").read_text("utf-8")
    assert list(violations("interlock.py", source)) == []
    assert len(list(violations("elsewhere.py", source))) >= 2
