"""One vehicle's story: the state the core carries from tick to tick, and nothing else.

Small, frozen and hashable, so that the model search can keep millions of them and a replay can
compare them. It holds no permission: what may move is decided anew each tick by the interlock.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from hal.contract.types import MonotonicNs, Tri
from terminal.core.limits import NO_LIMIT, LimitResult
from terminal.core.params import VISITS_PER_BOOT_BITS, Params
from terminal.core.types import (
    NEVER_NS,
    Committed,
    HoldReason,
    PhotoRef,
    PlateReading,
    RecordDraft,
    VehicleFacts,
    Verdict,
)


class Phase(Enum):
    """Where the lane stands."""

    LOCKOUT = "lockout"
    IDLE = "idle"
    ENTERING = "entering"
    POSITIONING = "positioning"
    WEIGHING = "weighing"
    DECIDING = "deciding"
    COMMITTING = "committing"
    RELEASING = "releasing"
    CLEARING = "clearing"
    HELD = "held"
    EGRESS = "egress"


class Latch(NamedTuple):
    """The mass the core holds, and the circumstances it was held in."""

    gross_kg: int
    u_kg: int
    held_since_ns: MonotonicNs
    at_ns: MonotonicNs
    axles: int | None
    axle_loads_kg: tuple[int, ...]
    flags: int
    zero_age_ns: int


class Trail(NamedTuple):
    """Since when certain facts hold without a break; NEVER_NS while they do not.

    Pairs are indexed by Side. awry: a leased barrier stays closed, or an unleased one stays
    open although its passage is clear. disagree: relay contact and command differ.
    residue: no vehicle stands on the deck, and yet it is not empty.
    """

    edges_clear: MonotonicNs = NEVER_NS
    clear: tuple[MonotonicNs, MonotonicNs] = (NEVER_NS, NEVER_NS)
    ready: MonotonicNs = NEVER_NS
    not_empty: MonotonicNs = NEVER_NS
    residue: MonotonicNs = NEVER_NS
    disagree: tuple[MonotonicNs, MonotonicNs] = (NEVER_NS, NEVER_NS)
    awry: tuple[MonotonicNs, MonotonicNs] = (NEVER_NS, NEVER_NS)


class MenuState(NamedTuple):
    """Where the operator is in the keypad pages. tap: the letter key being multi-tapped."""

    page: str = ""
    typed: str = ""
    letters: bool = False
    tap: str = ""
    tap_count: int = 0
    tap_ns: MonotonicNs = NEVER_NS
    key_ns: MonotonicNs = NEVER_NS
    wrong_pins: int = 0
    locked_until_ns: MonotonicNs = NEVER_NS


NO_TRAIL = Trail()
NO_MENU = MenuState()


class State(NamedTuple):
    """Everything remembered between ticks.

    since_ns: when the phase was entered. visit_id: 0 while no visit runs. cut: the entry beam
    was cut in this visit. used: the record's one opening is over. leased, opened: by Side,
    whether a lease was given last tick, and whether the arm has not been seen closed since.
    guarded: calibration seal broken, cabinet door open, as last seen.
    """

    phase: Phase = Phase.LOCKOUT
    since_ns: MonotonicNs = NEVER_NS
    reason: HoldReason = HoldReason.RESTARTED
    serial: int = 0
    visit_id: int = 0
    arrived_ns: MonotonicNs = NEVER_NS
    cut: bool = False
    latch: Latch | None = None
    reading: PlateReading | None = None
    keyed: str = ""
    plate_ns: MonotonicNs = NEVER_NS
    vehicle: VehicleFacts | None = None
    photos: tuple[PhotoRef, ...] | None = None
    limit: LimitResult = NO_LIMIT
    verdict: Verdict | None = None
    draft: RecordDraft | None = None
    committed: Committed | None = None
    save_refused: bool = False
    used: bool = False
    leased: tuple[bool, bool] = (False, False)
    opened: tuple[bool, bool] = (False, False)
    zero_allowed: bool = False
    guarded: tuple[Tri, Tri] = (Tri.NO, Tri.NO)
    trail: Trail = NO_TRAIL
    menu: MenuState = NO_MENU


def next_visit_id(serial: int, params: Params) -> int:
    """Visit ids never repeat: boot_id << 20 | counter. The counter is bounded by an assert."""
    assert serial < 1 << VISITS_PER_BOOT_BITS, "restart due: the visit counter of this boot is full"
    return params.boot_id << VISITS_PER_BOOT_BITS | serial
