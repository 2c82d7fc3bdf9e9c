"""Everything the core is told once, at start: ranges, times, lane and barrier kind.

Built by the composition root from the configuration, never read from a file here. Frozen, so
no key press and no message can change a threshold while a vehicle stands on the deck.
"""

from __future__ import annotations

from dataclasses import dataclass

from hal.contract.types import InputName
from terminal.core.types import BarrierKind, LaneKind, WeightSource

VISITS_PER_BOOT_BITS = 20
"""A visit id is boot_id << 20 | counter: unique over restarts without any clock."""


@dataclass(frozen=True, slots=True)
class Params:
    """Thresholds and timeouts of one lane. Units end the names; all bounds are inclusive.

    boot_id: counts up with every start (1..2^40). required: the inputs that are wired; an
    unwired one takes no part, a wired one must be known and fresh. readback: by Side, whether
    the relay's read-back contact is wired. attended: somebody can answer a hold at the keypad;
    where nobody can, a held vehicle is refused and sent back when unattended_s_max are over.
    """

    lane: LaneKind = LaneKind.DOUBLE
    barrier: BarrierKind = BarrierKind.HOLD
    source: WeightSource = WeightSource.AMPLIFIER
    boot_id: int = 1
    simulated: bool = False
    max_kg: int = 100_000
    e_kg: int = 20
    occupied_kg: int = 800
    site_margin_kg: int = 0
    required: tuple[InputName, ...] = (
        InputName.BEAM_ENTRY,
        InputName.BEAM_EXIT,
        InputName.LOOP_ENTRY,
        InputName.LOOP_EXIT,
        InputName.ESTOP,
        InputName.WIRED_RELEASE,
    )
    readback: tuple[bool, bool] = (True, True)
    boarding_s_max: int = 90
    position_s_max: int = 90
    settle_s_max: int = 40
    plate_s_max: int = 12
    commit_s_max: int = 5
    leave_s_max: int = 120
    barrier_s_max: int = 15
    photo_ms_max: int = 3_000
    lookup_ms_max: int = 2_000
    save_retry_s: int = 10
    close_delay_ms: int = 1_500
    restart_close_s: int = 10
    ready_ms: int = 500
    not_empty_ms: int = 3_000
    weight_age_ms_max: int = 250
    input_age_ms_max: int = 250
    barrier_age_ms_max: int = 250
    clock_skew_ms_max: int = 50
    relay_ms_max: int = 500
    siren_s: int = 3
    attended: bool = True
    unattended_s_max: int = 300
    home_province: str = "晋"

    def __post_init__(self) -> None:
        """A lane that cannot see its passages must not be built at all."""
        assert self.boot_id >= 1, "boot_id counts from 1"
        assert self.e_kg >= 1, "the division is at least 1 kg"
        assert InputName.BEAM_EXIT in self.required, "the exit beam must be wired"
        assert InputName.BEAM_ENTRY in self.required, "the entry beam must be wired"
        assert InputName.ESTOP in self.required, "the emergency stop must be wired"
