"""weigh-terminal footage FILE: search the recording by time or plate, export a time range.

FILE is the terminal's configuration. Times are local, as 2026-11-23T14:05:00.
"""

from __future__ import annotations

import argparse
import sys
from datetime import datetime
from pathlib import Path

from terminal import exits
from terminal.anpr.types import Box
from terminal.camera.export import export
from terminal.camera.video import available
from terminal.config import ConfigError
from terminal.config_load import load
from terminal.core.plate import normalise
from terminal.footage.index import FootageReader

NAME = "footage"
HELP = "search the camera recording by time or plate, and export a time range"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the configuration file, what to search and what to export."""
    parser.add_argument("file", type=Path, help="path of terminal.toml")
    parser.add_argument("--plate", default="", help='visits of this plate; "?" is any symbol')
    parser.add_argument("--from", dest="since", type=_time, default=None, metavar="TIME")
    parser.add_argument("--to", dest="until", type=_time, default=None, metavar="TIME")
    parser.add_argument("--role", default="front", help="camera (default: front)")
    parser.add_argument("--export", type=Path, default=None, metavar="MP4", help="write the range")
    parser.add_argument(
        "--mask",
        type=_box,
        action="append",
        default=[],
        metavar="LEFT,TOP,RIGHT,BOTTOM",
        help="make this part unrecognisable in the export; may be repeated",
    )
    parser.add_argument("--keep", type=_box, default=None, help="mask everything but this part")


def run(args: argparse.Namespace) -> int:
    """0 when found or exported, 65 for a range that holds nothing, 69 without a recording."""
    try:
        loaded = load(args.file)
        reader = FootageReader(loaded.path(loaded.config.camera.record_folder))
    except ConfigError as error:
        print(error, file=sys.stderr)
        return exits.CONFIG
    except OSError as error:
        print(f"{error}. Is camera.record_days above 0, and has the lane run?", file=sys.stderr)
        return exits.ABSENT
    try:
        return _search(reader, args)
    except OSError as error:
        print(f"{error}.", file=sys.stderr)
        return exits.BAD_INPUT
    finally:
        reader.close()


def _search(reader: FootageReader, args: argparse.Namespace) -> int:
    if args.plate:
        for seen in reader.sightings(normalise(args.plate)):
            print(f"{_shown(seen.at_ms)}  visit {seen.visit_id}  {seen.plate}")
        return exits.OK
    since = args.since if args.since is not None else 0
    until = args.until if args.until is not None else 1 << 52
    if args.export is None:
        for segment in reader.segments(since, until):
            span = f"{_shown(segment.start_ms)}  {_shown(segment.end_ms)}"
            print(f"{span}  {segment.role:5}  {segment.octets:>9}  {segment.path}")
        return exits.OK
    if args.since is None or args.until is None:
        print("An export needs --from and --to.", file=sys.stderr)
        return exits.BAD_INPUT
    if not available():
        print("Video needs the package av: pip install weigh-terminal[video]", file=sys.stderr)
        return exits.ABSENT
    count = export(reader, args.role, since, until, args.export, regions=args.mask, keep=args.keep)
    print(f"{args.export}: {count} pictures of camera {args.role}")
    return exits.OK


def _shown(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1_000).astimezone().strftime("%Y-%m-%dT%H:%M:%S")


def _time(text: str) -> int:
    try:
        return round(datetime.fromisoformat(text).astimezone().timestamp() * 1_000)
    except ValueError as error:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no time; write it as 2026-11-23T14:05:00"
        ) from error


def _box(text: str) -> Box:
    parts = text.split(",")
    if len(parts) != 4 or not all(part.strip().isdecimal() for part in parts):
        raise argparse.ArgumentTypeError(f"{text!r} is not LEFT,TOP,RIGHT,BOTTOM in pixels")
    left, top, right, bottom = (int(part) for part in parts)
    return left, top, right, bottom
