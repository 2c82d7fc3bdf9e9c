"""python -m tests.replay.record [NAME]: the golden traces, each from a seed.

A trace is what the flight recorder of a simulated run was sent, compressed, or a random passage
of the model as it would have been sent. A trace from the field goes beside it as it is: `xz` on a
file of the ledger's flight folder.
"""

from __future__ import annotations

import lzma
import sys
from pathlib import Path

from terminal.core.types import Inputs, Outputs
from terminal.core.visit import State
from terminal.frames import Keyframe, TickFrame, decide, encode_frame, state_digest
from terminal.ledger.flight import file_of
from terminal.messages import FlightFrame, Message
from tests.model.passages import Passage, Tally
from tests.sim.run import Sim, simulate

TRACES = Path(__file__).parent / "traces"
GOLDEN = {"passed": 5, "overloaded": 1, "troubled": 4}
"""Seed of each trace. To be recorded anew only with a change that is meant to decide otherwise."""
PASSAGES = {"left_keypad": ("nov25", 14_361)}
"""Seed and number of each passage. left_keypad: somebody left a page of the keypad open, and the
operator who typed what he always types never got to the page he meant."""


class Recorded(Passage):
    """A passage whose ticks are kept as the flight recorder keeps them."""

    def __init__(self, seed: str, number: int) -> None:
        super().__init__(seed, number, Tally())
        self.frames: list[bytes] = []
        self._after: State | None = None

    def _step(self, inputs: Inputs) -> tuple[State, Outputs]:
        if self.state is not self._after:
            self.frames.append(encode_frame(Keyframe("start", self.params, self.state)))
        self._after, outputs = super()._step(inputs)
        decided = decide(self._after, outputs)
        tick = TickFrame(inputs, decided, state_digest(self._after), 0)
        self.frames.append(encode_frame(tick))
        return self._after, outputs


def record_passage(seed: str, number: int) -> tuple[str, list[bytes]]:
    """What was wrong with the passage, or empty, and its frames."""
    passage = Recorded(seed, number)
    return passage.run(), passage.frames


def record(seed: int, *, faults: bool = True) -> tuple[str, list[bytes]]:
    """What was wrong with one run, or empty, and the frames its flight recorder was sent."""
    frames: list[bytes] = []

    def listen(sim: Sim) -> None:
        heard = sim.wires.heard

        def also(me: str, peer: str, message: Message) -> None:
            heard(me, peer, message)
            if isinstance(message, FlightFrame):
                frames.append(message.frame)

        sim.wires.heard = also

    return simulate(seed, faults=faults, prepare=listen).violation, frames


def main() -> int:
    bad = 0
    for name in sys.argv[1:] or (*GOLDEN, *PASSAGES):
        wrong, frames = record(GOLDEN[name]) if name in GOLDEN else record_passage(*PASSAGES[name])
        wire = lzma.compress(file_of(frames), preset=9)
        path = TRACES / f"{name}.xz"
        path.write_bytes(wire)
        print(f"{path}: {len(frames)} frames, {len(wire)} bytes, {wrong or 'no violation'}")
        bad += bool(wrong)
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())
