"""weigh-terminal run: the whole terminal with one configuration file."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from terminal import exits
from terminal.config import ConfigError
from terminal.config_load import load
from terminal.supervisor import Supervisor
from terminal.wiring.context import process_names

NAME = "run"
HELP = "run the terminal with a configuration file"


def configure(parser: argparse.ArgumentParser) -> None:
    """Which file."""
    parser.add_argument("--config", type=Path, default=Path("terminal.toml"))


def run(args: argparse.Namespace) -> int:
    """Until stopped. 78 when the file has problems, 69 when a device is missing at start."""
    try:
        loaded = load(args.config)
    except ConfigError as error:
        print(error, file=sys.stderr)
        print(error.summary, file=sys.stderr)
        return exits.CONFIG
    return Supervisor(args.config.resolve(), process_names(loaded.config)).run()
