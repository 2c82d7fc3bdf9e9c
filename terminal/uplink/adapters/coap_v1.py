"""The county's CoAP interface, version 1: paths, content formats, receipts, meaning of codes.

A pure translation between outbox items and CoAP messages. A 2.04 proves nothing (a wrapped
message ID brings back somebody else's cached answer), so only a receipt that echoes the item's
id and digest counts as delivery. It must never turn a missing or foreign receipt into success.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import cbor2

from terminal.messages import ItemClass
from terminal.records import CBOR_REFUSALS
from terminal.uplink.exchange import Held, Judgement, Outcome, Request, WireReply, WireRequest

FORMAT_TEXT = 0
FORMAT_COSE_SIGN1 = 18
FORMAT_JPEG = 22
FORMAT_OCTETS = 42
FORMAT_CBOR = 60
FORMAT_PROBLEM = 257

RECEIPT_ID = 1
RECEIPT_DIGEST = 2
RECEIPT_STORED_AT = 3
RECEIPT_SEQ_HIGH = 4
RECEIPT_CLOCK_AHEAD_S = 5
RECEIPT_NEW_KEY = 6
DIGEST_BYTES = 16
"""A receipt echoes the first 16 bytes of the body's SHA-256."""

PROBLEM_TITLE = -1
PROBLEM_DETAIL = -2
WHY_CHARS_MAX = 240
RUNS_MAX = 1_000
KEYS_BYTES_MAX = 4_096

_FOLDER: dict[ItemClass, tuple[str, int]] = {
    ItemClass.ALARM: ("alarms", FORMAT_COSE_SIGN1),
    ItemClass.RECORD: ("records", FORMAT_COSE_SIGN1),
    ItemClass.HEALTH: ("health", FORMAT_CBOR),
    ItemClass.PHOTO: ("photos", FORMAT_JPEG),
    ItemClass.CLIP: ("photos", FORMAT_OCTETS),
}

REFUSALS = frozenset({"4.00", "4.02", "4.03", "4.06", "4.09", "4.13", "4.15"})
"""Codes that say "not this item, ever". 4.01 says we are not enrolled, 4.04 and 4.05 that this
is no receiver, 4.08 and 4.29 that we should come again: those are faults of the way, not of
the item, and like 5.xx and silence they never count towards quarantine."""
NOT_YET = frozenset({(ItemClass.PHOTO, "4.04"), (ItemClass.CLIP, "4.04")})
"""A photo whose record the platform does not hold (yet)."""
RETRY_AFTER = frozenset({"4.29", "5.03"})
"""Codes whose Max-Age says when to come again (RFC 8516 3, RFC 7252 5.9.3.4). Without the option
nothing was asked for: the formal 60 s would hold up alarms where nobody thought of it."""
ASIDE = frozenset({"4.08", "4.22"})
"""Come again with this item: a transfer broke off; a clock (whose?) is ahead."""


class CoapV1:
    """Adapter "coap-v1"."""

    name = "coap-v1"

    def to_wire(self, request: Request, payload: bytes) -> WireRequest:
        """PUT with If-None-Match: 2.01 is new, 4.12 is "already there", both with a receipt."""
        folder, content_format = _FOLDER[request.item_class]
        return WireRequest(
            method="PUT",
            path=("v1", folder, receipt_id(request)),
            content_format=content_format,
            payload=payload,
            if_none_match=request.item_class is not ItemClass.HEALTH,
        )

    def cursor_wire(self, terminal_id: str) -> WireRequest:
        """GET /v1/cursor/{terminal}."""
        return WireRequest("GET", ("v1", "cursor", terminal_id), FORMAT_CBOR, b"", False)

    def decode_cursor(self, reply: WireReply) -> tuple[Held, ...] | None:
        """CBOR [[ledger id, contiguous to, highest, [[first, last], ...]], ...]."""
        if reply.code != "2.05":
            return None
        rows = _loads(reply.payload)
        try:
            return tuple(_held(row) for row in rows) if isinstance(rows, list) else None
        except (ValueError, TypeError, OverflowError):
            return None

    def time_wire(self) -> WireRequest:
        """GET /v1/time."""
        return WireRequest("GET", ("v1", "time"), FORMAT_CBOR, b"", False)

    def decode_time(self, reply: WireReply) -> int | None:
        """CBOR milliseconds since 1970, UTC."""
        found = _loads(reply.payload) if reply.code == "2.05" else None
        return found if type(found) is int and found >= 0 else None

    def keys_wire(self, terminal_id: str) -> WireRequest:
        """GET /v1/keys/{terminal}; answered over our own OSCORE context only."""
        return WireRequest("GET", ("v1", "keys", terminal_id), FORMAT_TEXT, b"", False)

    def decode_keys(self, reply: WireReply) -> str | None:
        """Text of a rotation, or nothing. What it is worth is found out elsewhere."""
        if reply.code != "2.05" or len(reply.payload) > KEYS_BYTES_MAX:
            return None
        return reply.payload.decode("ascii", "replace").strip()

    def judge(self, request: Request, reply: WireReply) -> Judgement:
        """Receipt first, code second."""
        if not reply.code:
            return Judgement(Outcome.LATER, "", reply.why)
        if reply.code.startswith("2.") or reply.code == "4.12":
            return _judge_receipt(request, reply)
        why = f"{reply.code} {problem_text(reply.payload)}".strip()
        if (request.item_class, reply.code) in NOT_YET or reply.code in ASIDE:
            return Judgement(Outcome.ASIDE, reply.code, why)
        outcome = Outcome.REFUSED if reply.code in REFUSALS else Outcome.LATER
        retry_after_s = reply.max_age_s if reply.code in RETRY_AFTER else 0
        return Judgement(outcome, reply.code, why, retry_after_s=retry_after_s)


