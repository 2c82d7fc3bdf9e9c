"""Trace files and spoilt traces for the tests of traces."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np

from hal.sim import passage
from terminal.weighing.tracefile import Trace


def write(path: Path, made: passage.Passage, **changes: object) -> Path:
    arrays: dict[str, object] = {
        "t": made.t,
        "counts": made.counts,
        "beam_entry": made.beam_entry,
        "beam_exit": made.beam_exit,
        "meta": json.dumps(made.meta),
    }
    arrays.update(changes)
    kept = {name: np.asarray(value) for name, value in arrays.items() if value is not None}
    np.savez(path, **kept)
    return path


def rows(trace: Trace, index: np.ndarray) -> Trace:
    return dataclasses.replace(
        trace,
        t=trace.t[index],
        counts=trace.counts[index],
        beam_entry=trace.beam_entry[index],
        beam_exit=trace.beam_exit[index],
    )
