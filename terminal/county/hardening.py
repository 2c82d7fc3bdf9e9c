"""Where the library trusts strangers too far, and what we do about it.

Past messages are remembered 247 s long at 2.5 KB each without a bound; an option that is no
UTF-8 escapes its parser as an uncaught exception. Forgetting a message early costs nothing but
a repeat: every write here is idempotent by its key.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Hashable
from typing import Any

from aiocoap import CON, Message
from aiocoap.error import UnparsableMessage

RECENT_MAX = 30_000
RECENT_S = 247.0
"""EXCHANGE_LIFETIME of RFC 7252."""
TABLE = "_recent_messages"
CHECK = "_deduplicate_message"
_LOG = logging.getLogger("county-coap")


class RecentMessages(dict[Hashable, Any]):
    """The library's table of seen messages, bounded in number and age; the oldest gives way."""

    def __init__(self, now_s: Callable[[], float] = time.monotonic) -> None:
        """now_s: monotonic seconds."""
        super().__init__()
        self._now_s = now_s
        self._seen_s: dict[Hashable, float] = {}

    def first_time(self, key: Hashable) -> bool:
        """Note this message; False when it was seen already."""
        now_s = self._now_s()
        while self._seen_s:
            oldest = next(iter(self._seen_s))
            if len(self) < RECENT_MAX and now_s - self._seen_s[oldest] < RECENT_S:
                break
            del self._seen_s[oldest]
            self.pop(oldest, None)
        if key in self:
            return False
        self[key] = None
        self._seen_s[key] = now_s
        return True


def bound_memory(context: Any) -> int:
    """Put the bound into every message layer of a server context; how many there were.

    The library offers no public way and keeps a timer a message besides. If a newer version is
    built otherwise, the receiver serves on without the bound and says so.
    """
    bounded = 0
    for tokens in context.request_interfaces:
        messages = getattr(tokens, "token_interface", None)
        if messages is not None and hasattr(messages, TABLE) and hasattr(messages, CHECK):
            _bound(messages)
            bounded += 1
    if not bounded:
        _LOG.error("the memory of past messages could not be bounded")
    return bounded


def _bound(messages: Any) -> None:
    table = RecentMessages()

    def is_duplicate(message: Any) -> bool:
        key = (message.remote, message.mid)
        if table.first_time(key):
            return False
        answer = table[key]
        if message.mtype is CON and answer is not None:
            messages._send_initially(answer)  # noqa: SLF001
        return True

    setattr(messages, TABLE, table)
    setattr(messages, CHECK, is_duplicate)


def harden_parser() -> None:
    """Make every datagram that cannot be parsed the one error the library drops in peace."""
    plain = Message.decode
    if getattr(plain, "hardened", False):
        return

    def decode(rawdata: bytes, remote: Any = None) -> Any:
        try:
            return plain(rawdata, remote)
        except (ValueError, IndexError, OverflowError) as error:
            raise UnparsableMessage from error

    decode.hardened = True  # type: ignore[attr-defined]
    Message.decode = staticmethod(decode)
