"""weigh-terminal blank-sign: dark, because a MAX7219 keeps its last picture when its owner dies.

systemd runs it after the panel ended, however that was. A sign that says "drive" on behalf of a
process that is gone is worse than a dark one.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from hal.contract.types import DeviceAbsentError
from terminal import exits
from terminal.config import ConfigError
from terminal.config_load import load
from terminal.wiring.context import Context
from terminal.wiring.panel_devices import sign

NAME = "blank-sign"
HELP = "switch the sign dark (systemd calls this after the panel ended)"


def configure(parser: argparse.ArgumentParser) -> None:
    """Which sign."""
    parser.add_argument("--config", type=Path, required=True)


def run(args: argparse.Namespace) -> int:
    """0 when the sign is dark or there is none to darken, 69 when it cannot be reached."""
    from hal.linux.clock import SystemClock

    try:
        loaded = load(args.config)
        if loaded.config.sign.kind in ("none", "sim"):
            return exits.OK
        found = sign(Context("panel", loaded, SystemClock()))
    except ConfigError as error:
        print(error, file=sys.stderr)
        return exits.CONFIG
    except DeviceAbsentError as error:
        print(f"blank-sign: {error}", file=sys.stderr)
        return exits.ABSENT
    if found is not None:
        found.close()
    return exits.OK
