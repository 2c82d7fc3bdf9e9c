"""Carries requests to one address with aiocoap: one context a lane, a deadline on every wait.

Separate contexts because CoAP lets one exchange at a time out of a port (NSTART = 1): an alarm
must not stand behind a photo's dead exchange. A context that keeps failing is thrown away and
made anew. It must never raise for the network's sake, nor say more than what came back.
"""

from __future__ import annotations

import asyncio
import importlib.util
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import aiocoap
from aiocoap import credentials
from aiocoap.error import Error as CoapError
from aiocoap.error import NetworkError
from aiocoap.numbers.constants import TransportTuning

from hal.contract.types import NS_PER_S
from terminal.streams.context import STREAMS, stream_context
from terminal.uplink.chunks import CHUNK_BYTES, SILENCE_S_MAX, RttEstimate
from terminal.uplink.exchange import PROBE, PROBED, Lane, Request, WireReply, WireRequest
from terminal.uplink.photo_udp import ChunkedPhoto

if TYPE_CHECKING:
    from terminal.enrol.power_safe import PowerSafeContext
    from terminal.uplink.resources import Resources

CLIENT_TRANSPORTS: dict[str, tuple[str, ...]] = {  # of the library; streams are our own
    "coap": ("udp6",),
    "coap+tcp": (),
    "coap+ws": (),
    "coaps": ("tinydtls",),
    "coaps+tcp": (),
    "coaps+ws": (),
}
RUNG_NAMES: dict[str, str] = {
    "coap": "UDP",
    "coap+tcp": "TCP",
    "coap+ws": "WebSocket",
    "coaps": "DTLS",
    "coaps+tcp": "TLS",
    "coaps+ws": "WebSocket+TLS",
}
LOG = "coap-uplink"
logging.getLogger(LOG).setLevel(logging.CRITICAL)
"""What fails comes back as a reply with its reason. The library's own words about a request that
was given up are not even well-formed: its call of the log raises."""
FORMAT_OCTETS = 42
CONTEXT_FAILURES_MAX = 2
"""Failures in a row after which a context (sockets, port) is made anew."""
PORTS: dict[Lane, int] = {Lane.ALARM: 1, Lane.RECORD: 16, Lane.PHOTO: 1}
"""Ports of a lane over UDP: on a lossy link one lost record must not hold up the next."""
ASK_S_MAX = 15.0
MS_PER_S = 1_000
WHY_CHARS_MAX = 200
SAID_BYTES_MAX = 80
RTO_START_NS = NS_PER_S // 2

UNPLUGGED = "the network is unplugged"
DTLS_ABSENT = (
    "DTLS needs the package DTLSSocket, which has no wheel: install gcc, autoconf, automake and"
    " libtool, then pip install 'weigh-terminal[dtls]'"
)
DTLS_PATIENCE_S = 6.0
"""So long one association is believed: the library's never recovers from a change of address, so
the first silence ends it, and the request goes out once more over a fresh one."""
DTLS_FRESH_MAX = 4
"""Associations that one photo in chunks may cost before it is left for later; what has arrived over
one is not sent again over the next. Anything else may cost two."""
DTLS_KEEP_NS = 20 * NS_PER_S
"""An association idle for longer is not tried again: what a NAT forgets, it forgets in idleness."""
ADDRESS_KEEP_NS = 600 * NS_PER_S
"""So long a resolved name is used again while answers come: reading the URI and asking the
resolver took a sixth of a request's processor time. The first failure forgets it."""
MESSAGE_WISE = ("coap", "coaps")
"""Schemes whose messages are datagrams: a photo goes in chunks."""


class LteTuning(TransportTuning):  # type: ignore[misc]  # the library has no types
    """Retransmission by the measured round trip, within the deadline of a record."""

    ACK_RANDOM_FACTOR = 1.1
    MAX_RETRANSMIT = 6

    def __init__(self, rtt: RttEstimate) -> None:
        """rtt: of this way; the library's fixed 2 s costs seconds at every lost packet."""
        self.ACK_TIMEOUT = rtt.rto_ns / NS_PER_S


class ChunkTuning(TransportTuning):  # type: ignore[misc]  # the library has no types
    """Chunks are not confirmable: their window repeats and paces them."""

    reliability = False

    def __init__(self, _rtt: RttEstimate) -> None:
        """Nothing of it is needed."""


@dataclass(frozen=True, slots=True)
class DtlsKey:
    """What a DTLS association is made with: our name and the shared keys, the newest first.

    After a rotation the other end may still have the one before: they are tried in turn.
    """

    identity: bytes
    psk: bytes
    psk_before: bytes = b""

    def at(self, index: int) -> bytes:
        """The key for the association number `index`."""
        return self.psk_before if index % 2 and self.psk_before else self.psk


def dtls_installed() -> bool:
    """Whether the optional package is here."""
    return importlib.util.find_spec("DTLSSocket") is not None


@dataclass(frozen=True, slots=True)
class _Address:
    """Where a context's last answer was asked for, and the name that goes along with it."""

    remote: object
    uri_host: str | None
    at_ns: int


