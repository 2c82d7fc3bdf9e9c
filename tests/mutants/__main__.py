"""python -m tests.mutants: every small change of the proved modules must be noticed by a test.

Results are kept in .cache, so a run only redoes what changed. Ends with 1 when a mutant survives
that is not listed as equivalent, when one listed as equivalent is noticed or is none any more, or
when a line or branch of the proved modules is not covered; with 2 when --seconds ended it early.
"""

from __future__ import annotations

import argparse
import random
import re
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import cbor2  # noqa: F401 - imported before the forks, so that no child pays for it
import cryptography.hazmat.primitives.asymmetric.ed25519  # noqa: F401
import hypothesis  # noqa: F401

from tests.mutants import cover as covering
from tests.mutants.equivalent import EQUIVALENT
from tests.mutants.kept import Kept
from tests.mutants.mutate import Mutant, mutants_of
from tests.mutants.runner import Job, try_all

AREAS: dict[str, tuple[str, ...]] = {
    "terminal.core.plate": ("tests.unit.anpr", "tests.unit.core"),
    "terminal.core": ("tests.unit.core",),
    "terminal.records": (
        "tests.unit.test_record",
        "tests.unit.test_key",
        "tests.unit.test_sm2",
        "tests.unit.core.",
    ),
    "terminal.outbox": ("tests.unit.test_outbox", "tests.unit.core."),
}
"""Who could notice what is run at import."""
NUMBERS = "tests.unit.core.test_numbers."
"""Where constants and tables are written down a second time: asked first about them."""
SAVE_EVERY = 50
FOR_GOOD_S = 1e9
"""A survivor counts only when every test was asked."""


def main() -> int:
    args = arguments()
    started = time.monotonic()
    found = covering.measure()
    loaded = [name for name in sys.modules if name.startswith(("terminal", "tests.unit"))]
    assert not loaded, f"imported before the forks: {loaded}"
    spent_s = sum(found.cost_s.values())
    print(f"{len(found.cost_s)} tests, {spent_s:.1f} s of processor time under coverage")
    for place in found.missing:
        print(f"not covered: {place}")
    share = 100 * (found.places - len(found.missing)) / found.places
    print(f"lines and branches covered: {share:.2f} % of {found.places}")
    if args.coverage:
        return 1 if found.missing else 0
    kept = Kept(covering.sources())
    jobs = list(jobs_of(found, kept, args.only))
    names = {job.mutant.name for job in jobs}
    stale = sorted(set(EQUIVALENT) - names) if not args.only else []
    total = len(jobs)
    if args.sample and args.sample < total:
        jobs = random.Random(args.seed).sample(jobs, args.sample)
        print(f"seed {args.seed}: {len(jobs)} of {total} mutants")
    ends = results(jobs, found, kept, args)
    survivors = [job for job in jobs if ends.get(job.mutant.name) == ""]
    wrong = [job for job in survivors if job.mutant.name not in EQUIVALENT]
    needless = [name for name in EQUIVALENT if ends.get(name)]
    for job in wrong:
        print(f"SURVIVED {job.path.relative_to(covering.ROOT)}:{job.mutant.line} {job.mutant.name}")
    for name in needless:
        print(f"listed as equivalent, yet {ends[name]} notices it: {name}")
    for name in stale:
        print(f"listed as equivalent, and no such mutant any more: {name}")
    print(
        f"{total} mutants, {len(ends)} tried, {len(ends) - len(survivors)} killed, "
        f"{len(wrong)} survived, {len(survivors) - len(wrong)} equivalent; "
        f"{len(found.missing)} places not covered; {time.monotonic() - started:.0f} s"
    )
    if wrong or needless or stale or found.missing:
        return 1
    return 0 if len(ends) == len(jobs) else 2


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("--sample", type=int, default=0, help="try only so many (default: all)")
    parser.add_argument("--seed", default="1", help="which ones (default: 1)")
    parser.add_argument("--only", default="", help="modules whose name holds this text")
    parser.add_argument("--seconds", type=float, default=1e9, help="stop then; go on by a rerun")
    parser.add_argument(
        "--budget", type=float, default=FOR_GOOD_S,
        help="seconds of tests a mutant at most; for a first look, what it leaves is not kept",
    )  # fmt: skip
    parser.add_argument("--coverage", action="store_true", help="only lines and branches")
    return parser.parse_args()


