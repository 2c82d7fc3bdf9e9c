"""Record <-> canonical CBOR (RFC 8949 4.2.1), strictly and both ways, by the table of keys.

There is exactly one encoding of a record: whatever decodes is encoded again and compared, so
bytes that say the same in another way are refused. It must never repair what it reads.
What is encoded again is the map as it was read: every value of it has been checked against its
row, and its keys are plain integers, so it is the map that encode_body would make.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import cbor2

from hal.contract.types import ClockQuality
from terminal.core.types import PhotoRef, PlateSource, Verdict, WeightSource
from terminal.records.foreign import CBOR_REFUSALS
from terminal.records.keys import KEYS, PART_OF_KIND, UINT_MAX, Coded, Key, Part, Shape
from terminal.records.model import (
    FORMAT,
    Gap,
    Happening,
    Origin,
    Record,
    RecordError,
    RecordKind,
    Weigh,
)

BODY_BYTES_MAX = 16_000
"""Longest body. The largest one the table allows is well under half of it."""
ROLE_BYTES_MAX = 16

T = TypeVar("T")
Value = int | str | bytes | bool | list[int] | list[list[str | bytes | int]]


def encode_body(record: Record) -> bytes:
    """Canonical CBOR of a record. Raises RecordError for a value outside the table's bounds."""
    body: dict[int, Value] = {}
    owners = (
        (Part.HEAD, record),
        (Part.ORIGIN, record.origin),
        (PART_OF_KIND[record.kind], record.content),
    )
    for part, owner in owners:
        for row, fits in _ROWS[part]:
            held: object = FORMAT if row.name == "format" else getattr(owner, row.name)
            if held is not None:
                body[row.key] = _check(row, fits, _written(row, held))
            elif not row.optional:
                raise RecordError(f"{row.name} is missing")
    return bytes(cbor2.dumps(body, canonical=True))


def decode_body(wire: bytes) -> Record:
    """The record of a canonical body. Raises RecordError with the first thing that is wrong."""
    if len(wire) > BODY_BYTES_MAX:
        raise RecordError(f"body of {len(wire)} octets exceeds {BODY_BYTES_MAX}")
    found = load_cbor(wire, "body")
    if not isinstance(found, dict):
        raise RecordError("body is not a map")
    if not all(type(key) is int for key in found):  # True and 1.0 would be found under key 1
        raise RecordError("a key of the body is not an integer")
    if found.get(1) != FORMAT:
        raise RecordError(f"format is {found.get(1)!r}; this program reads {FORMAT}")
    fields = _Fields(found)
    record = _assemble(fields)
    fields.refuse_rest()
    if cbor2.dumps(found, canonical=True) != wire:
        raise RecordError("encoding is not canonical")
    return record


def load_cbor(wire: bytes, what: str) -> object:
    """One CBOR item and nothing behind it. Raises RecordError for anything else."""
    try:
        found: object = cbor2.loads(wire)
    except CBOR_REFUSALS as error:
        raise RecordError(f"{what} is not CBOR: {type(error).__name__}") from error
    return found


def _written(row: Key, held: object) -> object:
    if row.codes is not None:
        for name, code in row.codes.items():
            if name == held:
                return code
        raise RecordError(f"{row.name} has no code for {held!r}")
    if row.shape is Shape.LOADS and isinstance(held, tuple):
        return list(held)
    if row.shape is Shape.PHOTOS and isinstance(held, tuple):
        return [[photo.role, photo.sha256, photo.size_bytes] for photo in held]
    return held


