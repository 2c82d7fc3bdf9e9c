"""weigh-terminal county: the reference receiver, for a county to run or to copy."""

from __future__ import annotations

import argparse
import asyncio
import gc
import signal
import sqlite3
import sys
from pathlib import Path

from terminal import exits
from terminal.county.reading import shown_place, store_place
from terminal.county.server import CountyOptions, running_county

NAME = "county"
HELP = "run the reference county receiver (CoAP over UDP and TCP)"
COAP_PORT = 5683
PORT_MAX = 65_535
GC_THRESHOLDS = (20_000, 20, 50)
"""The past messages that are remembered make a full collection dear and yield it nothing."""


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
        "--photos", type=Path, help="folder of photos (with PostgreSQL: county-photos)"
    )
    parser.add_argument(
        "--keys",
        type=Path,
        required=True,
        help="a terminal.pub, or a folder searched for *.pub: the enrolled terminals",
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
        "--page", type=int, default=0, metavar="PORT", help="serve the status page on this port"
    )


def address(text: str) -> tuple[str, int]:
    """HOST:PORT, IPv6 hosts in brackets. Raises argparse's own error."""
    host, _, port = text.rpartition(":")
    host = host.strip("[]")
    if not host or not port.isdecimal() or not 0 < int(port) <= PORT_MAX:
        raise argparse.ArgumentTypeError(f"{text}: expected HOST:PORT, such as 0.0.0.0:5683")
    return host, int(port)


def run(args: argparse.Namespace) -> int:
    """Serve until SIGINT or SIGTERM. 69 when an address or the store cannot be had."""
    host, port = args.bind
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
    )
    try:
        return asyncio.run(_serve(options))
    except (OSError, sqlite3.Error) as error:
        print(
            f"The receiver cannot start on {host}:{port} with the store"
            f" {shown_place(options.store)}: {error}."
            " Choose another address with --bind or --page, or another file with --store.",
            file=sys.stderr,
        )
        return exits.ABSENT


async def _serve(options: CountyOptions) -> int:
    gc.set_threshold(*GC_THRESHOLDS)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with running_county(options) as county:
        for problem in county.key_problems():
            print(problem, file=sys.stderr)
        print(
            f"County receiver on coap://{options.host}:{options.port} (UDP and TCP),"
            f" store {shown_place(options.store)}, {len(county.terminals())} enrolled",
            flush=True,
        )
        if options.page_port:
            print(f"Status page http://{options.host}:{options.page_port}/", flush=True)
        await stop.wait()
        print(f"Received {county.accepted}, repeated {county.repeated}, refused {county.refused}")
    return exits.OK
