"""weigh-terminal check FILE: all problems of a configuration at once."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from terminal import exits
from terminal.config import ConfigError
from terminal.config_load import load

NAME = "check"
HELP = "check a configuration file and list all its problems"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the file."""
    parser.add_argument("file", type=Path, help="path of terminal.toml")


def run(args: argparse.Namespace) -> int:
    """0 when the file can be used, 78 with one line a problem otherwise."""
    try:
        loaded = load(args.file)
    except ConfigError as error:
        print(error, file=sys.stderr)
        print(error.summary)
        return exits.CONFIG
    print(f"{args.file}: good, SHA-256 {loaded.sha256.hex()}")
    return 0
