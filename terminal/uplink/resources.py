"""The terminal's own resources: what a county engineer may look at over CoAP, and never change.

`/weight` and `/status` can be observed; `/queue` and `/software` are read. Every other method
is 4.05 before its body is looked at. What control said last counts for 500 ms only: after
that the answer says that it is not fresh and gives no mass. No number plate is in any of them.
"""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import aiocoap
from aiocoap import interfaces

from hal.contract.types import NS_PER_MS, NS_PER_S
from terminal.config import ResourcesSection
from terminal.messages import Snapshot

FRESH_NS = 500 * NS_PER_MS
NOTIFY_NS_MIN = 200 * NS_PER_MS
"""An observer hears of changes only, and at most this often."""
MAX_AGE_S = 30
"""An observer that has heard nothing for so long must ask again: its observation is gone."""
OBSERVERS_MAX = 16
LIST_MAX = 8
TEXT_CHARS_MAX = 40
FORMAT_LINKS, FORMAT_JSON = 40, 50
LINKS = (
    b'</weight>;rt="weigh.weight";ct=50;obs,</status>;rt="weigh.status";ct=50;obs,'
    b'</queue>;rt="weigh.queue";ct=50,</software>;rt="weigh.software";ct=50'
)
OBSERVABLE = ("weight", "status")

Shown = dict[str, object]


def _weight(snapshot: Snapshot | None) -> Shown:
    weighed = snapshot.weighed if snapshot is not None else None
    if weighed is None:
        return {"gross_kg": None, "motion": "unknown", "held_kg": None}
    return {
        "gross_kg": weighed.gross_kg,
        "motion": weighed.motion.name.lower(),
        "held_kg": weighed.held_kg,
    }


def _status(snapshot: Snapshot | None) -> Shown:
    if snapshot is None:
        return {"state": "unknown"}
    return {
        "state": snapshot.state,
        "prompt": snapshot.display.prompt.value,
        "reason": snapshot.display.reason.value,
        "faults": len(snapshot.faults),
        "fault": [f"{fault.device}: {fault.code.value}" for fault in snapshot.faults[:LIST_MAX]],
        "lane": snapshot.lane_kind,
        "simulated": snapshot.simulated,
    }


def _queue(snapshot: Snapshot | None) -> Shown:
    if snapshot is None:
        return {"last_seq": None, "unsent": None, "quarantined": None, "targets": []}
    targets = [
        [part[:TEXT_CHARS_MAX] if isinstance(part, str) else part for part in row]
        for row in snapshot.targets[:LIST_MAX]
    ]
    return {
        "last_seq": snapshot.last_seq,
        "unsent": snapshot.unsent,
        "quarantined": snapshot.quarantined,
        "targets": targets,
    }


VIEWS: dict[str, Callable[[Snapshot | None], Shown]] = {
    "weight": _weight,
    "status": _status,
    "queue": _queue,
}


