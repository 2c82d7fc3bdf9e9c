"""The files of a calibration: what is in force, its number, and how a new one is put in place.

The number of a calibration is the deck's event counter: it goes on from whatever lies there and
never starts again because a file cannot be read.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from terminal.disk import put
from terminal.records import Signer
from terminal.weighing import calibration, calibration_report
from terminal.weighing.calibrating import Outcome, RefusedError
from terminal.weighing.calibration import Calibration, CalibrationError

REPORT_STEM = "calibration-report-"
ASIDE = ".damaged"


@dataclass(frozen=True, slots=True)
class Sealed:
    """What was sealed before: last is 0 and inforce None when nothing was."""

    last: int
    inforce: Calibration | None


def before(path: Path) -> Sealed:
    """The calibration in force, whosever it is, and the highest number that has left a trace.

    Raises RefusedError for a file that is there and cannot be believed: it is left untouched.
    """
    try:
        found = calibration.read_any(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Sealed(_traces(path), None)
    except OSError as error:
        raise RefusedError("unreadable", path=path, why=error.strerror) from error
    except (CalibrationError, UnicodeDecodeError) as error:
        why = str(error) if isinstance(error, CalibrationError) else "It is not text."
        aside = path.with_name(f"{path.name}.{_traces(path) + 1}{ASIDE}")
        raise RefusedError("damaged", path=path, why=why, aside=aside) from error
    return Sealed(max(found.sealed_count, _traces(path)), found)


def report_place(path: Path, count: int) -> Path:
    """Where the report of calibration no. count lies unless another place is named."""
    return path.with_name(f"{REPORT_STEM}{count}.txt")


def _traces(path: Path) -> int:
    """Highest number among kept calibrations, damaged ones moved aside, and reports; 0: none."""
    kept = re.compile(rf"{re.escape(path.name)}\.(\d{{1,6}})({re.escape(ASIDE)})?")
    told = re.compile(rf"{REPORT_STEM}(\d{{1,6}})\.txt")
    names = [one.name for one in path.parent.glob("*")]
    matches = [found for name in names if (found := kept.fullmatch(name) or told.fullmatch(name))]
    return max((int(found.group(1)) for found in matches), default=0)


def seal(
    path: Path,
    report: Path,
    outcome: Outcome,
    body: str,
    signer: Signer,
    terminal_id: str,
    inforce: Calibration | None,
) -> None:
    """Keep the old file under its own number, write the signed report, put the new one in place.

    Raises OSError; the calibration in force is then the one before, and no report of the other
    is left. The new file gets its name last and whole: what a power cut leaves is one or the
    other, and a report without its calibration still holds its number.
    """
    made = calibration.to_text(outcome.calibration)
    digest = hashlib.sha256(made.encode()).hexdigest()
    signed = calibration_report.signed(body, digest, signer, terminal_id)
    try:
        if inforce is not None:
            kept = path.with_name(f"{path.name}.{inforce.sealed_count}")
            put(kept, path.read_bytes())
        put(report, signed.encode())
        put(path, made.encode())
    except OSError:
        if not _is(path, made.encode()):
            report.unlink(missing_ok=True)
        raise


def _is(path: Path, content: bytes) -> bool:
    try:
        return path.read_bytes() == content
    except OSError:
        return False
