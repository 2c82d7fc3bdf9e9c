"""weigh-terminal evidence LEDGER NUMBER FOLDER: pictures, film and raw samples of one record.

To hand over. Photos get a caption (time, site, mass, plate) burnt into a copy; --original adds the
untouched files, whose SHA-256 the signed record names. Nothing in the ledger is changed.
"""

from __future__ import annotations

import argparse
import sys
from datetime import datetime
from pathlib import Path

import apsw

from hal.contract.types import NS_PER_S
from terminal import exits
from terminal.anpr.types import Box
from terminal.camera.caption import captioned
from terminal.ledger import samples
from terminal.ledger.evidence import Evidence, holds
from terminal.records import Record, RecordError, decode_signed

NAME = "evidence"
HELP = "hand over photos, film and raw samples of one record, with captions on copies"
LEDGER_FILE = "ledger.db"
CLIP = "clip"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the ledger, the record, the target folder and what to mask."""
    parser.add_argument("ledger", type=Path, help="ledger folder")
    parser.add_argument("number", type=int, help="number of the record")
    parser.add_argument("folder", type=Path, help="where to put the files")
    parser.add_argument("--original", action="store_true", help="also the untouched originals")
    parser.add_argument(
        "--mask",
        type=_box,
        action="append",
        default=[],
        metavar="LEFT,TOP,RIGHT,BOTTOM",
        help="make this part of the captioned photos unrecognisable; may be repeated",
    )


def run(args: argparse.Namespace) -> int:
    """0: written. 65: no such record, or a picture is missing or not what its record says."""
    try:
        record, later = _records(args.ledger / LEDGER_FILE, args.number)
    except (apsw.Error, RecordError) as error:
        print(f"{args.ledger} cannot be read: {error}. Name the ledger's folder.", file=sys.stderr)
        return exits.BAD_INPUT
    if record is None or record.weigh is None:
        print(f"Record {args.number} is not a weighing of this ledger.", file=sys.stderr)
        return exits.BAD_INPUT
    try:
        args.folder.mkdir(parents=True, exist_ok=True)
        return _hand_over(args, record, later)
    except OSError as error:
        print(f"{args.folder} cannot be written: {error}.", file=sys.stderr)
        return exits.BAD_INPUT


def _records(path: Path, number: int) -> tuple[Record | None, Record | None]:
    """The record of this number, and the one that carries what came after it."""
    db = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        row = db.execute("select body from item where seq = ?", (number,)).fetchone()
        known = db.execute("select 1 from sqlite_schema where name = 'follow_up'").fetchone()
        later = None
        if known:
            query = (
                "select body from item where seq = (select seq from follow_up where about_seq = ?)"
            )
            later = db.execute(query, (number,)).fetchone()
    finally:
        db.close()
    first, second = (
        None if body is None else decode_signed(bytes(body[0])) for body in (row, later)
    )
    return first, second


def _hand_over(args: argparse.Namespace, record: Record, later: Record | None) -> int:
    code = exits.OK
    for photo in (*record.photos, *(later.photos if later is not None else ())):
        source = Evidence.place(args.ledger / "evidence", photo.sha256)
        if not holds(source, photo.sha256, photo.size_bytes):
            print(f"{source}: missing, or not what record {record.seq} says.", file=sys.stderr)
            code = exits.BAD_INPUT
            continue
        content = source.read_bytes()
        name = f"{record.seq}-{photo.role}"
        film = photo.role.startswith(CLIP)
        suffix = "mp4" if film else "jpg"
        if args.original or film:
            original = args.folder / f"{name}-original.{suffix}"
            original.write_bytes(content)
            print(f"{original}  SHA-256 {photo.sha256.hex()}")
        if not film:
            copy = args.folder / f"{name}.jpg"
            copy.write_bytes(captioned(content, caption_of(record), args.mask))
            print(copy)
    return max(code, _hand_over_samples(args, record))


def _hand_over_samples(args: argparse.Namespace, record: Record) -> int:
    """The raw samples as they were weighed: weigh-trace gives the record's mass from them."""
    digest = None if record.weigh is None else record.weigh.samples_sha256
    if digest is None:
        return exits.OK
    source = samples.place(args.ledger / samples.FOLDER, digest)
    if not samples.holds(source, digest):
        print(f"{source}: missing, no longer kept, or not what record {record.seq} says.",
              file=sys.stderr)  # fmt: skip
        return exits.BAD_INPUT
    copy = args.folder / f"{record.seq}-samples{samples.SUFFIX}"
    copy.write_bytes(source.read_bytes())
    print(f"{copy}  SHA-256 {digest.hex()}")
    return exits.OK


def caption_of(record: Record) -> tuple[str, str]:
    """Two lines: when and where; how heavy, against what limit, which plate, which record."""
    weigh = record.weigh
    assert weigh is not None
    at = datetime.fromtimestamp(record.wall_ns / NS_PER_S).astimezone()
    origin = record.origin
    when = f"{at:%Y-%m-%d %H:%M:%S} {at:%z}  {origin.source_name}  {origin.terminal_id}"
    limit = "" if weigh.limit_kg is None else f" / {weigh.limit_kg} kg"
    simulated = "  模拟 SIMULATED" if record.simulated else ""
    plates = (weigh.plate or "未识别") + (f" / {weigh.rear_plate}" if weigh.rear_plate else "")
    return when, f"{plates}  {weigh.gross_kg} kg{limit}  No. {record.seq}{simulated}"


def _box(text: str) -> Box:
    parts = text.split(",")
    if len(parts) != 4 or not all(part.strip().isdecimal() for part in parts):
        raise argparse.ArgumentTypeError(f"{text!r} is not LEFT,TOP,RIGHT,BOTTOM in pixels")
    left, top, right, bottom = (int(part) for part in parts)
    return left, top, right, bottom
