"""Carries requests to one target with aiocoap: one context a lane, a deadline on every wait.

Separate contexts because CoAP lets one exchange at a time out of a port (NSTART = 1): an alarm
must not stand behind a photo's dead exchange. A context that keeps failing is thrown away and
made anew. It must never raise for the network's sake, nor say more than what came back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from urllib.parse import urlsplit

import aiocoap
from aiocoap.numbers.constants import TransportTuning

from terminal.uplink.exchange import Lane, Request, WireReply, WireRequest

CLIENT_TRANSPORTS: dict[str, tuple[str, ...]] = {
    "coap": ("udp6",),
    "coap+tcp": ("tcpclient",),
    "coap+ws": ("ws",),
    "coaps+tcp": ("tlsclient",),
    "coaps+ws": ("ws",),
}
RUNG_NAMES: dict[str, str] = {
    "coap": "UDP",
    "coap+tcp": "TCP",
    "coap+ws": "WebSocket",
    "coaps+tcp": "TLS",
    "coaps+ws": "WebSocket over TLS",
}
CONTEXT_FAILURES_MAX = 2
"""Timeouts in a row after which a lane's context (sockets, port) is made anew."""
MS_PER_S = 1_000

UNPLUGGED = "the network is unplugged"


class LteTuning(TransportTuning):  # type: ignore[misc]  # the library has no types
    """Retransmission for a mobile link: sooner at first, more often, within the deadline."""

    ACK_TIMEOUT = 1.0
    ACK_RANDOM_FACTOR = 1.25
    MAX_RETRANSMIT = 4


class CoapTransport:
    """The way to one target. Implements exchange.Transport."""

    def __init__(self, uri: str, link_is_up: Callable[[], bool] | None = None) -> None:
        """uri: scheme, host and port. link_is_up: simulated runs only; None when real."""
        self._uri = uri.rstrip("/")
        scheme = urlsplit(uri).scheme
        if scheme not in CLIENT_TRANSPORTS:
            raise ValueError(f"{uri}: no transport for {scheme}://")
        self._transports = list(CLIENT_TRANSPORTS[scheme])
        self.rung = RUNG_NAMES[scheme]
        self._link_is_up = link_is_up
        self._contexts: dict[Lane, aiocoap.Context] = {}
        self._failures: dict[Lane, int] = dict.fromkeys(Lane, 0)
        self._making = asyncio.Lock()

    async def send(self, request: Request, wire: WireRequest) -> WireReply:
        """Carry one request; the reply says what came back, or in `why` what did not."""
        if self._unplugged():
            return self._nothing(UNPLUGGED)
        try:
            reply = await asyncio.wait_for(
                self._exchange(request.lane, wire), request.deadline_ms / MS_PER_S
            )
        except TimeoutError:
            await self._count_failure(request.lane)
            return self._nothing(f"no answer within {request.deadline_ms // MS_PER_S} s")
        except (aiocoap.error.Error, OSError) as error:
            await self._count_failure(request.lane)
            return self._nothing(f"{type(error).__name__}: {error}"[:200])
        if self._unplugged():
            return self._nothing(UNPLUGGED)
        self._failures[request.lane] = 0
        return reply

    def _unplugged(self) -> bool:
        return self._link_is_up is not None and not self._link_is_up()

    def _nothing(self, why: str) -> WireReply:
        return WireReply("", b"", why, self.rung)

    async def _exchange(self, lane: Lane, wire: WireRequest) -> WireReply:
        context = await self._context(lane)
        message = aiocoap.Message(
            code=aiocoap.Code[wire.method],
            uri=f"{self._uri}/{'/'.join(wire.path)}",
            payload=wire.payload,
            content_format=wire.content_format,
            transport_tuning=LteTuning(),
        )
        if wire.if_none_match:
            message.opt.if_none_match = True
        response = await context.request(message).response
        return WireReply(str(response.code.dotted), bytes(response.payload), "", self.rung)

    async def _context(self, lane: Lane) -> aiocoap.Context:
        async with self._making:
            context = self._contexts.get(lane)
            if context is None:
                context = await aiocoap.Context.create_client_context(
                    loggername=f"coap-{lane.value}", transports=self._transports
                )
                self._contexts[lane] = context
        return context

    async def _count_failure(self, lane: Lane) -> None:
        self._failures[lane] += 1
        if self._failures[lane] >= CONTEXT_FAILURES_MAX:
            self._failures[lane] = 0
            context = self._contexts.pop(lane, None)
            if context is not None:
                await context.shutdown()

    async def close(self) -> None:
        """Close every socket."""
        contexts, self._contexts = list(self._contexts.values()), {}
        for context in contexts:
            await context.shutdown()
