"""What the web server says of connections, bounded: one line a kind and minute, with the count.

Anybody who reaches the port may send rubbish without end, and each piece is a warning of the
server; the journal of the machine is no place for a stranger to fill.
"""

from __future__ import annotations

import logging

from hal.contract.devices import Clock
from hal.contract.types import NS_PER_S

SERVER_LOGS = ("uvicorn.error", "asyncio")
"""Who speaks of connections: the server, and the loop that accepts them."""
QUIET_NS = 60 * NS_PER_S
KINDS_MAX = 16
"""Sentences told apart within a minute; all others count as one more kind."""
OTHERS = "other messages of the web server"

_LOG = logging.getLogger("console")


class Quiet(logging.Filter):
    """Lets the first of a kind through and counts the rest until turn() tells how many."""

    def __init__(self, clock: Clock) -> None:
        """clock: monotonic_ns is what is read."""
        super().__init__()
        self._clock = clock
        self._kinds: dict[str, tuple[int, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether this line is written now."""
        kind = str(record.msg)
        if kind not in self._kinds and len(self._kinds) >= KINDS_MAX:
            kind = OTHERS
        since_ns, more = self._kinds.get(kind, (self._clock.monotonic_ns(), -1))
        self._kinds[kind] = (since_ns, more + 1)
        return more < 0

    def turn(self) -> None:
        """Tell how many more came of each kind whose minute is over; a kind without is forgotten.

        Call it about once a second.
        """
        now_ns = self._clock.monotonic_ns()
        for kind, (since_ns, more) in list(self._kinds.items()):
            if now_ns - since_ns < QUIET_NS:
                continue
            del self._kinds[kind]
            if more:
                self._kinds[kind] = (now_ns, 0)
                _LOG.warning("console: %d more within %d s: %s", more, QUIET_NS // NS_PER_S, kind)

    def attach(self) -> None:
        """Stand before the server's lines."""
        for name in SERVER_LOGS:
            logging.getLogger(name).addFilter(self)

    def detach(self) -> None:
        """Let everything through again."""
        for name in SERVER_LOGS:
            logging.getLogger(name).removeFilter(self)
