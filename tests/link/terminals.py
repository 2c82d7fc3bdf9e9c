"""Many small terminals in one process: each with its own socket, key, chain and cursor.

They speak the real protocol: a cursor first, records in order, a repeat with the same message ID
after silence, and only a receipt with the record's own id and digest counts. Some records are
sent a second time on purpose, as after a lost answer. Signed beforehand, so that the cost that
is measured is the receiver's.
"""

from __future__ import annotations

import hashlib
import heapq
import random
import selectors
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import cbor2

from tests.link.fuzzer import METHODS, datagram
from tests.link.sealed import Opened, Sealer

FORMAT_COSE = 18
RESEND_S = 2.0
RESENDS_MAX = 8
DRAIN_S_MAX = 60.0
RECEIVE_BYTES = 4_096


@dataclass
class Flight:
    """One request that has no answer yet."""

    token: int
    packet: bytes
    expected: tuple[str, bytes] | None
    first_s: float
    sends: int = 1


@dataclass
class Sums:
    """What all terminals together saw."""

    sent: int = 0
    receipted: set[str] = field(default_factory=set)
    repeats: int = 0
    repeats_receipted: int = 0
    resends: int = 0
    given_up: int = 0
    wrong: int = 0
    unsealed: int = 0
    cursors: int = 0
    waits_s: list[float] = field(default_factory=list)

    def p99_ms(self) -> float:
        """Of all answered requests."""
        return sorted(self.waits_s)[len(self.waits_s) * 99 // 100] * 1_000 if self.waits_s else 0.0


class SimTerminal:
    """One terminal: at most one record on its way, as NSTART = 1 demands."""

    def __init__(
        self,
        name: str,
        records: list[tuple[str, bytes]],
        port: int,
        sums: Sums,
        sealer: Sealer | None = None,
    ) -> None:
        self.name, self.records, self.sums, self.sealer = name, records, sums, sealer
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.connect(("127.0.0.1", port))
        self.sock.setblocking(False)
        self.flight: Flight | None = None
        self._next = 0
        self._mid = 0

    def _send(self, code: int, path: str, body: bytes, expected: tuple[str, bytes] | None) -> None:
        self._question = (code, path, body)
        self.flight = Flight(0, b"", expected, time.monotonic())
        self._pack(None)

    def _pack(self, echo: bytes | None) -> None:
        """The question as a datagram, with the echo that was asked for; sent."""
        assert self.flight is not None
        code, path, body = self._question
        form = FORMAT_COSE if body else None
        self._mid += 1
        self.flight.token = self._mid
        if self.sealer is None:
            self.flight.packet = datagram(code, self._mid, path, body, form)
        else:
            self.flight.packet = self.sealer.seal(code, self._mid, path, body, form, echo)
        self._push()

    def _push(self) -> None:
        if self.flight is not None:
            try:
                self.sock.send(self.flight.packet)
            except (BlockingIOError, ConnectionRefusedError):
                return  # it is sent again like any other that was lost

    def ask_cursor(self) -> None:
        self._send(METHODS["GET"], f"v1/cursor/{self.name}", b"", None)

    def put_next(self, repeat: bool) -> bool:
        """The next record; with `repeat` the one before it once more: whether it was that."""
        place = self._next - 1 if repeat and self._next else self._next
        name, signed = self.records[place]
        if place == self._next:
            self.sums.sent += 1
        else:
            self.sums.repeats += 1
        expected = (name, hashlib.sha256(signed).digest()[:16])
        again = place != self._next
        self._next += not again
        self._send(METHODS["PUT"], f"v1/records/{name}", signed, expected)
        return again

    def left(self) -> bool:
        return self._next < len(self.records)

    def heard(self) -> bool:
        """Take what has come; True when the flight has landed."""
        try:
            answer = self.sock.recv(RECEIVE_BYTES)
        except (BlockingIOError, ConnectionRefusedError):
            return False
        if len(answer) < 8 or answer[1] == 0 or self.flight is None:
            return False
        if answer[0] & 0x30 == 0:
            self.sock.send(bytes([0x60, 0]) + answer[2:4])
        if int.from_bytes(answer[4:8], "big") != self.flight.token:
            return False
        opened = self._opened(answer)
        if opened is None:
            self.sums.unsealed += 1
            return False
        if opened.echo:
            self._pack(opened.echo)
            return False
        self._judge(opened.payload)
        self.sums.waits_s.append(time.monotonic() - self.flight.first_s)
        self.flight = None
        return True

    def _opened(self, answer: bytes) -> Opened | None:
        if self.sealer is not None:
            return self.sealer.open(answer)
        return Opened(answer[8:].partition(b"\xff")[2], None)

    def _judge(self, payload: bytes) -> None:
        assert self.flight is not None
        expected = self.flight.expected
        if expected is None:
            self.sums.cursors += 1
            return
        try:
            receipt = cbor2.loads(payload)
            proven = (receipt.get(1), receipt.get(2)) == expected
        except (cbor2.CBORDecodeError, ValueError, AttributeError):
            proven = False
        if not proven:
            self.sums.wrong += 1
        elif expected[0] in self.sums.receipted:
            self.sums.repeats_receipted += 1
        else:
            self.sums.receipted.add(expected[0])

    def again(self) -> bool:
        """Send once more what has no answer; False when that was tried often enough."""
        assert self.flight is not None
        if time.monotonic() - self.flight.first_s < RESEND_S / 2:
            return True  # this look was for the one before it
        if self.flight.sends > RESENDS_MAX:
            self.sums.given_up += 1
            self.flight = None
            return False
        self.flight.sends += 1
        self.sums.resends += 1
        self._push()
        return True


def run_terminals(
    port: int,
    records: dict[str, list[tuple[str, bytes]]],
    period_s: float,
    repeat_share: float,
    seed: int = 1,
    each_second: Callable[[], None] = lambda: None,
    contexts: Path | None = None,
) -> Sums:
    """Every terminal sends a record each period_s, from a start of its own, until all are sent.

    contexts: the terminals' ends, a folder each by name; None for plain CoAP.
    """
    rng = random.Random(seed)
    sums = Sums()
    terminals = [
        SimTerminal(name, theirs, port, sums, Sealer(contexts / name) if contexts else None)
        for name, theirs in records.items()
    ]
    selector = selectors.DefaultSelector()
    began_s = time.monotonic()
    due: list[tuple[float, int, bool]] = []  # (when, terminal, whether a look at its flight)
    for index, terminal in enumerate(terminals):
        selector.register(terminal.sock, selectors.EVENT_READ, terminal)
        heapq.heappush(due, (began_s + rng.random() * period_s, index, False))
    fresh = set(range(len(terminals)))
    next_second_s = began_s
    last_due_s = began_s + period_s * (1 + max(len(theirs) for theirs in records.values()))
    while due and time.monotonic() < last_due_s + DRAIN_S_MAX:
        now_s = time.monotonic()
        if now_s >= next_second_s:
            each_second()
            next_second_s = now_s + 1
        while due and due[0][0] <= now_s:
            _when, index, look = heapq.heappop(due)
            terminal = terminals[index]
            if look:
                if terminal.flight is not None and terminal.again():
                    heapq.heappush(due, (now_s + RESEND_S, index, True))
                continue
            if terminal.flight is not None:  # the last one is not answered: a little later
                heapq.heappush(due, (now_s + RESEND_S / 4, index, False))
                continue
            if index in fresh:
                fresh.discard(index)
                terminal.ask_cursor()
                heapq.heappush(due, (now_s + RESEND_S / 4, index, False))
            else:
                again = terminal.put_next(rng.random() < repeat_share)
                if terminal.left():
                    wait_s = RESEND_S if again else period_s
                    heapq.heappush(due, (now_s + wait_s, index, False))
            heapq.heappush(due, (now_s + RESEND_S, index, True))
        wait_s = min(max(0.0, due[0][0] - time.monotonic()), 0.2) if due else 0
        for key, _events in selector.select(wait_s):
            while key.data.heard():
                pass
    selector.close()
    for terminal in terminals:
        terminal.sock.close()
        if terminal.sealer is not None:
            terminal.sealer.close()
    return sums
