"""weigh-terminal verify: walk a ledger and name the first record that cannot be believed.

Reads only, also while the terminal runs. Chain, numbers, signatures, stored digests, the
pictures and the raw samples behind them; it must never write to what it checks. Given the signed
report of a calibration (a .txt file), it checks that against the same key.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import apsw

from hal.contract.types import NS_PER_S
from terminal import exits
from terminal.ledger import samples
from terminal.ledger.evidence import Evidence, holds
from terminal.ledger.identity import PUBLIC_FILE, read_public
from terminal.ledger.store import DB_FILE
from terminal.records import (
    ChainFailure,
    PublicKey,
    Record,
    decode_signed,
    record_hash,
    verify_chain,
)
from terminal.weighing.calibration_report import problem

NAME = "verify"
HELP = "check every record of a ledger: chain, signatures, pictures, raw samples"
BAD = 1
REPORT_SUFFIX = ".txt"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the ledger, the key and what to leave out."""
    parser.add_argument(
        "ledger",
        type=Path,
        nargs="?",
        default=Path("ledger"),
        help="ledger folder, ledger.db, or a calibration report (.txt)",
    )
    parser.add_argument(
        "--key",
        type=Path,
        help="terminal.pub as enrolled at the county; without it the one beside the ledger",
    )
    parser.add_argument(
        "--no-photos", action="store_true", help="read neither pictures nor raw samples"
    )


def run(args: argparse.Namespace) -> int:
    """0: all good. 1: a record is bad, and which. 65: there is no ledger or key to check."""
    if args.ledger.suffix == REPORT_SUFFIX:
        return _report(args.ledger, args.key or args.ledger.parent / PUBLIC_FILE)
    path = args.ledger / DB_FILE if args.ledger.is_dir() else args.ledger
    key_path = args.key or path.parent / PUBLIC_FILE
    try:
        key = read_public(key_path)
        db = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    except (OSError, ValueError, apsw.Error) as error:
        print(
            f"{path}: cannot be checked: {error}. Name the ledger's folder, and the public key "
            f"with --key.",
            file=sys.stderr,
        )
        return exits.BAD_INPUT
    walk = Walk(db, key, None if args.no_photos else path.parent / "evidence")
    try:
        failure = walk.first_failure()
    finally:
        db.close()
    if failure is not None:
        print(f"bad: record {failure.seq}: {failure.why}; {path}, after {walk.told()}")
        return BAD
    print(f"good: {walk.told()}; {path}, key {key.raw.hex()[:16]} of {key_path}")
    return exits.OK


def _report(path: Path, key_path: Path) -> int:
    """The signed report of a calibration, against the key as enrolled."""
    try:
        whole = path.read_bytes().decode()
    except (OSError, ValueError) as error:
        found = error.strerror if isinstance(error, OSError) else "it is no text"
        print(f"{path}: the report cannot be read ({found}).", file=sys.stderr)
        return exits.BAD_INPUT
    try:
        why = problem(whole, read_public(key_path))
    except (OSError, ValueError) as error:
        print(
            f"{path}: cannot be checked: {error}. Name the terminal's public key with --key; it is "
            f"{PUBLIC_FILE} in the ledger's folder, made when the terminal first starts.",
            file=sys.stderr,
        )
        return exits.BAD_INPUT
    if why:
        print(f"bad: {path}: {why}")
        return BAD
    print(f"good: the calibration report {path} is as it was signed, key of {key_path}")
    return exits.OK


