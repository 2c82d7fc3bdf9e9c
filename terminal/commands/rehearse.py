"""weigh-terminal rehearse --config NEW TRACE: recorded traffic under another configuration.

Lists which vehicles would have been treated differently. Their drivers did what the old
configuration made them do, so only the judgement of each visit is compared, not what followed.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from terminal import exits
from terminal.config import ConfigError
from terminal.config_load import load
from terminal.replay import TraceError, Treatment, changed_params, load_frames, rehearse, treated
from terminal.wiring.lane import params

NAME = "rehearse"
HELP = "run recorded traffic through another configuration: who is treated differently"
DIFFERENT = 1


def configure(parser: argparse.ArgumentParser) -> None:
    """The configuration to try and the trace to try it on."""
    parser.add_argument("--config", type=Path, required=True, metavar="NEW", help="terminal.toml")
    parser.add_argument(
        "trace", type=Path, help="the ledger's flight folder, one of its files, or FILE.xz"
    )


def run(args: argparse.Namespace) -> int:
    """0: nobody. 1: somebody. 65: the trace cannot be read. 78: NEW is not right."""
    try:
        config = load(args.config).config
        frames = list(load_frames(args.trace))
    except ConfigError as error:
        print(error, file=sys.stderr)
        return exits.CONFIG
    except TraceError as error:
        print(error, file=sys.stderr)
        return exits.BAD_INPUT
    tried = params(config)
    differing = changed_params(frames, tried)
    print(f"Set otherwise than recorded: {'; '.join(differing) or 'nothing'}.")
    changed = rehearse(frames, tried)
    for was, would in changed:
        print(f"{was.plate or 'no plate':12} {_told(was)}  ->  {_told(would)}")
    print(f"vehicles: {len(treated(frames))}, treated differently: {len(changed)}")
    print("Masses, plates and what the vehicle list said are as recorded; only the core was tried.")
    return DIFFERENT if changed else exits.OK


def _told(what: Treatment | None) -> str:
    if what is None:
        return "no judgement"
    mass = f"{what.gross_kg} kg" if what.gross_kg is not None else "no mass"
    limit = f" of {what.limit_kg} kg" if what.limit_kg is not None else ""
    over = f", {what.over_kg} kg over" if what.over_kg else ""
    return f"{what.outcome}, {mass}{limit}{over}"
