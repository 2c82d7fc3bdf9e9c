"""python -m tests.fuzz.guided READER --seconds 60: coverage-guided fuzzing with atheris.

Optional: without the package it says so and ends well. What it finds is written to the folder it
runs in; put the file into tests/fuzz/corpus before the fix.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.fuzz.readers import READERS, attempt


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.guided", description=__doc__)
    parser.add_argument("reader", help=", ".join(sorted(READERS)))
    parser.add_argument("--seconds", type=int, default=60)
    args = parser.parse_args(argv)
    if args.reader not in READERS:
        print(f"There is no reader {args.reader!r}; choose one of: {', '.join(sorted(READERS))}.")
        return 2
    try:
        import atheris
    except ImportError:
        print("skipped: the package atheris is not installed (pip install atheris).")
        return 0
    atheris.instrument_all()
    corpus = str(Path(__file__).with_name("corpus"))
    limit = f"-max_total_time={args.seconds}"
    atheris.Setup([sys.argv[0], limit, corpus], lambda wire: attempt(args.reader, wire))
    atheris.Fuzz()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
