"""A record in words: nothing of the signed bytes is left out, and no known code stays a code."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest

from hal.contract.types import NS_PER_S, ClockQuality
from terminal.console.queries import Row
from terminal.console.record_page import ELSEWHERE, SECTIONS, sections_of
from terminal.core.plate import COLOUR_CODES, KINDS
from terminal.core.types import WeighFlag
from terminal.records import COLOUR_TABLE, Gap, Happening, Origin, Record, Weigh
from terminal.records.site_time import shown_time
from terminal.texts.prompts import LANGS, Lang
from terminal.texts.report import REPORT
from tests.unit.ledger.builders import EVENT, GAP, WEIGH, record


def row(shown: Record) -> Row:
    return Row(shown.seq, "ab" * 32, shown.wall_ns, shown, ())


def words(shown: Record, lang: Lang = "en") -> dict[str, str]:
    return dict(pair for part in sections_of(row(shown), lang) for pair in part.fields)


def test_every_field_has_a_place_and_a_name() -> None:
    placed = {name for section in SECTIONS for name, _ in section.fields} | ELSEWHERE
    held = {f.name for kind in (Record, Origin, Weigh, Happening, Gap) for f in fields(kind)}
    assert held <= placed
    assert placed - ELSEWHERE <= held | {"record_hash"}
    assert {name for name in placed - ELSEWHERE if name not in REPORT} == set()
    assert {s.name for s in SECTIONS if f"section.{s.name}" not in REPORT} == set()


def test_every_code_a_record_can_hold_has_a_word() -> None:
    wanted = {f"flag.{str(flag.name).lower()}" for flag in WeighFlag}
    wanted |= {f"clock.{quality.value}" for quality in ClockQuality}
    wanted |= {f"plate_kind.{kind.name}" for kind in KINDS if kind.issued}
    wanted |= {f"colour.{name}" for kind in KINDS for name in kind.colours}
    wanted |= {f"colour.{name}" for name in COLOUR_CODES["transport"] if "farm" not in name}
    wanted |= {f"colour_table.{COLOUR_TABLE}"}
    assert {key for key in wanted if key not in REPORT} == set()


@pytest.mark.parametrize("lang", LANGS)
@pytest.mark.parametrize("content", [WEIGH, EVENT, GAP], ids=["weigh", "event", "gap"])
def test_nothing_is_left_to_the_other_section(content: Weigh | Happening | Gap, lang: Lang) -> None:
    shown = record(content)
    parts = sections_of(row(shown), lang)
    assert REPORT["section.other"][LANGS.index(lang)] not in {part.heading for part in parts}
    count = len(fields(Record)) + len(fields(Origin)) + len(fields(type(content)))
    hidden = ELSEWHERE & {f.name for kind in (Record, type(content)) for f in fields(kind)}
    assert sum(len(part.fields) for part in parts) == count - len(hidden) + 1


def test_times_of_the_boot_are_shown_by_the_wall_clock() -> None:
    shown = record(replace(WEIGH, arrived_ns=40 * NS_PER_S), recorded_ns=100 * NS_PER_S)
    assert words(shown)["Arrived"] == shown_time(shown.wall_ns - 60 * NS_PER_S)
    assert words(shown)["Recorded"] == shown_time(shown.wall_ns)
    assert words(record(replace(WEIGH, arrived_ns=0)))["Arrived"] == "–"


def test_codes_are_put_in_words() -> None:
    flags = int(WeighFlag.CORNER_ERROR | WeighFlag.GLITCH)
    shown = words(record(replace(WEIGH, weigh_flags=flags, reason="tyres_missing;no_photos")))
    assert shown["Weighing flags"] == "corner error · glitch"
    assert shown["Reason"] == "tyres missing: limit lowered · no photos"
    assert shown["Over by (%)"] == "2.4 %"
    assert shown["Age of zero (s)"] == "61.0"
    assert words(record(replace(WEIGH, weigh_flags=0, over_permille=0)))["Over by (%)"] == "–"
    assert words(record(replace(WEIGH, reason="a_new_reason")))["Reason"] == "a_new_reason"
