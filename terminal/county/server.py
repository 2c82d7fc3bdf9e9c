"""Runs the receiver: CoAP over UDP and TCP, the writer thread and the status page, until stopped.

The composition of terminal.county: everything is opened before "ready" is said, and closed in
the order that answers what was accepted.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import aiocoap

from terminal.county.gate import Gate
from terminal.county.hardening import bound_memory, harden_parser, lighten
from terminal.county.keys import KeyRegistry
from terminal.county.photos import PhotoFolder
from terminal.county.reading import StorePlace
from terminal.county.service import County, Times
from terminal.county.store import SqliteStore, Store
from terminal.county.writer import Writer

REAL_TIMES = Times(time.time_ns, time.monotonic_ns)
TRANSPORTS = ("udp6", "tcpserver")


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
    photo_folder: Path | None = None

    @property
    def photos(self) -> Path:
        """Photos lie beside a SQLite store, else where told, else in the working folder."""
        if self.photo_folder is not None:
            return self.photo_folder
        if not isinstance(self.store, Path):
            return Path("county-photos")
        return self.store.with_name(f"{self.store.stem}-photos")


@contextlib.asynccontextmanager
async def running_county(
    options: CountyOptions, times: Times = REAL_TIMES
) -> AsyncIterator[County]:
    """A receiver that serves while the block runs. Raises OSError, sqlite3.Error at start."""
    _probe(options.host, options.port)
    harden_parser()
    logging.getLogger("county-coap").setLevel(logging.ERROR)  # one line a bad datagram is a flood
    writer = Writer(lambda: open_store(options.store))
    try:
        registry = KeyRegistry(options.keys)
        photos = PhotoFolder(options.photos)
        county = County(writer, photos, registry, times, accept_simulated=options.accept_simulated)
        context = await aiocoap.Context.create_server_context(
            _site(Gate(county), options.oscore),
            bind=(options.host, options.port),
            loggername="county-coap",
            transports=[*TRANSPORTS, "ws"] if options.websocket else list(TRANSPORTS),
        )
        bound_memory(context)
        lighten(context)
        try:
            async with _page(options):
                yield county
        finally:
            await context.shutdown()
    finally:
        await writer.close()


def _site(gate: Gate, oscore: Path | None) -> object:
    if oscore is None:
        return gate
    from aiocoap.oscore_sitewrapper import OscoreSiteWrapper

    from terminal.county.oscore import load_contexts

    contexts, problems = load_contexts(oscore)
    for problem in problems:
        logging.getLogger("county-coap").error("%s", problem)
    return OscoreSiteWrapper(gate, contexts)


def open_store(place: StorePlace) -> Store:
    """The store at this place. Raises OSError, sqlite3.Error."""
    if isinstance(place, Path):
        return SqliteStore(place)
    from terminal.county.store_postgres import PostgresStore

    return PostgresStore(place)


def _probe(host: str, port: int) -> None:
    """Raise OSError when somebody serves here: the library would silently share the port."""
    family, kind, proto, _name, address = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
    with socket.socket(family, kind, proto) as probe:
        probe.bind(address)


@contextlib.asynccontextmanager
async def _page(options: CountyOptions) -> AsyncIterator[None]:
    if not options.page_port:
        yield
        return
    from terminal.county.page_server import serve_page

    async with serve_page(options.store, options.host, options.page_port):
        yield
