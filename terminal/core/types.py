"""Values the decision core takes in and gives out. Integers only where anything is decided.

Masses are whole kilograms, already rounded to scale divisions by whoever displays them; times
are CLOCK_MONOTONIC nanoseconds; probabilities are milli-nats. Nothing here does I/O.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, IntFlag

from hal.contract.types import (
    INPUT_COUNT,
    Aspect,
    BarrierFeedback,
    ClosePermit,
    Fault,
    KeyPress,
    Lease,
    Level,
    MonotonicNs,
    Tri,
)

NEVER_NS = MonotonicNs(0)
NO_LEVELS: tuple[Level, ...] = (Level(Tri.UNKNOWN, NEVER_NS),) * INPUT_COUNT


class LaneKind(Enum):
    """exit-only: one barrier, at the exit. double: barriers at both ends."""

    EXIT_ONLY = "exit-only"
    DOUBLE = "double"


class BarrierKind(Enum):
    """pulse: open and close contacts. hold: one contact, maintained while a lease lives."""

    PULSE = "pulse"
    HOLD = "hold"


class WeightSource(Enum):
    """Who is the legal indicator (DESIGN 14): an approved instrument, or our own chain."""

    INDICATOR = "indicator"
    AMPLIFIER = "amplifier"


class WeighFlag(IntFlag):
    """What the weighing pipeline noticed. Names match the trace command's flags."""

    NONE = 0
    OVERLOAD = 1
    SATURATION = 1 << 1
    CELL_FAULT = 1 << 2
    CELL_DRIFT = 1 << 3
    CORNER_ERROR = 1 << 4
    EXTERNAL_SUPPORT = 1 << 5
    NOT_FULLY_ON = 1 << 6
    OFF_DECK_WHEEL = 1 << 7
    TWO_VEHICLES = 1 << 8
    UNSTEADY = 1 << 9
    DISTURBED = 1 << 10
    LEFT_EARLY = 1 << 11
    ZERO_OUT = 1 << 12
    NO_ZERO_REF = 1 << 13
    GLITCH = 1 << 14


@dataclass(frozen=True, slots=True)
class Weighed:
    """What the weighing pipeline knows after its newest sample.

    at_ns: time of the newest sample used. gross_kg: displayed mass, a multiple of d; None when
    nothing may be shown (above Max + 9 e, below -20 d, no data). motion: YES while the display
    moves. deck_empty: YES when the mass is inside the zero range. zero_valid: a zero reference
    exists, is inside 4 % of Max and is not stale. held_kg: the mass the estimator vouches for
    (a whole stability window, all wheels on, zero valid), None while it does not; it goes back
    to None when the vehicle moves or the load shifts. held_u_kg: its uncertainty.
    axles: count from the drive-on curve, None when not known. axle_loads_kg: group loads.
    flags: WeighFlag bits now standing; cell: index the flag names, -1 for none.
    """

    at_ns: MonotonicNs
    gross_kg: int | None
    motion: Tri
    deck_empty: Tri
    zero_valid: Tri
    held_kg: int | None = None
    held_u_kg: int = 0
    held_since_ns: MonotonicNs = NEVER_NS
    axles: int | None = None
    axle_loads_kg: tuple[int, ...] = ()
    axle_spacing_cm: tuple[int, ...] = ()
    flags: WeighFlag = WeighFlag.NONE
    cell: int = -1
    zero_age_ns: int = 0


class PlateOutcome(Enum):
    """Outcome classes of plate reading. Only READ may go on by itself."""

    READ = "read"
    UNSURE = "unsure"
    PARTLY = "partly"
    NO_PLATE = "no_plate"
    CAMERA_FAULT = "camera_fault"


@dataclass(frozen=True, slots=True)
class PlateReading:
    """What the camera process says of the vehicle of one visit.

    margin_mn: milli-nats between the best and the second valid plate. candidates: best first,
    at most four, offered on the keypad when unsure. colour: blue yellow green yellow_green
    white black unknown. kind: the plate grammar's kind name. rear_plate: what the rear camera
    read (a semi-trailer's own plate), empty when nothing was read; evidence, never the key.
    by_list: the site's vehicle list put the candidates in this order or found them; show it.
    """

    visit_id: int
    outcome: PlateOutcome
    plate: str
    colour: str
    kind: str
    margin_mn: int
    candidates: tuple[str, ...]
    frames: int
    at_ns: MonotonicNs
    rear_plate: str = ""
    by_list: bool = False


