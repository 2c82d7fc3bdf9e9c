"""The county at the far end of a bad network, in the terminal's virtual time.

The rules are the real receiver's (terminal.county: routes, verification, store in memory);
only CoAP's carriage is replaced. Requests and replies may be late, lost, doubled, overtaken,
answered by nobody, by an overloaded receiver or with another item's receipt.
"""

from __future__ import annotations

import asyncio
import zlib
from collections import Counter, deque
from collections.abc import Callable, Coroutine
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, TypeVar

from hal.contract.types import NS_PER_MS, NS_PER_S
from terminal.county.accept import Accepted
from terminal.county.gate import find_route
from terminal.county.keys import KeyRegistry
from terminal.county.photos import PhotoFolder
from terminal.county.problems import RefusedError
from terminal.county.service import County, Times
from terminal.county.store import Store, Stored
from terminal.county.store_sqlite import SqliteStore
from terminal.uplink.exchange import WireReply, WireRequest
from tests.sim.clock import VirtualClock

T = TypeVar("T")
REJECTS = ("4.00", "4.02", "4.03", "4.06", "4.09", "4.13", "4.15")
"""Answers that say "not this item, ever": a receiver with a new rule, or a wrong one."""
OVERLOADED_AGE_S = 5
RECORDS_KEPT = 400


class _Inline(ThreadPoolExecutor):
    """Runs at once what would go to a thread: the simulation has one."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **named: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_result(fn(*args, **named))
        return future


class _Writer:
    """terminal.county.writer.Writer without its thread: work, commit, answer."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def do(self, work: Callable[[Store], T]) -> T:
        result = work(self._store)
        self._store.commit()
        return result

    async def put_record(self, accepted: Accepted, arrived_ns: int) -> Stored:
        return await self.do(lambda store: store.put_record(accepted, arrived_ns))


@dataclass
class SimCounty:
    """The receiver. stored() is what it holds."""

    folder: Path
    clock: VirtualClock
    _loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)

    def __post_init__(self) -> None:
        self._loop.set_default_executor(_Inline())
        self.store = SqliteStore(self.folder / "county.db", synced=False)
        times = Times(self.clock.true_wall_ns, self.clock.monotonic_ns)
        photos = PhotoFolder(self.folder / "photos")
        photos.prepare()
        self.county = County(
            _Writer(self.store),  # type: ignore[arg-type]
            photos,
            KeyRegistry(self.folder / "keys"),
            times,
            accept_simulated=True,
        )

    def answer(self, wire: WireRequest) -> WireReply:
        """One request, as terminal.county.gate answers it."""
        try:
            route, names = find_route(wire.method, wire.path)
            answer = self._run(route.work(self.county, names, wire.payload))
        except RefusedError as refusal:
            self._run(self.county.count(refusal))
            kind = refusal.kind
            return WireReply(kind.code, refusal.payload(), "", "sim", kind.retry_after_s)
        if wire.method == "GET":
            return WireReply("2.05", answer.payload, "", "sim")
        repeated = "4.12" if wire.if_none_match else "2.04"
        return WireReply("2.01" if answer.new else repeated, answer.payload, "", "sim")

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return self._loop.run_until_complete(work)

    def stored(self) -> dict[int, bytes]:
        """Hash of each record by number."""
        rows = self.store._db.execute("select seq, hash from record order by seq").fetchall()
        return {row[0]: bytes(row[1]) for row in rows}

    def holds(self, digest: bytes) -> bool:
        """Whether the record or the picture of this digest is stored."""
        photo = self.store.photo(digest)
        if photo is not None:
            return photo.stored_ns is not None
        found = self.store._db.execute("select 1 from record where hash = ?", (digest,))
        return found.fetchone() is not None

    def close(self) -> None:
        self.store.close()
        self._loop.close()


@dataclass
class Weather:
    """What the network is like now. Chances per message; delays in ms."""

    cut: set[str] = field(default_factory=set)
    loss: float = 0.0
    twice: float = 0.0
    slow_ms_max: int = 60
    overloaded: float = 0.0
    foreign: float = 0.0
    rejects: float = 0.0
    rejects_salt: int = 0

    @property
    def plugged(self) -> bool:
        """Whether there is a way at all: nothing cuts it."""
        return not self.cut


class Network:
    """Carries the uplink's requests; every one comes to an end, at the deadline if need be."""

    def __init__(
        self, county: SimCounty, rng: Random, later: Callable[[int, Callable[[], None]], None]
    ) -> None:
        """later: (delay ns, what to do then)."""
        self.county = county
        self.weather = Weather()
        self.carried = 0
        self.rejected: Counter[str] = Counter()
        """How often the county refused each item for good, by the id in its path."""
        self.records_ns: deque[int] = deque(maxlen=RECORDS_KEPT)
        """When the newest records set out, each try."""
        self.lost = 0
        self._rng = rng
        self._later = later
        self._now_ns = county.clock.monotonic_ns
        self._old = WireReply("2.04", b"", "", "sim")

    def carry(self, deadline_ms: int, wire: WireRequest, done: Callable[[WireReply], None]) -> None:
        """Deliver, or let the deadline pass."""
        self.carried += 1
        if wire.path[1:2] == ("records",):
            self.records_ns.append(self._now_ns())
        weather, rng = self.weather, self._rng
        if not weather.plugged:
            self._later(50 * NS_PER_MS, lambda: done(WireReply("", b"", "the cable is out", "")))
            return
        if rng.random() < weather.loss:
            self._times_out(deadline_ms, done)
            return
        if rng.random() < weather.twice:
            self._later(self._delay() + NS_PER_S, lambda: self._again(wire))
        self._later(self._delay(), lambda: self._arrive(deadline_ms, wire, done))

    def _rejects(self, wire: WireRequest) -> bool:
        """Whether this item is one the county will not have now: always the same ones."""
        weather, name = self.weather, "/".join(wire.path)
        if not weather.rejects or wire.method == "GET":
            return False
        if zlib.crc32(f"{weather.rejects_salt} {name}".encode()) >= weather.rejects * 2**32:
            return False
        self.rejected[wire.path[-1]] += 1
        return True

    def _delay(self) -> int:
        return self._rng.randint(2, self.weather.slow_ms_max) * NS_PER_MS

    def _again(self, wire: WireRequest) -> None:
        self._old = self.county.answer(wire)

    def _times_out(self, deadline_ms: int, done: Callable[[WireReply], None]) -> None:
        self.lost += 1
        nothing = WireReply("", b"", "no answer", "")
        self._later(deadline_ms * NS_PER_MS, lambda: done(nothing))

    def _arrive(
        self, deadline_ms: int, wire: WireRequest, done: Callable[[WireReply], None]
    ) -> None:
        weather, rng = self.weather, self._rng
        if self._rejects(wire):
            reply = WireReply(rng.choice(REJECTS), b"", "", "sim")
        elif rng.random() < weather.overloaded:
            code = rng.choice(("5.03", "4.29", "4.08", "5.00"))
            reply = WireReply(code, b"", "", "sim", OVERLOADED_AGE_S)
        else:
            reply = self.county.answer(wire)
        if rng.random() < weather.foreign:
            reply, self._old = self._old, reply
        if not weather.plugged or rng.random() < weather.loss:
            self._times_out(deadline_ms, done)
        else:
            self._later(self._delay(), lambda: done(reply))