def results(
    jobs: list[Job], found: covering.Cover, kept: Kept, args: argparse.Namespace
) -> dict[str, str]:
    """Who noticed each mutant, "" for a survivor; what ran out of time is absent."""
    ends: dict[str, str] = {}
    reasons: Counter[str] = Counter()
    for job in jobs:
        known = kept.known(job.mutant.name)
        if known is not None:
            ends[job.mutant.name] = known.by
    rest = [within(job, found, args.budget) for job in jobs if job.mutant.name not in ends]
    print(f"{len(ends)} known, {len(rest)} to try", flush=True)
    for done, (at, tried) in enumerate(
        try_all(rest, found.cost_s, time.monotonic() + args.seconds), start=1
    ):
        name = rest[at].mutant.name
        ends[name] = tried.by
        reasons[tried.how] += 1
        if tried.by or args.budget >= FOR_GOOD_S:
            kept.put(name, tried.by, tried.how)
        if not tried.by and name not in EQUIVALENT:
            print(f"  survived: {name}", flush=True)
        if done % SAVE_EVERY == 0:
            kept.save()
            print(f"  {done} of {len(rest)}", flush=True)
    kept.save()
    print(", ".join(f"{why} {count}" for why, count in reasons.most_common(6)))
    return ends


def within(job: Job, found: covering.Cover, budget_s: float) -> Job:
    """The job with its likeliest and quickest tests only."""
    spent_s, tests = 0.0, []
    for name in job.tests:
        spent_s += found.cost_s[name]
        if tests and spent_s > budget_s:
            break
        tests.append(name)
    return job._replace(tests=tests)


def jobs_of(found: covering.Cover, kept: Kept, only: str) -> Iterator[Job]:
    users = Users(found)
    for path in covering.sources():
        module = covering.module_name(path)
        if only not in module:
            continue
        everyone = found.order(set().union(*found.lines[str(path)].values(), set()))
        for mutant in mutants_of(module, path.read_text(encoding="utf-8")):
            span = set(range(mutant.first, mutant.last + 1))
            tests = tests_for(mutant, found, path, users, everyone)
            hint = kept.hint(mutant.name)
            if hint in found.cost_s:
                tests = [hint, *(name for name in tests if name != hint)]
            yield Job(mutant, path, tests, bool(span & found.imported[str(path)]))


def tests_for(
    mutant: Mutant, found: covering.Cover, path: Path, users: Users, everyone: list[str]
) -> list[str]:
    """Those that run its lines; for what is set at import its users first, then all its area."""
    if not mutant.at_import:
        lines = found.lines[str(path)]
        span = range(mutant.first, mutant.last + 1)
        named = found.order({name for line in span for name in lines.get(line, ())})
        if named:
            return named
    first = users.of(mutant) if mutant.row is None else found.order(
        set(found.rows.get(mutant.row, []))
    )  # fmt: skip
    area = next(names for part, names in AREAS.items() if mutant.module.startswith(part))
    rest = [name for name in found.order(set(found.cost_s)) if name.startswith(area)]
    numbers = [name for name in rest if name.startswith(NUMBERS)]
    return list(dict.fromkeys([*numbers, *first, *everyone, *rest]))


class Users:
    """Which tests run the lines that name a constant."""

    def __init__(self, found: covering.Cover) -> None:
        self.found = found
        self.texts = {
            str(path): path.read_text(encoding="utf-8").splitlines() for path in covering.sources()
        }

    def of(self, mutant: Mutant) -> list[str]:
        if not mutant.target:
            return []
        word = re.compile(rf"\b{re.escape(mutant.target)}\b")
        return self.found.order({
            name
            for path, lines in self.texts.items()
            for number, text in enumerate(lines, start=1)
            if word.search(text)
            for name in self.found.lines[path].get(number, ())
        })  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
