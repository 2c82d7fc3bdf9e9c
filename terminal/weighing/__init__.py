"""Weighing: sample checks, zero, settling estimator, centre of pressure, axles, diagnostics."""

from terminal.weighing.params import WeighParams
from terminal.weighing.pipeline import Pipeline
from terminal.weighing.trace import weigh_trace
from terminal.weighing.tracemeta import TraceError

__all__ = ["Pipeline", "TraceError", "WeighParams", "weigh_trace"]
