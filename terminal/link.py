"""Links between processes: AF_UNIX SOCK_SEQPACKET, bounded, never blocking.

The kernel keeps message boundaries, refuses when the peer's queue is full, and reports a dead
peer at once; so a slow or dead process is an event here and never a wait. One Hub a process
owns all its links, made from the table in terminal.processes.
"""

from __future__ import annotations

import contextlib
import errno
import select
import socket
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from hal.contract.types import NS_PER_MS
from terminal.messages import MESSAGE_BYTES_MAX, PROTOCOL, Hello, Message, decode, encode
from terminal.processes import dials, listens

REDIAL_NS = 200 * NS_PER_MS
RECEIVE_MAX = 64
"""Messages taken from one link in one poll; the rest waits in the kernel."""
BACKLOG = 8
STARVED = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
"""What the kernel says when it has nothing left to make a link of."""


@dataclass(frozen=True, slots=True)
class PeerUp:
    """A link to this peer stands and its greeting was right."""

    peer: str
    simulated: bool


@dataclass(frozen=True, slots=True)
class PeerDown:
    """The link to this peer is gone; it may be back later."""

    peer: str


@dataclass(frozen=True, slots=True)
class Received:
    """One message of this peer."""

    peer: str
    message: Message


LinkEvent = PeerUp | PeerDown | Received


@dataclass(slots=True)
class _Link:
    sock: socket.socket
    peer: str
    greeted: bool = False


