"""What a whole lane recorded, the trace command and a fresh live pipeline weigh alike.

The lane is the demo's: eight simulated converters at 80 SPS, the 10 ms tick, the whole terminal
under model time. The conversions its control process took are written down as a trace.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hal.contract.types import NS_PER_S, MonotonicNs, RawSample, Tri
from terminal import cli
from terminal.control.control import Control
from terminal.core.types import NEVER_NS, RecordDraft, Weighed, WeighFlag
from terminal.messages import CommitDraft, Message
from terminal.weighing import Pipeline
from terminal.weighing.params import WeighParams
from terminal.weighing.tracemeta import meta_text
from terminal.weighing.zero import ZeroState
from tests.sim.run import Sim, simulate

SEEDS = (96, 127)
"""Seeds that draw the demo's lane: eight cells, the real tick, no indicator."""
UNKNOWN_ZERO = ZeroState((), 0.0, NEVER_NS)
"""The trace finds its own, as the lane did."""
Fed = tuple[Sequence[RawSample], Tri, Tri, bool, MonotonicNs]


@dataclass
class Kept:
    """One run: what the pipeline was fed, tick by tick, and what became records."""

    params: WeighParams | None = None
    fed: list[Fed] = field(default_factory=list)
    drafts: dict[int, RecordDraft] = field(default_factory=dict)

    def listen(self, sim: Sim) -> None:
        """Before the start: a tap between converter and pipeline, and one on the links."""
        sim.weigher, heard = self._tap, sim.wires.heard

        def also(me: str, peer: str, message: Message) -> None:
            heard(me, peer, message)
            if isinstance(message, CommitDraft):
                self.drafts[message.draft.visit_id] = message.draft

        sim.wires.heard = also

    def _tap(self, control: Control) -> None:
        assert self.params is None, "without faults control starts once"
        self.params, feed = control.pipeline.params, control.pipeline.feed

        def tapped(*fed: Any) -> Weighed | None:
            self.fed.append(fed)
            return feed(*fed)

        control.pipeline.feed = tapped  # type: ignore[method-assign]

    def write(self, path: Path) -> None:
        """The conversions as a trace: one row a stamp, NaN where a cell has no conversion."""
        assert self.params is not None
        rows: dict[int, np.ndarray] = {}
        beams: dict[int, tuple[bool, bool]] = {}
        for samples, entry, leave, _, _ in self.fed:
            for sample in samples:
                row = rows.setdefault(sample.at_ns, np.full(self.params.cells, np.nan))
                row[sample.cell] = sample.counts
                beams[sample.at_ns] = (entry is Tri.YES, leave is Tri.YES)
        stamps = sorted(rows)
        entry_exit = np.array([beams[at] for at in stamps])
        np.savez(
            path,
            t=np.array(stamps) / NS_PER_S,
            counts=np.array([rows[at] for at in stamps]),
            beam_entry=entry_exit[:, 0],
            beam_exit=entry_exit[:, 1],
            meta=meta_text(self.params, UNKNOWN_ZERO, ()),
        )


def live(kept: Kept, zero_always: bool) -> tuple[list[Weighed], WeighFlag, Pipeline]:
    """The same ticks through a fresh pipeline: what it said while it held a mass, flags seen.

    zero_always: the zero may be followed at any time, as in a trace, which knows no lane.
    """
    assert kept.params is not None
    pipe = Pipeline(kept.params)
    held: list[Weighed] = []
    flags = WeighFlag(0)
    for samples, entry, leave, allowed, now_ns in kept.fed:
        weighed = pipe.feed(samples, entry, leave, allowed or zero_always, now_ns)
        if weighed is not None:
            flags |= weighed.flags
            if weighed.held_kg is not None:
                held.append(weighed)
    return held, flags, pipe


def masses(held: list[Weighed]) -> list[int]:
    """One mass a hold."""
    return list({w.held_since_ns: w.held_kg for w in held if w.held_kg is not None}.values())


@pytest.mark.parametrize("seed", SEEDS)
def test_record_trace_command_and_live_path_give_the_same_mass(seed: int, tmp_path: Path) -> None:
    kept = Kept()
    outcome = simulate(seed, trucks=1, faults=False, prepare=kept.listen)
    assert (outcome.violation, outcome.passages) == ("", 1)
    (draft,) = kept.drafts.values()

    path, out = tmp_path / "lane.npz", tmp_path / "out.json"
    kept.write(path)
    assert cli.main(["weigh-trace", str(path), "--json", str(out)]) == 0
    trace = json.loads(out.read_text())[str(path)]
    held, flags, pipe = live(kept, zero_always=True)
    assert masses(held) == [release["displayed_kg"] for release in trace["releases"]]
    axles = pipe.last_axles()
    assert axles is not None
    assert trace["axles"]["loads_kg"] == [round(kg, 1) for kg in axles[0]]
    assert trace["axles"]["spacing_m"] == [round(m, 3) for m in axles[1]]
    assert set(trace["flags"]) == {flag.name.lower() for flag in flags if flag.name}
    assert trace["counters"] == pipe.counters() | {"bad_stamp": 0}

    lane, lane_flags, _ = live(kept, zero_always=False)
    assert masses(lane) == masses(held) == [draft.gross_kg]
    assert draft.axles == len(axles[0])
    assert (draft.axles, draft.axle_loads_kg) in {(w.axles, w.axle_loads_kg) for w in lane}
    assert draft.weigh_flags == int(lane_flags) == int(flags)
