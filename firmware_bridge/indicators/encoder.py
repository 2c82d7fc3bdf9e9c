"""A mass as one frame of a format: what a simulated indicator sends. Pure.

The reverse of the decoder, built from the same description, so that no format exists that the
peers cannot speak.
"""

from __future__ import annotations

from typing import NamedTuple

from firmware_bridge.indicators.checks import CHECKS
from firmware_bridge.indicators.decoder import bits_table
from firmware_bridge.indicators.spec import (
    Bits,
    Check,
    Fact,
    Format,
    FrameSpec,
    Literal,
    Number,
    Part,
    Places,
    Skip,
    Words,
)


class Shown(NamedTuple):
    """What the indicator's display shows."""

    gross_kg: int
    motion: bool = False
    overload: bool = False


def encode(format_: Format, shown: Shown) -> bytes:
    """One frame; empty where the format cannot say it (no overload code: it falls silent)."""
    wanted = _wanted(shown)
    best = b""
    told_most = -1
    for spec in format_.frames:
        made = _frame(spec, shown, wanted)
        if made is None or (shown.overload and not made[1] & Fact.OVERLOAD):
            continue
        if made[1].bit_count() > told_most:
            best, told_most = made[0], made[1].bit_count()
            best += format_.filler if spec.followed_by else b""
    return best


def _wanted(shown: Shown) -> Fact:
    facts = Fact.GROSS | Fact.KG
    facts |= Fact.NEGATIVE if shown.gross_kg < 0 else Fact.NONE
    facts |= Fact.MOTION if shown.motion else Fact.STEADY
    return facts | (Fact.OVERLOAD if shown.overload else Fact.IN_RANGE)


def _frame(spec: FrameSpec, shown: Shown, wanted: Fact) -> tuple[bytes, Fact] | None:
    octets = b""
    told = Fact.NONE
    for part in spec.parts:
        if isinstance(part, Check):
            last = part.last if part.last > 0 else None
            octets += CHECKS[part.kind][1](octets[part.first - 1 : last])
            continue
        made = _part(part, shown, wanted)
        if made is None:
            return None
        octets += made[0]
        told |= made[1]
    return octets, told


def _part(part: Part, shown: Shown, wanted: Fact) -> tuple[bytes, Fact] | None:
    made: tuple[bytes, Fact] | None = (b"", Fact.NONE)
    if isinstance(part, Literal):
        made = part.octets, Fact.NONE
    elif isinstance(part, Places):
        made = b"0", Fact.NONE
    elif isinstance(part, Skip):
        filler = b"0" if b"0"[0] in part.allowed else part.allowed[:1]
        made = filler * part.width, Fact.NONE
    elif isinstance(part, Number):
        made = _number(part, shown.gross_kg), Fact.NONE
    elif isinstance(part, Words):
        fitting = [word for word in part.words if not word.facts & ~wanted]
        fullest = max(fitting, key=lambda word: word.facts.bit_count(), default=None)
        made = (fullest.octets, fullest.facts) if fullest is not None else None
    elif isinstance(part, Bits):
        made = _bits(part, wanted)
    return made


def _bits(part: Bits, wanted: Fact) -> tuple[bytes, Fact] | None:
    best: tuple[bytes, Fact] | None = None
    for value, told in enumerate(bits_table(part)):
        if told is None or told[1] not in (None, 0) or told[0] & ~int(wanted):
            continue
        if best is None or told[0].bit_count() > best[1].bit_count():
            octets = b"%0*X" % (part.hex_digits, value) if part.hex_digits else bytes((value,))
            best = octets, Fact(told[0])
    return best


def _number(part: Number, gross_kg: int) -> bytes:
    negative = part.signed and gross_kg < 0
    digits = str(abs(gross_kg) * 10**part.fixed_places)
    if part.pad:
        text = ("-" if negative else "") + digits
        return text.encode().rjust(part.width, part.pad[:1])[-part.width :]
    width = part.width - negative
    text = ("-" if negative else "") + digits.rjust(width, "0")[-width:]
    return text[::-1].encode() if part.reverse else text.encode()
