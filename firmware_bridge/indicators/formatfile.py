"""Format files: one indicator protocol as TOML text, checked, all problems listed at once.

Adds an indicator without code. The built-in formats are such files. Pure: text in, Format out.
docs: firmware_bridge/indicators/formats/README.md describes every key.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from typing import cast

from firmware_bridge.indicators.spec import (
    BitRule,
    Bits,
    Check,
    CheckKind,
    Confirm,
    Fact,
    Format,
    FrameSpec,
    Literal,
    Number,
    Part,
    Places,
    PlacesRule,
    Poll,
    Scaling,
    Skip,
    Word,
    Words,
)

Table = dict[str, object]
FACTS: dict[str, Fact] = {
    fact.name.lower().replace("_", "-"): fact for fact in Fact if fact.name is not None
}
SKIPS: dict[str, bytes] = {
    "any": bytes(range(256)),
    "printable": bytes(range(0x20, 0x7F)),
    "number": b"0123456789 .+-",
    "digit": b"0123456789",
    "hex": b"0123456789ABCDEFabcdef",
}
WIDTH_MAX = 128
KG_EXPONENT_MAX = 4


class FormatError(ValueError):
    """The file describes no format. problems: one sentence each, with the key's path."""

    def __init__(self, name: str, problems: list[str]) -> None:
        """Keep the list; str() is one line a problem."""
        super().__init__("\n".join(f"{name}: {problem}" for problem in problems))
        self.problems = tuple(problems)


class _Reader:
    """Takes keys out of one table, collecting problems; what is left over is a typo."""

    def __init__(self, table: object, path: str, problems: list[str]) -> None:
        self._table: Table = dict(cast(Table, table)) if isinstance(table, dict) else {}
        self._path, self.problems = path, problems
        if not isinstance(table, dict):
            self.problem("is no table")

    def problem(self, text: str, key: str = "") -> None:
        self.problems.append(f"{self._path}{'.' + key if key else ''}: {text}")

    def text(self, key: str, default: str | None = None) -> str:
        value = self._table.pop(key, default)
        if not isinstance(value, str):
            self.problem("a text is needed here", key)
            return ""
        return value

    def whole(self, key: str, low: int, high: int, default: int | None = None) -> int:
        value = self._table.pop(key, default)
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            self.problem(f"a whole number from {low} to {high} is needed here", key)
            return low
        return value

    def flag(self, key: str) -> bool:
        value = self._table.pop(key, False)
        if not isinstance(value, bool):
            self.problem("true or false is needed here", key)
        return value is True

    def octets(self, key: str, default: str | None = None) -> bytes:
        text = self.text(key, default)
        try:
            return bytes.fromhex(text)
        except ValueError:
            self.problem(f"{text!r} is no hexadecimal", key)
            return b""

    def choice(self, key: str, allowed: tuple[str, ...], default: str | None = None) -> str:
        value = self.text(key, default)
        if value not in allowed:
            self.problem(f"{value!r} is none of {', '.join(allowed)}", key)
            return allowed[0]
        return value

    def rows(self, key: str) -> list[object]:
        value = self._table.pop(key, [])
        if not isinstance(value, list):
            self.problem("a list is needed here", key)
            return []
        return value

    def facts(self, key: str) -> Fact:
        facts = Fact.NONE
        for name in self.text(key, "").split():
            if name in FACTS:
                facts |= FACTS[name]
            else:
                self.problem(f"{name!r} is none of {', '.join(sorted(FACTS))}", key)
        return facts

    def table(self, key: str) -> Table:
        value = self._table.pop(key, {})
        return value if isinstance(value, dict) else {}

    def done(self) -> None:
        for key in self._table:
            self.problem("unknown key", key)

    def at(self, key: str, index: int) -> str:
        return f"{self._path}.{key}[{index}]" if self._path else f"{key}[{index}]"


def _literal(reader: _Reader) -> Part:
    octets = reader.octets("hex")
    if not octets:
        reader.problem("at least one byte is needed here", "hex")
    return Literal(octets)


def _words(reader: _Reader) -> Part:
    name = reader.text("name")
    words = []
    for key, told in reader.table("words").items():
        facts = Fact.NONE
        for word in str(told).split():
            if word not in FACTS:
                reader.problem(f"{word!r} is none of {', '.join(sorted(FACTS))}", f"words.{key}")
            facts |= FACTS.get(word, Fact.NONE)
        words.append(Word(key.encode("latin-1", "replace"), facts))
    if not words or len({len(word.octets) for word in words}) > 1:
        reader.problem("texts of one length are needed here", "words")
        words = [Word(b"?", Fact.NONE)]
    return Words(name, tuple(words))


def _number(reader: _Reader) -> Part:
    return Number(
        width=reader.whole("width", 1, 16),
        width_min=reader.whole("width_min", 0, 16, 0),
        pad=reader.text("pad", "").encode("latin-1", "replace"),
        tail=reader.text("tail", "").encode("latin-1", "replace"),
        point=reader.flag("point"),
        reverse=reader.flag("reverse"),
        signed=reader.flag("signed"),
        fixed_places=reader.whole("fixed_places", 0, 4, 0),
    )


