"""Publishes every accepted record to NATS JetStream, so that other systems need not ask us.

What is owed is written in the transaction that stores the record and struck out after the
stream's acknowledgement: an outage of NATS loses nothing and holds nobody up. The message ID is
the record's id, so a repeat within the stream's window is dropped by the stream. It must never
change a record, and never let a terminal wait.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import re
import sqlite3
from collections.abc import AsyncIterator, Callable
from typing import Any

from terminal.county.store import Owed, Store

OFF = "off"
STREAM = "WEIGH"
SUBJECTS = "weigh.records.>"
WINDOW_S = 3_600
"""How long a stream that we make remembers message IDs. Longer costs the server memory."""
BATCH_MAX = 256
POLL_S = 0.5
ACK_S_MAX = 10.0
CONNECT_S_MAX = 10.0
RETRY_S_MIN, RETRY_S_MAX = 1.0, 30.0
NOT_A_TOKEN = re.compile(r"[\s.*>\x00-\x1f]+")
_LOG = logging.getLogger("county-publish")


class PublishError(OSError):
    """Cannot publish. str() says why and what to do."""


def subject_of(owed: Owed) -> str:
    """`weigh.records.<kind>.<source unit>.<terminal>`, each made one token."""
    tokens = (NOT_A_TOKEN.sub("_", part) or "_" for part in (owed.kind, owed.unit, owed.terminal))
    return f"weigh.records.{'.'.join(tokens)}"


def require_nats() -> None:
    """Raise PublishError when the client library is not installed."""
    try:
        import nats  # noqa: F401
    except ImportError as error:
        raise PublishError(
            "nats-py is not installed: pip install 'weigh-terminal[nats]', or leave out --publish"
        ) from error


class Publisher:
    """Empties what the store owes into the stream, for ever."""

    def __init__(self, url: str, store: Store) -> None:
        """store: a connection of its own; its deletions need no sync of the disk."""
        self._url = url
        self._store = store
        self._client: Any = None
        self.published = 0
        self.repeated = 0
        self.trouble = ""

    async def run(self) -> None:
        """Until cancelled. A fault is told once and tried again, ever more slowly."""
        wait_s = RETRY_S_MIN
        while True:
            try:
                await self._connect()
                while await self._some() == BATCH_MAX:
                    pass  # there is more; else let a batch gather, and the store be
                wait_s = RETRY_S_MIN
                self._say("")
                await asyncio.sleep(POLL_S)
            except asyncio.CancelledError:
                raise
            except _faults() as error:
                self._say(f"{type(error).__name__}: {error}")
                await asyncio.sleep(wait_s)
                wait_s = min(wait_s * 2, RETRY_S_MAX)

    async def _connect(self) -> None:
        import nats
        from nats.js.api import StreamConfig
        from nats.js.errors import NotFoundError

        if self._client is not None and self._client.is_connected:
            return
        await self.close()

        heard: list[Exception] = []

        async def hear(error: Exception) -> None:
            """Every fault comes back from the call that met it, but for those of connecting."""
            heard[:] = [error]

        try:  # the library tries a server that refuses for two minutes, and tells nobody
            self._client = await asyncio.wait_for(
                nats.connect(
                    self._url, allow_reconnect=False, connect_timeout=ACK_S_MAX, error_cb=hear
                ),
                CONNECT_S_MAX,
            )
        except TimeoutError as error:
            raise (heard or [OSError(f"no answer in {CONNECT_S_MAX:.0f} s")])[0] from error
        stream = self._client.jetstream()
        try:
            await stream.stream_info(STREAM)
        except NotFoundError:
            config = StreamConfig(STREAM, subjects=[SUBJECTS], duplicate_window=WINDOW_S)
            await stream.add_stream(config)

    async def _some(self) -> int:
        """Publish the oldest that are owed; how many that were."""
        owed = await asyncio.to_thread(self._store.owed, BATCH_MAX)
        stream = self._client.jetstream()
        answers = await asyncio.gather(
            *(
                stream.publish(
                    subject_of(one), one.signed, ACK_S_MAX, STREAM, {"Nats-Msg-Id": one.record_id}
                )
                for one in owed
            ),
            return_exceptions=True,
        )
        done = [one for one, answer in zip(owed, answers, strict=True)
                if not isinstance(answer, BaseException)]  # fmt: skip
        if done:
            await asyncio.to_thread(self._strike_out, done)
        self.published += len(done)
        self.repeated += sum(bool(getattr(answer, "duplicate", False)) for answer in answers)
        for answer in answers:
            if isinstance(answer, BaseException):
                raise answer
        return len(owed)

    def _strike_out(self, done: list[Owed]) -> None:
        self._store.published(done)
        self._store.commit()

    def _say(self, trouble: str) -> None:
        if trouble != self.trouble:
            place = self._url.rpartition("@")[2].rpartition("/")[2]
            away = f"NATS at {place} does not take records ({trouble}); they stay owed in the store"
            _LOG.warning("%s", away if trouble else f"NATS at {place} takes records again")
        self.trouble = trouble

    async def close(self) -> None:
        """Leave the server."""
        if self._client is not None:
            with contextlib.suppress(*_faults()):
                await self._client.close()
            self._client = None


@functools.cache
def _faults() -> tuple[type[Exception], ...]:
    """What a broken connection raises; the library is loaded only where it is used."""
    from nats.errors import Error

    return (Error, OSError, TimeoutError, sqlite3.Error)


def decide(wanted: str | None, open_store: Callable[[], Store]) -> None:
    """Tell the store what --publish says, before anybody writes to it. Makes the tables, too.

    wanted: an address; "off" to owe nothing any more; None to leave it as it was.
    """
    if wanted not in (None, OFF):
        require_nats()
    store = open_store()
    try:
        if wanted is not None:
            store.publish_from_now(wanted != OFF)
    finally:
        store.close()


@contextlib.asynccontextmanager
async def publishing(
    url: str | None, open_store: Callable[[], Store]
) -> AsyncIterator[Publisher | None]:
    """A publisher that works while the block runs, where one is wanted."""
    if url in (None, OFF):
        yield None
        return
    store = open_store()
    publisher = Publisher(str(url), store)
    task = asyncio.create_task(publisher.run())
    try:
        yield publisher
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await publisher.close()
        store.close()
