"""python -m tests.sim: many seeds of the whole terminal, or one seed with its timeline.

A seed that fails is printed as the one command that replays it, with the end of its timeline.
With --out every seed leaves a line in a file; the same command again goes on where it stopped.
"""

from __future__ import annotations

import argparse
import multiprocessing
import secrets
import sys
from pathlib import Path

from hal.contract.types import NS_PER_S
from tests.sim import soak
from tests.sim.run import STORY, simulate

SHOWN_LINES = 60
FRESH_BITS = 40
REPORT_EVERY = 50


def main() -> int:
    args = _arguments()
    if args.seed is not None:
        return _one(args.seed, args.trucks, round(args.until * NS_PER_S))
    if args.report is not None:
        print(soak.summary(soak.read(args.report)))
        return 0
    seeds = list(args.seeds)
    if args.fresh:
        base = secrets.randbits(FRESH_BITS)
        print(f"fresh seeds from {base}")
        seeds += range(base, base + args.fresh)
    return _many(seeds, args.trucks, args.jobs, args.out)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.sim", description=__doc__)
    parser.add_argument("--seeds", type=_seeds, default=_seeds("100"),
                        help="FIRST:END, or how many from 1 on")  # fmt: skip
    parser.add_argument("--fresh", type=int, default=0, help="and so many never tried before")
    parser.add_argument("--seed", type=int, help="one seed, with its timeline")
    parser.add_argument("--until", type=float, default=0.0, help="stop it at this second")
    parser.add_argument("--trucks", type=int, default=STORY,
                        help="passages a seed; 0: a short story of one or two")  # fmt: skip
    parser.add_argument("--jobs", type=int, default=multiprocessing.cpu_count())
    parser.add_argument("--out", type=Path, help="file to go on with, a line a seed")
    parser.add_argument("--report", type=Path, help="only sum up such a file")
    return parser.parse_args()


def _seeds(text: str) -> range:
    """ "100" is 1 to 100, "0:3000" is 0 to 2999. Raises ValueError."""
    first, colon, end = text.partition(":")
    return range(int(first), int(end)) if colon else range(1, int(first) + 1)


def _one(seed: int, trucks: int, until_ns: int) -> int:
    outcome = simulate(seed, trucks=trucks, until_ns=until_ns)
    print("\n".join(outcome.timeline))
    print(f"digest {outcome.digest}")
    print(outcome.violation or "no violation")
    return int(bool(outcome.violation))


def _many(seeds: list[int], trucks: int, jobs: int, out: Path | None) -> int:
    results = soak.read(out) if out is not None else []
    known = {(row.seed, row.trucks) for row in results}
    if known:
        print(f"{out} holds {len(known)} seeds; going on behind them")
        _drop_torn_line(out)
    work = [(seed, trucks) for seed in seeds if (seed, trucks) not in known]
    for result in soak.run(work, jobs):
        results.append(result)
        if out is not None:
            with out.open("a") as file:
                file.write(result.line() + "\n")
        if result.violation:
            _tell(result)
        if len(results) % REPORT_EVERY == 0:
            print(f"{len(results)} seeds, {_failed(results)} violations", flush=True)
    print(soak.summary(results))
    return int(_failed(results) > 0)


def _drop_torn_line(out: Path | None) -> None:
    if out is not None:
        whole = out.read_text()
        out.write_text(whole[: whole.rfind("\n") + 1])


def _failed(results: list[soak.Result]) -> int:
    return sum(bool(row.violation) for row in results)


def _tell(result: soak.Result) -> None:
    """The end of its timeline, and the one command that shows it again."""
    print("\n".join(result.timeline[-SHOWN_LINES:]))
    print(f"seed {result.seed}: {result.violation}")
    print(f"again: python -m tests.sim --seed {result.seed} --trucks {result.trucks} "
          f"--until {result.virtual_s + 0.01:.2f}", flush=True)  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