class PlateSource(Enum):
    """Who vouches for the plate in the record.

    CHOSEN: the operator picked one of the texts the camera thought possible. LISTED: the operator
    confirmed a vehicle of the site's list that fits a partly legible plate.
    """

    CAMERA = "camera"
    KEYPAD = "keypad"
    CHOSEN = "chosen"
    LISTED = "listed"
    NONE = "none"


class Verdict(Enum):
    """The judgement of one visit."""

    PASS = "pass"
    OVER = "over"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class PhotoRef:
    """One stored picture by digest. role: front, rear, deck, exit, plate, or a film (MP4): clip
    up to the latch, clip_after from there on.
    """

    role: str
    sha256: bytes
    size_bytes: int


@dataclass(frozen=True, slots=True)
class VehicleFacts:
    """What the site's vehicle list says of a plate (DOMAIN 1.6). None means not known.

    vehicle_type: rigid, articulated, centre_axle or full_trailer. semi_spacing_cm: distance of
    the semi-trailer's axles, which the 37 t limit with air suspension depends on.
    """

    vehicle_type: str | None = None
    drive_axles: int | None = None
    air_suspension: bool | None = None
    tyres_missing: int | None = None
    licence_gross_kg: int | None = None
    axle_pattern: str | None = None
    semi_spacing_cm: int | None = None


@dataclass(frozen=True, slots=True)
class RecordDraft:
    """Everything the core knows of one judged visit; the ledger adds identity, time and chain.

    Idempotent by visit_id: the same draft may be sent any number of times.
    limit_row, limit_edition: row and edition of the limit table that decided; limit_kg None:
    none applied. rear_plate: the trailer's own plate as the rear camera read it, empty: none.
    """

    visit_id: int
    verdict: Verdict
    reason: str
    source: WeightSource
    gross_kg: int
    uncertainty_kg: int
    e_kg: int
    limit_kg: int | None
    over_kg: int
    limit_row: str
    axles: int | None
    axle_loads_kg: tuple[int, ...]
    vehicle_type: str | None
    plate: str
    plate_colour: str
    plate_kind: str
    plate_source: PlateSource
    plate_margin_mn: int
    weigh_flags: int
    zero_age_ms: int
    arrived_ns: MonotonicNs
    weighed_ns: MonotonicNs
    photos: tuple[PhotoRef, ...]
    simulated: bool
    limit_edition: str = ""
    rear_plate: str = ""


@dataclass(frozen=True, slots=True)
class Committed:
    """The ledger's word that a visit's record is durable. record_hash: SHA-256, 32 bytes."""

    visit_id: int
    seq: int
    record_hash: bytes


@dataclass(frozen=True, slots=True)
class Captured:
    """The camera's word that the visit's pictures lie durable in its spool."""

    visit_id: int
    photos: tuple[PhotoRef, ...]


class Prompt(Enum):
    """What the sign tells the driver; texts are in terminal.texts. One at a time."""

    STARTING = "starting"
    IDLE = "idle"
    WAIT = "wait"
    BOARD = "board"
    GO_FORWARD = "go_forward"
    GO_BACK = "go_back"
    WEIGHING = "weighing"
    READING_PLATE = "reading_plate"
    SAVING = "saving"
    PASS = "pass"
    LEAVE = "leave"
    OVER = "over"
    REFUSED = "refused"
    BACK_OUT = "back_out"
    OFF_ENTRY = "off_entry"
    PLATE_UNREAD = "plate_unread"
    AXLES_UNKNOWN = "axles_unknown"
    NOT_EMPTY = "not_empty"
    SECOND_VEHICLE = "second_vehicle"
    UNSTEADY = "unsteady"
    SAVE_FAILED = "save_failed"
    ATTENDANT = "attendant"
    FAULT = "fault"
    LOCKOUT = "lockout"
    ESTOP = "estop"


