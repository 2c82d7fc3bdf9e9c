"""The process `plant`: the simulated yard at the speed of the real clock.

Makes the world file, writes one JSON line per finished truck to plant.jsonl in the runtime
folder, and ends by itself (exit 0) some seconds after the last truck wanted.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TextIO

from hal.contract.types import NS_PER_S, ClockQuality, MonotonicNs
from hal.sim.scripts import SCRIPTS
from hal.sim.traffic import Finished
from hal.sim.world import World
from hal.sim.world_shared import SharedWorld
from hal.sim.yard import Yard
from terminal.link import Hub
from terminal.node import StopFlag, run_node
from terminal.plant.node import Peer, PlantNode

FINISHED_FILE = "plant.jsonl"
LINGER_S = 6
"""Seconds the world goes on after the last truck, so that its record reaches the county."""


class _Clock:
    """CLOCK_MONOTONIC, with the wall clock nobody here asks for."""

    def monotonic_ns(self) -> MonotonicNs:
        """Now."""
        return MonotonicNs(time.monotonic_ns())

    def wall_ns(self) -> int:
        """Nanoseconds since 1970."""
        return time.time_ns()

    def quality(self) -> ClockQuality:
        """Nobody vouches for it."""
        return ClockQuality.UNKNOWN


class _StopOrDone:
    """Set when told to stop, or LINGER_S after the node is done."""

    def __init__(self, stop: StopFlag, node: PlantNode) -> None:
        self._stop = stop
        self._node = node

    def is_set(self) -> bool:
        """Whether to end now."""
        done_ns = self._node.done_ns
        if done_ns is not None and time.monotonic_ns() - done_ns >= LINGER_S * NS_PER_S:
            return True
        return self._stop.is_set()


def finished_line(finished: Finished) -> str:
    """One finished truck as a line of plant.jsonl."""
    plan = finished.plan
    return json.dumps(
        {
            "name": plan.name,
            "plate": plan.plate,
            "axles": len(plan.axle_x_mm),
            "mass_kg": plan.mass_kg,
            "what": finished.what,
            "pushed": finished.pushed,
            "deck_s": finished.deck_ms / 1_000,
        },
        ensure_ascii=False,
    )


def run(  # noqa: PLR0913 - each is a fact of the simulated yard
    shared_path: Path,
    runtime_dir: Path,
    script: str,
    seed: int,
    lane_kind: str,
    barrier_kind: str,
    trucks: int,
    stop: StopFlag,
    peers: Callable[[Callable[[], World]], Sequence[Peer]] | None = None,
) -> int:
    """Run the yard until stopped or done; returns the exit status. Raises OSError for folders.

    script: a name of hal.sim.scripts.SCRIPTS. trucks: 0 goes on for ever. peers: makes the
    devices behind serial lines that this world feeds, before the world is there: others take
    its file for a sign that it moves.
    """
    worlds: list[World] = []
    made = peers(lambda: worlds[0]) if peers is not None else ()
    world = SharedWorld(shared_path, create=True)
    worlds.append(world)
    yard = Yard(
        world, SCRIPTS[script], seed, lane_kind=lane_kind, barrier=barrier_kind, trucks=trucks
    )
    with (runtime_dir / FINISHED_FILE).open("w", encoding="utf-8") as lines:
        node = PlantNode(yard, lambda finished: _write(lines, finished), made)
        hub = Hub("plant", runtime_dir, simulated=True)
        run_node(node, hub, _Clock(), _StopOrDone(stop, node))
    return 0


def _write(lines: TextIO, finished: Finished) -> None:
    lines.write(finished_line(finished) + "\n")
    lines.flush()


def parser() -> argparse.ArgumentParser:
    """The arguments of this process."""
    made = argparse.ArgumentParser(prog="plant", description="The simulated yard of a demo run.")
    made.add_argument("--shared", type=Path, required=True, help="world file to make")
    made.add_argument("--runtime", type=Path, required=True, help="folder of sockets")
    made.add_argument("--script", choices=sorted(SCRIPTS), default="demo")
    made.add_argument("--seed", type=int, default=1)
    made.add_argument("--lane", choices=("exit-only", "double"), default="double")
    made.add_argument("--barrier", choices=("hold", "pulse"), default="hold")
    made.add_argument("--trucks", type=int, default=0, help="end after so many, 0: never")
    return made


def main(argv: Sequence[str] | None = None) -> int:
    """Entry of the process. SIGTERM and SIGINT end it cleanly."""
    options = parser().parse_args(argv)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: stop.set())
    return run(
        options.shared,
        options.runtime,
        options.script,
        options.seed,
        options.lane,
        options.barrier,
        options.trucks,
        stop,
    )


if __name__ == "__main__":
    sys.exit(main())
