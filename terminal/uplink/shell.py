"""The uplink process: links, timer and CoAP exchanges in one asyncio loop around the node.

It moves bytes and nothing else: what to send, when, and what an answer means is the node's.
A photo's file is read in a worker thread, bounded; everything waited for has a deadline.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Protocol

from hal.contract.devices import Clock
from hal.contract.types import NS_PER_S
from terminal.config import Loaded
from terminal.link import Hub, LinkEvent, Received
from terminal.messages import Message, Snapshot
from terminal.node import Send, StopFlag, Tick, deliver
from terminal.notify import Notifier
from terminal.uplink.exchange import Adapter, Question, Request, Transport, WireReply
from terminal.uplink.node import UplinkNode, wire_of
from terminal.uplink.resources import Resources, serving
from terminal.uplink.ways import TargetWay

PHOTO_BYTES_MAX = 512 * 1024
"""The platform profile's largest body; a bigger file is set aside and shown."""
QUESTION_S_MAX = 20.0
DEADLINE_SLACK_S = 5.0
"""A transport that outlives its own deadline by this much is cut off."""


class PhotoUnreadableError(Exception):
    """A photo that the outbox names cannot be sent as it lies on disk. str() says why."""


class Outbound(Protocol):
    """Where effects go: the Hub, or a list in tests."""

    def send(self, peer: str, message: Message) -> bool:
        """Send without waiting."""


class Carrier:
    """Starts the node's requests as tasks and brings their answers back."""

    def __init__(
        self,
        node: UplinkNode,
        transports: dict[str, Transport],
        outbound: Outbound,
        clock: Clock,
    ) -> None:
        """transports: by target name."""
        self._node = node
        self._transports = transports
        self._outbound = outbound
        self._clock = clock
        self._tasks: set[asyncio.Task[None]] = set()
        self.failure: BaseException | None = None

    def launch(self) -> None:
        """Start whatever is due now."""
        for request, adapter in self._node.take(self._clock.monotonic_ns()):
            self.start(self._carry(request, adapter))

        for question in self._node.questions(self._clock.monotonic_ns()):
            self.start(self._ask(question))

    def start(self, work: Coroutine[None, None, None]) -> None:
        """Run something beside the rest; what it dies of, we die of."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    async def _ask(self, question: Question) -> None:
        way = self._transports[question.target]
        try:
            reply = await asyncio.wait_for(way.ask(question.wire), QUESTION_S_MAX)
        except TimeoutError:
            reply = WireReply("", b"", f"no answer within {QUESTION_S_MAX:.0f} s", "")
        now_ns, wall_ns = self._clock.monotonic_ns(), self._clock.wall_ns()
        self.send(self._node.on_answer(question, reply, now_ns, wall_ns))

    def send(self, sends: Sequence[Send]) -> None:
        """Hand effects to the links."""
        for effect in sends:
            self._outbound.send(effect.peer, effect.message)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self.failure = task.exception()

    async def _carry(self, request: Request, adapter: Adapter) -> None:
        try:
            photo = await asyncio.to_thread(read_photo, request) if request.path else b""
        except PhotoUnreadableError as error:
            self.send(self._node.unreadable(request, str(error), self._clock.monotonic_ns()))
            return
        wire = wire_of(adapter, request, photo)
        limit_s = request.deadline_ms / 1_000 + DEADLINE_SLACK_S
        try:
            async with asyncio.timeout(limit_s):
                reply = await self._transports[request.target].send(request, wire)
        except TimeoutError:
            reply = WireReply("", b"", f"no answer within {limit_s:.0f} s", "")
        self.send(self._node.on_reply(request, reply, self._clock.monotonic_ns()))
        self.launch()

    async def close(self) -> None:
        """Cancel what is under way (it will be sent again) and close the transports."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for transport in self._transports.values():
            await transport.close()


