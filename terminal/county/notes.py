"""Refusals that no CoAP answer of ours carries: a key that is unknown, old, or held by nobody.

They come before anything of a message can be believed, so a stranger may send any number: they
are counted together and written down at most once a second, and the kinds are few.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

KEY_UNKNOWN, KEY_RETIRED, KEY_WRONG = "key-unknown", "key-retired", "key-wrong"
KEY_REPLAY, KEY_BROKEN = "key-replay", "key-broken"
WRITE_S = 1.0
KEPT_MAX = 1_000
"""Different (kind, terminal) between two writes; more are left uncounted."""

Write = Callable[[str, str, str, int], Awaitable[None]]
"""(kind, terminal, detail, how many)."""


class Notes:
    """What is to be written down."""

    def __init__(self) -> None:
        """Nothing yet; write() comes with `into`."""
        self._kept: dict[tuple[str, str], tuple[int, str]] = {}
        self._write: Write | None = None
        self._task: asyncio.Task[None] | None = None

    def into(self, write: Write) -> None:
        """Where they go. Until this is said they are kept."""
        self._write = write

    def put(self, kind: str, who: str, detail: str) -> None:
        """One more. who: the terminal that the key belongs to, empty for nobody's."""
        if (kind, who) in self._kept or len(self._kept) < KEPT_MAX:
            count, _ = self._kept.get((kind, who), (0, ""))
            self._kept[kind, who] = (count + 1, detail)
        if self._write is not None and (self._task is None or self._task.done()):
            self._task = asyncio.get_running_loop().create_task(self._later())

    async def _later(self) -> None:
        await asyncio.sleep(WRITE_S)
        await self.flush()

    async def flush(self) -> None:
        """Write down what is kept."""
        kept, self._kept = self._kept, {}
        assert self._write is not None, "nothing is put before it is known where it goes"
        for (kind, who), (count, detail) in kept.items():
            await self._write(kind, who, detail, count)

    async def close(self) -> None:
        """Write what is left."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self._write is not None:
            await self.flush()
