"""The calibration of one deck: span and zero of each cell, who it belongs to, and its seal.

A calibration is not configuration: it belongs to one front end by serial number, is sealed by
an event counter and a checksum, and a changed or foreign one is refused. Text in, text out:
whoever owns the file reads and writes it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256

from terminal.core.types import WeightSource
from terminal.weighing.params import WeighParams

FORMAT = 1
CELLS_MAX = 8
RAIL_24_BIT = 8_388_607


class CalibrationError(Exception):
    """The calibration cannot be used; str() is one sentence saying why and what to do."""


@dataclass(frozen=True, slots=True)
class Point:
    """One calibration load: the test mass and the sum the cells gave for it, zero removed."""

    load_kg: int
    shown_kg: float


@dataclass(frozen=True, slots=True)
class Calibration:
    """Span and zero of every cell of one device.

    serial: of the front end. kg_per_count, zero_counts: one entry a cell. points: the loads it
    rests on. sealed_count: how often this deck has been calibrated; it never goes back.
    """

    serial: str
    full_scale: int
    kg_per_count: tuple[float, ...]
    zero_counts: tuple[float, ...]
    cell_cap_kg: int
    points: tuple[Point, ...] = ()
    sealed_count: int = 0

    @property
    def cells(self) -> int:
        """How many load cells it covers."""
        return len(self.kg_per_count)

    def counts_per_kg(self) -> tuple[float, ...]:
        """Sensitivity of each cell in its channel, counts a kilogram."""
        return tuple(1.0 / span for span in self.kg_per_count)


def sensitivity_counts_per_kg(mv_per_v: float, capacity_kg: int, gain: int) -> float:
    """Counts a kilogram of a ratiometric 24 bit bridge converter (NAU7802, HX711).

    Its range is half the excitation either way, divided by the gain.
    """
    return mv_per_v / 1_000.0 / capacity_kg * 2.0 * gain * (RAIL_24_BIT + 1)


def simulated(serial: str, cells: int = 8, zero_counts: float = 0.0) -> Calibration:
    """Calibration of the simulated deck: 30 t cells, 2 mV/V, NAU7802 at gain 128."""
    assert 1 <= cells <= CELLS_MAX
    span = 1.0 / sensitivity_counts_per_kg(2.0, 30_000, 128)
    return Calibration(
        serial, RAIL_24_BIT, (span,) * cells, (zero_counts,) * cells, cell_cap_kg=30_000
    )


def to_text(calibration: Calibration) -> str:
    """JSON with a checksum over the rest; from_text() takes it back unchanged."""
    body = {"format": FORMAT, **asdict(calibration)}
    return json.dumps({**body, "sha256": _digest(body)}, indent=1, sort_keys=True) + "\n"


def from_text(text: str, serial: str) -> Calibration:
    """Read a calibration and refuse one that is damaged, implausible or of another device."""
    calibration = read_any(text)
    if calibration.serial != serial:
        raise CalibrationError(
            f"The calibration belongs to device {calibration.serial}, but {serial} is connected; "
            "calibrate this device or put the right file in place."
        )
    check(calibration)
    return calibration


def read_any(text: str) -> Calibration:
    """Read a calibration of whatever device; refuse a damaged one."""
    try:
        body = json.loads(text)
    except ValueError as error:
        raise CalibrationError(
            f"The calibration is not JSON ({error}); restore it from the sealed copy."
        ) from None
    if not isinstance(body, dict) or body.get("format") != FORMAT:
        raise CalibrationError("The calibration has an unknown format; calibrate the deck again.")
    if body.pop("sha256", "") != _digest(body):
        raise CalibrationError(
            "The calibration was changed after it was sealed; restore the sealed copy."
        )
    body.pop("format")
    try:
        points = tuple(Point(int(p["load_kg"]), float(p["shown_kg"])) for p in body["points"])
        return Calibration(
            serial=str(body["serial"]),
            full_scale=int(body["full_scale"]),
            kg_per_count=tuple(float(v) for v in body["kg_per_count"]),
            zero_counts=tuple(float(v) for v in body["zero_counts"]),
            cell_cap_kg=int(body["cell_cap_kg"]),
            points=points,
            sealed_count=int(body["sealed_count"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise CalibrationError(
            f"The calibration lacks or garbles a field ({error}); calibrate the deck again."
        ) from None


def check(calibration: Calibration) -> None:
    """Plausibility: counts of entries, ranges, spans of one sign and within a factor of two."""
    problem = ""
    spans = calibration.kg_per_count
    if not 1 <= len(spans) <= CELLS_MAX or len(spans) != len(calibration.zero_counts):
        problem = "it does not have one span and one zero for each of 1 to 8 cells"
    elif calibration.full_scale <= 0 or calibration.cell_cap_kg <= 0:
        problem = "full scale and cell capacity must be positive"
    elif not all(0.0 < span < calibration.cell_cap_kg for span in spans):
        problem = "a span is zero, negative or beyond the cell's capacity"
    elif max(spans) > 2.0 * min(spans):
        problem = "the spans of the cells differ by more than a factor of two"
    elif not all(abs(zero) < 0.9 * calibration.full_scale for zero in calibration.zero_counts):
        problem = "a zero lies at the converter's rail"
    if problem:
        raise CalibrationError(f"The calibration is not plausible: {problem}; calibrate again.")


def weigh_params(
    calibration: Calibration,
    *,
    max_kg: int,
    e_kg: int,
    occupied_kg: int,
    beams: bool,
    rate_hz: float,
    deck_length_mm: int,
    cell_positions_mm: Sequence[tuple[int, int]],
) -> WeighParams:
    """Parameters of the live pipeline: the sealed calibration plus the instrument's plate.

    cell_positions_mm: (x, y) of each cell, x from the entry edge.
    """
    if len(cell_positions_mm) < calibration.cells:
        raise CalibrationError(
            f"The configuration places {len(cell_positions_mm)} cells, the calibration has "
            f"{calibration.cells}; give every cell its position."
        )
    used = cell_positions_mm[: calibration.cells]
    return WeighParams(
        max_kg=max_kg,
        e_kg=e_kg,
        occupied_kg=occupied_kg,
        cells=calibration.cells,
        rate_hz=rate_hz,
        full_scale=calibration.full_scale,
        cell_x_mm=tuple(x for x, _ in used),
        cell_y_mm=tuple(y for _, y in used),
        kg_per_count=calibration.kg_per_count,
        zero_counts=calibration.zero_counts,
        cell_cap_kg=calibration.cell_cap_kg,
        beams=beams,
        deck_length_mm=deck_length_mm,
        source=WeightSource.AMPLIFIER,
        calibration=_digest({**asdict(calibration), "positions_mm": [*used]})[:16],
    )


def _digest(body: dict[str, object]) -> str:
    return sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
