"""Everything that reads bytes from outside, in one table: how to call it, what it may say.

A reader may refuse with its own error and nothing else: any other exception is a defect. The seeds
are valid inputs, made by our own writers, which the fuzzers then bend.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from math import isfinite
from pathlib import Path
from typing import NamedTuple

import msgspec
from aiocoap.error import UnparsableMessage

from firmware_bridge.indicators.catalogue import built_in, decoder
from firmware_bridge.indicators.formatfile import FormatError
from firmware_bridge.indicators.formatfile import parse as parse_format
from firmware_bridge.indicators.modbus import FORMAT as MODBUS
from firmware_bridge.indicators.modbus import ModbusDecoder
from firmware_bridge.link.frame import FrameReceiver, LinkFrame
from firmware_bridge.link.frame import encode as encode_frame
from firmware_bridge.mcu.protocol import Type
from firmware_bridge.mcu.protocol import parse as parse_message
from hal.contract.types import Key, KeyPress, MonotonicNs
from terminal.anpr.files import PictureError
from terminal.config_load import parse as parse_config
from terminal.core.menu import CANDIDATES_MAX, PAGES, PLATE_PLACES_MAX, feed, lines
from terminal.core.params import Params
from terminal.core.plate import is_valid, kind_of, normalise
from terminal.core.visit import MenuState
from terminal.county.figures import parse_month
from terminal.county.keys import KeyFileError
from terminal.enrol.papers import PaperError
from terminal.frames import decode_frame
from terminal.ledger.errors import LedgerCorruptError
from terminal.ledger.keepsakes import decode_zero
from terminal.ledger.vehicles import VehicleListError
from terminal.ledger.vehicles import parse as parse_vehicles
from terminal.messages import CommitRefused, Pull, Wake, decode, encode
from terminal.records import RecordError, decode_body, decode_signed, encode_body, sign_record
from terminal.replay import TraceError as ReplayError
from terminal.uplink.adapters.coap_v1 import decode_receipt, problem_text
from terminal.uplink.photo_udp import decode_ranges
from terminal.weighing.calibration import CalibrationError, read_any
from terminal.weighing.cornerbook import EvidenceError, digest
from terminal.weighing.cornerbook import from_text as restore_corners
from terminal.weighing.cornerbook import to_text as corners_to_text
from terminal.weighing.corners import CornerMemory
from terminal.weighing.tracemeta import TraceError
from tests.fuzz import blocks, console, files, network, papers
from tests.unit.ledger.builders import SIGNER, record

ROOT = Path(__file__).resolve().parents[2]
FORMATS = ROOT / "firmware_bridge" / "indicators" / "formats"
KEY_ORDER = tuple(Key)
PLATES = ("晋LA1234", "晋L12345")
LANE = Params()


class Reader(NamedTuple):
    """read: takes any bytes. refuses: the errors it may raise. seeds: what it accepts."""

    read: Callable[[bytes], object]
    refuses: tuple[type[Exception], ...]
    seeds: tuple[bytes, ...]


def _lines(wire: bytes) -> None:
    """Every indicator format, in two pieces, since a line cuts where it likes."""
    for format_ in built_in():
        one = decoder(format_, format_.scalings[0].name if format_.scalings else "")
        one.feed(wire[: len(wire) // 2])
        one.feed(wire[len(wire) // 2 :])


def _link(wire: bytes) -> None:
    for frame in FrameReceiver().feed(wire):
        parse_message(frame.type, frame.payload)
    for kind in Type:
        parse_message(kind, wire)


def _plate(wire: bytes) -> None:
    text = wire.decode("utf-8", "replace")
    assert len(normalise(text)) <= 32
    assert (kind_of(text) is not None) is is_valid(text)


def _keypad(wire: bytes) -> None:
    """One octet a key press; its upper half is how long the hand waited."""
    menu, now_ns = MenuState(), 10**12
    for octet in wire[:200]:
        now_ns += (octet >> 4) * 500_000_000
        press = KeyPress(KEY_ORDER[octet & 15], MonotonicNs(now_ns))
        menu, command = feed(menu, (press,), PLATES, MonotonicNs(now_ns), LANE)
        assert menu.page in PAGES
        assert len(menu.typed) <= PLATE_PLACES_MAX
        assert len(lines(menu, PLATES)) <= CANDIDATES_MAX
        assert command in ("", "pin_wrong", "pin_locked"), "no PIN is set, so nothing is confirmed"


def _zero(wire: bytes) -> None:
    kept = decode_zero(wire)
    assert all(isfinite(count) for count in (*kept.counts, kept.initial_kg))


def _corners(wire: bytes) -> None:
    """As it lies, and with the checksum made to fit: what an editor of the store could do."""
    memory, text = CornerMemory(2), wire.decode("utf-8", "replace")
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        body = None
    if isinstance(body, dict):
        body.pop("sha256", None)
        text = json.dumps({**body, "sha256": digest(body)})
    restore_corners(text, "", memory)
    assert memory.passages >= 0
    memory.worst()


def _text(read: Callable[[str], object]) -> Callable[[bytes], None]:
    def reads(wire: bytes) -> None:
        read(wire.decode("utf-8", "replace"))

    return reads


def _modbus(wire: bytes) -> None:
    one = ModbusDecoder(MODBUS, "kg")
    one.feed(wire[: len(wire) // 2])
    one.feed(wire[len(wire) // 2 :])


READERS: dict[str, Reader] = {
    "records.body": Reader(decode_body, (RecordError,), (encode_body(record()),)),
    "records.signed": Reader(decode_signed, (RecordError,), (sign_record(record(), SIGNER),)),
    "messages": Reader(
        decode,
        (msgspec.DecodeError,),
        (encode(Wake()), encode(CommitRefused(7, "full")), encode(Pull("county", 4))),
    ),
    "config": Reader(
        parse_config,
        (),
        tuple(path.read_bytes() for path in sorted((ROOT / "terminal/examples").glob("*.toml"))),
    ),
    "indicator lines": Reader(
        _lines, (), (b"\x02+00480000B\x03", b"ST,GS,+0048000kg\r\n", b"=00.0840", b"wn048.00kg\r\n")
    ),
    "microcontroller link": Reader(
        _link, (), (encode_frame(LinkFrame(int(Type.PONG), 1, 7, 9, b"\x01" * 12)),)
    ),
    "indicator format files": Reader(
        _text(parse_format),
        (FormatError,),
        tuple(path.read_bytes() for path in sorted(FORMATS.glob("*.toml"))[:4]),
    ),
    "calibration": Reader(_text(read_any), (CalibrationError,), (b'{"format": 1, "points": []}',)),
    "vehicle list": Reader(
        lambda wire: parse_vehicles(wire, "list.csv"),
        (VehicleListError,),
        ("plate,vehicle_type\n晋LA1234,articulated\n".encode(), b'plate\n"a\nb"\n'),
    ),
    "county receipts": Reader(decode_receipt, (), (b"\xa2\x01\x61a\x02\x41b",)),
    "county problems": Reader(problem_text, (), (b"\xa1\x20\x61a",)),
    "plates": Reader(_plate, (), ("黄晋Ｌ·Ａ1234".encode(),)),
    "keypad": Reader(_keypad, (), (bytes(range(256)),)),
    "flight recorder": Reader(files.flight, (), (b"\x00" * 16,)),
    "flight file": Reader(files.flight_file, (ReplayError,), files.FLIGHTS),
    "flight file, packed": Reader(files.flight_packed, (ReplayError,), files.PACKED),
    "flight frames": Reader(decode_frame, (msgspec.MsgspecError,), (b"\x81\xa4type\xa8Keyframe",)),
    "load-cell trace": Reader(files.trace, (TraceError,), files.TRACES),
    "pictures": Reader(files.picture, (PictureError,), files.PICTURES),
    "county key file": Reader(files.county_key, (KeyFileError,), (files.KEY_LINE,)),
    "public key file": Reader(files.public_key, (ValueError,), (files.KEY_LINE,)),
    "identity key": Reader(files.signer, (LedgerCorruptError,), (b"k" * 32,)),
    "OSCORE settings": Reader(files.oscore, (), (files.OSCORE_SETTINGS,)),
    "OSCORE sequence": Reader(files.oscore_sequence, (), (files.OSCORE_SEQUENCE,)),
    "kept zero": Reader(_zero, (msgspec.MsgspecError,), (b'{"counts":[1,2],"initial_kg":3}',)),
    "kept corners": Reader(
        _corners, (EvidenceError,), (corners_to_text(CornerMemory(2), "").encode(),)
    ),
    "months": Reader(_text(parse_month), (ValueError,), (b"2026-03",)),
    "modbus": Reader(_modbus, (), (b"\x01\x03\x04\x00\x00\x0b\xb8\xfc\xb1",)),
    "county answers": Reader(
        network.answers, (), tuple(b"\x02" + wire for wire in network.CURSORS)
    ),
    "photo ranges": Reader(decode_ranges, (), (b"\x81\x82\x00\x19\x04\x00",)),
    "county requests": Reader(
        network.requests,
        (),
        tuple(bytes((0, row)) + b"a-1-00/0".ljust(40) + network.SIGNED for row in range(6)),
    ),
    "CoAP datagrams": Reader(network.datagram, (UnparsableMessage,), network.DATAGRAMS),
    "console connections": Reader(console.connection, (), console.REQUESTS),
    "enrolment requests": Reader(papers.requests, (PaperError,), papers.TEXTS),
    "enrolment requests, signed": Reader(papers.signed_requests, (PaperError,), papers.SIGNED),
    "enrolment grants": Reader(papers.grants, (PaperError,), papers.TEXTS),
    "enrolment grants, signed": Reader(papers.signed_grants, (PaperError,), papers.SIGNED),
    "rotations": Reader(papers.rotations, (PaperError,), papers.TEXTS),
    "rotations, signed": Reader(papers.signed_rotations, (PaperError,), papers.SIGNED[2:]),
    "blocks": Reader(blocks.blocks, (), blocks.BLOCK_SEEDS),
    "photo chunks": Reader(blocks.chunks, (), blocks.CHUNK_SEEDS),
    "county's door": Reader(blocks.gate, (), blocks.GATE_SEEDS),
    "signed records": Reader(network.signed, (RecordError,), (network.SIGNED,)),
}


def attempt(name: str, wire: bytes) -> None:
    """Let one reader read. Whatever it raises that it may not comes through."""
    reader = READERS[name]
    try:
        reader.read(wire)
    except reader.refuses:
        return
