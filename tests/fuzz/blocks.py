"""Bodies in pieces at the county: blocks, chunks of a photo, and whole CoAP datagrams at the gate.

The octets are a script: who sends which piece of what. Beside the real assembler runs the plain
idea of it, and both must agree; what is kept must stay within its bounds.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

import aiocoap
from aiocoap import Message
from aiocoap.error import UnparsableMessage

from terminal.county.blocks import Assembler
from terminal.county.gate import Gate
from terminal.county.parts import CHUNK_BYTES, Parts
from terminal.county.problems import RefusedError
from tests.sim.clock import VirtualClock
from tests.sim.county import SimCounty

STEP_BYTES = 4
STEPS_MAX = 200
BLOCK_BYTES = 16
LIMIT_BYTES = 1_024
PHOTO_BYTES_MAX = 5 * CHUNK_BYTES
DATAGRAMS_MAX = 8


def blocks(wire: bytes) -> None:
    """Four octets a block: sender and more, place, length, seconds since the last one."""
    assembler, plain, now_ns = Assembler(), dict[int, bytes](), 0
    for at in range(0, min(len(wire), STEPS_MAX * STEP_BYTES) - STEP_BYTES + 1, STEP_BYTES):
        flags, place, length, waits_s = wire[at : at + STEP_BYTES]
        sender, more, start = flags & 3, bool(flags & 4), place * BLOCK_BYTES
        now_ns += waits_s * 1_000_000_000
        payload = bytes((at + octet) % 256 for octet in range(length))
        begun = b"" if start == 0 else plain.get(sender)
        try:
            whole = assembler.feed(sender, start, more, payload, LIMIT_BYTES, now_ns)
        except RefusedError as refusal:
            if refusal.kind.name not in ("incomplete", "too-large"):
                raise AssertionError(f"refused in other words: {refusal}") from refusal
            plain.pop(sender, None)
        else:
            assert begun is not None, "a body that nobody began goes on"
            assert start == len(begun), "a gap went unnoticed"
            plain[sender] = begun + payload
            assert whole == (None if more else plain[sender])
            if not more:
                del plain[sender]
        kept = sum(len(body.parts) for body in assembler._bodies.values())
        assert kept == assembler._total_bytes


def chunks(wire: bytes) -> None:
    """The first octets are the photo's size; then three octets a chunk: place and how it errs."""
    size = 1 + int.from_bytes(wire[:2], "big") % PHOTO_BYTES_MAX
    photo = bytes(octet * 7 % 256 for octet in range(size))
    parts, digest, came = Parts(), bytes(32), set[int]()
    parts.begin(digest, size)
    for at in range(2, min(len(wire), STEPS_MAX * 3) - 2, 3):
        offset = wire[at] * CHUNK_BYTES + wire[at + 1] * (wire[at + 2] == 0)
        chunk = photo[offset : offset + CHUNK_BYTES] + b"x" * (wire[at + 2] == 1)
        try:
            whole = parts.put(digest, offset, chunk)
        except RefusedError:
            continue
        came.add(offset)
        lacking = set(range(0, size, CHUNK_BYTES)) - came
        assert whole == (None if lacking else photo)
        ranges = parts.missing(digest, size)
        assert sum(end - first for first, end in ranges) == sum(
            min(CHUNK_BYTES, size - one) for one in lacking
        )


REMOTE: Final = SimpleNamespace(
    blockwise_key="somebody",
    maximum_payload_size=1_024,
    maximum_block_size_exp=6,
    uri_base="coap://x",
)


def gate(wire: bytes) -> None:
    """Datagrams, each behind two octets of its length, at the receiver's door.

    Every one that parses gets one answer that encodes, and nothing of them is stored.
    """
    with tempfile.TemporaryDirectory() as folder:
        county = SimCounty(Path(folder), VirtualClock())
        try:
            door = Gate(county.county)
            for datagram in _cut(wire):
                try:
                    request = Message.decode(datagram)
                except UnparsableMessage:
                    continue
                if not request.code.is_request():
                    continue
                request.remote = REMOTE
                answers: list[Any] = []
                pipe = SimpleNamespace(
                    request=request,
                    add_response=lambda answer, is_last: answers.append(answer),  # noqa: B023
                )
                county._run(door.render_to_pipe(pipe))
                (answer,) = answers
                answer.mtype, answer.mid, answer.token = aiocoap.ACK, 1, request.token
                assert answer.encode()
            assert not county.stored()
        finally:
            county.close()


def _cut(wire: bytes) -> list[bytes]:
    found, at = list[bytes](), 0
    while at + 2 <= len(wire) and len(found) < DATAGRAMS_MAX:
        length = int.from_bytes(wire[at : at + 2], "big")
        found.append(wire[at + 2 : at + 2 + length])
        at += 2 + length
    return found


def _datagram(path: tuple[str, ...], block: tuple[int, bool, int] | None, payload: bytes) -> bytes:
    message = Message(code=aiocoap.PUT, uri_path=path, payload=payload)
    message.mtype, message.mid, message.token = aiocoap.CON, 7, b"\x01"
    if block is not None:
        message.opt.block1 = block
    wire: bytes = message.encode()
    return len(wire).to_bytes(2, "big") + wire


def _get(path: tuple[str, ...]) -> bytes:
    message = Message(code=aiocoap.GET, uri_path=path)
    message.mtype, message.mid, message.token = aiocoap.CON, 8, b"\x02"
    message.opt.block2 = (1, False, 0)
    wire: bytes = message.encode()
    return len(wire).to_bytes(2, "big") + wire


RECORD: Final = ("v1", "records", "a-1-00")
GATE_SEEDS: Final = (
    _datagram(RECORD, (0, True, 6), b"a" * 1_024) + _datagram(RECORD, (1, False, 6), b"b" * 9),
    _datagram(RECORD, None, b"\x84") + _get(("v1", "time")),
    _get(("v1", "cursor", "141025710001-1")) + _get((".well-known", "core")),
    _datagram(("v1", "photos", "ab" * 32, "1024"), (0, False, 7), b"c" * 1_024),
)
BLOCK_SEEDS: Final = (
    bytes((4, 0, 16, 0, 0, 1, 9, 1)),
    bytes((5, 0, 32, 0, 4, 0, 16, 2, 1, 2, 5, 99)),
)
CHUNK_SEEDS: Final = (b"\x08\x00" + bytes((0, 0, 2, 1, 0, 2, 1, 0, 2)), b"\x00\x05\x00\x00\x02")