@dataclass(slots=True)
class Walk:
    """One pass over a ledger. evidence: its folder, None to leave pictures and samples out."""

    db: apsw.Connection
    key: PublicKey
    evidence: Path | None
    records: int = 0
    pictures: int = 0
    samples: int = 0
    samples_gone: int = 0
    simulated: int = 0
    first_wall_ns: int = 0
    last_wall_ns: int = 0
    _found: ChainFailure | None = None
    _seen: set[bytes] = field(default_factory=set)
    _weighings: set[int] = field(default_factory=set)

    def first_failure(self) -> ChainFailure | None:
        """The first record that fails, None when all hold."""
        try:
            failure = verify_chain(self._signed(), self.key)
        except apsw.Error as error:
            return ChainFailure(self.records + 1, f"the file cannot be read here: {error}")
        return failure or self._found

    def told(self) -> str:
        """How much was found good, and from when to when."""
        if not self.records:
            return "0 good records"
        span = f"{_utc(self.first_wall_ns)} to {_utc(self.last_wall_ns)}"
        simulated = f", {self.simulated} of them simulated" if self.simulated else ""
        pictures = f", {self.pictures} pictures" if self.evidence is not None else ""
        raw = f", {self.samples} files of raw samples" if self.samples else ""
        gone = f", {self.samples_gone} no longer kept" if self.samples_gone else ""
        return f"{self.records} good records{simulated}{pictures}{raw}{gone}, {span}"

    def _signed(self) -> Iterator[bytes]:
        """The stored records in order; verify_chain judges each before the next is taken."""
        before: Record | None = None
        rows = self.db.execute(
            "select seq, sha256, body, item_id from item where seq is not null order by seq"
        )
        for seq, sha256, body, item_id in rows:
            yield bytes(body)
            record = decode_signed(bytes(body))
            why = self._row_problem(record, seq, bytes(sha256), bytes(body), item_id)
            if why is not None:
                self._found = ChainFailure(record.seq, why)
                return
            self.records += 1
            self.simulated += record.simulated
            if before is None:
                self.first_wall_ns = record.wall_ns
            self.last_wall_ns, before = record.wall_ns, record

    def _row_problem(
        self, record: Record, seq: int, sha256: bytes, body: bytes, item_id: str
    ) -> str | None:
        if record_hash(body) != sha256:
            return "the stored digest is not the record's"
        if record.seq != seq or record.record_id != item_id:
            return "the stored number or name is not the record's"
        happening = record.happening
        about = None if happening is None else happening.about_seq
        if about is not None and about not in self._weighings:
            return f"it is about record {about}, which is no weighing before it"
        if record.weigh is not None:
            self._weighings.add(record.seq)
        if self.evidence is None:
            return None
        for photo in record.photos:
            if photo.sha256 in self._seen:
                continue
            path = Evidence.place(self.evidence, photo.sha256)
            if not holds(path, photo.sha256, photo.size_bytes):
                state = "is not the picture of the record" if path.exists() else "is missing"
                return f"the {photo.role} picture {path.name} {state}"
            self._seen.add(photo.sha256)
            self.pictures += 1
        return self._samples_problem(record)

    def _samples_problem(self, record: Record) -> str | None:
        """Its raw samples are there as they were, or have gone as the ledger noted."""
        digest = None if record.weigh is None else record.weigh.samples_sha256
        if digest is None or self.evidence is None:
            return None
        path = samples.place(self.evidence.parent / samples.FOLDER, digest)
        if samples.holds(path, digest):
            self.samples += 1
            return None
        if path.exists():
            return f"the raw samples {path.name} are not those of the record"
        if record.seq >= self._samples_from():
            return f"the raw samples {path.name} are missing"
        self.samples_gone += 1
        return None

    def _samples_from(self) -> int:
        """First record whose raw samples must be there."""
        row = self.db.execute(
            "select value from meta where name = ?", (samples.FROM_META,)
        ).fetchone()
        return 0 if row is None else int(bytes(row[0]))


def _utc(wall_ns: int) -> str:
    try:
        moment = datetime.fromtimestamp(wall_ns // NS_PER_S, UTC)
    except (ValueError, OverflowError, OSError):
        return f"{wall_ns} ns"
    return moment.strftime("%Y-%m-%d %H:%M:%SZ")
