"""Takes a terminal over to the new transport keys that its county commands, or says why not.

Ask, check, keep, prove, go over, tell, forget: in this order, each durable before the next. Until
the county has answered over the new keys the old ones stay in use and untouched; nothing that
comes over the network is believed for where it came from (terminal.enrol checks the command).
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Protocol

from hal.contract.types import NS_PER_S
from terminal.enrol.context_files import ContextLostError
from terminal.enrol.key_ring import KeyRing
from terminal.enrol.papers import PaperError
from terminal.uplink.exchange import Adapter, Transport
from terminal.uplink.way import Way

ROUND_NS = 60 * NS_PER_S
"""How often what waits for its proof is tried, also what a person has brought on paper."""
ASK_NS = 3_600 * NS_PER_S
"""How often the county is asked for a command; also once after every start of ours, and when
a receipt hints at one."""
REFUSED = "new key refused"
UNPROVED = "new key not proved"
DONE = "new key in use"
LOST = "key lost"
"""How the notes begin; the console has a text for each."""
_LOG = logging.getLogger("uplink")


class Provable(Transport, Protocol):
    """A transport that can be tried before anything is entrusted to it."""

    async def prove(self) -> str:
        """Empty when the other end has answered, otherwise why not; bounded in time."""


class Renewal:
    """One target's keys. note: what the operator should know, empty for nothing."""

    def __init__(
        self,
        ring: KeyRing,
        way: Way,
        make: Callable[[int], Provable],
        adapter: Adapter,
        terminal_id: str,
        wall_s: Callable[[], int],
    ) -> None:
        """make: a way with the keys of this number; raises ContextLostError, OSError, ValueError.

        wall_s: our UTC, seconds.
        """
        self._ring, self._way, self._make = ring, way, make
        self._adapter, self._terminal_id, self._wall_s = adapter, terminal_id, wall_s
        self._due_ns = self._ask_ns = self._hinted = 0
        self._busy = self._refusing = False
        self.refused = 0
        self.note = ""

    def due(self, now_ns: int) -> bool:
        """Whether round() should be run now."""
        return not self._busy and now_ns >= self._due_ns

    def hint(self, number: int) -> None:
        """A receipt named this rotation, 0 for none: the next round asks for it, once."""
        if number and number != self._hinted:
            self._hinted, self._ask_ns = number, 0

    async def round(self, now_ns: int) -> None:
        """One look at what waits here and, when it is time, at the county. Never raises for the
        network's sake, nor for a bad command or a full disk.
        """
        self._busy, self._due_ns = True, now_ns + ROUND_NS
        try:
            number = self._ring.pending()
            gone_over = bool(number) and await self._go_over(number)
            if not gone_over and now_ns >= self._ask_ns:
                newer = await self._ask(now_ns)
                gone_over = newer > number and await self._go_over(newer)
                if not (newer or number or self._refusing):
                    self.note = ""
            if gone_over:
                await self._ask(now_ns)  # the county hears that the new keys are in use
        except PaperError as error:
            self._say(f"{REFUSED}: {error}")
        except (OSError, ValueError) as error:
            self._say(f"{UNPROVED}: {error}")
        finally:
            self._busy = False

    async def _ask(self, now_ns: int) -> int:
        """Ask the county for a command and obey it; gives its number, 0 for nothing new."""
        reply = await self._way.ask(self._adapter.keys_wire(self._terminal_id))
        self._ask_ns = now_ns + (ASK_NS if reply.code else ROUND_NS)
        text = self._adapter.decode_keys(reply)
        if text is None:
            return 0
        self._refusing = False
        for name in self._ring.forget_older():
            _LOG.info("%s: forgotten, a newer key is in use", name)
        if not text:
            return 0
        try:
            return self._ring.take(self._terminal_id, text, self._wall_s())
        except PaperError as error:
            self._refusing = True
            self.refused += 1
            self._say(f"{REFUSED} ({self.refused}): {error}")
            return 0

    async def _go_over(self, number: int) -> bool:
        """Prove the keys of this number; use them from then on if that succeeds."""
        try:
            new = self._make(number)
        except ContextLostError as error:
            self._say(f"{UNPROVED}: {error}")
            return False
        try:
            why = await new.prove()
            if not why:
                self._ring.adopt(number)
        except BaseException:
            await new.close()
            raise
        if why:
            await new.close()
            self._say(f"{UNPROVED}: {why}")
            return False
        await self._way.swap(new)
        self._say(f"{DONE}: number {number}")
        return True

    def _say(self, note: str) -> None:
        if note != self.note:
            _LOG.warning("%s", note)
        self.note = note