def read_photo(request: Request) -> bytes:
    """Bytes of the photo's file. Raises PhotoUnreadableError when it cannot be sent as it is."""
    path = Path(request.path)
    try:
        size_bytes = path.stat().st_size
        if size_bytes > PHOTO_BYTES_MAX:
            raise PhotoUnreadableError(f"{path.name} has {size_bytes} bytes, over the limit")
        return path.read_bytes()
    except OSError as error:
        raise PhotoUnreadableError(f"{path.name} cannot be read: {error.strerror}") from error


def _resources(loaded: Loaded, version: str) -> Resources:
    return Resources(
        {
            "terminal_id": loaded.config.site.terminal_id,
            "version": version,
            "config_sha256": loaded.sha256.hex(),
        }
    )


def _ways(
    loaded: Loaded, clock: Clock, link_is_up: Callable[[], bool] | None, site: Resources
) -> dict[str, TargetWay]:
    section = loaded.config.resources
    shown = site if section.enabled and section.to_platforms else None
    return {
        target.name: TargetWay(loaded, target, clock, link_is_up, shown)
        for target in loaded.config.targets
    }


def _node(loaded: Loaded, clock: Clock) -> UplinkNode:
    # Not for secrets: jitter between terminals.
    rng = random.Random(f"{loaded.config.site.terminal_id}/{clock.monotonic_ns()}")  # noqa: S311
    return UplinkNode(loaded.config.targets, rng, loaded.config.site.terminal_id)


def _show(site: Resources, events: Sequence[LinkEvent], now_ns: int) -> None:
    """Control's snapshots go to whoever looks; its link is read for nothing else."""
    for event in events:
        if isinstance(event, Received) and isinstance(event.message, Snapshot):
            site.keep(event.message)
    site.tick(now_ns)


def _renew(ways: dict[str, TargetWay], node: UplinkNode, carrier: Carrier, now_ns: int) -> None:
    """Keys that their county replaces: looked after beside everything else."""
    for name, way in ways.items():
        if way.renewal is not None:
            node.told_keys(name, way.renewal.note)
            way.renewal.hint(node.new_key(name))
            if way.renewal.due(now_ns):
                carrier.start(way.renewal.round(now_ns))


async def main_loop(
    loaded: Loaded,
    hub: Hub,
    clock: Clock,
    stop: StopFlag,
    link_is_up: Callable[[], bool] | None = None,
    version: str = "0",
) -> None:
    """Run the uplink until `stop`. link_is_up: the simulated network's plug, None when real.

    version: of the program, for `/software`.

    Raises whatever a carrying task died of: a bug ends the process, the supervisor restarts it
    and the ledger still has every item.
    """
    node = _node(loaded, clock)
    site = _resources(loaded, version)
    ways = _ways(loaded, clock, link_is_up, site)
    carrier = Carrier(node, {name: way.transport for name, way in ways.items()}, hub, clock)
    readable = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_reader(hub.fileno(), readable.set)
    notifier = Notifier()
    notifier.send("READY=1")
    was_up = True
    due_ns = int(clock.monotonic_ns())
    views = contextlib.AsyncExitStack()
    try:
        why = await views.enter_async_context(serving(loaded.config.resources, site))
        if why:
            logging.getLogger("uplink").error("%s", why)
        while not stop.is_set():
            if carrier.failure is not None:
                raise carrier.failure
            now_ns = clock.monotonic_ns()
            events = hub.poll(now_ns)
            _show(site, events, now_ns)
            deliver(node, hub, events, now_ns)
            if now_ns >= due_ns:
                deliver(node, hub, (Tick(),), now_ns)
                due_ns = max(due_ns + node.period_ns, now_ns)
                notifier.send("WATCHDOG=1")
                is_up = link_is_up is None or link_is_up()
                if is_up and not was_up:
                    carrier.send(node.network_changed(now_ns))
                was_up = is_up
            _renew(ways, node, carrier, now_ns)
            carrier.launch()
            readable.clear()
            wait_s = max(0, due_ns - clock.monotonic_ns()) / NS_PER_S
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(readable.wait(), wait_s)
    finally:
        notifier.close()
        loop.remove_reader(hub.fileno())
        await views.aclose()
        await carrier.close()
        node.close()
        hub.close()
