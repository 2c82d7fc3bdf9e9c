"""python -m tests.replay.record [NAME]: the golden traces, each from a seed of the simulation.

A trace is what the flight recorder of that run was sent, compressed. A trace from the field
goes beside it as it is: `xz` on a file of the ledger's flight folder.
"""

from __future__ import annotations

import lzma
import sys
from pathlib import Path

from terminal.ledger.flight import file_of
from terminal.messages import FlightFrame, Message
from tests.sim.run import Outcome, Sim, simulate

TRACES = Path(__file__).parent / "traces"
GOLDEN = {"passed": 5, "overloaded": 1, "troubled": 4}
"""Seed of each trace. To be recorded anew only with a change that is meant to decide otherwise."""


def record(seed: int, *, faults: bool = True) -> tuple[Outcome, list[bytes]]:
    """One run and the frames its flight recorder was sent."""
    frames: list[bytes] = []

    def listen(sim: Sim) -> None:
        heard = sim.wires.heard

        def also(me: str, peer: str, message: Message) -> None:
            heard(me, peer, message)
            if isinstance(message, FlightFrame):
                frames.append(message.frame)

        sim.wires.heard = also

    return simulate(seed, faults=faults, prepare=listen), frames


def main() -> int:
    bad = 0
    for name in sys.argv[1:] or GOLDEN:
        outcome, frames = record(GOLDEN[name])
        wire = lzma.compress(file_of(frames), preset=9)
        path = TRACES / f"{name}.xz"
        path.write_bytes(wire)
        told = outcome.violation or "no violation"
        print(f"{path}: {len(frames)} frames, {len(wire)} bytes, {told}")
        bad += bool(outcome.violation)
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())
