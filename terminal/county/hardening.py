"""Where the library trusts strangers too far, and what we do about it.

Past messages are remembered 247 s long at 2.5 KB each without a bound; an option that is no
UTF-8 escapes its parser as an uncaught exception. Forgetting a message early costs nothing but
a repeat: every write here is idempotent by its key. And three costs of it that a busy receiver
feels: every task is named after its whole request, addresses are put into words for each answer,
and an answer that takes longer than 100 ms, as one that waits for a disk may, is sent as a second
exchange.
"""

from __future__ import annotations

import asyncio
import functools
import gc
import logging
import time
from collections.abc import Callable, Hashable
from typing import Any

from aiocoap import CON, Message
from aiocoap.error import UnparsableMessage
from aiocoap.numbers.constants import TransportTuning
from aiocoap.pipe import error_to_message
from aiocoap.transports.udp6 import UDP6EndpointAddress

RECENT_MAX = 30_000
RECENT_S = 247.0
"""EXCHANGE_LIFETIME of RFC 7252."""
TABLE = "_recent_messages"
CHECK = "_deduplicate_message"
GC_THRESHOLDS = (20_000, 20, 50)
ADDRESSES_MAX = 4_096
ACK_DELAY_S = 0.3
"""How long an answer may take before an empty acknowledgement goes ahead of it; under the 0.5 s
after which the quickest of our terminals sends again."""
_LOG = logging.getLogger("county-coap")


class RecentMessages(dict[Hashable, Any]):
    """The library's table of seen messages, bounded in number and age; the oldest gives way."""

    def __init__(self, now_s: Callable[[], float] = time.monotonic) -> None:
        """now_s: monotonic seconds."""
        super().__init__()
        self._now_s = now_s
        self._seen_s: dict[Hashable, float] = {}

    def __setitem__(self, key: Hashable, answer: Any) -> None:
        """Keep an answer without the request it came from: sending it again needs no more."""
        if answer is not None:
            answer.request = None
        super().__setitem__(key, answer)

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
    layers = _message_layers(context)
    for messages in layers:
        _bound(messages)
    if not layers:
        _LOG.error("the memory of past messages could not be bounded")
    return len(layers)


async def close_context(context: Any) -> None:
    """Shut a server context down, and its timers with it: the library leaves those that send an
    empty acknowledgement to find their socket gone.
    """
    await context.shutdown()
    for messages in _message_layers(context):
        for _mid, timer in messages._piggyback_opportunities.values():  # noqa: SLF001
            timer.cancel()


def _message_layers(context: Any) -> list[Any]:
    """What stands below the requests of its datagram transports and keeps tables of messages."""
    layers = [getattr(tokens, "token_interface", None) for tokens in context.request_interfaces]
    return [layer for layer in layers if hasattr(layer, TABLE) and hasattr(layer, CHECK)]


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


class _PatientTuning(TransportTuning):  # type: ignore[misc]  # the library has no types
    EMPTY_ACK_DELAY = ACK_DELAY_S


_PATIENT = _PatientTuning()


def fewer_collections() -> None:
    """For a process that does nothing else: the past messages that are remembered make a full
    garbage collection dear and yield it nothing.
    """
    gc.set_threshold(*GC_THRESHOLDS)


def lighten(context: Any) -> None:
    """Answer requests in tasks without names, and remember how addresses are written."""
    if not hasattr(UDP6EndpointAddress._strip_v4mapped, "cache_info"):  # noqa: SLF001
        written = functools.lru_cache(ADDRESSES_MAX)(UDP6EndpointAddress._strip_v4mapped)  # noqa: SLF001
        UDP6EndpointAddress._strip_v4mapped = staticmethod(written)  # noqa: SLF001

    def render_to_pipe(pipe: Any) -> None:
        answers = error_to_message(pipe, context.log)

        async def answer() -> None:
            try:
                await context.serversite.render_to_pipe(answers)
            except Exception as error:  # the pipe makes a message of it
                answers.add_exception(error)

        answers.on_interest_end(asyncio.create_task(answer()).cancel)

    context.render_to_pipe = render_to_pipe


def let_websockets_end() -> None:
    """Forget connections that ended without a farewell; the library's pool keeps each of them."""
    from aiocoap.transports import ws

    from terminal.streams.one_ws import OneWs

    ws.WSPool = OneWs


def share_websocket_port() -> None:
    """Let several processes serve one WebSocket port, as the library does for UDP and TCP."""
    from websockets.asyncio import server

    if isinstance(server.serve, functools.partial):
        return
    server.serve = functools.partial(server.serve, reuse_port=True)  # type: ignore[misc, assignment]


def harden_parser() -> None:
    """Make every datagram that cannot be parsed the one error the library drops in peace."""
    plain = Message.decode
    if getattr(plain, "hardened", False):
        return

    def decode(rawdata: bytes, remote: Any = None) -> Any:
        try:
            message = plain(rawdata, remote)
        except (ValueError, IndexError, OverflowError) as error:
            raise UnparsableMessage from error
        message.transport_tuning = _PATIENT
        return message

    decode.hardened = True  # type: ignore[attr-defined]
    Message.decode = staticmethod(decode)
