"""Everything that reads bytes from outside, in one table: how to call it, what it may say.

A reader may refuse with its own error and nothing else: any other exception is a defect. The seeds
are valid inputs, made by our own writers, which the fuzzers then bend.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import msgspec

from firmware_bridge.indicators.catalogue import built_in, decoder
from firmware_bridge.indicators.formatfile import FormatError
from firmware_bridge.indicators.formatfile import parse as parse_format
from firmware_bridge.link.frame import FrameReceiver, LinkFrame
from firmware_bridge.link.frame import encode as encode_frame
from firmware_bridge.mcu.protocol import Type
from firmware_bridge.mcu.protocol import parse as parse_message
from hal.contract.types import Key, KeyPress, MonotonicNs
from terminal.config_load import parse as parse_config
from terminal.core.menu import CANDIDATES_MAX, PAGES, PLATE_PLACES_MAX, feed, lines
from terminal.core.params import Params
from terminal.core.plate import is_valid, kind_of, normalise
from terminal.core.visit import MenuState
from terminal.ledger.flight import FlightRecorder, read_frames
from terminal.ledger.vehicles import VehicleListError
from terminal.ledger.vehicles import parse as parse_vehicles
from terminal.messages import CommitRefused, Pull, Wake, decode, encode
from terminal.records import RecordError, decode_body, decode_signed, encode_body, sign_record
from terminal.uplink.adapters.coap_v1 import decode_receipt, problem_text
from terminal.weighing.calibration import CalibrationError, read_any
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


def _format_text(wire: bytes) -> None:
    parse_format(wire.decode("utf-8", "replace"))


def _calibration(wire: bytes) -> None:
    read_any(wire.decode("utf-8", "replace"))


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


def _flight(wire: bytes) -> None:
    """A file of the flight recorder with a damaged rest."""
    with tempfile.TemporaryDirectory() as folder:
        recorder = FlightRecorder(Path(folder))
        recorder.append(b"first frame")
        recorder.close()
        path = next(one for one in Path(folder).rglob("*") if one.is_file())
        kept = path.read_bytes()[: 8 + 64]
        path.write_bytes(kept + wire)
        list(read_frames(Path(folder)))


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
        _format_text,
        (FormatError,),
        tuple(path.read_bytes() for path in sorted(FORMATS.glob("*.toml"))[:4]),
    ),
    "calibration": Reader(_calibration, (CalibrationError,), (b'{"format": 1, "points": []}',)),
    "vehicle list": Reader(
        lambda wire: parse_vehicles(wire, "list.csv"),
        (VehicleListError,),
        ("plate,vehicle_type\n晋LA1234,articulated\n".encode(), b'plate\n"a\nb"\n'),
    ),
    "county receipts": Reader(decode_receipt, (), (b"\xa2\x01\x61a\x02\x41b",)),
    "county problems": Reader(problem_text, (), (b"\xa1\x20\x61a",)),
    "plates": Reader(_plate, (), ("黄晋Ｌ·Ａ1234".encode(),)),
    "keypad": Reader(_keypad, (), (bytes(range(256)),)),
    "flight recorder": Reader(_flight, (), (b"\x00" * 16,)),
}


def attempt(name: str, wire: bytes) -> None:
    """Let one reader read. Whatever it raises that it may not comes through."""
    reader = READERS[name]
    try:
        reader.read(wire)
    except reader.refuses:
        return
