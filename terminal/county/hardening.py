"""Where the library trusts strangers too far, and what we do about it.

Past messages are remembered 247 s long at 2.5 KB each without a bound; an option that is no
UTF-8 escapes its parser as an uncaught exception. Forgetting a message early costs nothing but
a repeat: every write here is idempotent by its key.
"""

from __future__ import annotations

import logging
from collections.abc import Hashable
from typing import Any

from aiocoap import Message
from aiocoap.error import UnparsableMessage

RECENT_MAX = 30_000
TABLE = "_recent_messages"
_LOG = logging.getLogger("county-coap")


class RecentMessages(dict[Hashable, Any]):
    """The library's table of seen messages with a bound; the oldest gives way."""

    def __setitem__(self, key: Hashable, value: Any) -> None:
        """Remember, forgetting the oldest beyond the bound."""
        super().__setitem__(key, value)
        while len(self) > RECENT_MAX:
            del self[next(iter(self))]

    def pop(self, key: Hashable, default: Any = None) -> Any:
        """Forget; what is gone already is no error."""
        return super().pop(key, default)


def bound_memory(context: Any) -> int:
    """Put the bound into every message layer of a server context; how many there were.

    The library offers no public way. If a newer version moves the table, the receiver serves
    on without the bound and says so.
    """
    bounded = 0
    for tokens in context.request_interfaces:
        messages = getattr(tokens, "token_interface", None)
        if messages is not None and hasattr(messages, TABLE):
            setattr(messages, TABLE, RecentMessages())
            bounded += 1
    if not bounded:
        _LOG.error("the memory of past messages could not be bounded")
    return bounded


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
