"""make bench: every bench_*.py of this folder prints its table. Ratios, never assertions.

python -m tests.bench            all of them
python -m tests.bench ledger     only bench_ledger
python -m tests.bench.bench_weighing 97000    one of them, with what it takes itself: a seed
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
import time

import tests.bench


def print_table(rows: list[tuple[str, ...]]) -> None:
    columns = max(len(row) for row in rows)
    padded = [row + ("",) * (columns - len(row)) for row in rows]
    # A row of one cell is a heading: as long as it likes, no column follows it.
    measured = [row for row in padded if row[1:] != ("",) * (columns - 1)] or padded
    widths = [max(len(row[column]) for row in measured) for column in range(columns)]
    for row in padded:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        print("  ".join(cells).rstrip())


def bench_names() -> list[str]:
    """Every bench module of this folder."""
    return sorted(
        info.name
        for info in pkgutil.iter_modules(tests.bench.__path__)
        if info.name.startswith("bench_")
    )


def main(wanted: list[str]) -> int:
    names = bench_names()
    unknown = [word for word in wanted if f"bench_{word}" not in names]
    if unknown:
        print(f"There is no bench {unknown[0]}; there are:", *(n[len("bench_") :] for n in names))
        return 65
    chosen = [name for name in names if not wanted or name.removeprefix("bench_") in wanted]
    for name in chosen:
        started_s = time.monotonic()
        print(f"== {name.removeprefix('bench_')}", flush=True)
        print_table(importlib.import_module(f"tests.bench.{name}").table())
        print(f"   ({time.monotonic() - started_s:.0f} s)\n", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
