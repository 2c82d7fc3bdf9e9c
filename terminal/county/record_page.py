"""One record and its photos: what a person is shown who asks for the evidence of a weighing.

The fields are read from the signed bytes themselves, not from the columns made of them, and the
bytes can be had as they are. Read-only.
"""

from __future__ import annotations

import asyncio
from dataclasses import fields
from enum import Enum
from html import escape
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from terminal.county.page_parts import Cell, cards, heading, page, percent, table
from terminal.county.photos import PhotoStore
from terminal.county.problems import RefusedError
from terminal.county.reading import READ_ERRORS, StorePlace, shown_place
from terminal.county.report import RecordRow, read_record
from terminal.county.service import parse_digest
from terminal.records import Record, Weigh, decode_signed, record_hash
from terminal.records.site_time import shown_time

JPEG = b"\xff\xd8"
MP4 = b"ftyp"
MISMATCH = "exit_mismatch"
NOTES = {
    "follow_up": "离场补充 follow-up",
    MISMATCH: "离场车牌不符 another plate left",
    "pair_changed": "更换挂车 another trailer",
}
SHOWN_APART = {"content", "origin", "photos", "evidence"}


def record_routes(store: StorePlace, photos: PhotoStore) -> list[Route]:
    """/record?id=..., /record.cose?id=... (the signed bytes) and /photo?sha256=..."""

    async def record(request: Request) -> Response:
        try:
            row = await asyncio.to_thread(_find, store, request.query_params.get("id", ""))
        except READ_ERRORS as error:
            return PlainTextResponse(f"The store {shown_place(store)} cannot be read: {error}", 503)
        if row is None:
            return PlainTextResponse("没有这条记录。 There is no such record.", 404)
        if request.url.path == "/record.cose":
            return Response(row.signed, media_type="application/cose")
        return HTMLResponse(_page(row))

    async def photo(request: Request) -> Response:
        try:
            sha256 = parse_digest(request.query_params.get("sha256", ""))
            found = await asyncio.to_thread(photos.read, sha256)
        except (RefusedError, OSError) as error:
            return PlainTextResponse(f"{error}", 404)
        if found is None:
            return PlainTextResponse("照片未到。 This photo is not here.", 404)
        film = "video/mp4" if found[4:8] == MP4 else "application/octet-stream"
        kind = "image/jpeg" if found.startswith(JPEG) else film
        return Response(found, media_type=kind, headers={"X-Content-Type-Options": "nosniff"})

    return [Route("/record", record), Route("/record.cose", record), Route("/photo", photo)]


def _find(store: StorePlace, record_id: str) -> RecordRow | None:
    terminal, _, rest = record_id.rpartition("-")[0].rpartition("-")
    seq = record_id.rpartition("-")[2]
    try:
        ledger = bytes.fromhex(rest)
    except ValueError:
        return None
    if not (seq.isascii() and seq.isdecimal()) or len(seq) > 18:
        return None
    return read_record(store, terminal, ledger, int(seq))


def _page(row: RecordRow) -> str:
    record = decode_signed(row.signed)
    return page(
        "记录",
        escape(record.record_id),
        (_weighed(record.weigh) if record.weigh else "")
        + _followed_up(record, row)
        + "".join(_noted(decode_signed(signed)) for signed in row.about)
        + heading("照片", "photos")
        + (_photos(row) or "<p class=dim>无 none</p>")
        + heading("签名记录的内容", "what was signed",
                  f"record.cose?id={quote(record.record_id)}", "COSE_Sign1")
        + _fields(record, row),
    )  # fmt: skip


def _weighed(weigh: Weigh) -> str:
    limit = "" if weigh.limit_kg is None else f"{weigh.limit_kg:,}"
    return cards([
        (weigh.plate or "?", "车牌", f"plate, {weigh.plate_colour}", ""),
        (f"{weigh.gross_kg:,}", "总重 kg", "gross", ""),
        (limit, "限重 kg", "limit", ""),
        (f"{weigh.over_kg:,}", "超限 kg", "over", "bad" * bool(weigh.over_kg)),
        (percent(weigh.over_permille), "超限率 %", "over rate", ""),
        ("" if weigh.axles is None else str(weigh.axles), "轴数", "axles", ""),
    ])  # fmt: skip


def _photos(row: RecordRow) -> str:
    return "".join(
        f"<p>{escape(role)} <span class=dim>{sha256}</span><br>"
        + (_shot(sha256, role) if here
           else "<span class=bad>未到 not here yet</span>") + "</p>"
        for sha256, role, here in row.photos
    )  # fmt: skip


def _shot(sha256: str, role: str) -> str:
    if role.startswith("clip"):
        film = f"src='photo?sha256={sha256}'"
        return f"<video class=evidence controls preload=metadata {film}></video>"
    return f"<img class=evidence src='photo?sha256={sha256}' alt='{escape(role)}'>"


def _followed_up(record: Record, row: RecordRow) -> str:
    """What a follow-up is about: the way to that weighing, or why there is none."""
    said = record.happening
    if said is None or said.about_seq is None:
        return ""
    words = f"{escape(NOTES.get(said.event, said.event))} · 关于记录 about record {said.about_seq}"
    if row.subject is None:
        return f"<p>{words}: <span class=bad>未到 not here yet</span></p>"
    subject = decode_signed(row.subject)
    link = f"<a href='record?id={quote(subject.record_id)}'>{escape(subject.record_id)}</a>"
    weigh = subject.weigh
    if weigh is None:
        return f"<p>{words}: {link} <span class=bad>不是过磅记录 is not a weighing</span></p>"
    left = said.exit_plate
    plates = f"{escape(weigh.plate or '?')} {weigh.gross_kg:,} kg"
    if left is not None:
        plates += f" → 离场 left: <b{_bad_if(said.event == MISMATCH)}>{escape(left)}</b>"
    return f"<p>{words}: {link} {plates}</p>"


def _bad_if(wrong: bool) -> str:
    return " class=bad" if wrong else ""


def _noted(record: Record) -> str:
    """A record that follows this one up: what it says, and the way to it."""
    said = record.happening
    if said is None:
        return ""
    words = NOTES.get(said.event, said.event)
    tone = _bad_if(said.event == MISMATCH)
    plate = f" {escape(said.exit_plate)}" if said.exit_plate else ""
    return (
        f"<p><a href='record?id={quote(record.record_id)}'><span{tone}>{escape(words)}</span></a>"
        f"{plate} <span class=dim>{escape(said.detail)}</span></p>"
    )


def _fields(record: Record, row: RecordRow) -> str:
    rows = [
        ("arrived", shown_time(row.arrived_ns)),
        ("sha256", record_hash(row.signed).hex()),
        ("kind", record.kind.value),
    ]
    for part in (record, record.origin, record.content):
        rows += [
            (one.name, _shown(one.name, getattr(part, one.name)))
            for one in fields(part)
            if one.name not in SHOWN_APART
        ]
    return table(("字段 field", "值 value"), [(Cell(name), Cell(value)) for name, value in rows])


def _shown(name: str, value: object) -> str:
    if name == "wall_ns" and isinstance(value, int):
        return shown_time(value)
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, Enum):
        return str(value.value)
    return "" if value is None else str(value)
