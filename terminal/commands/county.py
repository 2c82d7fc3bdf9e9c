"""weigh-terminal county: the reference receiver, for a county to run or to copy."""

from __future__ import annotations

import argparse
import asyncio
import errno
import signal
import socket
import sqlite3
import sys
from pathlib import Path

from terminal import exits
from terminal.county.hardening import fewer_collections
from terminal.county.keys import KeyRegistry
from terminal.county.photo_check import check_photos
from terminal.county.photos import open_photos, photo_place
from terminal.county.publish import OFF
from terminal.county.reading import shown_place, store_place
from terminal.county.say import say
from terminal.county.server import WEBSOCKET_STEP, CountyOptions, running_county
from terminal.county.sharding import WORKERS_MAX
from terminal.county.store_check import StoreDamagedError
from terminal.county.workers import running_workers

NAME = "county"
HELP = "run the reference county receiver (CoAP over UDP and TCP)"
COAP_PORT = 5683
PORT_MAX = 65_535
NATS = ("nats://", "tls://")


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument(
        "--bind",
        type=address,
        default=("127.0.0.1", COAP_PORT),
        metavar="HOST:PORT",
        help="address for CoAP over UDP and TCP (default 127.0.0.1:5683)",
    )
    parser.add_argument(
        "--store",
        type=store_place,
        default=Path("county.sqlite"),
        help="SQLite file (photos lie beside) or postgresql://USER@HOST/DATABASE",
    )
    parser.add_argument(
        "--photos",
        type=photo_place,
        help="folder of photos (with PostgreSQL: county-photos), or"
        " s3://BUCKET?endpoint=https://HOST, with its keys in AWS_ACCESS_KEY_ID and"
        " AWS_SECRET_ACCESS_KEY",
    )
    parser.add_argument(
        "--keys",
        type=Path,
        default=Path("keys"),
        help="a terminal.pub, or a folder searched for *.pub: who is enrolled (default keys)",
    )
    parser.add_argument(
        "--accept-simulated",
        action="store_true",
        help="also take records of simulated devices (demonstrations only)",
    )
    parser.add_argument(
        "--oscore", type=Path, help="folder of OSCORE contexts, one folder a terminal"
    )
    parser.add_argument(
        "--websocket", action="store_true", help="also serve CoAP over WebSocket (port + 3000)"
    )
    parser.add_argument(
        "--publish",
        type=stream,
        metavar="nats://HOST:4222",
        help="publish each stored record to JetStream there; off: owe it nothing any more",
    )
    parser.add_argument(
        "--workers",
        type=workers,
        default=1,
        metavar="N",
        help="worker processes that share the address (default 1; at most one a core helps)",
    )
    parser.add_argument(
        "--check-photos",
        action="store_true",
        help="serve nothing: read every stored photo back and name those that are not right",
    )
    parser.add_argument(
        "--page", type=port, default=0, metavar="PORT", help="serve the status page on this port"
    )


def address(text: str) -> tuple[str, int]:
    """HOST:PORT, IPv6 hosts in brackets. Raises argparse's own error."""
    host, _, number = text.rpartition(":")
    host = host.strip("[]")
    if not host or not _is_port(number):
        raise argparse.ArgumentTypeError(f"{text}: expected HOST:PORT, such as 0.0.0.0:5683")
    return host, int(number)


def port(text: str) -> int:
    """A port, or 0 for none. Raises argparse's own error."""
    if text != "0" and not _is_port(text):
        raise argparse.ArgumentTypeError(f"{text}: expected a port from 1 to {PORT_MAX}")
    return int(text)


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= 5 and 0 < int(text) <= PORT_MAX


def stream(text: str) -> str:
    """A NATS address, or "off". Raises argparse's own error."""
    if text != OFF and not text.startswith(NATS):
        raise argparse.ArgumentTypeError(f"{text}: expected nats://HOST:PORT, tls://..., or off")
    return text


def workers(text: str) -> int:
    """A number of workers. Raises argparse's own error."""
    if not text.isdecimal() or not 1 <= int(text) <= WORKERS_MAX:
        raise argparse.ArgumentTypeError(f"{text}: expected a number from 1 to {WORKERS_MAX}")
    return int(text)


def run(args: argparse.Namespace) -> int:
    """Serve until SIGINT or SIGTERM. 69 when an address or the store cannot be had, 74 when the
    store is damaged.
    """
    host, port = args.bind
    if args.websocket and port + WEBSOCKET_STEP > PORT_MAX:
        print(
            f"--websocket is served on the port of --bind + {WEBSOCKET_STEP}, and {port} +"
            f" {WEBSOCKET_STEP} is no port: choose one up to {PORT_MAX - WEBSOCKET_STEP}.",
            file=sys.stderr,
        )
        return exits.CONFIG
    options = CountyOptions(
        host,
        port,
        args.store,
        args.keys,
        args.accept_simulated,
        args.page,
        args.oscore,
        args.websocket,
        args.photos,
        args.publish,
    )
    try:
        if args.check_photos:
            return _check_photos(options)
        return asyncio.run(_serve(options, args.workers))
    except (OSError, sqlite3.Error) as error:
        print(
            f"The receiver cannot start on {host}:{port} with the store"
            f" {shown_place(options.store)}: {error}.{advice(error)}",
            file=sys.stderr,
        )
        return exits.CORRUPT if isinstance(error, StoreDamagedError) else exits.ABSENT


def advice(error: Exception) -> str:
    """What to do about a start that failed, where the error does not say it itself."""
    number = getattr(error, "errno", None)
    if number == errno.EADDRINUSE:
        return " Stop the receiver that is running, or choose another port (--bind, --page)."
    if number == errno.EADDRNOTAVAIL or isinstance(error, socket.gaierror):
        return " --bind takes an address of this machine: see `ip address`, or use 0.0.0.0."
    if number in (errno.EACCES, errno.EPERM, errno.EROFS):
        return " The user of the receiver needs write access there (README: From nothing)."
    if number == errno.ENOSPC or "is full" in str(error):
        return " Make room on that disk and start again: what was receipted is stored."
    return ""


def _check_photos(options: CountyOptions) -> int:
    bad = looked = 0
    for one in check_photos(options.store, open_photos(options.photos)):
        looked += 1
        if one.why:
            bad += 1
            print(f"{one.sha256} of {one.record_id} ({one.role}): {one.why}")
    print(f"{looked} photos read, {bad} not as they were stored")
    return exits.BAD_INPUT if bad else exits.OK


async def _serve(options: CountyOptions, count: int) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    registry = KeyRegistry(options.keys)
    for problem in registry.problems:
        say(problem, sys.stderr)
    if not registry.terminals():
        say(f"Nobody is enrolled: put the terminal.pub of each terminal into {options.keys}.",
            sys.stderr)  # fmt: skip
    if count > 1:
        async with running_workers(options, count) as several:
            _announce(options, registry, f", {count} workers")
            await stop.wait()
        counts = several.counts()
    else:
        fewer_collections()
        async with running_county(options) as county:
            _announce(options, registry, "")
            await stop.wait()
        counts = county.tally.counts()
    say("Received {}, repeated {}, refused {}".format(*counts))
    return exits.OK


def _announce(options: CountyOptions, registry: KeyRegistry, more: str) -> None:
    say(
        f"County receiver on coap://{options.host}:{options.port} (UDP and TCP),"
        f" store {shown_place(options.store)}, {len(registry.terminals())} enrolled{more}"
    )
    if options.page_port:
        say(f"Status page http://{options.host}:{options.page_port}/")
