"""Which test runs which line and fires which row, how long it takes, and what no test reaches.

Measured for each test module in a child of its own, and remembered until that module or a source
changes.
"""

from __future__ import annotations

import json
import os
import time
from collections import defaultdict
from pathlib import Path
from typing import Any, NamedTuple

import coverage

from tests.mutants.cases import ROOT, SUPPORT, cases, existing, module_path
from tests.mutants.kept import digest_of

SOURCES = ("terminal/core", "terminal/records", "terminal/outbox.py")
WORKERS = 2


class Cover(NamedTuple):
    """Who runs what. lines: path -> line -> tests; missing: what no test runs.

    imported: path -> lines run while the tests were imported.
    """

    lines: dict[str, dict[int, list[str]]]
    imported: dict[str, set[int]]
    rows: dict[int, list[str]]
    cost_s: dict[str, float]
    missing: list[str]
    places: int

    def order(self, names: set[str]) -> list[str]:
        return sorted(names, key=lambda name: (self.cost_s[name], name))


def sources() -> list[Path]:
    found = []
    for name in SOURCES:
        path = ROOT / name
        found += sorted(path.rglob("*.py")) if path.is_dir() else [path]
    return [path for path in found if path.exists()]


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def measure() -> Cover:
    """What the tests cover."""
    kept = {name: _kept(name) for name in existing()}
    wanted = [name for name, path in kept.items() if not path.exists()]
    running: set[int] = set()
    while wanted or running:
        while wanted and len(running) < WORKERS:
            name = wanted.pop()
            running.add(_in_child(name, kept[name]))
        pid, status = os.wait()
        running.remove(pid)
        assert status == 0, "a test fails without any mutant: run make test first"
    return _joined([json.loads(path.read_text()) for path in kept.values()])


def _kept(name: str) -> Path:
    used = [*sources(), module_path(name), ROOT / "tests/mutants/cover.py"]
    used += [*(ROOT / one for one in SUPPORT)]
    folder = ROOT / ".cache" / "mutants-cover"
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{name}-{digest_of(used)}.json"


def _in_child(name: str, path: Path) -> int:
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            found = json.dumps(_measured(name))
            for old in path.parent.glob(f"{name}-*.json"):
                old.unlink()
            path.write_text(found)
            code = 0
        finally:
            os._exit(code)
    return pid


def _watch() -> coverage.Coverage:
    watch = coverage.Coverage(data_file=None, branch=True, config_file=False, include=[
        f"{ROOT}/{name}" + ("/*" if not name.endswith(".py") else "") for name in SOURCES
    ])  # fmt: skip
    watch.set_option("report:exclude_also", ["if TYPE_CHECKING:"])
    return watch


def _measured(name: str) -> dict[str, object]:
    """Run every case of one test module under coverage."""
    watch = _watch()
    watch.start()
    from terminal.core import table

    fired: dict[int, set[str]] = defaultdict(set)
    numbers = {id(row): at for at, row in enumerate(table.DISABLE + table.ROWS)}
    fire, running = table.fire, [""]

    def noted(phase: object, facts: object) -> object:
        row = fire(phase, facts)  # type: ignore[arg-type]
        if row is not None and id(row) in numbers:
            fired[numbers[id(row)]].add(running[0])
        return row

    table.fire = noted  # type: ignore[assignment]
    cost_s: dict[str, float] = {}
    for case in list(cases(name)):  # everything is imported before the first
        running[0] = case.name
        watch.switch_context(case.name)
        started = time.process_time()
        case.run()
        cost_s[case.name] = time.process_time() - started
    watch.stop()
    found = watch.get_data()
    return {
        "lines": {str(path): found.contexts_by_lineno(str(path)) for path in sources()},
        "arcs": {str(path): found.arcs(str(path)) or [] for path in sources()},
        "rows": {row: sorted(names) for row, names in fired.items()},
        "cost_s": cost_s,
    }


def _joined(parts: list[dict[str, Any]]) -> Cover:
    lines: dict[str, dict[int, list[str]]] = defaultdict(lambda: defaultdict(list))
    imported: dict[str, set[int]] = defaultdict(set)
    rows: dict[int, list[str]] = defaultdict(list)
    cost_s: dict[str, float] = {}
    arcs: dict[str, set[tuple[int, int]]] = defaultdict(set)
    for part in parts:
        cost_s.update(part["cost_s"])
        for row, names in part["rows"].items():
            rows[int(row)] += names
        for path, found in part["lines"].items():
            arcs[path].update((a, b) for a, b in part["arcs"][path])
            for line, names in found.items():
                lines[path][int(line)] += [name for name in names if name]
                if "" in names:
                    imported[path].add(int(line))
    missing, places = _missing(arcs)
    return Cover(lines, imported, rows, cost_s, missing, places)


def _missing(arcs: dict[str, set[tuple[int, int]]]) -> tuple[list[str], int]:
    """Lines and branches that no test runs, as "path:line" and "path:line->line"; of how many."""
    watch = _watch()
    watch.get_data().add_arcs(arcs)
    missing, places = [], 0
    for path in sources():
        short = path.relative_to(ROOT)
        if path.read_text().strip():
            analysis = watch._analyze(str(path))
            missing += [f"{short}:{line}" for line in sorted(analysis.missing)]
            branches = analysis.missing_branch_arcs()
            missing += [f"{short}:{a}->{b}" for a, ends in branches.items() for b in ends]
            places += analysis.numbers.n_statements + analysis.numbers.n_branches
    return missing, places