@dataclass(slots=True)
class _Port:
    """One context, made when first used. busy: exchanges under way.

    association: of DTLS, held here because the library forgets it with its last request.
    address: what the target's name was resolved to over plain UDP.
    """

    context: aiocoap.Context | None = None
    busy: int = 0
    failures: int = 0
    association: object = None
    used_ns: int = 0
    address: _Address | None = None


class CoapTransport:
    """The way to one address. Implements ladder.Rung, and so exchange.Transport."""

    def __init__(
        self,
        uri: str,
        link_is_up: Callable[[], bool] | None = None,
        oscore: PowerSafeContext | None = None,
        site: Resources | None = None,
        dtls: DtlsKey | None = None,
    ) -> None:
        """uri: scheme, host and port. link_is_up: simulated runs only; None when real.

        oscore: protects every message, the same object for every rung of a target. site: what
        the other end may read over a connection that we opened (not over UDP: anybody could).
        dtls: for a coaps:// way.
        """
        self._uri = uri.rstrip("/")
        self._scheme = urlsplit(uri).scheme
        self._transports = list(CLIENT_TRANSPORTS[self._scheme])
        self.rung = RUNG_NAMES[self._scheme]
        self._oscore = oscore
        self._site = site if self._scheme not in MESSAGE_WISE else None
        self._dtls = dtls
        self._dtls_at = 0
        if oscore is not None:
            self._transports.insert(0, "oscore")  # the first that takes a message sends it
            self.rung += "+OSCORE"
        self._link_is_up = link_is_up
        self._ports = {
            lane: [_Port() for _ in range(PORTS[lane] if self._scheme == "coap" else 1)]
            for lane in Lane
        }
        self._making = asyncio.Lock()
        self._rtt = RttEstimate(rto_ns=RTO_START_NS)

    async def send(self, request: Request, wire: WireRequest) -> WireReply:
        """Carry one request; the reply says what came back, or in `why` what did not."""
        if self._unplugged():
            return self._nothing(UNPLUGGED)
        if self._scheme == "coaps" and not dtls_installed():
            return self._nothing(DTLS_ABSENT)
        port = min(self._ports[request.lane], key=lambda port: port.busy)
        port.busy += 1
        began_s = time.monotonic()
        try:
            async with asyncio.timeout(request.deadline_ms / MS_PER_S):
                reply = await self._carry_again(port, request.lane, wire)
        except TimeoutError:
            await self._count_failure(port)
            return self._nothing(f"no answer within {time.monotonic() - began_s:.0f} s")
        except (CoapError, OSError) as error:
            await self._count_failure(port)
            return self._nothing(_said(error))
        finally:
            port.busy -= 1
        if self._unplugged():
            return self._nothing(UNPLUGGED)
        port.failures = 0
        return reply

    async def ask(self, wire: WireRequest) -> WireReply:
        """One small question on the alarm lane, outside all counts."""
        if self._unplugged():
            return self._nothing(UNPLUGGED)
        try:
            exchange = self._exchange(self._ports[Lane.ALARM][0], wire)
            return await asyncio.wait_for(exchange, ASK_S_MAX)
        except (TimeoutError, CoapError, OSError) as error:
            if self._scheme == "coaps":
                self._dtls_at += self._ports[Lane.ALARM][0].association is None
                await self._drop(self._ports[Lane.ALARM][0])
            return self._nothing(_said(error))

    async def probe(self) -> bool:
        """GET /v1/time."""
        return (await self.ask(PROBE)).code == PROBED

    def _unplugged(self) -> bool:
        return self._link_is_up is not None and not self._link_is_up()

    def _nothing(self, why: str) -> WireReply:
        return WireReply("", b"", why, self.rung)

    async def _carry_again(self, port: _Port, lane: Lane, wire: WireRequest) -> WireReply:
        """Over DTLS silence costs the association, not the request."""
        if self._scheme != "coaps":
            return await self._carry(port, lane, wire)
        chunked = self._chunked(lane, wire)
        limit_s = None if chunked else DTLS_PATIENCE_S  # chunks are patient by themselves
        for _ in range((DTLS_FRESH_MAX if chunked else 2) - 1):
            context = await self._context(port)
            try:
                return await asyncio.wait_for(self._carry(port, lane, wire), limit_s)
            except (TimeoutError, CoapError, OSError):
                if port.context is context:  # another request may have made a fresh one already
                    self._dtls_at += port.association is None  # never answered: perhaps for its key
                    await self._drop(port)
        return await asyncio.wait_for(self._carry(port, lane, wire), limit_s)

    def _chunked(self, lane: Lane, wire: WireRequest) -> bool:
        # OSCORE limits every message to one kilobyte, over TCP too.
        small = self._scheme in MESSAGE_WISE or self._oscore is not None
        return lane is Lane.PHOTO and small and len(wire.payload) > CHUNK_BYTES

    async def _carry(self, port: _Port, lane: Lane, wire: WireRequest) -> WireReply:
        if not self._chunked(lane, wire):
            return await self._exchange(port, wire)

        async def chunk(
            method: str, path: tuple[str, ...], payload: bytes, limit_s: float
        ) -> WireReply | None:
            part = WireRequest(method, path, FORMAT_OCTETS, payload, False)
            tuning = ChunkTuning if method == "PUT" else LteTuning
            try:
                return await asyncio.wait_for(self._exchange(port, part, tuning), limit_s)
            except (TimeoutError, CoapError, OSError):
                return None

        silence_s = DTLS_PATIENCE_S if self._scheme == "coaps" else SILENCE_S_MAX
        reply = await ChunkedPhoto(wire.path, wire.payload, chunk, silence_s).carry()
        if reply is None:
            raise TimeoutError
        return reply

    async def _exchange(
        self, port: _Port, wire: WireRequest, tuning: type[TransportTuning] = LteTuning
    ) -> WireReply:
        if self._scheme == "coaps":
            await self._drop_idle(port)
        context = await self._context(port)
        message = self._message(port, wire, tuning(self._rtt))
        if wire.payload:
            message.opt.content_format = wire.content_format
        if wire.if_none_match:
            message.opt.if_none_match = True
        if self._scheme == "coap" and port.address is None:
            await context.find_remote_and_interface(message)
        remote, uri_host = message.remote, message.opt.uri_host
        self._protect(message)
        began_ns, limit_ns = time.monotonic_ns(), self._rtt.rto_ns
        response = await context.request(message).response
        took_ns = time.monotonic_ns() - began_ns
        if self._scheme == "coap" and port.context is context and port.address is None:
            port.address = _Address(remote, uri_host, began_ns)
        if self._scheme == "coaps":
            port.association, port.used_ns = response.remote, time.monotonic_ns()
        if took_ns < limit_ns:
            self._rtt.sample(took_ns)
        elif tuning is LteTuning and took_ns > 2 * limit_ns:
            self._rtt.back_off()  # repeated, so not measured: be more patient until one is
        code, max_age_s = str(response.code.dotted), response.opt.max_age or 0
        return WireReply(code, bytes(response.payload), "", self.rung, max_age_s)

    def _message(self, port: _Port, wire: WireRequest, tuning: TransportTuning) -> aiocoap.Message:
        code = aiocoap.Code[wire.method]
        known = port.address
        if known is not None and time.monotonic_ns() - known.at_ns > ADDRESS_KEEP_NS:
            known = port.address = None
        message = aiocoap.Message(code=code, payload=wire.payload, transport_tuning=tuning)
        if known is None:
            message.set_request_uri(f"{self._uri}/{'/'.join(wire.path)}")
            return message
        message.opt.uri_path = wire.path
        message.remote = known.remote
        if known.uri_host is not None:
            message.opt.uri_host = known.uri_host
        return message

    def _protect(self, message: aiocoap.Message) -> None:
        """Bind the message to the key itself: a transport that does not protect cannot send it."""
        if self._oscore is not None:
            from aiocoap.transports.oscore import OSCOREAddress

            message.remote = OSCOREAddress(self._oscore, message.remote)

    async def _context(self, port: _Port) -> aiocoap.Context:
        async with self._making:
            if port.context is None:
                if self._scheme in STREAMS:
                    port.context = await stream_context(self._scheme, self._transports, LOG)
                else:
                    port.context = await aiocoap.Context.create_client_context(
                        loggername=LOG, transports=self._transports
                    )
                port.context.serversite = self._site
                if self._dtls is not None and self._scheme == "coaps":
                    psk = self._dtls.at(self._dtls_at)
                    credential = credentials.DTLS(psk, self._dtls.identity)
                    port.context.client_credentials[f"{self._uri}/*"] = credential
            return port.context

    async def _count_failure(self, port: _Port) -> None:
        port.failures += 1
        port.address = None
        if port.failures >= CONTEXT_FAILURES_MAX or self._scheme == "coaps":
            await self._drop(port)

    async def _drop_idle(self, port: _Port) -> None:
        now_ns = time.monotonic_ns()
        if port.association is not None and now_ns - port.used_ns > DTLS_KEEP_NS:
            await self._drop(port)
        port.used_ns = now_ns

    async def _drop(self, port: _Port) -> None:
        """Throw a context away; the next request makes another, from another port."""
        port.failures = 0
        port.association = port.address = None
        context, port.context = port.context, None
        if context is None:
            return
        try:
            await context.shutdown()
        except AttributeError:
            if self._scheme != "coaps":
                raise  # the DTLS transport trips over an association that never came up

    async def close(self) -> None:
        """Close every socket."""
        for port in (port for ports in self._ports.values() for port in ports):
            await self._drop(port)


def _said(error: Exception) -> str:
    """An error of the way in a few words. What came back unprotected is anybody's word."""
    plain = getattr(error, "plain_message", None)
    if plain is not None:
        text = bytes(plain.payload)[:SAID_BYTES_MAX].decode("utf-8", "replace")
        return f"unprotected {plain.code.dotted} {text}".strip()
    if not isinstance(error, NetworkError | OSError):
        return f"{type(error).__name__}: {error}"[:WHY_CHARS_MAX]
    words = error if isinstance(error, OSError) else " ".join(map(str, error.args))
    return f"NetworkError: {error.__cause__ or words or error}"[:WHY_CHARS_MAX]
