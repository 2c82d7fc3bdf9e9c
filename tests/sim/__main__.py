"""python -m tests.sim: many seeds of the whole terminal, or one seed with its timeline.

A seed that fails is printed as the one command that replays it, with the end of its timeline.
"""

from __future__ import annotations

import argparse
import multiprocessing
import secrets
import sys
import time
from collections import Counter
from collections.abc import Iterator

from hal.contract.types import NS_PER_S
from tests.sim.run import Outcome, simulate

SHOWN_LINES = 60
FRESH_BITS = 40
REPORT_EVERY = 20


def main() -> int:
    args = _arguments()
    if args.seed is not None:
        return _one(args.seed, args.trucks, round(args.until * NS_PER_S))
    seeds = list(range(args.first, args.first + args.seeds))
    if args.fresh:
        base = secrets.randbits(FRESH_BITS)
        print(f"fresh seeds from {base}")
        seeds += range(base, base + args.fresh)
    return _many(seeds, args.trucks, args.jobs)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.sim", description=__doc__)
    parser.add_argument("--seeds", type=int, default=100, help="how many seeds, from --first on")
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--fresh", type=int, default=0, help="and so many never tried before")
    parser.add_argument("--seed", type=int, help="one seed, with its timeline")
    parser.add_argument("--until", type=float, default=0.0, help="stop it at this second")
    parser.add_argument("--trucks", type=int, default=1, help="passages a seed")
    parser.add_argument("--jobs", type=int, default=multiprocessing.cpu_count())
    return parser.parse_args()


def _one(seed: int, trucks: int, until_ns: int) -> int:
    outcome = simulate(seed, trucks=trucks, until_ns=until_ns)
    print("\n".join(outcome.timeline))
    print(f"digest {outcome.digest}")
    print(outcome.violation or "no violation")
    return int(bool(outcome.violation))


def _timed(work: tuple[int, int]) -> tuple[Outcome, float]:
    began_s = time.process_time()
    outcome = simulate(work[0], trucks=work[1])
    return outcome, time.process_time() - began_s


def _outcomes(work: list[tuple[int, int]], jobs: int) -> Iterator[tuple[Outcome, float]]:
    if jobs <= 1:
        yield from map(_timed, work)
        return
    with multiprocessing.get_context("spawn").Pool(jobs, maxtasksperchild=200) as pool:
        yield from pool.imap(_timed, work)


def _many(seeds: list[int], trucks: int, jobs: int) -> int:
    totals: Counter[str] = Counter()
    failed: list[int] = []
    spent_s = 0.0
    for outcome, seconds in _outcomes([(seed, trucks) for seed in seeds], jobs):
        spent_s += seconds
        totals.update(
            seeds=1,
            passages=outcome.passages,
            faults=outcome.faults,
            openings=outcome.openings,
            virtual_s=outcome.virtual_ns // NS_PER_S,
        )
        totals.update({f"verdict {name}": n for name, n in outcome.verdicts.items()})
        if outcome.violation:
            failed.append(outcome.seed)
            print("\n".join(outcome.timeline[-SHOWN_LINES:]))
            print(f"seed {outcome.seed}: {outcome.violation}")
            until_s = outcome.virtual_ns / NS_PER_S
            print(f"again: python -m tests.sim --seed {outcome.seed} --trucks {trucks} "
                  f"--until {until_s + 0.01:.2f}", flush=True)  # fmt: skip
        if totals["seeds"] % REPORT_EVERY == 0:
            print(_summary(totals, failed, spent_s), flush=True)
    print(_summary(totals, failed, spent_s))
    return int(bool(failed))


def _summary(totals: Counter[str], failed: list[int], spent_s: float) -> str:
    per_passage = totals["faults"] / max(1, totals["passages"])
    verdicts = ", ".join(
        f"{totals[name]} {name[8:]}" for name in sorted(totals) if name.startswith("verdict ")
    )
    return (
        f"{totals['seeds']} seeds, {totals['passages']} passages, {totals['faults']} faults "
        f"({per_passage:.1f} a passage), {totals['openings']} openings, records: {verdicts}; "
        f"{totals['virtual_s']} virtual s, {totals['virtual_s'] / max(spent_s, 1e-9):.0f}x real "
        f"time on one core; violations: {len(failed)}"
    )


if __name__ == "__main__":
    sys.exit(main())
