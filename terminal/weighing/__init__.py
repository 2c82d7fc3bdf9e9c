"""Weighing: sample checks, zero, settling estimator, centre of pressure, axles, diagnostics."""

from terminal.weighing.params import WeighParams
from terminal.weighing.pipeline import Pipeline

__all__ = ["Pipeline", "WeighParams"]
