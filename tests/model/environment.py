"""What the field and the peers may say in one tick, as a small complete set of inputs.

Nothing here remembers: any value may follow any other at any time, so every order of events of
the real world is among them. Three sets look at the lane from three sides, since the product of
everything with everything would only hide behaviour in numbers. The clock of every input is
NOW_NS plus one of the waits, because states are kept relative to NOW_NS as well.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from typing import NamedTuple

from hal.contract.types import (
    INPUT_COUNT,
    NS_PER_MS,
    BarrierFeedback,
    Fault,
    FaultCode,
    InputName,
    Key,
    KeyPress,
    Level,
    MonotonicNs,
    Position,
    Tri,
)
from terminal.core.params import Params
from terminal.core.types import (
    BarrierKind,
    Captured,
    Committed,
    Inputs,
    LaneKind,
    PlateOutcome,
    PlateReading,
    Weighed,
    WeighFlag,
)
from tests.tools.specimens import (
    HASH,
    NO,
    PHOTOS,
    PLATE,
    REFUSE,
    SEND_BACK,
    UNKNOWN,
    VEHICLE,
    YES,
)

NOW_NS = 10**15
OLD_NS = MonotonicNs(1)
TICK_MS = 10
BOOT_ID = 1
VISIT_ID = BOOT_ID << 20 | 1
OTHER_VISIT_ID = BOOT_ID << 20
LIGHT_KG, HEAVY_KG = 48_000, 50_000


class Weight(NamedTuple):
    """One class of indications. held_kg None: not vouched for; old: held since ever."""

    gross_kg: int | None
    deck_empty: Tri = NO
    zero_valid: Tri = YES
    held_kg: int | None = None
    old: bool = False
    axles: int | None = 6
    flags: WeighFlag = WeighFlag.NONE
    stale: bool = False


WEIGHTS: dict[str, Weight] = {
    "empty": Weight(0, YES),
    "residue": Weight(400),
    "no zero": Weight(0, UNKNOWN, NO),
    "moving": Weight(LIGHT_KG),
    "held": Weight(LIGHT_KG, held_kg=LIGHT_KG),
    "held of old": Weight(LIGHT_KG, held_kg=LIGHT_KG, old=True),
    "heavy": Weight(HEAVY_KG, held_kg=HEAVY_KG),
    "no axles": Weight(LIGHT_KG, held_kg=LIGHT_KG, axles=None),
    "other axles": Weight(LIGHT_KG, held_kg=LIGHT_KG, axles=5),
    "overload": Weight(LIGHT_KG, flags=WeighFlag.OVERLOAD),
    "cell fault": Weight(LIGHT_KG, flags=WeighFlag.CELL_FAULT),
    "two vehicles": Weight(LIGHT_KG, flags=WeighFlag.TWO_VEHICLES),
    "wheel off": Weight(LIGHT_KG, flags=WeighFlag.OFF_DECK_WHEEL),
    "blank": Weight(None, UNKNOWN),
    "stale": Weight(LIGHT_KG, held_kg=LIGHT_KG, stale=True),
}
ENDS = {"clear": (NO, NO), "loop": (NO, YES), "beam": (YES, YES)}
"""One end of the deck: (beam, loop)."""
PLACES = (("clear", "clear"), ("beam", "clear"), ("clear", "beam"))

OK, AWAY = YES, NO
ALL_WELL = "all well"
MESSAGES: dict[str, tuple[str, ...]] = {
    ALL_WELL: ("read", "captured", "vehicle", "ack"),
    "nothing": (),
    "read": ("read",),
    "unsure": ("unsure",),
    "captured": ("captured",),
    "vehicle": ("vehicle",),
    "ack": ("ack",),
    "ack of another": ("ack other",),
    "ack without hash": ("ack short",),
    "save refused": ("refused",),
    "ledger away": ("ledger away",),
    "camera away": ("camera away",),
    "keyed: refuse": ("refuse",),
    "keyed: send back": ("egress",),
    "keyed: plate": ("plate",),
    "outbox full": ("outbox",),
}
KEYS = {"refuse": REFUSE, "egress": SEND_BACK, "plate": "A0#11"}
FAULTS = (
    "none", "stop pressed", "stop unknown", "wired release", "beam silent", "entry arm silent",
    "exit arm silent", "exit arm faulty", "exit arm unknown", "entry relay apart",
    "exit relay apart",
)  # fmt: skip


@dataclass(frozen=True, order=True)
class Abstract:
    """One input in words; `real` makes the Inputs of it."""

    weight: str
    entry: str
    exit: str
    entry_closed: bool
    exit_closed: bool
    message: str = ALL_WELL
    fault: str = "none"

    def __str__(self) -> str:
        arms = f"arms {'shut' if self.entry_closed else 'OPEN'}/"
        arms += "shut" if self.exit_closed else "OPEN"
        fault = "" if self.fault == "none" else f", {self.fault}"
        ends = f"entry {self.entry}, exit {self.exit}"
        return f"{self.weight}; {ends}; {arms}; {self.message}{fault}"


def params_of(lane: LaneKind, barrier: BarrierKind, *, attended: bool = True) -> Params:
    return Params(lane=lane, barrier=barrier, boot_id=BOOT_ID, attended=attended)


def passages(lane: LaneKind) -> list[Abstract]:
    """Vehicles, beams, loops and arms in every combination; the peers answer at once."""
    return [
        Abstract(weight, entry, exit_, *closed)
        for weight in ("empty", "residue", "moving", "held", "heavy")
        for entry, exit_ in itertools.product(ENDS, ENDS)
        for closed in _arms(lane)
    ]


def peers(lane: LaneKind) -> list[Abstract]:
    """Camera, ledger and operator say anything, while the vehicle may do what it likes."""
    moves = [
        Abstract(weight, *place, True, exit_closed, message)
        for weight in ("empty", "moving", "held", "held of old", "heavy", "no axles", "other axles")
        for place in PLACES
        for exit_closed in (True, False)
        for message in (ALL_WELL, "nothing")
    ]
    words = [
        Abstract(weight, *place, True, True, message)
        for weight, place in (
            ("held", PLACES[0]), ("held", PLACES[1]), ("moving", PLACES[0]), ("empty", PLACES[0]),
        )
        for message in MESSAGES
    ]  # fmt: skip
    return list(dict.fromkeys(moves + words))


def faults(lane: LaneKind) -> list[Abstract]:
    """Every weighing flag and every device fault, with an operator present."""
    odd = [
        Abstract(weight, *place, *closed)
        for weight in WEIGHTS
        for place in PLACES
        for closed in _arms(lane)
        if any(closed)
    ]
    keyed = [
        Abstract(weight, *PLACES[0], True, exit_closed, message)
        for weight in ("empty", "held", "moving", "blank")
        for exit_closed in (True, False)
        for message in ("keyed: refuse", "keyed: send back")
    ]
    broken = [
        Abstract(weight, *place, True, exit_closed, fault=fault)
        for weight in ("empty", "held")
        for place in PLACES[:2]
        for exit_closed in (True, False)
        for fault in FAULTS
    ]
    return list(dict.fromkeys(odd + keyed + broken))


def alone(lane: LaneKind) -> list[Abstract]:
    """A lane nobody attends to: what makes holds, and no keys."""
    return [
        Abstract(weight, *place, *closed, message)
        for weight in ("empty", "moving", "held", "no axles", "wheel off")
        for place in PLACES
        for closed in _arms(lane)
        for message in (ALL_WELL, "nothing", "save refused")
        if any(closed)
    ]


def early(one: Abstract) -> bool:
    """Inputs tried before weighing: what the peers say is taken in by the same code later."""
    return one.message not in LATE_WORDS


LATE_WORDS = (
    "read", "unsure", "captured", "vehicle", "ack of another", "ack without hash", "camera away",
    "ledger away", "keyed: plate",
)  # fmt: skip


def calm(one: Abstract) -> bool:
    """Inputs tried at the very tick a long clock runs out; all others follow a tick later."""
    return (
        (one.entry, one.exit) in PLACES
        and (one.entry_closed or one.exit_closed)
        and one.weight in ("empty", "residue", "moving", "held", "no zero")
        and one.message in (ALL_WELL, "nothing")
        and one.fault in ("none", "exit relay apart", "entry relay apart")
    )


SETS = {"passages": passages, "peers": peers, "faults": faults, "alone": alone}


def _arms(lane: LaneKind) -> list[tuple[bool, bool]]:
    entry = (True,) if lane is LaneKind.EXIT_ONLY else (True, False)
    return list(itertools.product(entry, (True, False)))


def real(one: Abstract, wait_ms: int, params: Params) -> Inputs:
    """The Inputs of one abstract input, wait_ms after NOW_NS. Every time in it is fresh."""
    now_ns = MonotonicNs(NOW_NS + wait_ms * NS_PER_MS)
    said = MESSAGES[one.message]
    base = Inputs(
        now_ns=now_ns,
        weighed=_weighed(WEIGHTS[one.weight], now_ns),
        levels=_levels(one, now_ns),
        barriers=_barriers(one, now_ns, params),
        keys=_keys(said, now_ns),
        pins=(True,),
        ledger_up=AWAY if "ledger away" in said else OK,
        camera_up=AWAY if "camera away" in said else OK,
        outbox_full=YES if "outbox" in said else NO,
    )
    return _with_answers(base, said)


def _with_answers(base: Inputs, said: tuple[str, ...]) -> Inputs:
    committed: tuple[Committed, ...] = ()
    for name, visit_id, digest in (
        ("ack", VISIT_ID, HASH),
        ("ack other", OTHER_VISIT_ID, HASH),
        ("ack short", VISIT_ID, b""),
    ):
        if name in said:
            committed += (Committed(visit_id, 1, digest),)
    outcome = {"read": PlateOutcome.READ, "unsure": PlateOutcome.UNSURE}
    reading = next((_reading(outcome[name]) for name in said if name in outcome), None)
    return replace(
        base,
        plate=reading,
        captured=Captured(VISIT_ID, PHOTOS) if "captured" in said else None,
        committed=committed,
        refused_visit_ids=(VISIT_ID,) if "refused" in said else (),
        vehicle=(PLATE, VEHICLE) if "vehicle" in said else None,
    )


def _reading(outcome: PlateOutcome) -> PlateReading:
    return PlateReading(
        VISIT_ID, outcome, PLATE, "yellow", "ordinary", 3_000, (PLATE,), 3, OLD_NS
    )  # fmt: skip


def _weighed(weight: Weight, now_ns: MonotonicNs) -> Weighed:
    return Weighed(
        at_ns=OLD_NS if weight.stale else now_ns,
        gross_kg=weight.gross_kg,
        motion=NO if weight.held_kg or not weight.gross_kg else YES,
        deck_empty=weight.deck_empty,
        zero_valid=weight.zero_valid,
        held_kg=weight.held_kg,
        held_u_kg=10,
        held_since_ns=OLD_NS if weight.old else now_ns,
        axles=weight.axles,
        flags=weight.flags,
    )


def _levels(one: Abstract, now_ns: MonotonicNs) -> tuple[Level, ...]:
    values = [NO] * INPUT_COUNT
    values[InputName.BEAM_ENTRY], values[InputName.LOOP_ENTRY] = ENDS[one.entry]
    values[InputName.BEAM_EXIT], values[InputName.LOOP_EXIT] = ENDS[one.exit]
    odd = {
        "stop pressed": (InputName.ESTOP, YES),
        "stop unknown": (InputName.ESTOP, UNKNOWN),
        "wired release": (InputName.WIRED_RELEASE, YES),
    }.get(one.fault)
    if odd is not None:
        values[odd[0]] = odd[1]
    levels = [Level(value, now_ns) for value in values]
    if one.fault == "beam silent":
        levels[InputName.BEAM_EXIT] = Level(NO, OLD_NS)
    return tuple(levels)


def _barriers(
    one: Abstract, now_ns: MonotonicNs, params: Params
) -> tuple[BarrierFeedback | None, BarrierFeedback | None]:
    found: list[BarrierFeedback | None] = []
    for name, closed in (("entry", one.entry_closed), ("exit", one.exit_closed)):
        position = Position.CLOSED if closed else Position.OPEN
        if one.fault == f"{name} arm unknown":
            position = Position.UNKNOWN
        fault = None
        if one.fault == f"{name} arm faulty":
            fault = Fault(FaultCode.BUS, name, now_ns)
        apart = one.fault == f"{name} relay apart"
        feedback = BarrierFeedback(position, YES if apart else NO, False, 0, now_ns, fault)
        found.append(None if one.fault == f"{name} arm silent" else feedback)
    if params.lane is LaneKind.EXIT_ONLY:
        found[0] = None
    return found[0], found[1]


def _keys(said: tuple[str, ...], now_ns: MonotonicNs) -> tuple[KeyPress, ...]:
    """A whole command in one tick, as many keys as a tick takes."""
    typed = next((KEYS[name] for name in said if name in KEYS), "")
    return tuple(KeyPress(Key(key), now_ns) for key in typed)
