"""Runs the golden vectors against a receiver and says which answers were right.

For whoever writes a receiver of their own: the vectors are bytes in a file, the judgement is
code and receipt, nothing else. It must never need anything that only our receiver does.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import aiocoap
import cbor2
from aiocoap.error import Error as CoapError

FILE = Path(__file__).with_name("vectors.json")
ANSWER_S_MAX = 15.0
RECEIPT_ID, RECEIPT_DIGEST, RECEIPT_CLOCK_AHEAD_S = 1, 2, 5
GROUPS = ("records", "refusals", "photos")


@dataclass(frozen=True, slots=True)
class Vector:
    """One exchange of the file. receipt: (id, first 16 bytes of SHA-256) to be echoed.

    clock_ahead: whether the receipt must doubt the record's time.
    """

    group: str
    name: str
    zh: str
    en: str
    method: str
    path: str
    content_format: int | None
    if_none_match: bool
    block: tuple[int, bool] | None
    payload: bytes
    codes: tuple[str, ...]
    receipt: tuple[str, bytes] | None
    clock_ahead: bool


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one vector. why: empty when it passed."""

    vector: Vector
    code: str
    why: str


def load_vectors() -> tuple[str, tuple[Vector, ...]]:
    """The key line that enrols the vectors' terminal, and the vectors in order."""
    body = json.loads(FILE.read_text())
    return body["key"], tuple(
        Vector(
            row["group"],
            row["name"],
            row["zh"],
            row["en"],
            row["method"],
            row["path"],
            row["content_format"],
            row["if_none_match"],
            tuple(row["block"]) if row["block"] else None,
            bytes.fromhex(row["payload"]),
            tuple(row["codes"]),
            (row["receipt"][0], bytes.fromhex(row["receipt"][1])) if row["receipt"] else None,
            row["clock_ahead"],
        )
        for row in body["vectors"]
    )


async def run_vectors(uri: str, groups: tuple[str, ...] = GROUPS) -> AsyncIterator[Result]:
    """Every vector of these groups in order, against coap://HOST[:PORT] (or coap+tcp, coap+ws)."""
    _key, vectors = load_vectors()
    context = await aiocoap.Context.create_client_context()
    try:
        for vector in vectors:
            if vector.group in groups:
                yield await _run(context, uri.rstrip("/"), vector)
    finally:
        await context.shutdown()


async def _run(context: aiocoap.Context, uri: str, vector: Vector) -> Result:
    message = aiocoap.Message(
        code=aiocoap.Code[vector.method], uri=f"{uri}/{vector.path}", payload=vector.payload
    )
    if vector.content_format is not None:
        message.opt.content_format = vector.content_format
    if vector.if_none_match:
        message.opt.if_none_match = True
    if vector.block is not None:
        message.opt.block1 = (*vector.block, 6)
    request = context.request(message, handle_blockwise=vector.block is None)
    try:
        response = await asyncio.wait_for(request.response, ANSWER_S_MAX)
    except TimeoutError:
        return Result(vector, "", f"no answer within {ANSWER_S_MAX:.0f} s")
    except (CoapError, OSError) as error:
        return Result(vector, "", f"{type(error).__name__}: {error}")
    code = str(response.code.dotted)
    return Result(vector, code, judge(vector, code, bytes(response.payload)))


def judge(vector: Vector, code: str, payload: bytes) -> str:
    """Why the answer is wrong; empty when it is right."""
    if code not in vector.codes:
        return f"{code} {payload[:60]!r}; expected {' or '.join(vector.codes)}"
    if vector.receipt is None:
        return ""
    try:
        receipt = cbor2.loads(payload)
    except (cbor2.CBORDecodeError, ValueError):
        return f"{code} without a CBOR receipt: {payload[:60]!r}"
    if not isinstance(receipt, dict):
        return f"{code} with {type(receipt).__name__} instead of a receipt"
    return _judge_receipt(vector, code, receipt)


def _judge_receipt(vector: Vector, code: str, receipt: dict[object, object]) -> str:
    found = (receipt.get(RECEIPT_ID), receipt.get(RECEIPT_DIGEST))
    if found != vector.receipt:
        return f"{code} with the receipt of {found[0]!r}; expected id and digest of this item"
    doubted = receipt.get(RECEIPT_CLOCK_AHEAD_S, 0)
    if (isinstance(doubted, int) and doubted > 0) == vector.clock_ahead:
        return ""
    return (
        f"{code}: key 5 of the receipt is {doubted!r}; a clock ahead, and only that, is told there"
    )