class Resources(interfaces.ObservableResource):  # type: ignore[misc]  # the library has no types
    """The read-only site. Give it each snapshot of control and, often, the time."""

    def __init__(self, software: Mapping[str, str], max_age_s: int = MAX_AGE_S) -> None:
        """software: what `/software` says: identity of program, configuration and terminal.

        max_age_s: how long an observed answer is good; it is repeated in half that time.
        """
        super().__init__()
        self._max_age_s = max_age_s
        self._software = dict(software)
        self._snapshot: Snapshot | None = None
        self._now_ns = 0
        self._observers: dict[str, set[Any]] = {name: set() for name in OBSERVABLE}
        self._told: dict[str, bytes] = {}
        self._due_ns: dict[str, int] = dict.fromkeys(OBSERVABLE, 0)
        self._repeat_ns: dict[str, int] = dict.fromkeys(OBSERVABLE, 0)

    def keep(self, snapshot: Snapshot) -> None:
        """The newest snapshot counts."""
        self._snapshot = snapshot

    def tick(self, now_ns: int) -> None:
        """Time goes on: tell observers what has changed, at most every NOTIFY_NS_MIN.

        What has not changed is repeated well within its Max-Age.
        """
        self._now_ns = now_ns
        for name, observers in self._observers.items():
            if not observers or now_ns < self._due_ns[name]:
                continue
            payload = self._payload(name)
            if payload == self._told.get(name) and now_ns < self._repeat_ns[name]:
                continue
            self._told[name], self._due_ns[name] = payload, now_ns + NOTIFY_NS_MIN
            self._repeat_ns[name] = now_ns + self._max_age_s * NS_PER_S // 2
            for observer in observers:
                observer.trigger()

    def _payload(self, name: str) -> bytes:
        snapshot = self._snapshot
        fresh = snapshot is not None and self._now_ns - snapshot.now_ns <= FRESH_NS
        shown = VIEWS[name](snapshot if fresh else None)
        return json.dumps({"fresh": fresh, **shown}, ensure_ascii=False).encode()

    async def needs_blockwise_assembly(self, request: Any) -> bool:
        """Never: no body is wanted."""
        return False

    async def render(self, request: Any) -> Any:
        """One GET; also called anew for every notification."""
        path = tuple(request.opt.uri_path)
        if path == (".well-known", "core"):
            return _content(LINKS, FORMAT_LINKS)
        if path == ("software",):
            return _content(json.dumps(self._software, ensure_ascii=False).encode(), FORMAT_JSON)
        if len(path) == 1 and path[0] in VIEWS:
            answer = _content(self._payload(path[0]), FORMAT_JSON)
            if path[0] in OBSERVABLE:
                answer.opt.max_age = self._max_age_s
            return answer
        return aiocoap.Message(code=aiocoap.NOT_FOUND)

    async def add_observation(self, request: Any, serverobservation: Any) -> None:
        """Accept an observer while there is room; else it gets one plain answer."""
        path = tuple(request.opt.uri_path)
        observers = self._observers.get(path[0]) if len(path) == 1 else None
        if observers is None or sum(map(len, self._observers.values())) >= OBSERVERS_MAX:
            return
        observers.add(serverobservation)
        serverobservation.accept(lambda: observers.discard(serverobservation))

    async def render_to_pipe(self, pipe: Any) -> None:
        """The library's entry. Whatever is not a GET is refused before anything else."""
        if pipe.request.code != aiocoap.GET:
            pipe.add_response(aiocoap.Message(code=aiocoap.METHOD_NOT_ALLOWED), is_last=True)
            return
        await interfaces.ObservableResource._render_to_pipe(self, pipe)  # noqa: SLF001  # as its own Resource does


def _content(payload: bytes, content_format: int) -> Any:
    message = aiocoap.Message(code=aiocoap.CONTENT, payload=payload)
    message.opt.content_format = content_format
    return message


@asynccontextmanager
async def serving(section: ResourcesSection, site: Resources) -> AsyncIterator[str]:
    """Serve on the configured UDP address while the block runs; yields why not, or "".

    An address that cannot be had costs the view, never the sending of records.
    """
    if not section.enabled:
        yield ""
        return
    try:
        _probe(section.host, section.port)
        context = await asyncio.wait_for(
            aiocoap.Context.create_server_context(
                site,
                bind=(section.host, section.port),
                loggername="coap-resources",
                transports=["udp6"],
            ),
            10,
        )
    except (OSError, TimeoutError) as error:
        yield (
            f"The terminal's own resources are not served on {section.host}:{section.port}:"
            f" {error}. Choose another address in [resources], or enabled = false."
        )
        return
    try:
        yield ""
    finally:
        await context.shutdown()


def _probe(host: str, port: int) -> None:
    """Raise OSError when somebody serves here: the library would silently share the port."""
    family, kind, proto, _name, address = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
    with socket.socket(family, kind, proto) as probe:
        probe.bind(address)