def _places(_reader: _Reader) -> Part:
    return Places()


def _bits(reader: _Reader) -> Part:
    name = reader.text("name")
    ones, zeros = reader.whole("ones", 0, 255, 0), reader.whole("zeros", 0, 255, 0)
    rules = []
    for index, row in enumerate(reader.rows("bit")):
        one = _Reader(row, f"{name}.bit[{index}]", reader.problems)
        rules.append(BitRule(one.whole("bit", 0, 7), one.facts("set"), one.facts("clear")))
        one.done()
    refused = []
    for index, row in enumerate(reader.rows("refused")):
        one = _Reader(row, f"{name}.refused[{index}]", reader.problems)
        refused.append((one.whole("mask", 1, 255), one.whole("value", 0, 255)))
        one.done()
    mask = reader.whole("places_mask", 0, 255, 0)
    places: list[int | None] = [
        value if isinstance(value, int) else None for value in reader.rows("places")
    ]
    shift = (mask & -mask).bit_length() - 1 if mask else 0
    if mask and len(places) <= mask >> shift:
        reader.problem(f"{(mask >> shift) + 1} entries are needed here", "places")
        places += [None] * 256
    return Bits(
        name,
        ones,
        zeros,
        tuple(rules),
        mask,
        tuple(places),
        reader.whole("hex_digits", 0, 2, 0),
        tuple(refused),
    )


def _skip(reader: _Reader) -> Part:
    return Skip(reader.whole("width", 1, 64), SKIPS[reader.choice("allowed", tuple(SKIPS))])


def _check(reader: _Reader) -> Part:
    kind = CheckKind(reader.choice("check", tuple(kind.value for kind in CheckKind)))
    return Check(
        kind, reader.whole("from", 1, WIDTH_MAX), reader.whole("to", -WIDTH_MAX, WIDTH_MAX)
    )


PARTS: dict[str, Callable[[_Reader], Part]] = {
    "literal": _literal,
    "words": _words,
    "number": _number,
    "places": _places,
    "bits": _bits,
    "skip": _skip,
    "check": _check,
}


def _frame(row: object, path: str, problems: list[str]) -> FrameSpec:
    reader = _Reader(row, path, problems)
    parts = []
    for index, part_row in enumerate(reader.rows("part")):
        part = _Reader(part_row, reader.at("part", index), problems)
        parts.append(PARTS[part.choice("kind", tuple(PARTS))](part))
        part.done()
    if not parts:
        reader.problem("a frame has at least one part", "part")
    if sum(isinstance(part, Number) for part in parts) > 1:
        reader.problem("a frame has one number; other digits are skipped", "part")
    followed_by = reader.octets("followed_by", "")
    reader.done()
    return FrameSpec(tuple(parts), followed_by)


def _scaling(row: object, path: str, problems: list[str]) -> Scaling:
    reader = _Reader(row, path, problems)
    made = Scaling(
        reader.text("name"),
        reader.text("title"),
        PlacesRule(reader.choice("places", tuple(r.value for r in PlacesRule), "sent")),
        reader.whole("kg_exponent", 0, KG_EXPONENT_MAX, 0),
    )
    reader.done()
    return made


def _poll(row: object, problems: list[str]) -> Poll | None:
    if row == {}:
        return None
    reader = _Reader(row, "poll", problems)
    questions = []
    for index, question in enumerate(reader.rows("questions")):
        try:
            questions.append(bytes.fromhex(str(question)))
        except ValueError:
            reader.problem(f"{question!r} is no hexadecimal", f"questions[{index}]")
    if not all(questions) or not questions:
        reader.problem("at least one question is needed here", "questions")
    made = Poll(tuple(questions), reader.whole("every_ms", 20, 5_000))
    reader.done()
    return made


def parse(text: str, name: str = "format") -> Format:
    """The format this text describes. Raises FormatError with every problem it has."""
    problems: list[str] = []
    try:
        tree = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise FormatError(name, [f"is no TOML: {error}"]) from error
    reader = _Reader(tree, "", problems)
    frames = [
        _frame(row, f"frame[{index}]", problems) for index, row in enumerate(reader.rows("frame"))
    ]
    if not frames:
        reader.problem("at least one [[frame]] is needed")
    made = Format(
        name=reader.text("name"),
        title=reader.text("title"),
        lines=tuple(str(line) for line in reader.rows("lines")),
        frames=tuple(frames),
        confirm=Confirm(reader.choice("confirm", tuple(c.value for c in Confirm))),
        scalings=tuple(
            _scaling(row, f"scaling[{index}]", problems)
            for index, row in enumerate(reader.rows("scaling"))
        ),
        strip_bit7=reader.flag("strip_bit7"),
        filler=reader.octets("filler", ""),
        poll=_poll(reader.table("poll"), problems),
    )
    reader.done()
    if made.confirm is not Confirm.NEVER and not made.scalings:
        problems.append("scaling: a format that must be confirmed names its scalings")
    if problems:
        raise FormatError(made.name or name, problems)
    return made
