"""Runs the receiver: CoAP over UDP and TCP, the writer thread and the status page, until stopped.

The composition of terminal.county: everything is opened before "ready" is said, and closed in
the order that answers what was accepted.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiocoap

from terminal.county.gate import Gate
from terminal.county.hardening import (
    bound_memory,
    close_context,
    harden_parser,
    let_websockets_end,
    lighten,
    share_websocket_port,
)
from terminal.county.keys import KeyRegistry
from terminal.county.notes import Notes
from terminal.county.photos import PhotoPlace, open_photos
from terminal.county.publish import decide, publishing
from terminal.county.reading import StorePlace
from terminal.county.relay import RelaySite
from terminal.county.service import County, Times
from terminal.county.sharding import ALONE, Place
from terminal.county.store import Store
from terminal.county.store_check import check_store
from terminal.county.store_sqlite import SqliteStore
from terminal.county.tally import Tally
from terminal.county.writer import Writer

if TYPE_CHECKING:
    from terminal.county.oscore import Contexts

REAL_TIMES = Times(time.time_ns, time.monotonic_ns)
TRANSPORTS = ("udp6", "tcpserver")
STREAM = ["tcpserver"]
WEBSOCKET_STEP = 3_000
"""The library serves CoAP over WebSocket on this many ports above the other transports."""
LOG = "county-coap"


@dataclass(frozen=True, slots=True)
class CountyOptions:
    """What the command line says. page_port: 0 for no page. host: a concrete address."""

    host: str
    port: int
    store: StorePlace
    keys: Path
    accept_simulated: bool = False
    page_port: int = 0
    oscore: Path | None = None
    websocket: bool = False
    photo_place: PhotoPlace | None = None
    publish: str | None = None

    @property
    def photos(self) -> PhotoPlace:
        """Photos lie beside a SQLite store, else where told, else in the working folder."""
        if self.photo_place is not None:
            return self.photo_place
        if not isinstance(self.store, Path):
            return Path("county-photos")
        return self.store.with_name(f"{self.store.stem}-photos")


@contextlib.asynccontextmanager
async def running_county(
    options: CountyOptions,
    times: Times = REAL_TIMES,
    place: Place = ALONE,
    tally: Tally | None = None,
) -> AsyncIterator[County]:
    """A receiver that serves while the block runs. Raises OSError, sqlite3.Error at start.

    place: which of several workers this is; one that is not alone serves no page. tally: where it
    counts, None for one of its own.
    """
    if place == ALONE:
        async with around_all(options), _serving(options, times, place, tally) as county:
            yield county
    else:
        async with _serving(options, times, place, tally) as county:
            yield county


@contextlib.asynccontextmanager
async def _serving(
    options: CountyOptions, times: Times, place: Place, tally: Tally | None
) -> AsyncIterator[County]:
    harden_parser()
    logging.getLogger(LOG).setLevel(logging.ERROR)  # one line a bad datagram is a flood
    writer = Writer(lambda: open_store(options.store))
    try:
        registry = KeyRegistry(options.keys)
        photos = open_photos(options.photos)
        async with _keys(options, place) as (keys, notes):
            waiting = keys.waiting if keys is not None else None
            number = keys.waiting_number if keys is not None else None
            county = County(
                writer, photos, registry, times,
                accept_simulated=options.accept_simulated,
                waiting=waiting, waiting_number=number, tally=tally,
            )  # fmt: skip
            notes.into(county.note)
            async with _coap(Gate(county, keys), keys, options, place):
                yield county
    finally:
        await writer.close()


@contextlib.asynccontextmanager
async def _keys(
    options: CountyOptions, place: Place
) -> AsyncIterator[tuple[Contexts | None, Notes]]:
    """The OSCORE contexts, where they are served, and what they will refuse."""
    notes = Notes()
    keys = None
    if options.oscore is not None:
        # the library's OSCORE costs 9 MB
        from terminal.county.oscore import Contexts, raise_open_files

        raise_open_files()
        keys = Contexts(options.oscore, place, notes)
    try:
        yield keys, notes
    finally:
        await notes.close()


@contextlib.asynccontextmanager
async def _coap(
    gate: Gate, keys: Contexts | None, options: CountyOptions, place: Place
) -> AsyncIterator[None]:
    """The gate on its transports, and on the port where other workers hand over to this one."""
    async with contextlib.AsyncExitStack() as opened:
        site: Any = gate
        if keys is not None:
            site = _protected(gate, keys, place)
        if isinstance(site, RelaySite):
            await site.open(LOG)
            opened.push_async_callback(site.close)
            await _listen(opened, site, ("127.0.0.1", place.relay_ports[place.index]), STREAM)
        transports = [*TRANSPORTS, "ws"] if options.websocket else list(TRANSPORTS)
        if options.websocket:
            let_websockets_end()
            if place != ALONE:
                share_websocket_port()
        context = await _listen(opened, site, (options.host, options.port), transports)
        bound_memory(context)
        yield


async def _listen(
    opened: contextlib.AsyncExitStack, site: Any, bind: tuple[str, int], transports: list[str]
) -> Any:
    context = await aiocoap.Context.create_server_context(
        site, bind=bind, loggername=LOG, transports=transports
    )
    opened.push_async_callback(close_context, context)
    lighten(context)
    return context


def _protected(gate: Gate, keys: Contexts, place: Place) -> Any:
    from terminal.county.oscore import ProtectedSite

    own = ProtectedSite(gate, keys)
    return own if place == ALONE else RelaySite(own, place)


def open_store(place: StorePlace, *, synced: bool = True) -> Store:
    """The store at this place. Raises OSError, sqlite3.Error. synced: see the stores."""
    if isinstance(place, Path):
        return SqliteStore(place, synced=synced)
    from terminal.county.store_postgres import PostgresStore

    return PostgresStore(place, synced=synced)


@contextlib.asynccontextmanager
async def around_all(options: CountyOptions) -> AsyncIterator[None]:
    """What there is once however many workers serve: address, tables, publisher, page."""
    _probe(options)
    if isinstance(options.store, Path):
        await asyncio.to_thread(check_store, options.store, options.photos)
    await asyncio.to_thread(decide, options.publish, lambda: open_store(options.store))
    await asyncio.to_thread(open_photos(options.photos).prepare)
    async with (
        publishing(options.publish, lambda: open_store(options.store, synced=False)),
        _page(options),
    ):
        yield


def _probe(options: CountyOptions) -> None:
    """Raise OSError when somebody serves here: the library would silently share the port."""
    streams = [options.port, *([options.port + WEBSOCKET_STEP] if options.websocket else [])]
    asked = [(options.port, socket.SOCK_DGRAM), *((port, socket.SOCK_STREAM) for port in streams)]
    for port, kind in asked:
        family, _kind, proto, _name, address = socket.getaddrinfo(options.host, port, type=kind)[0]
        with socket.socket(family, kind, proto) as held:
            if kind is socket.SOCK_STREAM:  # connections of a receiver that has just ended
                held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                held.bind(address)
            except OSError as error:
                way = "TCP" if kind is socket.SOCK_STREAM else "UDP"
                words = f"{way} port {port} of {options.host}: {error.strerror}"
                raise OSError(error.errno, words) from error


@contextlib.asynccontextmanager
async def _page(options: CountyOptions) -> AsyncIterator[None]:
    """The status page while the block runs, where one is wanted."""
    if not options.page_port:
        yield
        return
    from terminal.county.page_server import serve_page

    photos = open_photos(options.photos)
    async with serve_page(options.store, photos, options.host, options.page_port, options.oscore):
        yield
