"""Scores traces of the passage simulator the way the bars of the weighing are worded.

Pure arithmetic on results and truth; used by the bench and by the tests of the bars.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field

import numpy as np

from hal.sim.passage import Passage
from terminal.weighing.params import mpe_kg
from terminal.weighing.trace import TraceResult
from terminal.weighing.tracefile import Trace
from terminal.weighing.tracemeta import params_of_meta


def as_trace(passage: Passage) -> Trace:
    """The same checks as a file, without the file."""
    meta = json.loads(json.dumps(passage.meta))
    return Trace(
        t=passage.t,
        counts=passage.counts.astype(float),
        beam_entry=passage.beam_entry,
        beam_exit=passage.beam_exit,
        params=params_of_meta("trace", meta, passage.counts.shape[1]),
    )


@dataclass(slots=True)
class Score:
    """One trace. error_mpe: of the worst release; late_s: first release after the stop."""

    kind: str
    seed: int
    released: bool
    late_s: float
    error_kg: float
    error_mpe: float
    flags: tuple[str, ...]
    expected: str
    axles_right: bool | None = None
    single: list[float] = field(default_factory=list)
    group: list[float] = field(default_factory=list)
    spacing: list[float] = field(default_factory=list)
    cpu_s: float = 0.0

    @property
    def wrong(self) -> bool:
        """A mass off by more than twice the MPE was issued."""
        return self.released and self.error_mpe > 2.0

    @property
    def hit(self) -> bool:
        """The flag that the kind should raise was raised."""
        return self.expected in self.flags


def score(passage: Passage, seed: int, result: TraceResult) -> Score:
    """Compare one result with the truth of its passage."""
    truth = passage.mass_kg
    mpe = mpe_kg(truth, 20)
    releases = result["releases"]
    errors = [release["mass_kg"] - truth for release in releases]
    worst = max(errors, key=abs) if errors else float("nan")
    made = Score(
        kind=passage.kind,
        seed=seed,
        released=bool(releases),
        late_s=releases[0]["t"] - passage.stop_s if releases else float("nan"),
        error_kg=worst,
        error_mpe=abs(worst) / mpe,
        flags=tuple(result["flags"]),
        expected=passage.expected,
        cpu_s=result["cpu_s"],
    )
    axles = result["axles"]
    if axles is not None:
        made.axles_right = len(axles["loads_kg"]) == len(passage.loads_kg)
        if made.axles_right:
            true, found = np.asarray(passage.loads_kg), np.asarray(axles["loads_kg"])
            made.single = list(np.abs(found - true) / true)
            made.spacing = list(np.abs(np.asarray(axles["spacing_m"]) - passage.spacing_m))
            made.group = _group_errors(true, found, passage.spacing_m)
    elif passage.kind != "indicator":
        made.axles_right = False
    return made


def _group_errors(true: np.ndarray, found: np.ndarray, spacing: tuple[float, ...]) -> list[float]:
    groups, errors = [[0]], []
    for i, gap in enumerate(spacing):
        if gap < 2.2:
            groups[-1].append(i + 1)
        else:
            groups.append([i + 1])
    for group in groups:
        errors.append(abs(float(found[group].sum() / true[group].sum() - 1)))
    return errors
