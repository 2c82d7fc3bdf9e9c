"""python -m tests.fuzz.guided READER --seconds 60: coverage-guided fuzzing with atheris.

Optional: without the package it says so and ends well. It begins with the reader's valid inputs
and the corpus; what it finds is kept in tests/fuzz/found: put it into the corpus before the fix.
All readers one after the other: python -m tests.fuzz.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

BYTES_MAX = 8_192
OURS = ("terminal", "firmware_bridge", "hal")
"""Packages whose branches guide; to instrument the libraries as well takes minutes."""


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.guided", description=__doc__)
    parser.add_argument("reader", help="a name in tests/fuzz/readers.py")
    parser.add_argument("--seconds", type=int, default=60)
    args = parser.parse_args(argv)
    try:
        import atheris
    except ImportError:
        atheris = None
    with atheris.instrument_imports(include=list(OURS)) if atheris else nullcontext():
        from tests.fuzz.readers import READERS, attempt
    if args.reader not in READERS:
        print(f"There is no reader {args.reader!r}; choose one of: {', '.join(sorted(READERS))}.")
        return 2
    if atheris is None:
        print("skipped: the package atheris is not installed (pip install atheris).")
        return 0
    found = Path(__file__).with_name("found")
    found.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as seeds:
        for number, wire in enumerate(READERS[args.reader].seeds):
            (Path(seeds) / str(number)).write_bytes(wire)
        options = [
            f"-max_total_time={args.seconds}",
            f"-artifact_prefix={found / args.reader.replace(' ', '-')}-",
            "-print_final_stats=1",
            f"-max_len={BYTES_MAX}",
        ]
        corpora = [seeds, str(Path(__file__).with_name("corpus"))]
        atheris.Setup([sys.argv[0], *options, *corpora], lambda wire: attempt(args.reader, wire))
        atheris.Fuzz()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
