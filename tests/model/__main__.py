"""python -m tests.model --passages N --seed S: random passages through the decision core.

Prints what was tried and how many faults each passage met; ends with 1 when one breaks a rule,
with the story of it and the command that repeats it. --seconds ends early and names the number to
go on from. The exhaustive searches are `make model`.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import time

from tests.model.passages import Passage, Tally, run

JOBS = 2
STORIES_SHOWN = 3


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.model", description=__doc__)
    parser.add_argument("--passages", type=int, default=10_000)
    parser.add_argument("--seed", default="1")
    parser.add_argument("--first", type=int, default=0, help="number of the first passage")
    parser.add_argument("--seconds", type=float, default=1e9)
    parser.add_argument("--jobs", type=int, default=JOBS)
    args = parser.parse_args()
    if args.passages == 1:
        passage = Passage(args.seed, args.first, Tally(), story=True)
        wrong = passage.run()
        print("\n".join(passage.lines or ()))
        print(wrong or "no violation")
        return int(bool(wrong))
    began_s = time.monotonic()
    each = -(-args.passages // args.jobs)
    parts = [
        (args.seed, args.first + job * each, min(each, args.passages - job * each), args.seconds)
        for job in range(args.jobs)
    ]
    total, ended = Tally(), []
    with multiprocessing.get_context("fork").Pool(args.jobs) as pool:
        for tally, last in pool.starmap(_part, parts):
            total.add(tally)
            ended.append(last)
    report(total, args.seed, time.monotonic() - began_s)
    for (_, first, count, _), last in zip(parts, ended, strict=True):
        if last < first + count:
            print(f"stopped: go on with --first {last} --passages {first + count - last}")
    return int(bool(total.stories))


def _part(seed: str, first: int, count: int, seconds: float) -> tuple[Tally, int]:
    return run(seed, first, count, time.monotonic() + seconds, time.monotonic)


def report(total: Tally, seed: str, took_s: float) -> None:
    for story in total.stories[:STORIES_SHOWN]:
        print(story, end="\n\n")
    faults = sum(total.faults.values())
    records = ", ".join(f"{count:,} {verdict}" for verdict, count in total.records.most_common())
    print(
        f"seed {seed}: {total.passages:,} passages, {total.steps:,} steps, {total.visits:,} "
        f"visits, records: {records}; {total.released:,} steps with the exit open; "
        f"{faults / max(1, total.passages):.2f} faults a passage, {len(total.faults)} kinds; "
        f"{len(total.stories)} violations; {took_s:.0f} s"
    )
    print("faults: " + ", ".join(f"{name} {n:,}" for name, n in sorted(total.faults.items())))


if __name__ == "__main__":
    sys.exit(main())
