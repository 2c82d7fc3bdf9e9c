"""Throws mutated CoAP datagrams at a receiver and counts what still answers.

Seeds are real requests; mutations flip, cut, repeat and splice bytes, or are pure noise. After
every batch a plain GET /v1/time must be answered, so that the datagrams are really processed.
"""

from __future__ import annotations

import random
import socket
import struct

from terminal.county.conformance import load_vectors

BATCH = 100
PORTS = 16
METHODS = {"GET": 1, "POST": 2, "PUT": 3, "DELETE": 4}
ANSWER_S_MAX = 2.0
ASKS_MAX = 5


def option(number: int, last: int, value: bytes) -> bytes:
    """One CoAP option."""

    def nibble(n: int) -> tuple[int, bytes]:
        if n < 13:
            return n, b""
        return (13, bytes([n - 13])) if n < 269 else (14, struct.pack("!H", n - 269))

    delta, delta_more = nibble(number - last)
    length, length_more = nibble(len(value))
    return bytes([delta << 4 | length]) + delta_more + length_more + value


def datagram(code: int, mid: int, path: str, payload: bytes, content_format: int | None) -> bytes:
    """A confirmable request."""
    out = bytes([0x44, code]) + struct.pack("!H", mid) + struct.pack("!I", mid)
    last = 0
    for part in path.split("/"):
        out += option(11, last, part.encode())
        last = 11
    if content_format is not None:
        out += option(12, last, bytes([content_format]) if content_format else b"")
    return out + (b"\xff" + payload if payload else b"")


def seeds() -> list[bytes]:
    """Real requests."""
    return [
        datagram(METHODS[v.method], n, v.path, v.payload[:1_200], v.content_format)
        for n, v in enumerate(load_vectors()[1])
    ]


def mutate(rng: random.Random, pool: list[bytes]) -> bytes:
    """One datagram nobody should send."""
    kind = rng.randrange(6)
    packet = bytearray(rng.choice(pool))
    struct.pack_into("!H", packet, 2, rng.randrange(65_536))
    if kind == 0:
        return rng.randbytes(rng.randrange(0, 80))
    if kind == 1:
        return bytes(packet[: rng.randrange(len(packet))])
    if kind == 2:
        other = rng.choice(pool)
        cut = rng.randrange(4, len(packet))
        return bytes(packet[:cut]) + other[rng.randrange(len(other)) :]
    for _ in range(rng.randrange(1, 9)):
        place = rng.randrange(len(packet))
        packet[place] = rng.randrange(256) if kind == 3 else packet[place] ^ 1 << rng.randrange(8)
    if kind == 5:
        place = rng.randrange(len(packet))
        packet[place:place] = packet[place : place + rng.randrange(40)]
    return bytes(packet[:1_400])


def fuzz(
    host: str, port: int, count: int, seed: int, pool: list[bytes] | None = None
) -> tuple[int, int]:
    """(datagrams sent, batches after which the receiver answered). Stops when it does not.

    pool: real requests to mutate; those of the vectors by default.
    """
    rng = random.Random(seed)
    pool = pool or seeds()
    socks = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(PORTS)]
    asker = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    asker.settimeout(ANSWER_S_MAX)
    sent = alive = 0
    try:
        while sent < count:
            for _ in range(min(BATCH, count - sent)):
                rng.choice(socks).sendto(mutate(rng, pool), (host, port))
                sent += 1
            if not _ask(asker, datagram(1, alive % 65_536, "v1/time", b"", None), (host, port)):
                break
            alive += 1
            for sock in socks:
                _drain(sock)
    finally:
        for sock in (*socks, asker):
            sock.close()
    return sent, alive


def _ask(asker: socket.socket, question: bytes, address: tuple[str, int]) -> bool:
    """Whether it answers; repeated, since its queue may have been full of our noise."""
    for _ in range(ASKS_MAX):
        asker.sendto(question, address)
        try:
            return bool(asker.recv(1_500))
        except TimeoutError:
            continue
    return False


def _drain(sock: socket.socket) -> None:
    sock.setblocking(False)
    try:
        while sock.recv(2_048):
            pass
    except BlockingIOError:
        pass