def _is_int(value: object, low: int, high: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def _is_text(value: object, octets_max: int) -> bool:
    if not isinstance(value, str):
        return False
    if value.isascii():
        return len(value) <= octets_max
    octets = value.encode("utf-8", "replace")
    return len(octets) <= octets_max and octets.decode() == value


def _is_photo(value: object) -> bool:
    return (
        isinstance(value, list)
        and len(value) == 3
        and _is_text(value[0], ROLE_BYTES_MAX)
        and isinstance(value[1], bytes)
        and len(value[1]) == 32
        and _is_int(value[2], 0, UINT_MAX)
    )


def _is_list(value: object, items_max: int, fits: Callable[[object], bool]) -> bool:
    return isinstance(value, list) and len(value) <= items_max and all(fits(item) for item in value)


_FITS: dict[Shape, Callable[[Key, object], bool]] = {
    Shape.UINT: lambda _row, value: _is_int(value, 0, UINT_MAX),
    Shape.INT: lambda _row, value: _is_int(value, -UINT_MAX, UINT_MAX),
    Shape.TEXT: lambda row, value: _is_text(value, row.size),
    Shape.BYTES: lambda row, value: isinstance(value, bytes) and len(value) == row.size,
    Shape.BOOL: lambda _row, value: isinstance(value, bool),
    Shape.CODE: lambda row, value: (
        _is_int(value, 0, UINT_MAX) and value in (row.codes or {}).values()
    ),
    Shape.LOADS: lambda row, value: _is_list(
        value, row.size, lambda load: _is_int(load, -UINT_MAX, UINT_MAX)
    ),
    Shape.PHOTOS: lambda row, value: _is_list(value, row.size, _is_photo),
}


_ROWS = {part: tuple((row, _FITS[row.shape]) for row in KEYS if row.part is part) for part in Part}


def _check(row: Key, fits: Callable[[Key, object], bool], value: object) -> Value:
    if not fits(row, value):
        bound = f" of at most {row.size}" if row.size else ""
        raise RecordError(f"{row.name} (key {row.key}) is not a {row.shape.value}{bound}")
    assert isinstance(value, (int, str, bytes, list))
    return value


_BY_NAME = {row.name: (row, _FITS[row.shape]) for row in KEYS}
_NAMED = {row.name: {code: name for name, code in row.codes.items()} for row in KEYS if row.codes}


class _Fields:
    """Typed, checked access to a decoded map by the names of the table."""

    def __init__(self, found: dict[object, object]) -> None:
        self._left = dict(found)

    def take(self, name: str) -> object:
        row, fits = _BY_NAME[name]
        if row.key not in self._left:
            if row.optional:
                return None
            raise RecordError(f"{name} (key {row.key}) is missing")
        return _check(row, fits, self._left.pop(row.key))

    def one(self, name: str, kind: type[T]) -> T:
        """A value of this Python type: what its row of the table allows."""
        value = self.take(name)
        assert isinstance(value, kind)
        return value

    def maybe(self, name: str, kind: type[T]) -> T | None:
        """The same of an optional field; None when it is absent."""
        value = self.take(name)
        assert value is None or isinstance(value, kind)
        return value

    def num(self, name: str) -> int:
        return self.one(name, int)

    def text(self, name: str) -> str:
        return self.one(name, str)

    def octets(self, name: str) -> bytes:
        return self.one(name, bytes)

    def coded(self, name: str) -> Coded:
        code = self.take(name)
        assert isinstance(code, int)
        return _NAMED[name][code]

    def loads(self) -> tuple[int, ...]:
        value = self.take("axle_loads_kg")
        assert isinstance(value, list)
        return tuple(value)

    def photos(self) -> tuple[PhotoRef, ...]:
        value = self.maybe_photos("photos")
        assert value is not None
        return value

    def maybe_photos(self, name: str) -> tuple[PhotoRef, ...] | None:
        value = self.take(name)
        assert value is None or isinstance(value, list)
        return None if value is None else tuple(PhotoRef(*photo) for photo in value)

    def refuse_rest(self) -> None:
        if self._left:
            strange = sorted(repr(key)[:40] for key in self._left)
            raise RecordError(f"unknown keys for this kind of record: {', '.join(strange[:5])}")


def _assemble(fields: _Fields) -> Record:
    kind = fields.coded("kind")
    assert isinstance(kind, RecordKind)
    fields.take("format")
    origin = Origin(
        terminal_id=fields.text("terminal_id"),
        ledger_id=fields.octets("ledger_id"),
        source_unit=fields.text("source_unit"),
        source_name=fields.text("source_name"),
        lane=fields.num("lane"),
        boot_id=fields.octets("boot_id"),
        software_version=fields.text("software_version"),
        software_sha256=fields.octets("software_sha256"),
        config_sha256=fields.octets("config_sha256"),
        calibration_id=fields.text("calibration_id"),
    )
    quality = fields.coded("clock_quality")
    assert isinstance(quality, ClockQuality)
    return Record(
        origin=origin,
        seq=fields.num("seq"),
        prev_hash=fields.octets("prev_hash"),
        wall_ns=fields.num("wall_ns"),
        clock_quality=quality,
        recorded_ns=fields.num("recorded_ns"),
        simulated=bool(fields.take("simulated")),
        content=_CONTENT[kind](fields),
    )


def _weigh(fields: _Fields) -> Weigh:
    verdict, source = fields.coded("verdict"), fields.coded("source")
    plate_source, colour = fields.coded("plate_source"), fields.coded("plate_colour")
    assert isinstance(verdict, Verdict)
    assert isinstance(source, WeightSource)
    assert isinstance(plate_source, PlateSource)
    assert isinstance(colour, str)
    return Weigh(
        visit_id=fields.num("visit_id"),
        verdict=verdict,
        reason=fields.text("reason"),
        gross_kg=fields.num("gross_kg"),
        uncertainty_kg=fields.num("uncertainty_kg"),
        e_kg=fields.num("e_kg"),
        source=source,
        limit_kg=fields.maybe("limit_kg", int),
        over_kg=fields.num("over_kg"),
        over_permille=fields.maybe("over_permille", int),
        limit_row=fields.text("limit_row"),
        limit_edition=fields.text("limit_edition"),
        axles=fields.maybe("axles", int),
        axle_loads_kg=fields.loads(),
        vehicle_type=fields.maybe("vehicle_type", str),
        plate=fields.text("plate"),
        plate_colour=colour,
        colour_table=fields.text("colour_table"),
        plate_kind=fields.text("plate_kind"),
        plate_source=plate_source,
        plate_margin_mn=fields.num("plate_margin_mn"),
        weigh_flags=fields.num("weigh_flags"),
        zero_age_ms=fields.num("zero_age_ms"),
        arrived_ns=fields.num("arrived_ns"),
        weighed_ns=fields.num("weighed_ns"),
        photos=fields.photos(),
        supersedes=fields.maybe("supersedes", int),
        rear_plate=fields.maybe("rear_plate", str),
    )


def _happening(fields: _Fields) -> Happening:
    return Happening(
        event=fields.text("event"),
        detail=fields.text("detail"),
        at_ns=fields.num("at_ns"),
        about_seq=fields.maybe("about_seq", int),
        evidence=fields.maybe_photos("evidence"),
        exit_plate=fields.maybe("exit_plate", str),
    )


def _gap(fields: _Fields) -> Gap:
    return Gap(
        gap_class=fields.text("gap_class"),
        first_seq=fields.num("first_seq"),
        last_seq=fields.num("last_seq"),
        count=fields.num("count"),
        why=fields.text("why"),
    )


_CONTENT: dict[RecordKind, Callable[[_Fields], Weigh | Happening | Gap]] = {
    RecordKind.WEIGH: _weigh,
    RecordKind.EVENT: _happening,
    RecordKind.GAP: _gap,
}
