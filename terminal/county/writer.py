"""One thread that owns the store and commits many requests at once (group commit).

A commit costs one disk sync however many records it holds, so what arrives while a sync is
under way shares the next one. Work is handed to the thread a batch at a time: a hand-over for
each record would cost more than storing it. A caller gets its answer only after the commit. The
queue is bounded: a full one refuses with "busy" instead of growing.
"""

from __future__ import annotations

import asyncio
import logging
import queue
import sqlite3
import threading
from collections import deque
from collections.abc import Callable
from typing import TypeVar

from terminal.county.accept import Accepted
from terminal.county.problems import RefusedError
from terminal.county.store import Store, Stored

T = TypeVar("T")
_LOG = logging.getLogger("county-store")
QUEUE_MAX = 4_096
BATCH_MAX = 256
STORE_ERRORS: tuple[type[Exception], ...] = (sqlite3.Error, OSError)
"""Operating faults of a store; anything else is a bug and is raised to the caller as such."""


class _Job:
    """One piece of work, or one record, and the future its caller waits for."""

    __slots__ = ("error", "future", "record", "result", "work")

    def __init__(
        self,
        future: asyncio.Future[None],
        work: Callable[[Store], object] | None,
        record: tuple[Accepted, int] | None,
    ) -> None:
        self.future, self.work, self.record = future, work, record
        self.result: object = None
        self.error: Exception | None = None


class Writer:
    """Runs jobs on the store; every answer comes after its commit."""

    def __init__(self, open_store: Callable[[], Store]) -> None:
        """open_store: called here, so that a store that cannot be opened is told at once."""
        self._store = open_store()
        self._waiting: deque[_Job] = deque()
        self._batches: queue.SimpleQueue[list[_Job] | None] = queue.SimpleQueue()
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._run, name="county-writer", daemon=True)
        self._idle = asyncio.Event()
        self._idle.set()
        self.commits = 0
        self._trouble = ""
        self._thread.start()

    async def do(self, work: Callable[[Store], T]) -> T:
        """Run work(store), commit, give its result. Raises RefusedError, also "busy"."""
        return await self._ask(work, None)  # type: ignore[return-value]  # what work(store) gave

    async def put_record(self, accepted: Accepted, arrived_ns: int) -> Stored:
        """Store one record together with what else is waiting. Raises RefusedError."""
        return await self._ask(None, (accepted, arrived_ns))  # type: ignore[return-value]

    async def _ask(
        self, work: Callable[[Store], object] | None, record: tuple[Accepted, int] | None
    ) -> object:
        if len(self._waiting) >= QUEUE_MAX:
            raise RefusedError("busy", f"{QUEUE_MAX} requests are waiting already")
        job = _Job(self._loop.create_future(), work, record)
        self._waiting.append(job)
        if self._idle.is_set():
            self._idle.clear()
            self._loop.call_soon(self._hand_over)
        # The job runs to its commit even if the peer loses interest in the answer.
        await job.future
        if job.error is not None:
            raise job.error
        return job.result

    def _hand_over(self) -> None:
        count = min(len(self._waiting), BATCH_MAX)
        if count:
            self._batches.put([self._waiting.popleft() for _ in range(count)])
        else:
            self._idle.set()

    def _run(self) -> None:
        while (batch := self._batches.get()) is not None:
            self._commit(batch)
            try:
                self._loop.call_soon_threadsafe(self._answer, batch)
            except RuntimeError:
                return  # the loop is gone; so are the callers

    def _commit(self, batch: list[_Job]) -> None:
        try:
            self._put_records([job for job in batch if job.record is not None])
            for job in batch:
                if job.work is not None:
                    self._do(job, job.work)
            self._store.commit()
            self.commits += 1
            self._say("")
        except STORE_ERRORS as error:
            self._say(str(error))
            self._store.rollback()
            for job in batch:
                job.error = RefusedError("storage", f"{type(error).__name__}: {error}")
        except Exception as bug:
            self._store.rollback()
            for job in batch:
                job.error = bug

    def _say(self, trouble: str) -> None:
        """A store that takes nothing is told once, and once when it is over."""
        if trouble != self._trouble:
            refused = f"the store takes nothing ({trouble}); terminals keep what they send"
            _LOG.error("%s", refused if trouble else "the store takes records again")
        self._trouble = trouble

    def _put_records(self, jobs: list[_Job]) -> None:
        records = [job.record for job in jobs if job.record is not None]
        answers = self._store.put_records(records) if records else []
        for job, answer in zip(jobs, answers, strict=True):
            if isinstance(answer, RefusedError):
                job.error = answer
            else:
                job.result = answer

    def _do(self, job: _Job, work: Callable[[Store], object]) -> None:
        try:
            job.result = work(self._store)
        except RefusedError as refusal:
            job.error = refusal

    def _answer(self, batch: list[_Job]) -> None:
        for job in batch:
            if not job.future.done():
                job.future.set_result(None)
        self._hand_over()

    async def close(self) -> None:
        """Finish what is waiting, then close the store."""
        await self._idle.wait()
        self._batches.put(None)
        await asyncio.to_thread(self._thread.join)
        self._store.close()
