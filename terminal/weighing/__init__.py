"""Weighing: sample checks, zero, settling estimator, centre of pressure, axles, diagnostics."""

from terminal.weighing.params import WeighParams
from terminal.weighing.pipeline import Pipeline
from terminal.weighing.trace import TraceError, weigh_trace

__all__ = ["Pipeline", "TraceError", "WeighParams", "weigh_trace"]
