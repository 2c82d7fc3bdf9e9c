"""One end of an OSCORE context for raw datagrams: what a small terminal seals and opens."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiocoap import CON, Code, Message
from aiocoap.error import Error

from terminal.enrol.context_files import county_context, terminal_context
from terminal.enrol.county_contexts import Label, label_files
from terminal.enrol.county_side import new_secret
from terminal.uplink.oscore import open_context


def share_secrets(names: Iterable[str], terminals: Path, county: Path) -> None:
    """A context for each terminal at both ends, labelled as an enrolment leaves it."""
    for name in names:
        secret = new_secret()
        terminal_context(terminals / name, secret)
        county_context(county / name, secret, label_files(Label(name, 1)))


@dataclass(frozen=True)
class Opened:
    """An answer that only the holder of the key could make. echo: say this back, if anything."""

    payload: bytes
    echo: bytes | None


class Sealer:
    """Seals requests one at a time; opens the answer to the last one."""

    def __init__(self, folder: Path) -> None:
        """folder: the terminal's context."""
        self._context = open_context(folder)
        self._request: Any = None

    def seal(
        self, code: int, mid: int, path: str, body: bytes, form: int | None, echo: bytes | None
    ) -> bytes:
        """A confirmable request; its token is its message ID in four octets."""
        plain = Message(code=Code(code), payload=body)
        plain.opt.uri_path = path.split("/")
        plain.opt.content_format = form
        plain.opt.echo = echo
        outer, self._request = self._context.protect(plain)
        outer.mid, outer.mtype, outer.token = mid, CON, mid.to_bytes(4, "big")
        return bytes(outer.encode())

    def open(self, wire: bytes) -> Opened | None:
        """The answer to the last request, or None when it was not made with our key."""
        try:
            plain, _ = self._context.unprotect(Message.decode(wire), self._request)
        except Error:
            return None
        return Opened(bytes(plain.payload), plain.opt.echo)

    def close(self) -> None:
        """Let go of the folder."""
        self._context.release()
