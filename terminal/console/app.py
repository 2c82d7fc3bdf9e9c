"""The console's web application: pages, one event stream, and nothing that changes the terminal.

Only GET exists, except the demo's posts, whose routes are not even registered outside simulated
runs. Those need a token that only our own page holds, so no other site can press the keys.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import (
    FileResponse,
    HTMLResponse,
    JSONResponse,
    Response,
    StreamingResponse,
)
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hal.contract.types import NS_PER_S, Key
from terminal.anpr.site_accuracy import LORRIES_MIN
from terminal.config import Loaded
from terminal.console.footage_page import FootagePage, around
from terminal.console.queries import Queries, Row, Week
from terminal.console.record_page import sections_of, shown_word
from terminal.console.state import ConsoleNode
from terminal.console.view import PARTS, View
from terminal.plant_messages import PlantCommand, PressKey
from terminal.records.site_time import shown_time
from terminal.texts.catalogue import catalogue
from terminal.texts.cells import limit_tonnes, tonnes
from terminal.texts.prompts import LANGS, Lang

HERE = Path(__file__).parent
STREAM_S = 0.2
"""Period of the event stream; a part whose HTML did not change is not sent."""
STREAMS_MAX = 8
"""Open pages at once; more get 503 rather than slow the first ones down."""
PLATES_S = 600
"""The weekly figures of plate reading are worked out at most once in so many seconds."""
RECORDS_PERIOD = 20
"""The database is asked once in so many turns of the shell (a second)."""
KEY_HOLD_MS = 120
BODY_BYTES_MAX = 512
COOKIE = "lang"
HEADERS = {
    "content-security-policy": "default-src 'self'; base-uri 'none'; frame-ancestors 'none';"
    " form-action 'self'; object-src 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
}


def _media_type(path: Path) -> str:
    """By content: the evidence folder names every file alike."""
    with path.open("rb") as stream:
        return "video/mp4" if stream.read(8)[4:] == b"ftyp" else "image/jpeg"


class Console:
    """Everything the routes share."""

    def __init__(self, loaded: Loaded, node: ConsoleNode) -> None:
        """node: what is known; loaded: names of the site, deck length, ledger folder."""
        self.node = node
        self.config = loaded.config
        self.queries = Queries(loaded.path(loaded.config.ledger.folder))
        section = loaded.config.camera
        self.recording = FootagePage(loaded.path(section.record_folder), section)
        self.token = secrets.token_urlsafe(16)
        self.streams = 0
        self.closing = False
        self._deck_mm = loaded.config.weighing.deck_length_cm * 10
        self._env = Environment(
            loader=FileSystemLoader(HERE / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._env.filters["tonnes"] = tonnes
        self._env.filters["limit_tonnes"] = limit_tonnes
        self._env.filters["shown_time"] = shown_time
        self._records: tuple[int, list[Row] | None] = (-RECORDS_PERIOD, None)
        self._period = 0
        self._weeks: tuple[int, list[Week] | None] | None = None

    def language(self, request: Request) -> Lang:
        """?lang wins, then the cookie, then the site's language."""
        asked = request.query_params.get("lang") or request.cookies.get(COOKIE, "")
        asked = "zh-CN" if asked == "zh" else asked
        return next((lang for lang in LANGS if lang == asked), self.config.site.language)

    def render(self, name: str, lang: Lang, values: Mapping[str, Any]) -> str:
        """A template with its texts: t() console words, r() report words, word() coded values."""
        texts = catalogue(lang)
        return self._env.get_template(name).render(
            t=_lookup(texts, "console"),
            r=_lookup(texts, "report"),
            word=lambda value: shown_word(value, texts),
            lang=lang,
            **values,
        )

    def part(self, name: str, lang: Lang) -> str:
        """HTML of one live part."""
        if name == "records":
            return self.render("parts/records.html", lang, {"rows": self.records()})
        view = View(self.node, lang, self._deck_mm)
        return self.render(f"parts/{name}.html", lang, view.part(name))

    def parts(self, lang: Lang) -> dict[str, str]:
        """HTML of every live part."""
        return {name: self.part(name, lang) for name in (*PARTS, "records")}

    def records(self) -> list[Row] | None:
        """The newest records, asked for at most once in RECORDS_PERIOD turns."""
        at, rows = self._records
        if self._period - at >= RECORDS_PERIOD:
            rows = self.queries.last()
            self._records = (self._period, rows)
        return rows

    def turn(self) -> None:
        """The shell has gone round once."""
        self._period += 1

    def page(self, request: Request, name: str, status: int = 200, **values: Any) -> Response:
        """A whole page; remembers the language when it was chosen by ?lang."""
        lang = self.language(request)
        other = LANGS[1 - LANGS.index(lang)]
        site = self.config.site
        shared = {
            "site": site,
            "other": other,
            "path": request.url.path,
            "simulated": self.node.simulated,
            "token": self.token if self.node.simulated else "",
        }
        response = HTMLResponse(self.render(name, lang, {**shared, **values}), status)
        if "lang" in request.query_params:
            response.set_cookie(COOKIE, lang, max_age=31_536_000, samesite="strict", httponly=True)
        return response

    async def index(self, request: Request) -> Response:
        """The lane, live."""
        return self.page(request, "index.html", parts=self.parts(self.language(request)))

    async def record_list(self, request: Request) -> Response:
        """Older records, a page at a time."""
        below = request.query_params.get("below", "")
        rows = self.queries.last(50, int(below) if below.isdecimal() and len(below) < 18 else None)
        return self.page(request, "records.html", rows=rows)

    async def record(self, request: Request) -> Response:
        """One record with all its fields and photos."""
        row = self.queries.one(request.path_params["seq"])
        sections = sections_of(row, self.language(request)) if row is not None else []
        about = self.queries.about(row.seq) if row is not None and row.weigh else []
        found = {"row": row, "sections": sections, "about": about}
        return self.page(request, "record.html", 200 if row else 404, **found)

    def plates(self, request: Request) -> Response:
        """How plates are read at this gate, by week. Not async: runs beside the live pages."""
        at_ns, weeks = self._weeks or (0, None)
        if not weeks or self.node.now_ns - at_ns >= PLATES_S * NS_PER_S:
            weeks = self.queries.plate_weeks()
            self._weeks = (self.node.now_ns, weeks)
        return self.page(request, "plates.html", weeks=weeks, lorries_min=LORRIES_MIN)

    def footage(self, request: Request) -> Response:
        """The recording. Not async: runs beside the live pages."""
        found = self.recording.search(request)
        shown = {"found": found, "section": self.recording.section, "around": around}
        return self.page(request, "footage.html", 400 if found.bad else 200, **shown)

    async def photo(self, request: Request) -> Response:
        """A stored photo by digest; its name is its content, so it may be kept for ever."""
        path = self.queries.photo(request.path_params["name"].removesuffix(".jpg"))
        if path is None:
            return Response(status_code=404)
        kept = {"cache-control": "private, max-age=31536000, immutable"}
        return FileResponse(path, media_type=_media_type(path), headers=kept)

    async def live(self, request: Request) -> Response:
        """The newest picture of one camera."""
        found = self.node.live.get(request.path_params["role"])
        if found is None:
            return Response(status_code=404)
        return Response(found[1].jpeg, media_type="image/jpeg")

    async def health(self, request: Request) -> Response:
        """For machines: 200 while control speaks, 503 when it does not."""
        node, snapshot = self.node, self.node.snapshot
        fresh = node.fresh()
        found: dict[str, Any] = {"fresh": fresh, "simulated": node.simulated}
        if snapshot is not None:
            loop = snapshot.loop
            found |= {
                "state": snapshot.state,
                "reason": snapshot.display.reason.value,
                "last_seq": snapshot.last_seq,
                "unsent": snapshot.unsent,
                "quarantined": snapshot.quarantined,
                "targets": [
                    dict(
                        zip(
                            ("name", "unsent", "quarantined", "up", "rung", "why"), row, strict=True
                        )
                    )
                    for row in snapshot.targets
                ],
                "peers": dict(snapshot.peers),
                "faults": [[fault.device, fault.code.value] for fault in snapshot.faults],
                "loop": {name: getattr(loop, name) for name in loop.__dataclass_fields__},
                "age_ms": (node.now_ns - snapshot.now_ns) // 1_000_000,
            }
        return JSONResponse(found, 200 if fresh else 503)

    async def events(self, request: Request) -> Response:
        """The one stream of a page: every part once, then those that changed."""
        if self.streams >= STREAMS_MAX:
            return Response(status_code=503, headers={"retry-after": "5"})
        lang = self.language(request)
        return StreamingResponse(self._stream(lang), media_type="text/event-stream")

    async def _stream(self, lang: Lang) -> AsyncIterator[bytes]:
        self.streams += 1
        sent: dict[str, object] = {}
        try:
            while not self.closing:
                yield self.changes(lang, sent)
                await asyncio.sleep(STREAM_S)
        finally:
            self.streams -= 1

    def changes(self, lang: Lang, sent: dict[str, object]) -> bytes:
        """One event with the parts and pictures that differ from `sent`, which is updated."""
        parts: dict[str, object] = dict(self.parts(lang))
        parts |= {f"live:{role}": number for role, (number, _) in self.node.live.items()}
        changed = {name: value for name, value in parts.items() if sent.get(name) != value}
        if not changed:
            return b": still here\n\n"
        sent.update(changed)
        body = json.dumps(changed, ensure_ascii=False, separators=(",", ":"))
        return f"data: {body}\n\n".encode()

    async def press(self, request: Request) -> Response:
        """Demo: a finger on the simulated keypad."""
        asked = await self._asked(request)
        if asked is None or asked not in {key.value for key in Key}:
            return Response(status_code=403)
        return self._queued(PressKey(asked, KEY_HOLD_MS))

    async def plant(self, request: Request) -> Response:
        """Demo: the network plug, one more truck."""
        asked = await self._asked(request)
        if asked not in ("network_down", "network_up", "send_truck"):
            return Response(status_code=403)
        return self._queued(PlantCommand(asked, ""))

    async def _asked(self, request: Request) -> str | None:
        """The posted word, None when the post is not from our own page, or broke off."""
        token = request.headers.get("x-demo-token", "")
        if not secrets.compare_digest(token.encode(), self.token.encode()):
            return None
        body = bytearray()
        try:
            async for chunk in request.stream():
                body += chunk
                if len(body) > BODY_BYTES_MAX:
                    return None
        except ClientDisconnect:
            return None
        return body.decode("utf-8", "replace")

    def _queued(self, message: PressKey | PlantCommand) -> Response:
        return Response(status_code=204 if self.node.command(message) else 503)