class HoldReason(Enum):
    """The one reason why the vehicle is not let go; chosen by the order of this list."""

    NONE = "none"
    ESTOP = "estop"
    WIRED_RELEASE = "wired_release"
    INVARIANT = "invariant"
    SENSOR_STALE = "sensor_stale"
    WEIGHT_STALE = "weight_stale"
    BARRIER_FAULT = "barrier_fault"
    RELAY_DISAGREES = "relay_disagrees"
    RESTARTED = "restarted"
    ZERO_INVALID = "zero_invalid"
    OUTBOX_FULL = "outbox_full"
    NOT_EMPTY = "not_empty"
    OVERLOAD = "overload"
    WEIGH_FAULT = "weigh_fault"
    SECOND_VEHICLE = "second_vehicle"
    NOT_IN_PLACE = "not_in_place"
    BARRIER_OPEN = "barrier_open"
    UNSTEADY = "unsteady"
    PLATE_UNREAD = "plate_unread"
    AXLES_UNKNOWN = "axles_unknown"
    AXLES_DIFFER = "axles_differ"
    LEDGER_AWAY = "ledger_away"
    SAVE_REFUSED = "save_refused"
    OVER_LIMIT = "over_limit"
    OPERATOR = "operator"
    LEFT_EARLY = "left_early"


@dataclass(frozen=True, slots=True)
class Display:
    """What sign, keypad and console show now. Panels turn it into texts and pixels.

    by_list: the site's vehicle list helped to read the plate; whoever shows it says so.
    partly: a plate with open places ("?") while it is all that was read.
    """

    prompt: Prompt = Prompt.STARTING
    reason: HoldReason = HoldReason.NONE
    plate: str = ""
    axles: int | None = None
    gross_kg: int | None = None
    limit_kg: int | None = None
    over_kg: int = 0
    menu_page: str = ""
    menu_lines: tuple[str, ...] = ()
    by_list: bool = False
    partly: str = ""


@dataclass(frozen=True, slots=True)
class Event:
    """One thing worth a log line and, for the kinds the ledger keeps, a journal entry."""

    kind: str
    at_ns: MonotonicNs
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Inputs:
    """Everything one tick may know. Bounded by whoever gathers it.

    weighed: newest output of the weighing pipeline, repeated until a newer one comes.
    ledger_up / camera_up: the link to that process stands. vehicle: the site list's facts for
    the plate last asked for in Outputs.lookup_plate, None while not answered. outbox_full: the
    ledger will refuse every new record; unknown while its status is. pins: for each PIN that the
    keys confirm, whether it is an operator's; its digits stay outside (control/pinpad.py).
    """

    now_ns: MonotonicNs
    weighed: Weighed | None = None
    levels: tuple[Level, ...] = NO_LEVELS
    barriers: tuple[BarrierFeedback | None, BarrierFeedback | None] = (None, None)
    plate: PlateReading | None = None
    captured: Captured | None = None
    committed: tuple[Committed, ...] = ()
    refused_visit_ids: tuple[int, ...] = ()
    keys: tuple[KeyPress, ...] = ()
    pins: tuple[bool, ...] = ()
    faults: tuple[Fault, ...] = ()
    ledger_up: Tri = Tri.UNKNOWN
    camera_up: Tri = Tri.UNKNOWN
    outbox_full: Tri = Tri.UNKNOWN
    vehicle: tuple[str, VehicleFacts] | None = None


@dataclass(frozen=True, slots=True)
class Outputs:
    """Everything one tick wants done. Tuples are indexed by Side.

    look_visit_id: the visit whose plate the camera should be reading, 0 for none.
    capture_visit_id: the visit whose photos are wanted, repeated until captured, 0 for none.
    draft: the record to commit, repeated until answered. lookup_plate: plate to look up.
    """

    leases: tuple[Lease | None, Lease | None] = (None, None)
    close: tuple[ClosePermit | None, ClosePermit | None] = (None, None)
    lamps: tuple[Aspect, Aspect] = (Aspect.RED, Aspect.RED)
    siren: bool = False
    display: Display = Display()
    draft: RecordDraft | None = None
    look_visit_id: int = 0
    capture_visit_id: int = 0
    lookup_plate: str = ""
    zero_allowed: bool = False
    events: tuple[Event, ...] = ()
