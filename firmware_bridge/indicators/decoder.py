"""Bytes to readings, compiled from a format: frames first, numbers second, pure.

Resynchronises on the next byte after anything it cannot prove. It never repairs, never guesses
and never raises for any bytes; it keeps no more of them than one frame.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from firmware_bridge.indicators.checks import CHECKS
from firmware_bridge.indicators.reading import Reading, Reject, Step
from firmware_bridge.indicators.spec import (
    CONTRADICTIONS,
    NO_MASS,
    Bits,
    Check,
    Confirm,
    Fact,
    Format,
    FrameSpec,
    Literal,
    Number,
    Part,
    Places,
    PlacesRule,
    Skip,
    Words,
)
from hal.contract.types import Tri

SEVEN_BITS = bytes(i & 0x7F for i in range(256))
JUNK_SHOWN_MAX = 32
"""Bytes of rubbish kept in a rejection."""

_MOTION = {0: Tri.UNKNOWN, int(Fact.MOTION): Tri.YES, int(Fact.STEADY): Tri.NO}
_OVER = {0: Tri.UNKNOWN, int(Fact.OVERLOAD): Tri.YES, int(Fact.IN_RANGE): Tri.NO}
_ZERO = {0: Tri.UNKNOWN, int(Fact.ZERO): Tri.YES, int(Fact.OFF_ZERO): Tri.NO}
_NET = {0: Tri.UNKNOWN, int(Fact.NET): Tri.YES, int(Fact.GROSS): Tri.NO}
_CONTRADICTIONS = tuple(int(pair) for pair in CONTRADICTIONS)
_NO_MASS = int(NO_MASS)
_NEGATIVE, _KG, _TONNE, _FOREIGN = (
    int(f) for f in (Fact.NEGATIVE, Fact.KG, Fact.TONNE, Fact.FOREIGN)
)
_MOTION_MASK = int(Fact.MOTION | Fact.STEADY)
_OVER_MASK = int(Fact.OVERLOAD | Fact.IN_RANGE)
_ZERO_MASK = int(Fact.ZERO | Fact.OFF_ZERO)
_NET_MASK = int(Fact.NET | Fact.GROSS)
TONNE_EXPONENT = 3
TEN: tuple[int, ...] = tuple(int(f"1{'0' * power}") for power in range(20))
"""Powers of ten; places and exponents of the vocabulary stay below."""

Facts = tuple[int, int | None]
"""Fact bits and, where the part tells them, decimal places (negative: dummy zeros)."""


class _Refused(Exception):  # noqa: N818 - it never leaves this module
    """The frame is proved but says nothing that may be passed on."""


def part_pattern(part: Part) -> bytes:
    """The bytes one part may consist of, as a regular expression without groups."""
    match part:
        case Literal():
            pattern = re.escape(part.octets)
        case Words():
            pattern = b"(?:" + b"|".join(re.escape(w.octets) for w in part.words) + b")"
        case Number():
            extra = (b"." if part.point else b"") + (b"+-" if part.signed else b"")
            extra += part.pad + part.tail
            span = (part.width_min or part.width, part.width)
            pattern = b"[0-9%s]{%d,%d}" % (re.escape(extra), *span)
        case Places():
            pattern = b"[0-9]"
        case Bits():
            pattern = b"[0-9A-Fa-f]{%d}" % part.hex_digits if part.hex_digits else b"."
        case Skip():
            pattern = b"[%s]{%d}" % (re.escape(part.allowed), part.width)
        case Check():
            pattern = b".{%d}" % CHECKS[part.kind][0]
    return pattern


def part_width(part: Part) -> int:
    """Characters of one part, at most."""
    if isinstance(part, Literal):
        return len(part.octets)
    if isinstance(part, Words):
        return len(part.words[0].octets)
    if isinstance(part, Number | Skip):
        return part.width
    if isinstance(part, Bits):
        return part.hex_digits or 1
    return CHECKS[part.kind][0] if isinstance(part, Check) else 1


def bits_table(part: Bits) -> tuple[Facts | None, ...]:
    """Facts by byte value; None where the byte is not allowed."""
    return tuple(_bits_facts(part, value) for value in range(256))


def _bits_facts(part: Bits, value: int) -> Facts | None:
    if value & part.ones != part.ones or value & part.zeros:
        return None
    if any(value & mask == wanted for mask, wanted in part.refused):
        return None
    facts = Fact.NONE
    for rule in part.rules:
        facts |= rule.if_set if value >> rule.bit & 1 else rule.if_clear
    if not part.places_mask:
        return int(facts), None
    shift = (part.places_mask & -part.places_mask).bit_length() - 1
    places = part.places[(value & part.places_mask) >> shift]
    return None if places is None else (int(facts), places)


class _Frame:
    """One frame shape, compiled. base: the index of its outer group in the whole pattern."""

    def __init__(self, spec: FrameSpec, base: int) -> None:
        self.base = base
        self.width = sum(part_width(part) for part in spec.parts)
        self.number: Number | None = None
        self.number_at = self.places_at = 0
        self.readers: list[tuple[int, Callable[[bytes], Facts | None], str]] = []
        self.checks: list[tuple[slice, slice, Callable[[bytes], bytes]]] = []
        patterns: list[bytes] = []
        groups: list[bytes] = []
        behind = self.width
        for part in spec.parts:
            behind -= part_width(part)
            pattern = part_pattern(part)
            if isinstance(part, Words | Number | Places | Bits):
                pattern = b"(" + pattern + b")"
                groups.append(pattern)
                self._add(part, base + len(groups))
            elif isinstance(part, Check):
                width, function = CHECKS[part.kind]
                last = part.last if part.last > 0 else part.last + 1
                covered = slice(part.first - 1, last or None)
                at = slice(-behind - width, -behind or None)
                self.checks.append((covered, at, function))
            patterns.append(pattern)
        follow = b"(?=[%s])" % re.escape(spec.followed_by) if spec.followed_by else b""
        self.pattern = b"(" + b"".join(patterns) + b")" + follow
        self.groups = 1 + len(groups)

    def _add(self, part: Words | Number | Places | Bits, group: int) -> None:
        if isinstance(part, Number):
            self.number, self.number_at = part, group
        elif isinstance(part, Places):
            self.places_at = group
        elif isinstance(part, Words):
            words: dict[bytes, Facts] = {w.octets: (int(w.facts), None) for w in part.words}
            self.readers.append((group, words.get, part.name))
        else:
            table = bits_table(part)
            if part.hex_digits:
                self.readers.append((group, lambda t: table[int(t, 16) & 0xFF], part.name))
            else:
                self.readers.append((group, lambda t: table[t[0]], part.name))


class Decoder:
    """feed() with bytes as they come; it answers with what they are."""

    def __init__(self, format_: Format, scaling: str = "") -> None:
        """scaling: name of a confirmed one of format_.scalings; empty while nobody confirmed."""
        self.format = format_
        self.scaling = format_.scaling(scaling)
        self._frames: dict[int, _Frame] = {}
        base = 1
        patterns = []
        for spec in format_.frames:
            frame = _Frame(spec, base)
            self._frames[base] = frame
            patterns.append(frame.pattern)
            base += frame.groups
        self._pattern = re.compile(b"|".join(patterns), re.DOTALL)
        self.width_max = max(frame.width for frame in self._frames.values()) + 1
        self._buffer = b""
        self._offset = 0
        self._junk = b""
        self._junk_octets = 0

    @property
    def received(self) -> int:
        """Stream offset after the newest byte fed."""
        return self._offset + len(self._buffer)

    def reset(self) -> None:
        """Forget a part of a frame, after the line was away."""
        self._offset += len(self._buffer)
        self._buffer = b""
        self._junk, self._junk_octets = b"", 0

    def feed(self, chunk: bytes) -> list[Reading | Reject]:
        """Everything that these bytes complete, oldest first."""
        if self.format.strip_bit7:
            chunk = chunk.translate(SEVEN_BITS)
        buffer = self._buffer + chunk
        given: list[Reading | Reject] = []
        at = 0
        search = self._pattern.search
        while (found := search(buffer, at)) is not None:
            base = found.lastindex
            assert base is not None
            start, end = found.span(base)
            if start > at:
                self._skip(buffer[at:start])
            item = self._judge(self._frames[base], found, found[base], self._offset + end)
            if isinstance(item, Reject) and item.step is Step.CHECK:
                given.append(item)
                self._skip(buffer[start : start + 1])
                at = start + 1
                continue
            self._flush(given, self._offset + start)
            given.append(item)
            at = end
        keep = max(at, len(buffer) - self.width_max)
        if keep > at:
            self._skip(buffer[at:keep])
            self._flush(given, self._offset + keep)
        self._buffer = buffer[keep:]
        self._offset += keep
        return given

    def _skip(self, octets: bytes) -> None:
        rubbish = octets.translate(None, self.format.filler)
        self._junk_octets += len(rubbish)
        self._junk = (self._junk + rubbish)[:JUNK_SHOWN_MAX]

    def _flush(self, given: list[Reading | Reject], end: int) -> None:
        if self._junk_octets:
            why = f"{self._junk_octets} bytes are no frame of {self.format.name}"
            given.append(Reject(Step.SHAPE, why, self._junk, end))
            self._junk, self._junk_octets = b"", 0

    def _judge(
        self, frame: _Frame, found: re.Match[bytes], raw: bytes, end: int
    ) -> Reading | Reject:
        for covered, at, function in frame.checks:
            if function(raw[covered]) != raw[at]:
                return Reject(Step.CHECK, "the frame's check is wrong", raw, end)
        facts, places = 0, None
        gross_kg: int | None = None
        try:
            for group, reader, name in frame.readers:
                told = reader(found[group])
                if told is None:
                    raise _Refused(f"{name} has a value that we do not know")
                facts |= told[0]
                places = told[1] if told[1] is not None else places
            _consistent(facts)
            if not facts & _NO_MASS and frame.number is not None:
                if self._unconfirmed(places):
                    return Reject(Step.SCALING, "its scaling was never compared", raw, end)
                gross_kg = self._mass_kg(frame, found, facts, places)
        except _Refused as refused:
            return Reject(Step.MEANING, str(refused), raw, end)
        return Reading(
            gross_kg,
            _MOTION[facts & _MOTION_MASK],
            _OVER[facts & _OVER_MASK],
            _ZERO[facts & _ZERO_MASK],
            _NET[facts & _NET_MASK],
            raw,
            end,
        )

    def _unconfirmed(self, places: int | None) -> bool:
        if self.scaling is not None or self.format.confirm is Confirm.NEVER:
            return False
        if self.format.confirm is Confirm.ALWAYS:
            return True
        return places is not None and places < 0

    def _mass_kg(
        self, frame: _Frame, found: re.Match[bytes], facts: int, places: int | None
    ) -> int:
        assert frame.number is not None
        negative, digits, own_places = number(found[frame.number_at], frame.number)
        rule = self.scaling.places if self.scaling is not None else PlacesRule.SENT
        if frame.places_at:
            character = int(found[frame.places_at])
            if rule is PlacesRule.DIGIT:
                digits = digits * 10 + character
                places = 0
            elif character > 4:
                raise _Refused("its decimal places are not 0 to 4")
            else:
                places = character
        total_places = own_places + frame.number.fixed_places + (places or 0)
        if places is not None and places < 0 and rule is not PlacesRule.ZEROS:
            total_places -= places
        exponent = self._kg_exponent(facts) - total_places
        if exponent >= 0:
            kg = digits * TEN[exponent]
        else:
            kg, rest = divmod(digits, TEN[-exponent])
            if rest:
                raise _Refused("it is not a whole number of kilograms")
        if negative and facts & _NEGATIVE:
            raise _Refused("it is negative twice")
        return -kg if negative or facts & _NEGATIVE else kg

    def _kg_exponent(self, facts: int) -> int:
        if facts & _KG:
            return 0
        if facts & _TONNE:
            return TONNE_EXPONENT
        return self.scaling.kg_exponent if self.scaling is not None else 0


def _consistent(facts: int) -> None:
    if facts & _FOREIGN:
        raise _Refused("the unit or the display mode is not a truck's")
    if any(facts & pair == pair for pair in _CONTRADICTIONS):
        raise _Refused("its status bits contradict one another")


def number(text: bytes, part: Number) -> tuple[bool, int, int]:
    """(negative, digits as an integer, decimal places). Raises _Refused for anything else."""
    if part.reverse:
        text = text[::-1]
    if part.tail:
        text = text.rstrip(part.tail)
    if part.pad:
        text = text.lstrip(part.pad)
    negative = False
    if part.signed and text[:1] in (b"-", b"+"):
        negative, text = text[:1] == b"-", text[1:]
        if part.pad:
            text = text.lstrip(part.pad)
    whole, point, fraction = text.partition(b".")
    if part.point and not point:
        fraction = b""
    if not whole.isdigit() or (point and not fraction.isdigit()):
        raise _Refused("its number is not a number")
    return negative, int(whole + fraction), len(fraction)
