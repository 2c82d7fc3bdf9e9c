"""Scale arithmetic in integers: divisions, ranges, zero limits (R 76-1 4.2.2, 4.2.3, 4.5.1).

Here, apart from the weighing estimator, because what may be shown and what counts as occupied
must not depend on how a mass was estimated. Never rounds in anybody's favour: half goes up.
"""

from __future__ import annotations

from hal.contract.types import Tri

BLANK_ABOVE_E = 9
BLANK_BELOW_D = 20
VETO_E = 20
VETO_PERCENT = 2
ZERO_PERCENT = 2
INITIAL_ZERO_PERCENT = 10


def to_divisions(mass_g: int, d_kg: int) -> int:
    """Mass in kg, rounded to the nearest division; exactly half goes away from zero."""
    if mass_g < 0:
        return -to_divisions(-mass_g, d_kg)
    step_g = d_kg * 1_000
    return (2 * mass_g + step_g) // (2 * step_g) * d_kg


def shown(gross_kg: int, max_kg: int, e_kg: int) -> int | None:
    """What may be indicated: nothing above Max + 9 e, nothing below -20 d (R 76 4.2.3)."""
    if -BLANK_BELOW_D * e_kg <= gross_kg <= max_kg + BLANK_ABOVE_E * e_kg:
        return gross_kg
    return None


def occupied(gross_kg: int | None, occupied_kg: int) -> Tri:
    """Whether a vehicle stands on the deck: YES from the threshold on; a blank is unknown."""
    if gross_kg is None:
        return Tri.UNKNOWN
    return Tri.YES if gross_kg >= occupied_kg else Tri.NO


def agree(held_kg: int, shown_kg: int, e_kg: int) -> bool:
    """Coarse veto: held and displayed mass differ by at most max(20 e, 2 % of the display)."""
    tolerance_kg = max(VETO_E * e_kg, abs(shown_kg) * VETO_PERCENT // 100)
    return abs(held_kg - shown_kg) <= tolerance_kg


def zero_in_range(offset_kg: int, max_kg: int) -> bool:
    """Zero setting and tracking together stay within +-2 % of Max, 4 % in all (R 76 4.5.1)."""
    return abs(offset_kg) * 100 <= max_kg * ZERO_PERCENT


def initial_zero_in_range(offset_kg: int, max_kg: int) -> bool:
    """Initial zero setting stays within +-10 % of Max, 20 % in all (R 76 4.5.1)."""
    return abs(offset_kg) * 100 <= max_kg * INITIAL_ZERO_PERCENT
