"""Mutants that change nothing anybody could notice, each with the reason why.

Kept by module, function and source of the expression, not by line, so that edits elsewhere do not
disturb them. The run fails on an entry that no mutant answers to any more, and on one that a test
notices: the table only shrinks.
"""

from __future__ import annotations

_ROOM = "room for OpenSSL to write into; it says itself how much it used, and more is no harm"

EQUIVALENT: dict[str, str] = {
    "terminal.records.body:_written: True => flipped": "both sides are made of the same rows",
    "terminal.records.sm2:sm2_public: 256 => plus one": _ROOM,
    "terminal.records.sm2:module: 80 => plus one": _ROOM,
}
