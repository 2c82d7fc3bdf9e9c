"""One thread that owns the store and commits many requests at once (group commit).

A commit costs one disk sync however many records it holds, so requests that arrive while a
sync is under way share the next one. A caller gets its answer only after the commit. The queue
is bounded: a full one refuses with "busy" instead of growing.
"""

from __future__ import annotations

import asyncio
import queue
import sqlite3
import threading
from collections.abc import Callable
from typing import TypeVar

from terminal.county.problems import RefusedError
from terminal.county.store import Store

T = TypeVar("T")
QUEUE_MAX = 4_096
BATCH_MAX = 256
STORE_ERRORS: tuple[type[Exception], ...] = (sqlite3.Error, OSError)
"""Operating faults of a store; anything else is a bug and is raised to the caller as such."""


class _Job:
    """One piece of work and the future its caller waits for."""

    def __init__(self, work: Callable[[Store], object]) -> None:
        self.work = work
        self.future: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        self.result: object = None
        self.error: Exception | None = None


class Writer:
    """Runs jobs on the store in order; every answer comes after its commit."""

    def __init__(self, open_store: Callable[[], Store]) -> None:
        """open_store: called here, so that a store that cannot be opened is told at once."""
        self._store = open_store()
        self._queue: queue.Queue[_Job | None] = queue.Queue(QUEUE_MAX)
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._run, name="county-writer", daemon=True)
        self.commits = 0
        self._thread.start()

    async def do(self, work: Callable[[Store], T]) -> T:
        """Run work(store), commit, give its result. Raises RefusedError, also "busy"."""
        job = _Job(work)
        try:
            self._queue.put_nowait(job)
        except queue.Full:
            raise RefusedError("busy", f"{QUEUE_MAX} requests are waiting already") from None
        # The job runs to its commit even if the peer loses interest in the answer.
        await asyncio.shield(job.future)
        if job.error is not None:
            raise job.error
        return job.result  # type: ignore[return-value]  # what work(store) gave

    def _run(self) -> None:
        while True:
            first = self._queue.get()
            batch = [first] if first is not None else []
            while first is not None and len(batch) < BATCH_MAX:
                try:
                    job = self._queue.get_nowait()
                except queue.Empty:
                    break
                if job is None:
                    first = None
                    break
                batch.append(job)
            self._commit(batch)
            if first is None:
                return

    def _commit(self, batch: list[_Job]) -> None:
        try:
            for job in batch:
                try:
                    job.result = job.work(self._store)
                except RefusedError as refusal:
                    job.error = refusal
            self._store.commit()
            self.commits += 1
        except STORE_ERRORS as error:
            self._store.rollback()
            for job in batch:
                job.error = RefusedError("storage", f"{type(error).__name__}: {error}")
        except Exception as bug:
            self._store.rollback()
            for job in batch:
                job.error = bug
        try:
            self._loop.call_soon_threadsafe(self._answer, batch)
        except RuntimeError:
            return  # the loop is gone; so are the callers

    def _answer(self, batch: list[_Job]) -> None:
        for job in batch:
            if not job.future.done():
                job.future.set_result(None)

    async def close(self) -> None:
        """Finish what is queued, then close the store."""
        await asyncio.to_thread(self._queue.put, None)
        await asyncio.to_thread(self._thread.join)
        self._store.close()
