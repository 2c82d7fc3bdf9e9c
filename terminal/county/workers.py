"""Keeps N worker processes serving one address: starts them, starts them again, ends them.

It touches no request. A worker that dies loses what it had not answered, and nothing it had;
the kernel gives its senders to the others until it is back.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from terminal.county.say import say
from terminal.county.server import CountyOptions, around_all
from terminal.county.sharding import Place
from terminal.county.tally import Tally, shared_memory
from terminal.county.worker import READY, pack

START_S_MAX = 60.0
STOP_S_MAX = 30.0
RESTART_S = 1.0
"""A worker that dies again and again is started at most this often."""


@dataclass
class Workers:
    """The running workers and the memory in which each counts, also the ones that it follows."""

    options: CountyOptions
    places: tuple[Place, ...]
    memories: tuple[int, ...]
    processes: dict[int, asyncio.subprocess.Process] = field(default_factory=dict)
    restarts: int = 0
    stopping: bool = False

    def __post_init__(self) -> None:
        """The memory stays ours to read after its descriptors are closed."""
        self._tallies = [Tally(memory) for memory in self.memories]

    async def start(self, place: Place) -> asyncio.subprocess.Process:
        """Start one and wait until it serves. Raises OSError with its reason."""
        memory = self.memories[place.index]
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "terminal.county.worker", str(memory), pass_fds=(memory,),
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert process.stdin is not None
        assert process.stdout is not None
        self.processes[place.index] = process
        process.stdin.write(f"{pack(self.options, place)}\n".encode())
        try:
            line = await asyncio.wait_for(process.stdout.readline(), START_S_MAX)
        except TimeoutError as error:
            process.kill()
            words = f"worker {place.index} was not ready within {START_S_MAX:.0f} s"
            raise OSError(f"{words}; is this machine overloaded, or the store locked?") from error
        said = line.decode().strip()
        if said != READY:
            raise OSError(said or f"worker {place.index} ended while starting")
        return process

    def counts(self) -> list[int]:
        """Received, repeated, refused by all that ran, however they ended."""
        return [sum(kind) for kind in zip(*(one.counts() for one in self._tallies), strict=True)]

    def told_to_stop(self) -> bool:
        """Whether stop() was called; it may be while this one waits."""
        return self.stopping

    async def keep(self, place: Place, process: asyncio.subprocess.Process) -> None:
        """Start one again whenever it ends, until told to stop."""
        while True:
            assert process.stdout is not None
            await process.stdout.read()
            code = await process.wait()
            if self.stopping:
                return
            while not self.told_to_stop():
                say(f"Worker {place.index} ended ({code}) and is started again.", sys.stderr)
                self.restarts += 1
                await asyncio.sleep(RESTART_S)
                if self.told_to_stop():
                    return
                try:
                    process = await self.start(place)
                    if self.told_to_stop():  # it came up after all the others were told
                        process.terminate()
                    break
                except (OSError, TimeoutError) as error:
                    say(f"Worker {place.index} does not start: {error}", sys.stderr)

    async def stop(self, keepers: list[asyncio.Task[None]]) -> None:
        """Let all finish what they have begun; kill those that do not."""
        self.stopping = True
        for process in self.processes.values():
            if process.returncode is None:
                process.terminate()
        _done, late = await asyncio.wait(keepers, timeout=STOP_S_MAX)
        for process in self.processes.values():
            if late and process.returncode is None:
                process.kill()
        for task in late:
            task.cancel()
        await asyncio.gather(*keepers, return_exceptions=True)


@contextlib.asynccontextmanager
async def running_workers(options: CountyOptions, count: int) -> AsyncIterator[Workers]:
    """`count` workers that serve while the block runs. Raises OSError, sqlite3.Error at start."""
    with contextlib.ExitStack() as reserved:
        ports = tuple(_reserve(reserved) for _ in range(count))
        memories = tuple(_memory(reserved, index) for index in range(count))
        places = tuple(Place(index, ports) for index in range(count))
        workers = Workers(options, places, memories)
        async with around_all(options), _kept(workers):
            yield workers


@contextlib.asynccontextmanager
async def _kept(workers: Workers) -> AsyncIterator[None]:
    keepers: list[asyncio.Task[None]] = []
    try:
        for place in workers.places:
            process = await workers.start(place)
            keepers.append(asyncio.create_task(workers.keep(place, process)))
        yield
    finally:
        if keepers:
            await workers.stop(keepers)
        for process in workers.processes.values():
            if process.returncode is None:
                process.kill()
                await process.wait()


def _memory(reserved: contextlib.ExitStack, index: int) -> int:
    """What one worker after the other counts in."""
    memory = shared_memory(f"county-worker-{index}")
    reserved.callback(os.close, memory)
    return memory


def _reserve(reserved: contextlib.ExitStack) -> int:
    """A free port of loopback that a worker can take, and take again, while we hold it."""
    holder = reserved.enter_context(socket.socket(socket.AF_INET, socket.SOCK_STREAM))
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    holder.bind(("127.0.0.1", 0))
    return int(holder.getsockname()[1])
