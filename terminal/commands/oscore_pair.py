"""weigh-terminal oscore-pair: a fresh OSCORE key for one terminal and its receiver."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from terminal import exits
from terminal.uplink.oscore import make_pair

NAME = "oscore-pair"
HELP = "make a fresh OSCORE context for one terminal and its receiver"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the two folders."""
    parser.add_argument("terminal", type=Path, help="folder to make for the terminal")
    parser.add_argument("county", type=Path, help="folder to make for the receiver")


def run(args: argparse.Namespace) -> int:
    """0 when both folders were made; they must not exist: a key is never used again."""
    for folder in (args.terminal, args.county):
        if folder.exists():
            print(
                f"{folder} exists already. An OSCORE key is never used again: name a new folder.",
                file=sys.stderr,
            )
            return exits.BAD_INPUT
    make_pair(args.terminal, args.county)
    print(
        f"{args.terminal}: move it to the terminal and name it as `oscore` of the [[targets]]"
        f" section.\n{args.county}: move it into the folder that the receiver is given with"
        " --oscore.\nMove, never copy: a copy in use makes both ends lose their secret."
    )
    return exits.OK
