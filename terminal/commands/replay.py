"""weigh-terminal replay TRACE: a flight-recorder trace through today's core.

Lists every decision that differs from what was decided then, with the time in the trace. The
same version finds none; after a change this says what the change would have done.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from terminal import exits
from terminal.frames import Decided
from terminal.replay import Difference, TraceError, load_frames, replay

NAME = "replay"
HELP = "run a flight-recorder trace through today's core and list what differs"
DIFFERENT = 1
SHOWN_MAX = 200


def configure(parser: argparse.ArgumentParser) -> None:
    """The trace."""
    parser.add_argument(
        "trace", type=Path, help="the ledger's flight folder, one of its files, or FILE.xz"
    )


def run(args: argparse.Namespace) -> int:
    """0: the same decisions. 1: some differ. 65: the trace cannot be read."""
    try:
        result = replay(load_frames(args.trace))
    except TraceError as error:
        print(error, file=sys.stderr)
        return exits.BAD_INPUT
    if not result.ticks:
        print(
            f"{args.trace}: holds no tick that can be replayed. Name the ledger's flight folder, "
            f"or a file of it that begins with a whole state.",
            file=sys.stderr,
        )
        return exits.BAD_INPUT
    for difference in result.differences[:SHOWN_MAX]:
        print(_told(difference))
    if len(result.differences) > SHOWN_MAX:
        print(f"... and {len(result.differences) - SHOWN_MAX} more")
    if result.skipped:
        print(f"{result.skipped} ticks before the first known state were left out")
    print(
        f"ticks: {result.ticks}, starts of the lane: {result.runs}, gaps: {result.gaps} "
        f"(idle time is kept thinly), decisions that differ: {len(result.differences)}"
    )
    if result.unlike:
        print(
            f"After {result.unlike} ticks with the same decision the state is another than then: "
            f"a field added since, or a difference that has not shown yet."
        )
    return DIFFERENT if result.differences else exits.OK


def _told(difference: Difference) -> str:
    return (
        f"{difference.at_s:10.2f} s  tick {difference.tick}: then {_short(difference.recorded)}; "
        f"today {_short(difference.today)}"
    )


def _short(what: Decided) -> str:
    leases = [
        f"{side} {name}" for side, name in (("entry", what.entry), ("exit", what.exit)) if name
    ]
    parts = [what.phase, what.reason, f"sign {what.prompt}", what.verdict, *leases]
    return ", ".join(part for part in parts if part and part != "none")
