"""Real load-cell recordings of a bridge: noise, drift, loads of up to 2.1 t, never a truck."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest

from terminal.core.types import WeighFlag
from terminal.weighing.params import WeighParams
from terminal.weighing.trace import replay
from terminal.weighing.tracefile import Trace
from terminal.weighing.tracemeta import OCCUPIED_KG

FOLDER = Path(__file__).resolve().parents[3].parent / "shared" / "data" / "weight" / "munich_bridge"
KG_PER_KN = 1_000.0 / 9.80665
KG_PER_COUNT = 0.01
FILES = (
    "ReferenceStateForceAt100Hz.csv.zip",
    "UniBw_2022-04-11_ref_support_load_01ForceAt100Hz.csv.zip",
)
BLOCK_ROWS = 6_000


def forces_kg(name: str) -> np.ndarray:
    """Rows x 2 cells in kg, 100 Hz by index: the stamps of the file advance in uneven blocks."""
    path = FOLDER / name
    if not path.exists():
        pytest.skip(f"{path} is not there: put the shared data beside the repository to run this")
    with zipfile.ZipFile(path) as outer:
        text = outer.read(outer.namelist()[0]).decode()
    rows = np.genfromtxt(io.StringIO(text), delimiter=",", skip_header=1, usecols=(1, 2))
    return np.asarray(rows) * KG_PER_KN


def as_empty_deck(block: np.ndarray) -> Trace:
    """The bridge's dead load is the deck's: zero is what the first seconds read."""
    counts = np.round(block / KG_PER_COUNT)
    zero = tuple(float(v) for v in np.median(counts[:100], axis=0))
    params = WeighParams(
        max_kg=60_000,
        e_kg=20,
        occupied_kg=OCCUPIED_KG,
        cells=2,
        rate_hz=100.0,
        full_scale=2**31 - 1,
        cell_x_mm=(0, 15_000),
        cell_y_mm=(0, 0),
        kg_per_count=(KG_PER_COUNT,) * 2,
        zero_counts=zero,
        cell_cap_kg=50_000,
        beams=False,
        deck_length_mm=15_000,
    )
    clear = np.zeros(len(block), bool)
    return Trace(np.arange(len(block)) / 100.0, counts, clear, clear, params)


@pytest.mark.parametrize("name", FILES)
def test_no_false_vehicle(name: str) -> None:
    forces = forces_kg(name)
    blocks = range(0, len(forces) - BLOCK_ROWS, 4 * BLOCK_ROWS)
    assert len(blocks) >= 2
    for first in blocks:
        result = replay(as_empty_deck(forces[first : first + BLOCK_ROWS]))
        assert result["releases"] == []
        seen = set(result["flags"])
        assert not seen & {str(flag.name).lower() for flag in VEHICLE_FLAGS}


VEHICLE_FLAGS = (
    WeighFlag.OVERLOAD,
    WeighFlag.NOT_FULLY_ON,
    WeighFlag.TWO_VEHICLES,
    WeighFlag.OFF_DECK_WHEEL,
    WeighFlag.EXTERNAL_SUPPORT,
    WeighFlag.LEFT_EARLY,
    WeighFlag.SATURATION,
    WeighFlag.CELL_FAULT,
)
