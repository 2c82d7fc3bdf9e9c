"""One conversation with a microcontroller: hello, heartbeat, numbering, clock, leases. Pure.

Bytes in, bytes out, time as an argument. Whatever is missing ends in DOWN: no samples, no lease.
The device drops its relays by itself; nothing here is needed for that.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from firmware_bridge.link.clockmap import ClockMap
from firmware_bridge.link.frame import VERSION, FrameReceiver, LinkFrame, encode
from firmware_bridge.mcu import protocol
from firmware_bridge.mcu.protocol import Pong, Refused, Sample, Status, Type, Welcome, Why
from hal.contract.types import LEASE_NS_MAX, NS_PER_MS, NS_PER_S, Fault, FaultCode, MonotonicNs

HELLO_NS = 250 * NS_PER_MS
PING_NS = 100 * NS_PER_MS
SILENT_NS_MAX = 500 * NS_PER_MS
ASKED_NS_MAX = LEASE_NS_MAX - 50 * NS_PER_MS
"""A board is asked for less than the longest lease: line and loops take their time too."""
PINGS_MAX = 32
HELLOS_QUIET = 2
"""Hellos without an answer before it is called a fault."""
SAMPLES_MAX = 4_096
FAULT_EVERY_NS = NS_PER_S
SEQ = 1 << 16


class LinkState(Enum):
    """DOWN: no session. UP: welcomed and heard lately."""

    DOWN = "down"
    UP = "up"


@dataclass(slots=True)
class Counters:
    """What went wrong since the start. lost: frames the device numbered and we never got."""

    sessions: int = 0
    lost: int = 0
    malformed: int = 0
    refused: int = 0
    samples: int = 0


@dataclass(slots=True)
class Incoming:
    """What one feed brought. gap: some samples before these are missing."""

    samples: list[Sample] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    gap: bool = False


class Session:
    """feed() what came, tick() often; both give bytes to send through outgoing()."""

    def __init__(self, name: str, nonce: int, octet_ns: int = 0) -> None:
        self.state = LinkState.DOWN
        self.welcome: Welcome | None = None
        self.status: Status | None = None
        self.status_ns = 0
        self.clock = ClockMap(octet_ns)
        self.counters = Counters()
        self.receiver = FrameReceiver()
        self._name, self._nonce = name, nonce
        self._session = 0
        self._seq = self._token = self._lease_seq = 0
        self._expected: int | None = None
        self._pings: dict[int, tuple[MonotonicNs, int]] = {}
        self._hello_ns = self._ping_ns = -NS_PER_S
        self._heard_ns = self._hellos = 0
        self._said: dict[str, int] = {}
        self._out = b""

    def outgoing(self) -> bytes:
        """Bytes to send since the last call."""
        out, self._out = self._out, b""
        return out

    def line_lost(self) -> None:
        """The line went away: everything half said is void."""
        self.receiver.reset()
        self._down()

    def tick(self, now_ns: MonotonicNs) -> list[Fault]:
        """Ask, ping, notice silence."""
        faults: list[Fault] = []
        if self.state is LinkState.UP and now_ns - self._heard_ns > SILENT_NS_MAX:
            self._down()
            self._say(FaultCode.STALE, "the microcontroller fell silent", now_ns, faults)
        if self.state is LinkState.DOWN:
            if now_ns - self._hello_ns >= HELLO_NS:
                self._hello_ns = now_ns
                self._nonce = (self._nonce * 69_069 + 1) % (1 << 32)
                self._send(Type.HELLO, protocol.hello(self._nonce))
                self._hellos += 1
                if self._hellos > HELLOS_QUIET:
                    self._say(FaultCode.ABSENT, "no session yet", now_ns, faults)
        elif now_ns - self._ping_ns >= PING_NS:
            self._ping_ns = now_ns
            self._token = (self._token + 1) % (1 << 32)
            octets = self._send(Type.PING, protocol.ping(self._token))
            self._pings[self._token] = (now_ns, octets)
            while len(self._pings) > PINGS_MAX:
                self._pings.pop(next(iter(self._pings)))
        return faults

    def lease(self, mask: int, until_ns: MonotonicNs, now_ns: MonotonicNs) -> bool:
        """Ask for outputs until a host time, cut to ASKED_NS_MAX; False while nobody listens."""
        if self.state is not LinkState.UP or (mask and not self.clock.known):
            return False
        until_us = 0
        if mask:
            until_us = self.clock.device_us(MonotonicNs(min(until_ns, now_ns + ASKED_NS_MAX)))
        self._lease_seq = (self._lease_seq + 1) % SEQ
        self._send(Type.LEASE, protocol.lease(self._lease_seq, mask, max(0, until_us)))
        return True

    def feed(self, chunk: bytes, now_ns: MonotonicNs) -> Incoming:
        """Take bytes that had arrived by now_ns."""
        incoming = Incoming()
        bad = self.receiver.bad_frames + self.receiver.overruns
        for frame in self.receiver.feed(chunk):
            self._frame(frame, now_ns, incoming)
        if self.receiver.bad_frames + self.receiver.overruns > bad:
            self._say(FaultCode.FRAME, "a frame's check is wrong", now_ns, incoming.faults)
        del incoming.samples[SAMPLES_MAX:]
        return incoming

    def _frame(self, frame: LinkFrame, now_ns: MonotonicNs, incoming: Incoming) -> None:
        message = protocol.parse(frame.type, frame.payload)
        if message is None or frame.version != VERSION:
            self.counters.malformed += 1
            return
        if isinstance(message, Welcome):
            self._welcomed(message, frame, now_ns, incoming)
            return
        ours = self.state is LinkState.UP and frame.session == self._session
        if ours:
            self._heard_ns = now_ns
            self._number(frame, incoming)
        if isinstance(message, Refused):
            self._refused(message, now_ns, incoming)
            return
        if not ours:
            return
        octets = len(frame.payload) + 14
        if isinstance(message, Pong):
            asked = self._pings.pop(message.token, None)
            if asked is not None:
                self.clock.answered(asked[0], asked[1], message.device_us)
            self.clock.received(message.device_us, now_ns, octets)
        elif isinstance(message, Status):
            self.status, self.status_ns = message, now_ns
            self.clock.received(message.device_us, now_ns, octets)
        else:
            if message:
                self.clock.received(message[-1].device_us, now_ns, octets)
            self.counters.samples += len(message)
            incoming.samples += message

    def _welcomed(
        self, message: Welcome, frame: LinkFrame, now_ns: MonotonicNs, incoming: Incoming
    ) -> None:
        if message.nonce != self._nonce or self.state is LinkState.UP:
            return  # an answer to an older hello
        if self.counters.sessions:
            self._say(FaultCode.RESET, "a new session began", now_ns, incoming.faults)
            incoming.gap = True
        self.counters.sessions += 1
        self.state, self.welcome, self._hellos = LinkState.UP, message, 0
        self._session, self._heard_ns = frame.session, now_ns
        self._expected = (frame.seq + 1) % SEQ
        self._ping_ns = -NS_PER_S
        self._send(Type.STREAM, protocol.stream(True))

    def _refused(self, message: Refused, now_ns: MonotonicNs, incoming: Incoming) -> None:
        self.counters.refused += 1
        if message.why == Why.SESSION and self.state is LinkState.UP:
            self._down()
            self._say(FaultCode.RESET, "the microcontroller started again", now_ns, incoming.faults)
            incoming.gap = True
        else:
            words = f"message {message.about:#04x} refused, reason {message.why}"
            self._say(FaultCode.CONTRADICTION, words, now_ns, incoming.faults)

    def _number(self, frame: LinkFrame, incoming: Incoming) -> None:
        if self._expected is not None and frame.seq != self._expected:
            self.counters.lost += (frame.seq - self._expected) % SEQ
            incoming.gap = True
        self._expected = (frame.seq + 1) % SEQ

    def _send(self, kind: Type, payload: bytes) -> int:
        session = 0 if kind is Type.HELLO else self._session
        wire = encode(LinkFrame(kind, VERSION, self._seq, session, payload))
        self._seq = (self._seq + 1) % SEQ
        self._out += wire
        return len(wire)

    def _down(self) -> None:
        self.state, self._session, self.status = LinkState.DOWN, 0, None
        self._pings.clear()
        self.clock.reset()
        self._expected = None
        self._hello_ns = -NS_PER_S

    def _say(self, code: FaultCode, text: str, now_ns: MonotonicNs, faults: list[Fault]) -> None:
        if now_ns - self._said.get(text, -FAULT_EVERY_NS) >= FAULT_EVERY_NS:
            self._said[text] = now_ns
            faults.append(Fault(code, self._name, now_ns, text))
