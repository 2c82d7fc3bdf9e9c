"""What the weighing pipeline must know of deck, cells and instrument before the first sample.

Built once from the sealed calibration and the configuration (live) or from a trace's meta
block, so that both feed the very same pipeline. Holds no state and decides nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

from terminal.core.types import WeighFlag, WeightSource

OVER_DIVISIONS = 9
"""Nothing is shown above Max + 9 e (R 76 4.2.3)."""
UNDER_DIVISIONS = 20
"""Nothing is shown below -20 d (R 76 4.2.3)."""


LIMITS_KG = (
    *(4_500, 18_000, 25_000, 26_000, 27_000, 31_000, 32_000),
    *(35_000, 36_000, 37_000, 42_000, 43_000, 46_000, 49_000),
)
"""Gross limits of the enforcement table, air springs and light plates included: close to one, the
terminal holds longer. What only one vehicle's papers say (licence, missing tyres) is not known."""


ALARM_ONLY = WeighFlag.GLITCH | WeighFlag.DISTURBED | WeighFlag.LEFT_EARLY
"""Flags beside which a mass may be held; all others forbid it while they stand. What is held
beside DISTURBED or LEFT_EARLY the core does not trust (quality.BLOCKING_FLAGS)."""


def alarm_only(*, glitch_blocks: bool) -> WeighFlag:
    """ALARM_ONLY as configured: a site can only be stricter."""
    return ALARM_ONLY & ~WeighFlag.GLITCH if glitch_blocks else ALARM_ONLY


@dataclass(frozen=True, slots=True)
class WeighParams:
    """Deck, cells and instrument. Positions in mm from the entry edge and the left cell line.

    kg_per_count: span of each cell; zero_counts: its calibrated zero; cell_cap_kg: rated load
    of one cell. rate_hz: nominal conversions a second and cell. beams: light beams are wired.
    careful_kg: masses near which the settling must be surer. calibration: identity of the sealed
    calibration and the cells' places. For source INDICATOR only max_kg, e_kg, occupied_kg, rate_hz
    and beams matter.
    """

    max_kg: int
    e_kg: int
    occupied_kg: int
    cells: int
    rate_hz: float
    full_scale: int
    cell_x_mm: tuple[int, ...]
    cell_y_mm: tuple[int, ...]
    kg_per_count: tuple[float, ...]
    zero_counts: tuple[float, ...]
    cell_cap_kg: int
    beams: bool
    deck_length_mm: int
    source: WeightSource = WeightSource.AMPLIFIER
    careful_kg: tuple[int, ...] = LIMITS_KG
    alarm_only: WeighFlag = ALARM_ONLY
    calibration: str = ""

    def __post_init__(self) -> None:
        """A wrong table is a programmer error: the loaders check files before they come here."""
        assert self.max_kg > 0
        assert self.e_kg > 0
        assert self.rate_hz > 0
        if self.source is WeightSource.AMPLIFIER:
            for table in (self.cell_x_mm, self.cell_y_mm, self.kg_per_count, self.zero_counts):
                assert len(table) == self.cells, "one entry a cell"
            assert all(span != 0 for span in self.kg_per_count)

    @property
    def gross_kg_max(self) -> int:
        """Highest mass that may be shown."""
        return self.max_kg + OVER_DIVISIONS * self.e_kg

    @property
    def gross_kg_min(self) -> int:
        """Lowest mass that may be shown."""
        return -UNDER_DIVISIONS * self.e_kg


def mpe_kg(mass_kg: float, e_kg: int) -> float:
    """Maximum permissible error at initial verification, class III (R 76 3.5.1), in kg.

    The band edges 500 e and 2,000 e belong to the lower band.
    """
    divisions = abs(mass_kg) / e_kg
    if divisions <= 500:
        return 0.5 * e_kg
    return e_kg if divisions <= 2_000 else 1.5 * e_kg


def round_to_division(mass_kg: float, division_kg: int) -> int:
    """Nearest multiple of the division; a tie goes away from zero."""
    steps = int(abs(mass_kg) / division_kg + 0.5)
    return steps * division_kg if mass_kg >= 0 else -steps * division_kg
