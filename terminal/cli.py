"""The command line: a table of subcommands, each a module loaded only when it is called.

Exit codes are in terminal.exits.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Callable, Sequence
from typing import Protocol, cast


class Command(Protocol):
    """What a module in terminal.commands offers."""

    NAME: str
    HELP: str
    configure: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]


COMMANDS: tuple[tuple[str, str], ...] = (
    ("run", "run the terminal with a configuration file"),
    ("demo", "run a whole lane on simulated chips, console and county receiver included"),
    ("check", "check a configuration file and list all its problems"),
    ("verify", "check every record of a ledger: chain, signatures, pictures, raw samples"),
    ("county", "run the reference county receiver (CoAP over UDP and TCP)"),
    ("conformance", "check a county receiver against the golden vectors"),
    (
        "watch",
        "observe a terminal's own /weight or /status, also across a NAT's rebinding",
    ),
    ("enrol", "exchange keys of a terminal and its county once, by file or QR code; revoke"),
    ("oscore-pair", "make a fresh OSCORE context for one terminal and its receiver"),
    ("calibrate", "calibrate the deck: zero, corners, at least five loads; writes a signed report"),
    ("weigh-trace", "weigh recorded traces with the live pipeline and write the results as JSON"),
    ("replay", "run a flight-recorder trace through today's core and list what differs"),
    ("rehearse", "run recorded traffic through another configuration: who is treated differently"),
    ("evidence", "hand over photos, film and raw samples of one record, with captions on copies"),
    ("plate-accuracy", "share of plates read without a person, by week, day and night"),
    ("footage", "search the camera recording by time or plate, and export a time range"),
    ("fetch-models", "fetch the plate reader's networks from their pinned package"),
    ("doctor", "find what is connected and what is missing, and try each device"),
    ("blank-sign", "switch the sign dark (systemd calls this after the panel ended)"),
    ("pin", "make the hash of a keypad PIN for the configuration file"),
    ("plate", "read number plates in picture files"),
    ("units", "write the systemd units of the process table to a folder"),
    ("listen", "find an indicator's line settings and format by listening to its port"),
    ("firmware", "look at the microcontroller front end, or write its firmware"),
    ("process", "run one process of the table (the supervisor and systemd call this)"),
)


def _module(name: str) -> Command:
    module = importlib.import_module(f"terminal.commands.{name.replace('-', '_')}")
    return cast(Command, module)


def main(argv: Sequence[str] | None = None) -> int:
    """Parse, load the one module needed, run it. Returns the exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    parser = argparse.ArgumentParser(
        prog="weigh-terminal", description="Gate terminal for source-side overload control."
    )
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    if not words:
        words = ["--help"]
    chosen = next((word for word in words if not word.startswith("-")), "")
    for name, summary in COMMANDS:
        sub = subparsers.add_parser(name, help=summary, description=summary)
        if name == chosen:
            _module(name).configure(sub)
    args = parser.parse_args(words)
    return _module(args.command).run(args)


if __name__ == "__main__":
    sys.exit(main())
