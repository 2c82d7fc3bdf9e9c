"""The site's vehicle list: a CSV file of the operator, held in the ledger's database.

What the list does not say stays unknown, and unknown reads as the lowest limit (DOMAIN 1.6).
A row that cannot be understood is left out and counted, never guessed.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Callable
from pathlib import Path

from terminal.core.limits import pattern_axles
from terminal.ledger.store import Store
from terminal.messages import VehicleFound

ROWS_MAX = 100_000
BYTES_MAX = 16_000_000
COLUMNS = (
    "plate",
    "vehicle_type",
    "drive_axles",
    "air_suspension",
    "tyres_missing",
    "licence_gross_kg",
    "axle_pattern",
)
TYPES = ("rigid", "articulated", "centre_axle", "full_trailer")
NUMBERS: dict[str, int] = {
    "drive_axles": 4,
    "air_suspension": 1,
    "tyres_missing": 20,
    "licence_gross_kg": 300_000,
}
"""Columns that hold whole numbers, with the largest one allowed."""
WORDS: dict[str, Callable[[str], bool]] = {
    "vehicle_type": lambda cell: cell in TYPES,
    "axle_pattern": lambda cell: pattern_axles(cell) is not None,
}
"""Columns that hold words, with what a word must be."""
DIGITS_MAX = 9
"""int() refuses thousands of digits with an error of its own."""
_META = "vehicle_list_sha256"


class VehicleListError(ValueError):
    """The whole list cannot be used; the last good one stays in force."""


def load_list(store: Store, path: Path) -> tuple[int, int] | None:
    """Take over a changed list: (vehicles, rows left out), None when it has not changed.

    Raises VehicleListError with one sentence; LedgerRefusedError when it cannot be stored.
    """
    raw = _read(path)
    digest = hashlib.sha256(raw).digest()
    if store.meta(_META) == digest:
        return None
    rows, bad = parse(raw, str(path))
    with store.transaction():
        store.execute("delete from vehicle")
        for row in rows.values():
            store.execute("insert into vehicle values (?, ?, ?, ?, ?, ?, ?)", row)
        store.set_meta(_META, digest)
    return len(rows), bad


def _read(path: Path) -> bytes:
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise VehicleListError(f"{path} cannot be read: {error.strerror}") from error
    if len(raw) > BYTES_MAX:
        raise VehicleListError(f"{path} has {len(raw)} bytes; at most {BYTES_MAX} are allowed")
    return raw


def parse(raw: bytes, name: str) -> tuple[dict[str, tuple[object, ...]], int]:
    """Rows by plate, and how many rows were left out. Raises VehicleListError."""
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise VehicleListError(f"{name} is not UTF-8 text; save it as CSV UTF-8") from error
    reader = csv.DictReader(io.StringIO(text, newline=None))
    rows: dict[str, tuple[object, ...]] = {}
    bad = 0
    try:
        strange = set(reader.fieldnames or ()) - set(COLUMNS)
        if "plate" not in (reader.fieldnames or ()) or strange:
            raise VehicleListError(f"{name} must have a first line of these columns: {COLUMNS}")
        for count, cells in enumerate(reader):
            if count >= ROWS_MAX:
                raise VehicleListError(f"{name} has more than {ROWS_MAX} rows")
            row = _row(cells)
            if row is None or str(row[0]) in rows:
                bad += 1
            else:
                rows[str(row[0])] = row
    except csv.Error as error:
        raise VehicleListError(f"{name} is not CSV: {error}") from error
    return rows, bad


def _row(cells: dict[str, str]) -> tuple[object, ...] | None:
    if None in cells or None in cells.values():
        return None
    row: list[object] = []
    for column in COLUMNS:
        cell = cells.get(column, "").strip()
        if column in NUMBERS and cell:
            digits = cell.isascii() and cell.isdigit() and len(cell) <= DIGITS_MAX
            if not digits or int(cell) > NUMBERS[column]:
                return None
            row.append(int(cell))
        elif cell and column in WORDS and not WORDS[column](cell):
            return None
        else:
            row.append(cell or None)
    return tuple(row) if row[0] and len(str(row[0])) <= 20 else None


def find(store: Store, plate: str) -> VehicleFound:
    """What the list says of a plate; every field None when it says nothing."""
    rows = store.execute("select * from vehicle where plate = ?", (plate,))
    if not rows:
        return VehicleFound(plate, None, None, None, None, None, None)
    _plate, kind, drive_axles, air, tyres, licence_kg, pattern = rows[0]
    return VehicleFound(
        plate,
        str(kind) if kind is not None else None,
        drive_axles if isinstance(drive_axles, int) else None,
        bool(air) if air is not None else None,
        tyres if isinstance(tyres, int) else None,
        licence_kg if isinstance(licence_kg, int) else None,
        str(pattern) if pattern is not None else None,
    )
