"""weigh-terminal plate FILE...: read plates in picture files, one line a file, in order given.

With --json each line is one object; without, one line for people. A file that holds no usable
picture gets its line too, with no plates and the reason.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

from terminal import exits
from terminal.anpr.files import PictureError, load
from terminal.anpr.models import ModelError
from terminal.anpr.reader import PlateReader
from terminal.anpr.types import Box, PlateCandidate

NAME = "plate"
HELP = "read number plates in picture files"

PROBABILITY_DIGITS = 4
NATS_DIGITS = 3


def configure(parser: argparse.ArgumentParser) -> None:
    """Add files and options."""
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="picture files")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.add_argument(
        "--roi",
        type=_roi,
        default=None,
        metavar="LEFT,TOP,RIGHT,BOTTOM",
        help="look only at this part of each picture (pixels)",
    )
    parser.add_argument(
        "--models", type=Path, default=None, help="folder of the network files (default: .models)"
    )


def run(args: argparse.Namespace) -> int:
    """0 when every file was looked at, 65 when one could not be opened, 69 without networks."""
    try:
        reader = PlateReader(args.models)
    except ModelError as error:
        print(error, file=sys.stderr)
        return exits.ABSENT
    code = exits.OK
    for path in args.files:
        started_ns = time.perf_counter_ns()
        plates: list[PlateCandidate] = []
        scale, problem = 1.0, ""
        try:
            picture, scale = load(path)
            started_ns = time.perf_counter_ns()
            roi = None if args.roi is None else _scaled(args.roi, 1.0 / scale)
            plates = reader.read(picture, roi)
        except OSError as error:
            problem = f"{path} cannot be opened ({error.strerror or error})."
            code = exits.BAD_INPUT
        except PictureError as error:
            problem = str(error)
        took_ms = (time.perf_counter_ns() - started_ns) / 1e6
        line = _object(path, plates, scale, took_ms, problem)
        print(json.dumps(line, ensure_ascii=False) if args.json else _sentence(line), flush=True)
        if problem:
            print(problem, file=sys.stderr)
    return code


def _roi(text: str) -> Box:
    parts = text.split(",")
    if len(parts) != 4 or not all(part.strip().isdecimal() for part in parts):
        raise argparse.ArgumentTypeError(f"{text!r} is not LEFT,TOP,RIGHT,BOTTOM in pixels")
    left, top, right, bottom = (int(part) for part in parts)
    if left >= right or top >= bottom:
        raise argparse.ArgumentTypeError(f"{text!r} is an empty region")
    return left, top, right, bottom


def _scaled(box: Box, factor: float) -> Box:
    left, top, right, bottom = (round(side * factor) for side in box)
    return left, top, right, bottom


def _object(
    path: Path, plates: list[PlateCandidate], scale: float, took_ms: float, problem: str
) -> dict[str, object]:
    line: dict[str, object] = {
        "file": str(path),
        "plates": [
            {
                "plate": plate.plate,
                "colour": plate.colour,
                "kind": plate.kind,
                "box": list(_scaled(plate.box, scale)),
                "logp": round(plate.logp, NATS_DIGITS),
                "margin": round(plate.margin, NATS_DIGITS),
                "chars": [
                    {"c": symbol, "p": round(chance, PROBABILITY_DIGITS)}
                    for symbol, chance in plate.chars
                ],
                "accepted": plate.accepted,
            }
            for plate in plates
        ],
        "ms": round(took_ms, 1),
    }
    if problem:
        line["error"] = problem
    return line


def _sentence(line: dict[str, object]) -> str:
    plates = line["plates"]
    assert isinstance(plates, list)
    if not plates:
        return f"{line['file']}: no plate ({line['ms']} ms)"
    shown = ", ".join(
        f"{plate['plate']} {plate['colour']} {'read' if plate['accepted'] else 'unsure'}"
        for plate in plates
    )
    return f"{line['file']}: {shown} ({line['ms']} ms)"
