"""One record as a person reads it: its fields in groups, named and put in words.

Which field stands where, and how its value is put, is the table SECTIONS; a field of a record that
no row names is still shown, last, under its own name, so nothing of the signed bytes is hidden.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from terminal.console.queries import Row
from terminal.core.types import WeighFlag
from terminal.records import Record
from terminal.records.site_time import shown_time
from terminal.texts.catalogue import catalogue
from terminal.texts.prompts import Lang

NOTHING = "–"
WORD_AREAS = (
    "console.verdict",
    "report.source",
    "report.plate_source",
    "report.vehicle_type",
    "report.event",
)
"""Where the words of coded values are looked up that say what they are by themselves."""

Texts = Mapping[str, str]


class Section(NamedTuple):
    """A heading (report.section.NAME) and the fields under it with how each is put."""

    name: str
    fields: tuple[tuple[str, Callable[[object, Texts, Record], str]], ...]


class Shown(NamedTuple):
    """A section ready for the page: heading and (name, value) pairs."""

    heading: str
    fields: Sequence[tuple[str, str]]


def shown_word(value: object, texts: Texts) -> str:
    """One value as text."""
    if isinstance(value, bool):
        return texts["report.yes" if value else "report.no"]
    if isinstance(value, bytes):
        return value.hex() or NOTHING
    if isinstance(value, tuple):
        return " + ".join(str(item) for item in value) or NOTHING
    word = str(getattr(value, "value", "" if value is None else value))
    keys = (*(f"{area}.{word}" for area in WORD_AREAS), f"hold.{word}.sign")
    return next((texts[key] for key in keys if key in texts), word) or NOTHING


def _plain(value: object, texts: Texts, record: Record) -> str:
    return shown_word(value, texts)


def _coded(area: str) -> Callable[[object, Texts, Record], str]:
    """Codes parted by ";", each by its word in report.AREA; one without stays as it is."""

    def put(value: object, texts: Texts, record: Record) -> str:
        codes = str(getattr(value, "value", value) or "").split(";")
        words = [texts.get(f"report.{area}.{code}", shown_word(code, texts)) for code in codes]
        return " · ".join(words)

    return put


def _flags(value: object, texts: Texts, record: Record) -> str:
    flags = WeighFlag(value) if isinstance(value, int) else WeighFlag.NONE
    words = [texts[f"report.flag.{str(flag.name).lower()}"] for flag in WeighFlag if flag & flags]
    return " · ".join(words) or texts["report.flag.none"]


def _percent(value: object, texts: Texts, record: Record) -> str:
    """Thousandths as a percentage; zero is nothing to report."""
    return f"{value / 10:.1f} %" if isinstance(value, int) and value > 0 else NOTHING


def _seconds(value: object, texts: Texts, record: Record) -> str:
    return f"{value / 1000:.1f}" if isinstance(value, int) else NOTHING


def _moment(value: object, texts: Texts, record: Record) -> str:
    """A monotonic time of the record's boot, as wall time by the clock that stamped the record."""
    if not isinstance(value, int) or value <= 0:
        return NOTHING
    return shown_time(record.wall_ns - (record.recorded_ns - value))


SECTIONS: tuple[Section, ...] = (
    Section(
        "judgement",
        (
            ("verdict", _plain),
            ("reason", _coded("reason")),
            ("gross_kg", _plain),
            ("limit_kg", _plain),
            ("over_kg", _plain),
            ("over_permille", _percent),
            ("limit_row", _plain),
            ("limit_edition", _plain),
            ("uncertainty_kg", _plain),
            ("e_kg", _plain),
            ("source", _plain),
            ("weigh_flags", _flags),
            ("zero_age_ms", _seconds),
        ),
    ),
    Section(
        "vehicle",
        (
            ("plate", _plain),
            ("plate_source", _plain),
            ("plate_kind", _coded("plate_kind")),
            ("plate_colour", _coded("colour")),
            ("colour_table", _coded("colour_table")),
            ("plate_margin_mn", _plain),
            ("rear_plate", _plain),
            ("vehicle_type", _plain),
            ("axles", _plain),
            ("axle_loads_kg", _plain),
        ),
    ),
    Section(
        "happening",
        (
            ("event", _plain),
            ("about_seq", _plain),
            ("exit_plate", _plain),
            ("detail", _plain),
            ("at_ns", _moment),
        ),
    ),
    Section(
        "gap",
        (
            ("gap_class", _plain),
            ("first_seq", _plain),
            ("last_seq", _plain),
            ("count", _plain),
            ("why", _plain),
        ),
    ),
    Section(
        "times",
        (
            ("arrived_ns", _moment),
            ("weighed_ns", _moment),
            ("recorded_ns", _moment),
            ("clock_quality", _coded("clock")),
        ),
    ),
    Section(
        "trace",
        (
            ("seq", _plain),
            ("supersedes", _plain),
            ("record_hash", _plain),
            ("prev_hash", _plain),
            ("terminal_id", _plain),
            ("source_unit", _plain),
            ("source_name", _plain),
            ("lane", _plain),
            ("visit_id", _plain),
            ("simulated", _plain),
            ("ledger_id", _plain),
            ("boot_id", _plain),
            ("software_version", _plain),
            ("software_sha256", _plain),
            ("config_sha256", _plain),
            ("calibration_id", _plain),
            ("samples_sha256", _plain),
        ),
    ),
)
"""Judgement first, since that is what is asked for; what proves it last."""
ELSEWHERE = frozenset({"origin", "content", "photos", "evidence", "wall_ns"})
"""Shown by other parts of the page, or as their own fields."""


def sections_of(row: Row, lang: Lang) -> list[Shown]:
    """Every field of a record in groups, named and put in words. Empty groups are left out."""
    texts = catalogue(lang)
    record = row.record
    if record is None:
        return []
    found: dict[str, object] = {"record_hash": row.sha256}
    for part in (record, record.origin, record.content):
        found |= {name: getattr(part, name) for name in part.__dataclass_fields__}
    placed: set[str] = set(ELSEWHERE)
    shown: list[Shown] = []
    for section in SECTIONS:
        pairs = [
            (texts[f"report.{name}"], put(found[name], texts, record))
            for name, put in section.fields
            if name in found
        ]
        placed.update(name for name, _ in section.fields)
        if pairs:
            shown.append(Shown(texts[f"report.section.{section.name}"], pairs))
    rest = [(name, shown_word(found[name], texts)) for name in found if name not in placed]
    if rest:
        shown.append(Shown(texts["report.section.other"], rest))
    return shown
