"""Exit codes, after sysexits: what a person or a supervisor can tell from how we ended."""

from __future__ import annotations

OK = 0
BAD_INPUT = 65
ABSENT = 69
"""A device, a port or a file that the configuration names is not there."""
BUG = 70
"""An invariant was violated or a programmer error was caught; everything was released."""
STARVED = 71
"""Memory or file descriptors ran out; nothing is wrong with what is stored, start it again."""
CORRUPT = 74
"""The stored ledger cannot be trusted; nothing was changed and nothing is served."""
CONFIG = 78
