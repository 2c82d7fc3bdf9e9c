"""The CoAP face of the receiver: a table of routes, bounded bodies, problem details.

It stands in for aiocoap's own Site so that no body is put together without a bound and no
request ends in an exception: whatever is not a row of ROUTES is refused with a reason.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Protocol

import aiocoap
from aiocoap import interfaces
from aiocoap.optiontypes import BlockOption

from terminal.county.blocks import Assembler
from terminal.county.parts import CHUNK_BYTES
from terminal.county.problems import FORMAT_PROBLEM, RefusedError
from terminal.county.service import PHOTO_BYTES_MAX, RECORD_BYTES_MAX, Answer, County

FORMAT_TEXT = 0
FORMAT_COSE_SIGN1, FORMAT_JPEG, FORMAT_LINKS, FORMAT_OCTETS, FORMAT_CBOR = 18, 22, 40, 42, 60
PICTURES = (FORMAT_JPEG, FORMAT_OCTETS)
"""Photos are JPEG; a clip has no CoAP format of its own and comes as octets."""
_LOG = logging.getLogger("county-coap")
PATH_SEGMENTS_MAX = 8
SEGMENT_CHARS_MAX = 160
REPLY_BYTES_MAX = 1_024

LINKS = (
    b'</v1/records>;rt="weigh.record";ct=18,</v1/alarms>;rt="weigh.record";ct=18,'
    b'</v1/photos>;rt="weigh.photo";ct="22 42",</v1/cursor>;rt="weigh.cursor";ct=60,'
    b'</v1/time>;rt="weigh.time";ct=60'
)

Work = Callable[[County, tuple[str, ...], bytes], Awaitable[Answer]]
"""(county, names in the path, body) -> answer."""


async def _record(county: County, names: tuple[str, ...], body: bytes) -> Answer:
    return await county.put_record(names[0], body)


async def _photo(county: County, names: tuple[str, ...], body: bytes) -> Answer:
    return await county.put_photo(names[0], body)


async def _missing(county: County, names: tuple[str, ...], _body: bytes) -> Answer:
    return await county.missing(names[0])


async def _chunk(county: County, names: tuple[str, ...], body: bytes) -> Answer:
    return await county.put_chunk(names[0], names[1], body)


async def _cursor(county: County, names: tuple[str, ...], _body: bytes) -> Answer:
    return Answer(await county.cursor(names[0]), new=False)


async def _keys(county: County, names: tuple[str, ...], _body: bytes) -> Answer:
    return Answer(county.new_keys(names[0]), new=False)


async def _time(county: County, _names: tuple[str, ...], _body: bytes) -> Answer:
    return Answer(county.time(), new=False)


async def _links(_county: County, _names: tuple[str, ...], _body: bytes) -> Answer:
    return Answer(LINKS, new=False)


@dataclass(frozen=True, slots=True)
class Route:
    """One resource: method, path ("*" is a name in it), formats, bound of the body.

    own_only: answered to the terminal named in the path alone, over its own OSCORE context.
    proves_use: who asks this with a new key has gone over to it for good.
    """

    method: str
    path: tuple[str, ...]
    body_formats: tuple[int, ...]
    body_bytes_max: int
    reply_format: int
    work: Work
    own_only: bool = False
    proves_use: bool = True


ROUTES: tuple[Route, ...] = (
    Route("PUT", ("v1", "records", "*"), (FORMAT_COSE_SIGN1,), RECORD_BYTES_MAX, 60, _record),
    Route("PUT", ("v1", "alarms", "*"), (FORMAT_COSE_SIGN1,), RECORD_BYTES_MAX, 60, _record),
    Route("PUT", ("v1", "health", "*"), (FORMAT_COSE_SIGN1,), RECORD_BYTES_MAX, 60, _record),
    Route("PUT", ("v1", "photos", "*"), PICTURES, PHOTO_BYTES_MAX, 60, _photo),
    Route("GET", ("v1", "photos", "*", "missing"), (), 0, FORMAT_CBOR, _missing),
    Route("PUT", ("v1", "photos", "*", "*"), (FORMAT_OCTETS,), CHUNK_BYTES, 60, _chunk),
    Route("GET", ("v1", "cursor", "*"), (), 0, FORMAT_CBOR, _cursor),
    Route("GET", ("v1", "keys", "*"), (), 0, FORMAT_TEXT, _keys, own_only=True),
    Route("GET", ("v1", "time"), (), 0, FORMAT_CBOR, _time, proves_use=False),
    Route("GET", (".well-known", "core"), (), 0, FORMAT_LINKS, _links),
)


_ROUTES_OF = {
    length: tuple(row for row in ROUTES if len(row.path) == length)
    for length in {len(row.path) for row in ROUTES}
}


def find_route(method: str, path: tuple[str, ...]) -> tuple[Route, tuple[str, ...]]:
    """The row for a request and the names in its path. Raises RefusedError."""
    right_path = [row for row in _ROUTES_OF.get(len(path), ()) if _matches(row.path, path)]
    for row in right_path:
        if row.method == method:
            return row, tuple(got for want, got in zip(row.path, path, strict=True) if want == "*")
    shown = "/".join(path)[:SEGMENT_CHARS_MAX]
    if right_path:
        raise RefusedError("method", f"/{shown} takes {right_path[0].method} only", "method")
    raise RefusedError("no-resource", f"/{shown} is not one of ours", "Uri-Path")


def _matches(pattern: tuple[str, ...], path: tuple[str, ...]) -> bool:
    return all(want in ("*", got) for want, got in zip(pattern, path, strict=True))


class Keys(Protocol):
    """What the gate tells of the contexts that it sees in use."""

    def seen(self, entry: Any, now_s: int) -> None:
        """The context of this entry is in use by its terminal. Raises OSError."""


class Gate(interfaces.Resource):  # type: ignore[misc]  # the library has no types
    """The server site handed to aiocoap."""

    def __init__(self, county: County, keys: Keys | None = None) -> None:
        """county: the rules behind the routes. keys: the OSCORE contexts, where they are served."""
        super().__init__()
        self._county = county
        self._keys = keys
        self._assembler = Assembler()

    async def needs_blockwise_assembly(self, request: Any) -> bool:
        """Never by the library: see Assembler."""
        return False

    async def render(self, request: Any) -> Any:
        """One request to one response; refusals become problem details."""
        try:
            return await self._answer(request)
        except RefusedError as refusal:
            await self._county.count(refusal)
            return refused_message(refusal)

    async def render_to_pipe(self, pipe: Any) -> None:
        """The library's entry."""
        request = pipe.request
        response = await self.render(request)
        if request.opt.block1 is not None and response.code.is_successful():
            response.opt.block1 = request.opt.block1
        # Also over a stream: a request may have been handed on by a worker that got it by UDP.
        if len(response.payload) > min(request.remote.maximum_payload_size, REPLY_BYTES_MAX) or (
            request.opt.block2 is not None and len(response.payload) > request.opt.block2.size
        ):
            response = _slice(request, response)
        pipe.add_response(response, is_last=True)

    async def _answer(self, request: Any) -> Any:
        path = tuple(str(part) for part in request.opt.uri_path)
        if len(path) > PATH_SEGMENTS_MAX or any(len(part) > SEGMENT_CHARS_MAX for part in path):
            raise RefusedError("no-resource", "the path is too long", "Uri-Path")
        route, names = find_route(str(request.code), path)
        await self._check_sender(request, route, names)
        body = self._body(request, route, path)
        if body is None:
            response = aiocoap.Message(code=aiocoap.CONTINUE)
            response.opt.block1 = request.opt.block1
            return response
        answer = await route.work(self._county, names, body)
        return _message(_success_code(route, request, answer), answer.payload, route.reply_format)

    async def _check_sender(self, request: Any, route: Route, names: tuple[str, ...]) -> None:
        """What the context of a protected request allows. Raises RefusedError.

        A terminal that was put out is told so over its own context, which nobody can forge.
        """
        context = getattr(request.remote, "security_context", None)
        entry = context.entry if context is not None else None
        label = entry.label if entry is not None else None
        if label is not None:
            enrolled = self._county.enrolled(label.terminal_id)
            if enrolled.revoked:
                detail = f"{label.terminal_id}: {enrolled.revoked}"
                raise RefusedError("revoked", detail, "", label.terminal_id)
        who = label.terminal_id if label is not None else ""
        if route.own_only and (not who or who != names[0]):
            detail = "asked over the context of " + (who or "nobody in particular")
            raise RefusedError("not-yours", detail, "Uri-Path", who)
        if label is not None and self._keys is not None and route.proves_use:
            try:
                self._keys.seen(entry, self._county.now_s())
            except OSError as error:
                _LOG.error("the keys of %s: %s", who, error)

    def _body(self, request: Any, route: Route, path: tuple[str, ...]) -> bytes | None:
        content_format = request.opt.content_format
        if route.body_formats and content_format not in (None, *route.body_formats):
            expected = " or ".join(str(number) for number in route.body_formats)
            detail = f"content format {int(content_format)}; expected {expected}"
            raise RefusedError("format", detail, "Content-Format")
        limit = route.body_bytes_max
        declared = request.opt.size1
        if max(len(request.payload), declared or 0) > limit:
            raise RefusedError("too-large", f"a body here has at most {limit} bytes", "Size1")
        block = request.opt.block1
        if block is None:
            return bytes(request.payload)
        key = (request.remote.blockwise_key, path)
        return self._assembler.feed(
            key, block.start, block.more, bytes(request.payload), limit, time.monotonic_ns()
        )


def _success_code(route: Route, request: Any, answer: Answer) -> str:
    if route.method == "GET":
        return "2.05"
    if answer.new:
        return "2.01"
    return "4.12" if request.opt.if_none_match else "2.04"


def refused_message(refusal: RefusedError) -> Any:
    """The answer that says so: problem details, and when to come again where that is known."""
    message = _message(refusal.kind.code, refusal.payload(), FORMAT_PROBLEM)
    message.opt.max_age = refusal.kind.retry_after_s or None
    return message


def _message(code: str, payload: bytes, content_format: int) -> Any:
    code_class, detail = code.split(".")
    message = aiocoap.Message(
        code=aiocoap.Code(int(code_class) << 5 | int(detail)), payload=payload
    )
    message.opt.content_format = content_format
    return message


def _slice(request: Any, response: Any) -> Any:
    wanted = request.opt.block2 or BlockOption.BlockwiseTuple(
        0, False, request.remote.maximum_block_size_exp
    )
    if wanted.start >= len(response.payload):
        return _message("4.00", b"", FORMAT_PROBLEM)
    return response._extract_block(  # noqa: SLF001  # the library offers no public way
        wanted.block_number, wanted.size_exponent, request.remote.maximum_payload_size
    )
