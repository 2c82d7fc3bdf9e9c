"""A cheap load generator: pre-signed records of many terminals as raw datagrams, windowed.

Counts as done only what was answered with the right receipt. Usage as a module function only.
"""

from __future__ import annotations

import hashlib
import select
import socket
import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path

import cbor2

from tests.link.fuzzer import METHODS, datagram
from tests.unit.county.samples import Chain, weigh

RESEND_S = 2.0
FORMAT_COSE = 18
PORTS = 32


@dataclass
class Sent:
    """One record on its way."""

    record_id: str
    digest: bytes
    packet: bytes
    port: int
    at_s: float = 0.0
    first_s: float = 0.0


@dataclass
class LoadResult:
    """What came of a run."""

    acked: int
    unproven: int
    seconds: float
    p99_ms: float


def prepare(keys: Path, terminals: int, records: int) -> list[tuple[str, bytes]]:
    """(id, signed bytes), the terminals taking turns; their keys are written to the folder."""
    chains = []
    for number in range(terminals):
        seed = hashlib.sha256(f"terminal {number}".encode()).digest()
        chain = Chain(f"T{number}", seed[:8], seed, wall_ns=time.time_ns())
        (keys / f"T{number}.pub").write_text(chain.key_line)
        chains.append(chain)
    return [chains[n % terminals].add(weigh(visit_id=n + 1)) for n in range(records)]


def send_all(
    port: int,
    items: list[tuple[str, bytes]],
    outstanding: int,
    pace_per_s: float = 0.0,
    first_mid: int = 0,
) -> LoadResult:
    """Send each record until it is answered. pace_per_s: 0 for as fast as the window allows.

    first_mid: of each port; a second run within 247 s must not repeat the first one's.
    """
    socks = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(PORTS)]
    for sock in socks:
        sock.connect(("127.0.0.1", port))
        sock.setblocking(False)
    by_fd = {sock.fileno(): index for index, sock in enumerate(socks)}
    todo = deque(
        Sent(
            name,
            hashlib.sha256(signed).digest()[:16],
            datagram(
                METHODS["PUT"], first_mid + n // PORTS, f"v1/records/{name}", signed, FORMAT_COSE
            ),
            n % PORTS,
        )
        for n, (name, signed) in enumerate(items)
    )
    flying: dict[tuple[int, int], Sent] = {}
    acked = unproven = started = 0
    waits: list[float] = []
    began_s = time.monotonic()
    while todo or flying:
        now_s = time.monotonic()
        while todo and len(flying) < outstanding:
            if pace_per_s and started > (now_s - began_s) * pace_per_s:
                break
            item = todo.popleft()
            item.at_s = item.first_s = now_s
            started += 1
            flying[item.port, int.from_bytes(item.packet[2:4], "big")] = item
            _send(socks[item.port], item)
        readable, _, _ = select.select(socks, [], [], 0.05)
        for sock in readable:
            while (answer := _receive(sock)) is not None:
                if len(answer) < 8 or answer[1] == 0:
                    continue  # an empty acknowledgement: the answer comes by itself
                if answer[0] & 0x30 == 0:
                    sock.send(bytes([0x60, 0]) + answer[2:4])  # confirmable: acknowledge it
                key = (by_fd[sock.fileno()], int.from_bytes(answer[4:8], "big"))
                found = flying.pop(key, None)
                if found is None:
                    continue
                proven = _proves(answer, found)
                acked += proven
                unproven += not proven
                waits.append(time.monotonic() - found.first_s)
        now_s = time.monotonic()
        for item in flying.values():
            if now_s - item.at_s > RESEND_S:
                item.at_s = now_s
                _send(socks[item.port], item)
    seconds = time.monotonic() - began_s
    for sock in socks:
        sock.close()
    return LoadResult(acked, unproven, seconds, sorted(waits)[len(waits) * 99 // 100] * 1_000)


def _send(sock: socket.socket, item: Sent) -> None:
    try:
        sock.send(item.packet)
    except BlockingIOError:
        item.at_s -= RESEND_S  # the queue is full: again at the next look


def _receive(sock: socket.socket) -> bytes | None:
    try:
        return sock.recv(2_048)
    except (BlockingIOError, ConnectionRefusedError):
        return None


def _proves(answer: bytes, item: Sent) -> bool:
    _options, _mark, payload = answer[8:].partition(b"\xff")
    try:
        receipt = cbor2.loads(payload)
    except (cbor2.CBORDecodeError, ValueError):
        return False
    return isinstance(receipt, dict) and (receipt.get(1), receipt.get(2)) == (
        item.record_id,
        item.digest,
    )
