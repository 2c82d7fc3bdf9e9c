"""House rules that no linter knows: sizes, dead words, machine paths, planted violations."""

from __future__ import annotations

import ast
import re
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 60
LEFT_OPEN = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b|NotImplementedError")
MACHINE_PATH = re.compile(r"""["'\s(](/(?:work|farm|root|home)/[a-z])""")
INDEX_ADDRESS = re.compile(
    r"index-url|https?://(?:pypi|files\.pythonhosted|deb\.debian|registry\.npmjs)"
)
LOADED_LATE = re.compile(r"\bnp\.(fft|ma|polynomial|ctypeslib|testing|rec|char|strings)\b")
"""Parts that numpy reads from the disk when they are first used: amid a visit, and without a
descriptor left that is the end of the process that weighs."""
DATABASE = b"SQLite format 3\0"
TEXT_ENDINGS = {".py", ".toml", ".txt", ".md", ".sh", ".c", ".h", ".html", ".js", ".css", ""}


def tracked(*patterns: str) -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", *patterns],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    ).stdout.split("\n")
    return [ROOT / name for name in listed if name and (ROOT / name).is_file()]


def python_sources() -> list[Path]:
    return [path for path in tracked("*.py") if "tests" not in path.relative_to(ROOT).parts]


def long_functions(tree: ast.AST) -> Iterator[tuple[str, int]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            lines = node.end_lineno - node.lineno + 1
            if lines > FUNCTION_LINES_MAX:
                yield node.name, lines


def without_docstring(tree: ast.Module) -> bool:
    return ast.get_docstring(tree) is None


def test_the_rules_find_planted_violations() -> None:
    body = "\n".join(f"    x{i} = {i}" for i in range(FUNCTION_LINES_MAX + 1))
    assert list(long_functions(ast.parse(f"def f():\n{body}\n")))
    assert without_docstring(ast.parse("x = 1\n"))
    assert LEFT_OPEN.search("# TO" + "DO later")
    assert MACHINE_PATH.search('open("/wo' + 'rk/x")')
    assert INDEX_ADDRESS.search("pip --index" + "-url x")
    assert LOADED_LATE.search("np.fft.rfft(x)")
    db = sqlite3.connect(":memory:")
    db.execute("create table t(x)")
    assert db.serialize().startswith(DATABASE)
    db.close()


def test_files_are_short() -> None:
    long_ones = [
        f"{path.relative_to(ROOT)}: {count}"
        for path in python_sources()
        if (count := len(path.read_text().splitlines())) > FILE_LINES_MAX
    ]
    assert not long_ones, f"over {FILE_LINES_MAX} lines: {long_ones}"


def test_functions_are_short() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{name}: {lines}"
        for path in python_sources()
        for name, lines in long_functions(ast.parse(path.read_text()))
    ]
    assert not found, f"over {FUNCTION_LINES_MAX} lines: {found}"


def test_every_module_says_what_it_is() -> None:
    found = [
        str(path.relative_to(ROOT))
        for path in python_sources()
        if without_docstring(ast.parse(path.read_text()))
    ]
    assert not found, f"no module docstring: {found}"


@pytest.mark.parametrize(
    ("rule", "what"),
    [
        (LEFT_OPEN, "left open"),
        (MACHINE_PATH, "a path of one machine"),
        (INDEX_ADDRESS, "a package index"),
    ],
)
def test_no_leftovers(rule: re.Pattern[str], what: str) -> None:
    found = []
    for path in tracked():
        if path == Path(__file__) or path.suffix not in TEXT_ENDINGS or path.name == "LICENSE":
            continue
        try:
            text = path.read_text()
        except UnicodeDecodeError:
            continue
        found += [
            f"{path.relative_to(ROOT)}:{number}"
            for number, line in enumerate(text.splitlines(), 1)
            if rule.search(line)
        ]
    assert not found, f"{what}: {found}"


def test_what_numpy_would_load_late_is_imported_by_name() -> None:
    found = [
        f"{path.relative_to(ROOT)}: {match[0]}"
        for path in python_sources()
        if "sim" not in path.parts
        and (match := LOADED_LATE.search(path.read_text(encoding="utf-8"))) is not None
    ]
    assert not found, f"write `from numpy import ...` at the top: {found}"


def test_no_database_of_some_run_lies_about() -> None:
    found = []
    for path in tracked():
        with path.open("rb") as file:
            if file.read(len(DATABASE)) == DATABASE:
                found.append(str(path.relative_to(ROOT)))
    assert not found, f"remove it, and let what made it use a folder of its own: {found}"


def test_tests_check_something() -> None:
    empty = []
    for path in tracked("tests/*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                kinds = (ast.Assert, ast.Raise, ast.With, ast.Call)
                if not any(isinstance(part, kinds) for part in ast.walk(node)):
                    empty.append(f"{path.relative_to(ROOT)}:{node.name}")
    assert not empty, f"tests that check nothing: {empty}"
