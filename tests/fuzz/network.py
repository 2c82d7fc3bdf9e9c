"""Readers of what comes over the network: the county's answers, a terminal's requests."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Final

import cbor2
from aiocoap import Message

from terminal.county.gate import ROUTES
from terminal.county.hardening import harden_parser
from terminal.messages import ItemClass
from terminal.records import sign_record, verify_record
from terminal.uplink.adapters.coap_v1 import CoapV1
from terminal.uplink.exchange import Request, WireReply, WireRequest
from tests.sim.clock import VirtualClock
from tests.sim.county import SimCounty
from tests.unit.ledger.builders import SIGNER, record

CODES: Final = ("2.01", "2.04", "2.05", "4.00", "4.12", "5.03", "")
METHODS: Final = ("PUT", "GET", "POST", "DELETE")
SIGNED: Final = sign_record(record(), SIGNER)
ITEM: Final = Request("county", 1, ItemClass.RECORD, "a-1-00", bytes(32), SIGNED, "")
CURSORS: Final = (
    cbor2.dumps([[b"ledger", 4, 6, [[5, 5]]]]),
    cbor2.dumps([[b"ledger", 4, 6, [[float("inf"), 5]]]]),
)
DATAGRAMS: Final = (
    bytes.fromhex("48 02 00 07 0102030405060708 b2 7631 07 7265636f726473 ff 00".replace(" ", "")),
    b"\x40\x01\x00\x01\xbb.well-known\x04core",
)
harden_parser()


def answers(wire: bytes) -> None:
    """A reply whose code the first octet chooses, judged, and read as cursor and time."""
    adapter = CoapV1()
    reply = WireReply(CODES[wire[0] % len(CODES)] if wire else "", wire[1:], "", "fuzz")
    adapter.judge(ITEM, reply)
    for held in adapter.decode_cursor(replace(reply, code="2.05")) or ():
        assert all(0 < first <= last for first, last in held.missing)
    seconds = adapter.decode_time(replace(reply, code="2.05"))
    assert seconds is None or seconds >= 0


def requests(wire: bytes) -> None:
    """One request to a receiver: the first octets choose method, route and names of the path.

    Whatever it answers, it stores nothing of it: no terminal is enrolled.
    """
    method = METHODS[wire[0] % len(METHODS)] if wire else "GET"
    route = ROUTES[wire[1] % len(ROUTES)] if len(wire) > 1 else ROUTES[0]
    names = wire[2:42].decode("utf-8", "replace").split("/")
    path = tuple((names.pop(0) if names else "x") if part == "*" else part for part in route.path)
    with tempfile.TemporaryDirectory() as folder:
        county = SimCounty(Path(folder), VirtualClock())
        try:
            reply = county.answer(WireRequest(method, path, 60, wire[42:], False))
            assert reply.code
            assert not county.stored()
        finally:
            county.close()


def datagram(wire: bytes) -> None:
    """The hardened parser of the receiver."""
    Message.decode(wire)


def signed(wire: bytes) -> None:
    """Bytes that claim to be a record of the enrolled key: only the original is one."""
    verify_record(wire, SIGNER.public_key)
    assert wire == SIGNED
