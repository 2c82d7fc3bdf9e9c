"""Mutants that change nothing anybody could notice, each with the reason why.

Kept by module, function and source of the expression, not by line, so that edits elsewhere do not
disturb them. An entry that no mutant answers to any more fails the run: the table only shrinks.
"""

from __future__ import annotations

EQUIVALENT: dict[str, str] = {}