def _held(row: object) -> Held:
    """One chain of a cursor. Raises ValueError or TypeError for anything else."""
    if not isinstance(row, list) or len(row) != 4:
        raise ValueError("not a chain")
    ledger_id, _high, highest, runs = row
    if not isinstance(ledger_id, bytes) or type(highest) is not int or highest < 0:
        raise ValueError("not a chain")
    missing = tuple((int(first), int(last)) for first, last in runs)
    if len(missing) > RUNS_MAX or any(not 0 < first <= last for first, last in missing):
        raise ValueError("not runs of numbers")
    return Held(ledger_id, highest, missing)


def _loads(payload: bytes) -> object:
    """One CBOR item; None for anything else."""
    try:
        found: object = cbor2.loads(payload)
    except CBOR_REFUSALS:
        return None
    return found


def receipt_id(request: Request) -> str:
    """The id a receipt must echo: a photo's hex digest, otherwise the item's own id."""
    if request.item_class in (ItemClass.PHOTO, ItemClass.CLIP):
        return request.sha256.hex()
    return request.item_id


def _judge_receipt(request: Request, reply: WireReply) -> Judgement:
    receipt = decode_receipt(reply.payload)
    if receipt is None:
        why = f"{reply.code} came without a receipt, which proves nothing"
        return Judgement(Outcome.LATER, reply.code, why)
    if receipt.item_id != receipt_id(request):
        why = f"{reply.code} came with the receipt of {receipt.item_id}, not of this item"
        return Judgement(Outcome.LATER, reply.code, why)
    if receipt.digest != body_digest(request):
        why = f"{reply.code}: the platform holds other bytes under the id {receipt.item_id}"
        return Judgement(Outcome.REFUSED, reply.code, why)
    return Judgement(
        Outcome.DELIVERED,
        reply.code,
        "",
        reply.payload,
        receipt.clock_ahead_s,
        new_key=receipt.new_key,
    )


def body_digest(request: Request) -> bytes:
    """First 16 bytes of the SHA-256 of what is carried."""
    if request.path:
        return request.sha256[:DIGEST_BYTES]
    return hashlib.sha256(request.body).digest()[:DIGEST_BYTES]


@dataclass(frozen=True, slots=True)
class Receipt:
    """What is read of a receipt. clock_ahead_s, new_key: 0 when it says nothing of them."""

    item_id: str
    digest: bytes
    clock_ahead_s: int
    new_key: int


def decode_receipt(payload: bytes) -> Receipt | None:
    """None for anything that is not a receipt."""
    body = _loads(payload)
    if not isinstance(body, dict):
        return None
    got_id, digest = body.get(RECEIPT_ID), body.get(RECEIPT_DIGEST)
    if not isinstance(got_id, str) or not isinstance(digest, bytes) or len(digest) != DIGEST_BYTES:
        return None
    ahead_s, new_key = (_uint(body.get(key)) for key in (RECEIPT_CLOCK_AHEAD_S, RECEIPT_NEW_KEY))
    return Receipt(got_id, digest, ahead_s, new_key)


def _uint(found: object) -> int:
    return found if type(found) is int and found > 0 else 0


def problem_text(payload: bytes) -> str:
    """Title and detail of RFC 9290 problem details; any other payload as short text."""
    if not payload:
        return ""
    try:
        body = cbor2.loads(payload)
    except CBOR_REFUSALS:
        return payload[:WHY_CHARS_MAX].decode("utf-8", "replace")
    if not isinstance(body, dict):
        return ""
    parts = [body.get(PROBLEM_TITLE), body.get(PROBLEM_DETAIL)]
    return ": ".join(part for part in parts if isinstance(part, str) and part)[:WHY_CHARS_MAX]