class SafeHeaders:
    """Puts HEADERS on every answer that does not set them itself."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, adding headers to the start of the answer."""

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = {name for name, _ in message["headers"]}
                message["headers"] = [
                    *message["headers"],
                    *(
                        (k.encode(), v.encode())
                        for k, v in HEADERS.items()
                        if k.encode() not in own
                    ),
                ]
            await send(message)

        await self._app(scope, receive, with_headers)


def _lookup(texts: Mapping[str, str], area: str) -> Callable[[str], str]:
    """Texts of one area by short key. Raises KeyError inside a template for an unknown one."""
    return lambda key: texts[f"{area}.{key}"]


def make_app(console: Console) -> Starlette:
    """The application; demo routes exist in simulated runs only."""
    routes: list[Route | Mount] = [
        Route("/", console.index),
        Route("/records", console.record_list),
        Route("/records/{seq:int}", console.record),
        Route("/plates", console.plates),
        Route("/footage", console.footage),
        Route("/footage/films/{name:str}", console.recording.film),
        Route("/footage/export", console.recording.export),
        Route("/photos/{name:str}", console.photo),
        Route("/live/{role:str}", console.live),
        Route("/events", console.events),
        Route("/health", console.health),
        Mount("/static", StaticFiles(directory=HERE / "static")),
    ]
    if console.node.simulated:
        routes += [
            Route("/demo/key", console.press, methods=["POST"]),
            Route("/demo/plant", console.plant, methods=["POST"]),
        ]
    return Starlette(routes=routes, middleware=[Middleware(SafeHeaders)])
