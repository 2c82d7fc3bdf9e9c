"""python -m tests.replay.record SEED NAME: a golden trace from one seed of the simulation.

The trace is what the flight recorder of that run was sent, compressed. A trace from the field
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
    seed, name = int(sys.argv[1]), sys.argv[2]
    outcome, frames = record(seed)
    wire = lzma.compress(file_of(frames), preset=9)
    path = TRACES / f"{name}.xz"
    path.write_bytes(wire)
    print(f"{path}: {len(frames)} frames, {len(wire)} bytes, {outcome.violation or 'no violation'}")
    return int(bool(outcome.violation))


if __name__ == "__main__":
    sys.exit(main())