class Hub:
    """All links of one process. Single-threaded; poll() drives everything."""

    def __init__(self, me: str, runtime_dir: Path, *, simulated: bool) -> None:
        """Bind the socket that others dial, if the table says that somebody does.

        me: process name; runtime_dir: folder of the sockets (one file NAME.sock each).
        Raises OSError when the folder cannot be written.
        """
        self.me = me
        self.refused = 0
        self.starved = False
        self.dropped: dict[str, int] = {}
        self._dir = runtime_dir
        self._simulated = simulated
        self._links: dict[int, _Link] = {}
        self._by_peer: dict[str, _Link] = {}
        self._next_dial_ns: dict[str, int] = dict.fromkeys(dials(me), 0)
        self._epoll = select.epoll()
        self._server: socket.socket | None = None
        self._deaf_until_ns = 0
        if listens(me):
            self._server = self._listen(runtime_dir / f"{me}.sock")

    def _listen(self, path: Path) -> socket.socket:
        path.unlink(missing_ok=True)
        server = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_NONBLOCK)
        server.bind(str(path))
        server.listen(BACKLOG)
        self._epoll.register(server.fileno(), select.EPOLLIN)
        return server

    def fileno(self) -> int:
        """A descriptor that is readable when poll() has work (for an asyncio reader)."""
        return self._epoll.fileno()

    def is_up(self, peer: str) -> bool:
        """Whether the link to this peer stands."""
        link = self._by_peer.get(peer)
        return link is not None and link.greeted

    def send(self, peer: str, message: Message) -> bool:
        """Send without waiting. False: peer away or its queue full; counted in `dropped`."""
        link = self._by_peer.get(peer)
        if link is None or not link.greeted:
            return False
        try:
            link.sock.send(encode(message))
        except OSError as error:
            if error.errno in (errno.EAGAIN, errno.ENOBUFS):
                self.dropped[peer] = self.dropped.get(peer, 0) + 1
            return False
        return True

    def poll(self, now_ns: int, timeout_s: float = 0.0) -> list[LinkEvent]:
        """Dial, accept and receive; at most RECEIVE_MAX messages a link. Waits <= timeout_s."""
        self._dial(now_ns)
        self._listen_again(now_ns)
        events: list[LinkEvent] = []
        for fd, mask in self._epoll.poll(timeout_s):
            if self._server is not None and fd == self._server.fileno():
                self._accept(now_ns)
            elif fd in self._links:
                events.extend(self._receive(self._links[fd], mask))
        return events

    def close(self) -> None:
        """Close every link and remove our socket file."""
        for link in list(self._links.values()):
            self._forget(link)
        if self._server is not None:
            self._server.close()
            with contextlib.suppress(OSError):
                (self._dir / f"{self.me}.sock").unlink()
        self._epoll.close()

    def _dial(self, now_ns: int) -> None:
        for peer, due_ns in self._next_dial_ns.items():
            if peer in self._by_peer or now_ns < due_ns:
                continue
            self._next_dial_ns[peer] = now_ns + REDIAL_NS
            try:
                sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_NONBLOCK)
            except OSError as error:
                self._starve(error)
                continue
            try:
                sock.connect(str(self._dir / f"{peer}.sock"))
                sock.send(encode(Hello(self.me, PROTOCOL, self._simulated)))
            except OSError:
                sock.close()
                continue
            self._adopt(sock, peer)

    def _accept(self, now_ns: int) -> None:
        assert self._server is not None
        for _ in range(BACKLOG):
            try:
                sock, _address = self._server.accept()
            except OSError as error:
                if error.errno in STARVED:
                    self._starve(error)
                    self._deaf_until_ns = now_ns + REDIAL_NS
                    self._epoll.unregister(self._server.fileno())
                return
            sock.setblocking(False)
            self._adopt(sock, "")

    def _listen_again(self, now_ns: int) -> None:
        """A caller we could not let in would wake us without end, so it is looked at anew later."""
        if self._server is not None and 0 < self._deaf_until_ns <= now_ns:
            self._deaf_until_ns = 0
            self._epoll.register(self._server.fileno(), select.EPOLLIN)

    def _starve(self, error: OSError) -> None:
        """Say once why links cannot be made; the owner sees the peer as away meanwhile."""
        if not self.starved:
            self.starved = True
            sys.stderr.write(
                f"{self.me}: no link can be made: {error.strerror}. Running links go on; it is "
                f"tried again every {REDIAL_NS // NS_PER_MS} ms. Look for what holds so many "
                f"files open (ls /proc/PID/fd) and at the unit's LimitNOFILE.\n"
            )

    def _adopt(self, sock: socket.socket, peer: str) -> None:
        self.starved = False
        link = _Link(sock, peer)
        self._links[sock.fileno()] = link
        if peer:
            self._by_peer[peer] = link
        self._epoll.register(sock.fileno(), select.EPOLLIN | select.EPOLLHUP | select.EPOLLERR)

    def _receive(self, link: _Link, mask: int) -> Iterator[LinkEvent]:
        for _ in range(RECEIVE_MAX):
            try:
                wire = link.sock.recv(MESSAGE_BYTES_MAX + 1)
            except BlockingIOError:
                break
            except OSError:
                wire = b""
            if not wire:
                yield from self._down(link)
                return
            try:
                message = decode(wire)
            except (msgspec.MsgspecError, UnicodeDecodeError):
                self.refused += 1
                continue
            if link.greeted:
                yield Received(link.peer, message)
            else:
                yield from self._greet(link, message)
                if link.sock.fileno() < 0:
                    return
        if mask & (select.EPOLLHUP | select.EPOLLERR):
            yield from self._down(link)

    def _greet(self, link: _Link, message: Message) -> Iterator[LinkEvent]:
        expected = (link.peer,) if link.peer else listens(self.me)
        if (
            not isinstance(message, Hello)
            or message.protocol != PROTOCOL
            or message.process not in expected
        ):
            self.refused += 1
            self._forget(link)
            return
        if not link.peer:
            stale = self._by_peer.get(message.process)
            if stale is not None:
                yield from self._down(stale)
            link.peer = message.process
            self._by_peer[link.peer] = link
            with contextlib.suppress(OSError):
                link.sock.send(encode(Hello(self.me, PROTOCOL, self._simulated)))
        link.greeted = True
        yield PeerUp(link.peer, message.simulated)

    def _down(self, link: _Link) -> Iterator[LinkEvent]:
        greeted = link.greeted
        self._forget(link)
        if greeted:
            yield PeerDown(link.peer)

    def _forget(self, link: _Link) -> None:
        fd = link.sock.fileno()
        if fd >= 0:
            self._epoll.unregister(fd)
            self._links.pop(fd, None)
            link.sock.close()
        if self._by_peer.get(link.peer) is link:
            del self._by_peer[link.peer]
