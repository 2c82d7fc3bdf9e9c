"""Wiring of the weighing pipeline: the sealed calibration, the instrument's plate, the source."""

from __future__ import annotations

from dataclasses import replace

from hal.contract.types import DeviceAbsentError
from terminal.control.devices import LaneDevices
from terminal.core.types import WeightSource
from terminal.weighing.calibration import (
    Calibration,
    CalibrationError,
    from_text,
    simulated,
    weigh_params,
)
from terminal.weighing.params import WeighParams, alarm_only
from terminal.weighing.pipeline import Pipeline
from terminal.wiring.context import SIMULATED, Context

INDICATOR_HZ = 10.0
"""Frames a second that continuous indicators send at least."""
MM_PER_CM = 10


def pipeline(context: Context, devices: LaneDevices) -> Pipeline:
    """The pipeline of this lane. Raises DeviceAbsentError when no calibration can be used."""
    if devices.load_cell is None:
        return Pipeline(_indicator_params(context))
    config = context.config
    amplifier, weighing = config.amplifier, config.weighing
    info = devices.load_cell.describe()
    calibration = (
        _of_the_simulated_deck(amplifier.serial, amplifier.cells)
        if amplifier.kind == "sim" or (amplifier.kind == "mcu" and amplifier.port == SIMULATED)
        else _sealed(context, amplifier.serial)
    )
    positions = zip(amplifier.cell_x_cm, amplifier.cell_y_cm, strict=False)
    params = weigh_params(
        calibration,
        max_kg=weighing.max_kg,
        e_kg=weighing.e_kg,
        occupied_kg=weighing.occupied_kg,
        beams=weighing.beams,
        rate_hz=info.rate_mhz / 1_000.0,
        deck_length_mm=weighing.deck_length_cm * MM_PER_CM,
        cell_positions_mm=[(x * MM_PER_CM, y * MM_PER_CM) for x, y in positions],
    )
    return Pipeline(replace(params, alarm_only=alarm_only(glitch_blocks=weighing.glitch_blocks)))


def _of_the_simulated_deck(serial: str, cells: int) -> Calibration:
    """What a calibration of the simulated deck would have found, its dead load included."""
    from hal.sim.deck import DeckParams

    exact = simulated(serial, cells)
    dead_counts = DeckParams().dead_kg * exact.counts_per_kg()[0]
    return simulated(serial, cells, zero_counts=dead_counts)


def _sealed(context: Context, serial: str) -> Calibration:
    path = context.loaded.path(context.config.amplifier.calibration)
    try:
        return from_text(path.read_text(encoding="utf-8"), serial)
    except OSError as error:
        raise DeviceAbsentError(
            "calibration",
            f"{path.name} cannot be read ({error.strerror})",
            "Calibrate the deck with `weigh-terminal calibrate`, or put the sealed file back",
        ) from error
    except CalibrationError as error:
        raise DeviceAbsentError(
            "calibration", str(error), "A scale without its own calibration must not weigh"
        ) from error


def _indicator_params(context: Context) -> WeighParams:
    weighing = context.config.weighing
    return WeighParams(
        max_kg=weighing.max_kg,
        e_kg=weighing.e_kg,
        occupied_kg=weighing.occupied_kg,
        cells=0,
        rate_hz=INDICATOR_HZ,
        full_scale=0,
        cell_x_mm=(),
        cell_y_mm=(),
        kg_per_count=(),
        zero_counts=(),
        cell_cap_kg=0,
        beams=weighing.beams,
        deck_length_mm=weighing.deck_length_cm * MM_PER_CM,
        source=WeightSource.INDICATOR,
    )
