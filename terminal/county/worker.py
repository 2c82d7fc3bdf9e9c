"""One worker process of the receiver: python -m terminal.county.worker FD, started by workers.py.

Its options come as one line on standard input, which then stays open: when it ends, so does
the worker, so that none outlives its parent. It says "ready" or why it cannot start. FD is the
memory in which it counts.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sqlite3
import sys
from pathlib import Path
from typing import Any

from terminal.county.hardening import fewer_collections
from terminal.county.photos import photo_place
from terminal.county.reading import store_place
from terminal.county.say import say
from terminal.county.server import CountyOptions, running_county
from terminal.county.sharding import Place
from terminal.county.tally import Tally

READY = "ready"
PATHS = ("keys", "oscore")
PLACES = {"store": store_place, "photo_place": photo_place}
LINE_BYTES_MAX = 65_536


def pack(options: CountyOptions, place: Place) -> str:
    """The line for a worker."""
    body: dict[str, object] = {
        name: getattr(options, name) for name in CountyOptions.__dataclass_fields__
    }
    body |= {name: str(body[name]) if body[name] else None for name in (*PATHS, *PLACES)}
    return json.dumps({"options": body, "index": place.index, "ports": place.relay_ports})


def unpack(line: str) -> tuple[CountyOptions, Place]:
    """What pack() wrote."""
    body: dict[str, Any] = json.loads(line)
    options: dict[str, Any] = body["options"]
    for name, place in PLACES.items():
        options[name] = place(options[name]) if options[name] else None
    for name in PATHS:
        options[name] = Path(options[name]) if options[name] else None
    return CountyOptions(**options), Place(body["index"], tuple(body["ports"]))


async def serve(options: CountyOptions, place: Place, tally: Tally) -> None:
    """Serve until SIGTERM or the end of standard input."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    loop.add_signal_handler(signal.SIGINT, lambda: None)  # Ctrl-C is the parent's business
    loop.add_reader(sys.stdin.fileno(), stop.set)
    fewer_collections()
    async with running_county(options, place=place, tally=tally):
        say(READY)
        await stop.wait()


def main() -> int:
    """0 when stopped, 69 when it could not start."""
    options, place = unpack(sys.stdin.readline(LINE_BYTES_MAX))
    try:
        asyncio.run(serve(options, place, Tally(int(sys.argv[1]))))
    except (OSError, sqlite3.Error) as error:
        say(str(error))
        return 69
    return 0


if __name__ == "__main__":
    sys.exit(main())
