"""Many seeds: run, kept as one line a seed in a file that can be gone on with, and summed up.

A soak takes hours of a core that others want as well. So each seed's outcome is a line of JSON,
written when it is known; a run that was stopped goes on behind the last whole line.
"""

from __future__ import annotations

import json
import multiprocessing
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from hal.contract.types import NS_PER_S
from tests.sim.run import Outcome, simulate

SEEDS_A_PROCESS = 200
"""A worker is renewed after so many, so that no leak of a library sums up."""
Work = tuple[int, int]
"""A seed and its number of trucks."""


@dataclass
class Result:
    """One seed's line. cpu_s: processor time it took; timeline: only of a failed one."""

    seed: int
    trucks: int
    passages: int
    visits: int
    openings: int
    faults: dict[str, int]
    verdicts: dict[str, int]
    virtual_s: float
    cpu_s: float
    digest: str
    violation: str
    timeline: tuple[str, ...] = field(default=())

    def line(self) -> str:
        """Without the timeline, which the seed gives back."""
        row = asdict(self)
        del row["timeline"]
        return json.dumps(row, ensure_ascii=False)


def timed(work: Work) -> Result:
    """Run one seed."""
    began_s = time.process_time()
    outcome = simulate(work[0], trucks=work[1])
    return result_of(outcome, work[1], time.process_time() - began_s)


def result_of(outcome: Outcome, trucks: int, cpu_s: float) -> Result:
    """The line of an outcome."""
    return Result(
        seed=outcome.seed,
        trucks=trucks,
        passages=outcome.passages,
        visits=outcome.visits,
        openings=outcome.openings,
        faults=outcome.faults,
        verdicts=outcome.verdicts,
        virtual_s=round(outcome.virtual_ns / NS_PER_S, 3),
        cpu_s=round(cpu_s, 3),
        digest=outcome.digest,
        violation=outcome.violation,
        timeline=outcome.timeline if outcome.violation else (),
    )


def run(work: list[Work], jobs: int) -> Iterator[Result]:
    """Every seed in order, on so many processes."""
    if jobs <= 1:
        yield from map(timed, work)
        return
    pool = multiprocessing.get_context("spawn").Pool(jobs, maxtasksperchild=SEEDS_A_PROCESS)
    with pool:
        yield from pool.imap(timed, work)


def read(path: Path) -> list[Result]:
    """The lines of a soak's file; a last line that was cut off is none. Empty when absent."""
    if not path.exists():
        return []
    return [
        Result(**_row(line))
        for line in path.read_text().splitlines(keepends=True)
        if line.endswith("}\n")
    ]


def _row(line: str) -> dict[str, Any]:
    row: dict[str, Any] = json.loads(line)
    return row


def summary(results: Iterable[Result]) -> str:
    """What a soak came to: a table of totals, then the faults by kind."""
    rows = list(results)
    faults: Counter[str] = Counter()
    verdicts: Counter[str] = Counter()
    for row in rows:
        faults.update(row.faults)
        verdicts.update(row.verdicts)
    passages = sum(row.passages for row in rows)
    virtual_s = sum(row.virtual_s for row in rows)
    cpu_s = sum(row.cpu_s for row in rows)
    failed = [row.seed for row in rows if row.violation]
    lines = [
        f"seeds        {len(rows)}, {sum(not row.visits for row in rows)} of them without a visit",
        f"visits       {sum(row.visits for row in rows)} in {passages} passages",
        f"faults       {faults.total()}, {faults.total() / max(1, passages):.1f} a passage",
        f"openings     {sum(row.openings for row in rows)}",
        f"records      {', '.join(f'{n} {name}' for name, n in sorted(verdicts.items()))}",
        f"speed        {virtual_s:.0f} s simulated in {cpu_s:.0f} s of one core: "
        f"{virtual_s / max(cpu_s, 1e-9):.0f}x real time",
        f"violations   {len(failed)}" + (f": seeds {failed}" if failed else ""),
        "faults by kind:",
    ]
    kinds = [f"{name} {n}" for name, n in sorted(faults.items(), key=lambda item: -item[1])]
    lines += [f"  {', '.join(kinds[at : at + 5])}" for at in range(0, len(kinds), 5)]
    return "\n".join(lines)
