"""python -m tests.fuzz [READER ...] --seconds 10: every reader of foreign bytes, for so long each.

With atheris the fuzzing is guided by coverage; without it valid inputs are bent at random, and
the table says so. A finding is kept in tests/fuzz/found: put it into the corpus before the fix.
"""

from __future__ import annotations

import argparse
import importlib.util
import re
import secrets
import subprocess
import sys
import time
from pathlib import Path
from random import Random
from typing import NamedTuple

from tests.fuzz.bend import bend
from tests.fuzz.readers import READERS, attempt

ROOT = Path(__file__).resolve().parents[2]
FOUND = Path(__file__).with_name("found")
GRACE_S = 120
"""A guided run also imports and instruments, and may be late on a busy machine."""
_DONE = re.compile(r"Done (\d+) runs|stat::number_of_executed_units:\s*(\d+)")


class Run(NamedTuple):
    """What one reader's run came to. trouble: the last words of what broke, else empty."""

    executions: int
    trouble: str


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("readers", nargs="*", help="default: all")
    parser.add_argument("--seconds", type=int, default=10)
    args = parser.parse_args()
    unknown = [name for name in args.readers if name not in READERS]
    if unknown:
        print(f"There is no reader {unknown[0]!r}; there are: {', '.join(sorted(READERS))}.")
        return 2
    is_guided = importlib.util.find_spec("atheris") is not None
    print("guided by coverage (atheris)" if is_guided else "bent at random: atheris is missing")
    print(f"{'reader':26} {'executions':>10}  finding")
    total, findings = 0, 0
    for name in args.readers or sorted(READERS):
        run = guided(name, args.seconds) if is_guided else bent(name, args.seconds)
        total, findings = total + run.executions, findings + bool(run.trouble)
        print(f"{name:26} {run.executions:10}  {run.trouble or '-'}", flush=True)
    print(f"{'all':26} {total:10}  {findings} findings")
    return int(findings > 0)


def guided(name: str, seconds: int) -> Run:
    """In a process of its own, since the library ends the one it runs in."""
    command = [sys.executable, "-m", "tests.fuzz.guided", name, "--seconds", str(seconds)]
    ended = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=seconds + GRACE_S
    )
    counted = [int(a or b) for a, b in _DONE.findall(ended.stderr)]
    errors = [line for line in ended.stderr.splitlines() if "Error" in line or "ERROR" in line]
    trouble = "; ".join(errors[:2])[:160] or f"ended with {ended.returncode}"
    return Run(max(counted, default=0), trouble if ended.returncode else "")


def bent(name: str, seconds: int) -> Run:
    """Bent seeds, without a guide."""
    random, count = Random(secrets.randbits(40)), 0
    until_s = time.monotonic() + seconds
    while time.monotonic() < until_s:
        wire = bend(random.choice(READERS[name].seeds), random)
        count += 1
        try:
            attempt(name, wire)
        except Exception as error:
            FOUND.mkdir(exist_ok=True)
            (FOUND / f"{name.replace(' ', '-')}.bin").write_bytes(wire)
            return Run(count, f"{type(error).__name__}: {error}"[:160])
    return Run(count, "")


if __name__ == "__main__":
    sys.exit(main())
