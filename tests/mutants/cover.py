"""Which test runs which line and fires which row, how long it takes, and what no test reaches."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections import defaultdict
from pathlib import Path
from typing import Any, NamedTuple

import coverage

from tests.mutants.runner import TEST_MODULES, cases, existing

HERE = Path(__file__).resolve().parent
ROOT = Path(__file__).resolve().parents[2]
SOURCES = ("terminal/core", "terminal/records", "terminal/outbox.py")


class Cover(NamedTuple):
    """Who runs what. lines: path -> line -> tests; missing: what no test runs."""

    lines: dict[str, dict[int, list[str]]]
    rows: dict[int, list[str]]
    cost_s: dict[str, float]
    missing: list[str]

    def order(self, names: set[str]) -> list[str]:
        return sorted(names, key=lambda name: (self.cost_s[name], name))


def sources() -> list[Path]:
    found = []
    for name in SOURCES:
        path = ROOT / name
        found += sorted(path.glob("*.py")) if path.is_dir() else [path]
    return found


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def measure() -> Cover:
    """What the tests cover, remembered until a source or a test changes."""
    kept = ROOT / ".cache" / f"mutants-cover-{_digest()}.json"
    if not kept.exists():
        kept.parent.mkdir(exist_ok=True)
        kept.write_text(json.dumps(_in_child()))
    raw = json.loads(kept.read_text())
    return Cover(
        {
            path: {int(line): names for line, names in lines.items()}
            for path, lines in raw["lines"].items()
        },
        {int(row): names for row, names in raw["rows"].items()},
        raw["cost_s"],
        raw["missing"],
    )


def _digest() -> str:
    """Of everything that decides what covers what."""
    digest = hashlib.sha256()
    tests = [ROOT / (name.replace(".", "/") + ".py") for name in TEST_MODULES]
    ours = [HERE / "cover.py", HERE / "runner.py", ROOT / "tests/unit/core/lane.py"]
    for path in (*sources(), *tests, *ours):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _in_child() -> dict[str, Any]:
    """Run every test once under coverage, in a child, so that this process imports nothing."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read)
        code = 1
        try:
            with os.fdopen(write, "w") as out:
                json.dump(_measured(), out)
            code = 0
        finally:
            os._exit(code)
    os.close(write)
    with os.fdopen(read) as found:
        raw = json.load(found)
    _, status = os.waitpid(child, 0)
    assert status == 0, "a test fails without any mutant: run make test first"
    return dict(raw)


def _measured() -> dict[str, object]:
    watch = coverage.Coverage(data_file=None, branch=True, config_file=False, include=[
        f"{ROOT}/{name}" + ("/*" if not name.endswith(".py") else "") for name in SOURCES
    ])  # fmt: skip
    watch.set_option("report:exclude_also", ["if TYPE_CHECKING:"])
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
    for case in list(cases(existing(TEST_MODULES))):  # everything is imported before the first
        running[0] = case.name
        watch.switch_context(case.name)
        started = time.process_time()
        case.run()
        cost_s[case.name] = time.process_time() - started
    watch.stop()
    return {"lines": _lines(watch), "rows": {row: sorted(names) for row, names in fired.items()},
            "cost_s": cost_s, "missing": _missing(watch)}  # fmt: skip


def _lines(watch: coverage.Coverage) -> dict[str, dict[int, list[str]]]:
    found = watch.get_data()
    return {
        str(path): {
            line: [name for name in names if name]
            for line, names in found.contexts_by_lineno(str(path)).items()
        }
        for path in sources()
    }


def _missing(watch: coverage.Coverage) -> list[str]:
    """Lines and branches that no test runs, as "path:line" and "path:line->line"."""
    missing = []
    for path in sources():
        short = path.relative_to(ROOT)
        if path.read_text().strip():
            analysis = watch._analyze(str(path))
            missing += [f"{short}:{line}" for line in sorted(analysis.missing)]
            branches = analysis.missing_branch_arcs()
            missing += [f"{short}:{a}->{b}" for a, ends in branches.items() for b in ends]
    return missing
